"""Wrong answers to exercise 04, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.04.solution").conv2d


def _rotated(image, kernel, stride=1, padding=0):
    return right(image, kernel[::-1, ::-1], stride, padding)


def _without_padding(image, kernel, stride=1, padding=0):
    return right(image, kernel, stride)


def _every_position(image, kernel, stride=1, padding=0):
    return right(image, kernel, 1, padding)


def _padded_after(image, kernel, stride=1, padding=0):
    return np.pad(right(image, kernel, stride), padding)


def _axes_swapped(image, kernel, stride=1, padding=0):
    return right(image, kernel.T.reshape(kernel.shape), stride, padding)


WRONG = [
    ({"conv2d": _rotated}, "rotated"),
    ({"conv2d": _without_padding}, "around the image"),
    ({"conv2d": _every_position}, "stride"),
    ({"conv2d": _padded_after}, "around the image"),
    ({"conv2d": _axes_swapped}, "tap"),
]
