"""Wrong answers to exercise 07, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.07.solution").conv1d_input_gradient


def _reversed(g, kernel, size, stride=1):
    return right(g, kernel[::-1], size, stride)


def _too_short(g, kernel, size, stride=1):
    return right(g, kernel, (len(g) - 1) * stride + len(kernel), stride)


def _written_over(g, kernel, size, stride=1):
    out = np.zeros(size)
    for i, value in enumerate(g):
        out[i * stride : i * stride + len(kernel)] = value * kernel
    return out


def _without_stride(g, kernel, size, stride=1):
    return right(g, kernel, size, 1)


WRONG = [
    ({"conv1d_input_gradient": _reversed}, "transpose"),
    ({"conv1d_input_gradient": _too_short}, "no window reaches"),
    ({"conv1d_input_gradient": _written_over}, "transpose"),
    ({"conv1d_input_gradient": _without_stride}, "transpose"),
]
