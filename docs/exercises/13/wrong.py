"""Wrong answers to exercise 13, and a part of the message that each must get."""

import numpy as np
from scipy import ndimage


def _diagonals(mask):
    return ndimage.label(mask, np.ones((3, 3)))[0]


def _one_pass(mask):
    """Numbers from above or from the left: a U keeps two numbers."""
    numbers, found = np.zeros(mask.shape, int), 0
    for i, j in zip(*np.nonzero(mask), strict=True):
        above = numbers[i - 1, j] if i else 0
        left = numbers[i, j - 1] if j else 0
        if not above and not left:
            found += 1
        numbers[i, j] = above or left or found
    return numbers


def _around_the_border(mask):
    numbers = ndimage.label(mask)[0]
    for one, other in ((numbers[:, 0], numbers[:, -1]), (numbers[0], numbers[-1])):
        for a, b in zip(one.tolist(), other.tolist(), strict=True):
            if a and b:
                numbers[numbers == b] = a
    return np.unique(numbers, return_inverse=True)[1].reshape(mask.shape) if (numbers == 0).any() else numbers


def _with_gaps(mask):
    return 2 * ndimage.label(mask)[0]


def _past_the_border(mask):
    numbers = np.zeros(mask.shape, int)

    def flood(i, j, number):
        if mask[i, j] and not numbers[i, j]:
            numbers[i, j] = number
            for down, across in ((1, 0), (-1, 0), (0, 1), (0, -1)):
                flood(i + down, j + across, number)

    for number, (i, j) in enumerate(zip(*np.nonzero(mask), strict=True)):
        flood(i, j, number + 1)
    return numbers


WRONG = [
    ({"components": _diagonals}, "diagonal"),
    ({"components": _one_pass}, "U"),
    ({"components": _around_the_border}, "border"),
    ({"components": _with_gaps}, "gaps"),
    ({"components": _past_the_border}, "IndexError: index 3 is out of bounds"),
]
