"""The five stages of a transposed convolution, with numbers."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import FILLS, Drawing

run = import_module("docs.chapters.06_transposed_convolution.run")

WORDS = {
    "en": {
        "title": "Insert zeros, pad k - 1, rotate the kernel, convolve, crop",
        "stages": ("input", "zeros inserted", "padded by k - 1", "rotated kernel", "full", "output: cropped by p"),
        "kinds": {
            "input": "input",
            "zero": "inserted zero",
            "padding": "padding",
            "kernel": "kernel",
            "output": "output",
        },
    },
    "ko": {
        "title": "0을 끼우고, k - 1만큼 두르고, 커널을 회전해 합성곱하고, 잘라 낸다",
        "stages": ("입력", "0을 끼운 것", "k - 1만큼 패딩", "회전된 커널", "전체 결과", "출력: p만큼 잘라 낸 것"),
        "kinds": {"input": "입력", "zero": "끼운 0", "padding": "패딩", "kernel": "커널", "output": "출력"},
    },
}
CELL = 27


def draw(language):
    say = WORDS[language]
    stages = run.stages()
    spread_kinds = np.full(stages["zeros inserted"].shape, "zero", object)
    spread_kinds[:: run.STRIDE, :: run.STRIDE] = "input"
    border = run.KERNEL.shape[0] - 1
    kinds = {
        "input": "input",
        "zeros inserted": spread_kinds,
        "padded": np.pad(spread_kinds, border, constant_values="padding"),
        "rotated kernel": "kernel",
        "full": "plain",
        "output": "output",
    }
    places = {
        "input": (20, 50),
        "zeros inserted": (130, 50),
        "padded": (280, 50),
        "rotated kernel": (530, 50),
        "full": (20, 290),
        "output": (280, 310),
    }
    picture = Drawing(660, 490, say["title"])
    for (name, (x, y)), words in zip(places.items(), say["stages"], strict=True):
        picture.text(x, y - 10, words, bold=True)
        picture.grid(x, y, stages[name], kinds[name], CELL)
    size, crop = len(stages["output"]), run.PADDING
    picture.rectangle(20 + crop * CELL, 290 + crop * CELL, size * CELL, size * CELL, line="#009e73", thickness=4)
    for start, end in (
        ((80, 77), (122, 77)),
        ((217, 90), (272, 110)),
        ((275, 235), (172, 300)),
        ((162, 357), (272, 350)),
    ):
        picture.arrow(*start, *end)
    picture.text(502, 98, "∗", "middle", 24)
    picture.legend(20, 456, say["kinds"])
    assert set(say["kinds"]) <= set(FILLS)
    return picture
