"""A padded image, the window at output (1, 1), the kernel, and the output."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import CELL, Drawing

run = import_module("docs.chapters.04_convolution.run")

WORDS = {
    "en": {
        "title": "One output number sees one window",
        "image": "input, padded by 1",
        "kernel": "kernel",
        "output": "output",
        "kinds": {"input": "input", "padding": "padding", "kernel": "kernel", "output": "output"},
        "window": "window of output (1, 1)",
    },
    "ko": {
        "title": "출력값 하나는 윈도우 하나를 본다",
        "image": "패딩 1을 두른 입력",
        "kernel": "커널",
        "output": "출력",
        "kinds": {"input": "입력", "padding": "패딩", "kernel": "커널", "output": "출력"},
        "window": "출력 (1, 1)의 윈도우",
    },
}


def draw(language):
    say = WORDS[language]
    padded = np.pad(run.IMAGE, 1)
    kinds = np.pad(np.full(run.IMAGE.shape, "input", object), 1, constant_values="padding")
    picture = Drawing(590, 340, say["title"])
    picture.text(20, 28, say["image"], bold=True)
    picture.grid(20, 40, padded, kinds)
    picture.rectangle(20 + 2 * CELL, 40 + 2 * CELL, 3 * CELL, 3 * CELL, line="#d55e00", thickness=4)
    picture.text(280, 87, "×", "middle", 20)
    picture.text(300, 28, say["kernel"], bold=True)
    picture.grid(300, 40, run.KERNEL, "kernel")
    picture.text(424, 97, "=", "middle", 20)
    picture.text(450, 28, say["output"], bold=True)
    picture.grid(450, 40, run.output(), "output")
    picture.rectangle(450 + CELL, 40 + CELL, CELL, CELL, line="#d55e00", thickness=4)
    picture.rectangle(300, 190, 16, 16, line="#d55e00", thickness=4)
    picture.text(324, 203, say["window"])
    picture.legend(20, 305, say["kinds"])
    return picture
