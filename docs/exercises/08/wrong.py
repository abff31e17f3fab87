"""Wrong answers to exercise 08, and a part of the message that each must get."""

from math import floor

import numpy as np


def _matrix(size_in, size_out, place, near=lambda x, left: 1 - (x - left), outside="repeat"):
    matrix = np.zeros((size_out, size_in))
    for i in range(size_out):
        x = place(i)
        left = floor(x)
        for pixel, weight in ((left, near(x, left)), (left + 1, 1 - near(x, left))):
            if 0 <= pixel < size_in or outside == "repeat":
                matrix[i, min(max(pixel, 0), size_in - 1)] += weight
    return matrix


def _align_corners(size_in, size_out):
    return _matrix(size_in, size_out, lambda i: i * (size_in - 1) / max(size_out - 1, 1))


def _without_half(size_in, size_out):
    return _matrix(size_in, size_out, lambda i: i * size_in / size_out)


def _zeros_outside(size_in, size_out):
    return _matrix(size_in, size_out, lambda i: (i + 0.5) * size_in / size_out - 0.5, outside="zeros")


def _far_weighs_more(size_in, size_out):
    return _matrix(size_in, size_out, lambda i: (i + 0.5) * size_in / size_out - 0.5, near=lambda x, left: x - left)


def _written_over(size_in, size_out):
    matrix = np.zeros((size_out, size_in))
    for i in range(size_out):
        x = (i + 0.5) * size_in / size_out - 0.5
        left = floor(x)
        matrix[i, max(left, 0)] = 1 - (x - left)
        matrix[i, min(left + 1, size_in - 1)] = x - left
    return matrix


WRONG = [
    ({"bilinear_matrix": _align_corners}, "0.5"),
    ({"bilinear_matrix": _without_half}, "0.5"),
    ({"bilinear_matrix": _zeros_outside}, "sums to 1"),
    ({"bilinear_matrix": _far_weighs_more}, "nearer"),
    ({"bilinear_matrix": _written_over}, "both weights, added"),
]
