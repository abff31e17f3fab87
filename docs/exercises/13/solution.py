"""A solution of exercise 13."""

import numpy as np


def components(mask):
    """From each pixel without a number, flood its region."""
    height, width = mask.shape
    numbers, found = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if numbers[start]:
            continue
        found += 1
        numbers[start] = found
        waiting = [start]
        while waiting:
            i, j = waiting.pop()
            for a, b in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if 0 <= a < height and 0 <= b < width and mask[a, b] and not numbers[a, b]:
                    numbers[a, b] = found
                    waiting.append((a, b))
    return numbers
