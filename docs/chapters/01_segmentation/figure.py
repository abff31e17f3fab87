"""A generated street and the three answers to it."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import CLASS_COLOURS, Drawing
from nets.data.street import CLASSES
from nets.segmentation.paint import object_colors

run = import_module("docs.chapters.01_segmentation.run")

WORDS = {
    "en": {
        "title": "One street, three answers",
        "names": (
            "image",
            "semantic: a class for each pixel",
            "instance: a number for each object",
            "panoptic: both in one map",
        ),
        "classes": [kind.name for kind in CLASSES],
        "none": "no object",
    },
    "ko": {
        "title": "하나의 거리, 세 가지 답",
        "names": (
            "이미지",
            "의미론적 분할: 픽셀마다 클래스",
            "개체 분할: 물체마다 번호",
            "파놉틱 분할: 둘을 한 지도에",
        ),
        "classes": ["하늘", "건물", "도로", "보도", "나무", "자동차", "사람"],
        "none": "물체 없음",
    },
}
PIXEL = 2
COLOURS = np.array([*CLASS_COLOURS[1:], CLASS_COLOURS[0]])[[0, 7, 3, 2, 1, 4, 5]]


def draw(language):
    say = WORDS[language]
    scene = run.SCENE
    height, width = scene.label.shape
    semantic = COLOURS[scene.label]
    painted = object_colors(int(scene.instances.max()) + 1)
    objects = np.array(["#{:02x}{:02x}{:02x}".format(*np.asarray(colour, int)) for colour in painted])[scene.instances]
    black = np.full_like(objects, "#000000")
    answers = (
        scene.image.mean(axis=2) / 255,
        semantic,
        np.where(scene.instances > 0, objects, black),
        np.where(scene.instances > 0, objects, semantic),
    )
    picture = Drawing(2 * width * PIXEL + 50, 2 * (height * PIXEL + 34) + 44, say["title"])
    for place, (name, answer) in enumerate(zip(say["names"], answers, strict=True)):
        x, y = 15 + (place % 2) * (width * PIXEL + 20), 28 + (place // 2) * (height * PIXEL + 34)
        picture.text(x, y - 8, name, bold=True)
        picture.image(x, y, answer, PIXEL)
    x, y = 15, 2 * (height * PIXEL + 34) + 14
    for name, colour in zip([*say["classes"], say["none"]], [*COLOURS, "#000000"], strict=True):
        picture.rectangle(x, y, 14, 14, str(colour))
        picture.text(x + 18, y + 12, name, size=12)
        x += 76
    return picture
