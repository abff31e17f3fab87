"""A street whose scores are 32, 16 and 8 pixels apart, and what the miniature has learnt with 0, 1 and 2 skips."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.11_skips.run")
COLOURS = import_module("docs.chapters.01_segmentation.figure").COLOURS

WORDS = {
    "en": {
        "title": "Finer scores, finer masks",
        "street": ("truth", "best of 32 apart", "best of 16 apart", "best of 8 apart"),
        "mini": ("truth", "learnt: no skip", "learnt: 1 skip", "learnt: 2 skips"),
    },
    "ko": {
        "title": "점수가 촘촘하면 마스크도 섬세하다",
        "street": ("정답", "32픽셀 간격의 최선", "16픽셀 간격의 최선", "8픽셀 간격의 최선"),
        "mini": ("정답", "학습: 스킵 없음", "학습: 스킵 1개", "학습: 스킵 2개"),
    },
}


def draw(language):
    say = WORDS[language]
    picture = Drawing(720, 330, say["title"])
    label = run.SCENES.sample(0).label
    masks = (label, *(run.best(label, apart) for apart in (32, 16, 8)))
    for place, (name, mask) in enumerate(zip(say["street"], masks, strict=True)):
        picture.text(15 + place * 175, 26, name, bold=True)
        picture.image(15 + place * 175, 36, COLOURS[mask], 1)
    learnt = (run.pictures(8, seed=2)[1][0], *(run.answers(skips)[0] for skips in (0, 1, 2)))
    for place, (name, mask) in enumerate(zip(say["mini"], learnt, strict=True)):
        picture.text(15 + place * 175, 166, name, bold=True)
        picture.image(15 + place * 175, 176, np.asarray(mask, float), 4)
    return picture
