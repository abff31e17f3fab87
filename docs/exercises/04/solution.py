"""A solution of exercise 04."""

import numpy as np


def conv2d(image, kernel, stride=1, padding=0):
    """One window for each output number."""
    padded = np.pad(image, padding)
    down, across = kernel.shape
    rows = (padded.shape[0] - down) // stride + 1
    columns = (padded.shape[1] - across) // stride + 1
    out = np.zeros((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = padded[i * stride : i * stride + down, j * stride : j * stride + across]
            out[i, j] = (window * kernel).sum()
    return out
