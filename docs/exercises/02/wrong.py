"""Wrong answers to exercise 02, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.02.solution").numerical_gradient


def _one_sided(f, x, h=1e-4):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up = x.copy()
        up[index] += h
        gradient[index] = (f(up) - f(x)) / h
    return gradient


def _not_moved_back(f, x, h=1e-4):
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        x[index] += h
        above = f(x)
        x[index] -= 2 * h
        gradient[index] = (above - f(x)) / (2 * h)
    return gradient


def _all_together(f, x, h=1e-4):
    return np.full_like(x, (f(x + h) - f(x - h)) / (2 * h))


def _too_large(f, x, h=1e-4):
    return right(f, x, h) * 2


WRONG = [
    ({"numerical_gradient": _one_sided}, "central"),
    ({"numerical_gradient": _not_moved_back}, "move it back"),
    ({"numerical_gradient": _all_together}, "one element at a time"),
    ({"numerical_gradient": _too_large}, "divide by 2 h"),
]
