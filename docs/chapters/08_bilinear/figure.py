"""The interpolation matrix 4 -> 8, and where outputs lie between inputs, with and without align_corners."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.08_bilinear.run")

WORDS = {
    "en": {
        "title": "Bilinear 4 to 8: the weights of one axis",
        "matrix": "A, align_corners=False",
        "sums": "sums of the columns",
        "places": ("where the 8 outputs lie (False)", "where the 8 outputs lie (True)"),
        "input": "input pixels",
    },
    "ko": {
        "title": "쌍선형 4에서 8로: 한 축의 가중치",
        "matrix": "A, align_corners=False",
        "sums": "열의 합",
        "places": ("출력 8개의 위치 (False)", "출력 8개의 위치 (True)"),
        "input": "입력 픽셀",
    },
}
CELL = 30
STEP = 80  # pixels from one input to the next


def _places(picture, x, y, positions, words, say):
    picture.text(x - 20, y - 34, words, bold=True)
    picture.curve([(x - 30, y), (x + 3 * STEP + 30, y)], "#999999", 1)
    for i in range(4):
        picture.rectangle(x + i * STEP - 7, y - 7, 14, 14, "#a6d3f2")
    for position in positions:
        picture.dot(x + position * STEP, y, "#009e73", 5)
    picture.text(x - 20, y + 30, say["input"])
    picture.rectangle(x + 60, y + 18, 14, 14, "#a6d3f2")


def draw(language):
    say = WORDS[language]
    a = run.weights()
    picture = Drawing(560, 370, say["title"])
    picture.text(20, 28, say["matrix"], bold=True)
    written = np.vectorize(lambda value: f"{value:g}" if value else "")(a).astype(object)
    picture.grid(20, 40, written, np.where(a != 0, "output", "plain"), CELL)
    picture.text(20, 306, say["sums"])
    picture.grid(20, 314, a.sum(axis=0)[None], "gradient", CELL)
    _places(picture, 250, 100, (np.arange(8) + 0.5) * 4 / 8 - 0.5, say["places"][0], say)
    _places(picture, 250, 240, np.arange(8) * 3 / 7, say["places"][1], say)
    return picture
