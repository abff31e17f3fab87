"""A solution of exercise 02."""

import numpy as np


def numerical_gradient(f, x, h=1e-4):
    """Move one element at a time, up and down, on copies of x."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += h
        down[index] -= h
        gradient[index] = (f(up) - f(down)) / (2 * h)
    return gradient
