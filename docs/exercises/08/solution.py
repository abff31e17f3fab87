"""A solution of exercise 08."""

from math import floor

import numpy as np


def bilinear_matrix(size_in, size_out):
    """Two weights in each row, which fall on the same pixel at the border."""
    matrix = np.zeros((size_out, size_in))
    for i in range(size_out):
        x = (i + 0.5) * size_in / size_out - 0.5
        left = floor(x)
        for pixel, weight in ((left, 1 - (x - left)), (left + 1, x - left)):
            matrix[i, min(max(pixel, 0), size_in - 1)] += weight
    return matrix
