"""Wrong answers to exercise 06, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.06.solution").conv_transpose2d
slide = import_module("docs.exercises.04.solution").conv2d


def _spread(image, stride):
    out = np.zeros([(n - 1) * stride + 1 for n in image.shape])
    out[::stride, ::stride] = image
    return out


def _not_rotated(image, kernel, stride=1, padding=0):
    return right(image, kernel[::-1, ::-1], stride, padding)


def _padded_first(image, kernel, stride=1, padding=0):
    full = slide(_spread(np.pad(image, len(kernel) - 1), stride), kernel[::-1, ::-1])
    return full[padding : full.shape[0] - padding, padding : full.shape[1] - padding]


def _not_cropped(image, kernel, stride=1, padding=0):
    return right(image, kernel, stride)


def _padded_instead_of_cropped(image, kernel, stride=1, padding=0):
    return np.pad(right(image, kernel, stride), padding)


def _empty(image, kernel, stride=1, padding=0):
    return right(image, kernel, stride)[padding:-padding, padding:-padding]


def _pixels_repeated(image, kernel, stride=1, padding=0):
    return right(np.repeat(np.repeat(image, stride, axis=0), stride, axis=1), kernel, 1, padding)


WRONG = [
    ({"conv_transpose2d": _not_rotated}, "rotate"),
    ({"conv_transpose2d": _padded_first}, "before you insert the zeros"),
    ({"conv_transpose2d": _not_cropped}, "crop"),
    ({"conv_transpose2d": _padded_instead_of_cropped}, "crop"),
    ({"conv_transpose2d": _empty}, "which is empty"),
    ({"conv_transpose2d": _pixels_repeated}, "none follows the last"),
]
