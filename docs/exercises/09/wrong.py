"""Wrong answers to exercise 09, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.09.solution").cross_entropy_gradient


def _sum_not_mean(scores, target):
    return right(scores, target) * len(target)


def _uphill(scores, target):
    return -right(scores, target)


def _overflowing(scores, target):
    with np.errstate(all="ignore"):
        powers = np.exp(scores)
        gradient = powers / powers.sum(axis=1, keepdims=True)
    gradient[np.arange(len(target)), target] -= 1
    return gradient / len(target)


def _over_the_batch(scores, target):
    powers = np.exp(scores - scores.max(axis=0))
    gradient = powers / powers.sum(axis=0)
    gradient[np.arange(len(target)), target] -= 1
    return gradient / len(target)


WRONG = [
    ({"cross_entropy_gradient": _sum_not_mean}, "mean"),
    ({"cross_entropy_gradient": _uphill}, "sign"),
    ({"cross_entropy_gradient": _overflowing}, "largest score"),
    ({"cross_entropy_gradient": _over_the_batch}, "each row"),
]
