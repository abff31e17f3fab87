"""Loss curves of two optimizers, and a new picture with its truth and the answer."""

from importlib import import_module

import numpy as np

import minitensor as mt
from docs.chapters.draw import Drawing

run = import_module("docs.chapters.09_training.run")

WORDS = {
    "en": {
        "title": "A small net learns to find disks",
        "loss": "loss",
        "steps": "steps",
        "names": ("new picture", "truth", "answer (Adam)"),
    },
    "ko": {
        "title": "작은 신경망이 원반 찾기를 배운다",
        "loss": "손실",
        "steps": "스텝",
        "names": ("새 그림", "정답", "답 (Adam)"),
    },
}
LEFT, TOP, WIDE, HIGH = 60, 40, 300, 220
HIGHEST = 0.8
PIXEL = 5


def draw(language):
    say = WORDS[language]
    picture = Drawing(540, 460, say["title"])
    picture.rectangle(LEFT, TOP, WIDE, HIGH, "#fafafa")
    for value in (0, 0.2, 0.4, 0.6, 0.8):
        picture.text(LEFT - 8, TOP + HIGH * (1 - value / HIGHEST) + 4, f"{value:g}", "end", 11)
    picture.text(LEFT, TOP - 12, say["loss"], "middle")
    picture.text(LEFT + WIDE, TOP + HIGH + 18, f"{run.STEPS} {say['steps']}", "end")
    for name, colour, dashed in (("SGD", "#d55e00", True), ("Adam", "#0072b2", False)):
        losses = run.trained(name)[1]
        points = [
            (LEFT + WIDE * i / (run.STEPS - 1), TOP + HIGH * (1 - loss / HIGHEST)) for i, loss in enumerate(losses)
        ]
        picture.curve(points, colour, 2, dashed)
        picture.text(points[-1][0] + 8, points[-1][1] + 4, f"{name} {losses[-1]:.3f}")
    images, labels = run.pictures(8, seed=2)
    with mt.no_grad():
        answer = run.trained("Adam")[0](images).argmax(1).numpy()[0]
    shown = (images.numpy()[0, 0] + 1) / 2.7, labels.numpy()[0].astype(float), answer.astype(float)
    for place, (name, pixels) in enumerate(zip(say["names"], shown, strict=True)):
        x = 40 + place * 160
        picture.text(x, 312, name, bold=True)
        picture.image(x, 322, np.asarray(pixels), PIXEL)
    return picture
