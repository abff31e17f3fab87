"""Cells that touch: the image, connected components, the mask without borders, and the objects grown from it."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing
from nets.segmentation.instances import separated
from nets.segmentation.paint import object_colors

run = import_module("docs.chapters.13_objects.run")

WORDS = {
    "en": {
        "title": "From pixels to objects",
        "names": ("image", "connected components", "borders as background", "watershed from there"),
    },
    "ko": {"title": "픽셀에서 물체로", "names": ("이미지", "연결 성분", "경계를 배경으로", "거기서 시작한 워터셰드")},
}
PIXEL = 3


def _colours(objects):
    painted = ["#000000", *("#{:02x}{:02x}{:02x}".format(*np.asarray(c, int)) for c in object_colors(60)[1:])]
    return np.array(painted)[objects]


def draw(language):
    say = WORDS[language]
    picture = Drawing(620, 660, say["title"])
    inside = separated(run.CELLS.label, run.CELLS.instances, 0)[0].astype(float)
    shown = run.CELLS.image / 255, _colours(run.components()), inside, _colours(run.by_watershed())
    for place, (name, pixels) in enumerate(zip(say["names"], shown, strict=True)):
        x, y = 15 + (place % 2) * 303, 32 + (place // 2) * 322
        picture.text(x, y - 8, name, bold=True)
        picture.image(x, y, pixels, PIXEL)
    return picture
