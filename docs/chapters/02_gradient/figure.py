"""Two walks down the same bowl: a step that is small enough, and one that is too large."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.02_gradient.run")

WORDS = {
    "en": {
        "title": "Walking down a bowl",
        "small": "step 0.1: arrives",
        "large": "step 0.26: grows",
        "low": "the lowest point",
    },
    "ko": {
        "title": "그릇 모양 손실을 따라 내려가기",
        "small": "걸음 0.1: 도착한다",
        "large": "걸음 0.26: 점점 커진다",
        "low": "가장 낮은 점",
    },
}
SCALE, LEFT, TOP = 90, 50, 50  # pixels for 1; where (-0.4, 0.9) lies


def place(w):
    """The pixel of a pair of weights."""
    return LEFT + (w[0] + 0.4) * SCALE, TOP + (0.9 - w[1]) * SCALE


def draw(language):
    say = WORDS[language]
    picture = Drawing(500, 420, say["title"])
    turn = np.linspace(0, 2 * np.pi, 73)
    for loss in (0.25, 1, 2.25, 4):
        radius = loss**0.5
        ring = [place((2 + radius * np.cos(t), -1 + radius / 2 * np.sin(t))) for t in turn]
        picture.curve(ring, "#999999", 1)
        picture.text(*place((2 + radius - 0.02, -0.93)), f"{loss:g}", "end", 10)
    small, large = run.walk(0.1), run.walk(0.26, 5)
    picture.curve([place(w) for w in large], "#d55e00", 2, dashed=True)
    picture.curve([place(w) for w in small], "#0072b2")
    for w in small:
        picture.dot(*place(w), "#0072b2", 3)
    for w in large:
        picture.dot(*place(w), "#d55e00", 3)
    picture.dot(*place((2, -1)), "#111111", 3)
    picture.text(place((2, -1))[0] + 4, place((2, -1))[1] + 22, say["low"], size=11)
    picture.curve([(30, 395), (60, 395)], "#0072b2")
    picture.text(66, 399, say["small"])
    picture.curve([(220, 395), (250, 395)], "#d55e00", 2, dashed=True)
    picture.text(256, 399, say["large"])
    return picture
