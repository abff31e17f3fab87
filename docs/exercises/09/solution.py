"""A solution of exercise 09."""

import numpy as np


def cross_entropy_gradient(scores, target):
    """Probabilities, minus 1 at the true class, divided by the number of rows."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    gradient = powers / powers.sum(axis=1, keepdims=True)
    gradient[np.arange(len(target)), target] -= 1
    return gradient / len(target)
