"""The matrix C of a small convolution, and C^T with a gradient."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.07_gradient_is_transpose.run")

WORDS = {
    "en": {
        "title": "Forward multiplies by C, backward by C transposed",
        "forward": "forward: y = C x",
        "backward": "backward: gradient of x = Cᵀ g",
        "zeros": "cells without a number are 0",
        "kinds": {"input": "x", "output": "y", "gradient": "gradient"},
    },
    "ko": {
        "title": "순전파는 C를, 역전파는 C의 전치를 곱한다",
        "forward": "순전파: y = C x",
        "backward": "역전파: x의 기울기 = Cᵀ g",
        "zeros": "수가 없는 칸은 0",
        "kinds": {"input": "x", "output": "y", "gradient": "기울기"},
    },
}
CELL = 26


def _matrix(picture, x, y, numbers):
    written = np.vectorize(lambda value: f"{value:g}" if value else "")(numbers).astype(object)
    picture.grid(x, y, written, np.where(numbers != 0, "kernel", "plain"), CELL)


def draw(language):
    say = WORDS[language]
    c = run.matrix()
    x, g = np.arange(1.0, 10), np.array([1.0, 0, 2, -1])
    picture = Drawing(660, 370, say["title"])
    picture.text(20, 28, say["forward"], bold=True)
    picture.grid(20, 40, (c @ x)[:, None], "output", CELL)
    picture.text(62, 98, "=", "middle", 18)
    _matrix(picture, 80, 40, c)
    picture.grid(325, 40, x[:, None], "input", CELL)
    picture.text(380, 28, say["backward"], bold=True)
    picture.grid(400, 40, (c.T @ g)[:, None], "gradient", CELL)
    picture.text(442, 160, "=", "middle", 18)
    _matrix(picture, 460, 40, c.T)
    picture.grid(575, 40, g[:, None], "gradient", CELL)
    picture.legend(20, 330, say["kinds"])
    picture.text(330, 343, say["zeros"])
    return picture
