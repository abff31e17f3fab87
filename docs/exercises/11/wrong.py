"""Wrong answers to exercise 11, and a part of the message that each must get."""

from importlib import import_module

import numpy as np

right = import_module("docs.exercises.11.solution").mean_iu


def _accuracy(truth, prediction, classes, ignore=255):
    counted = truth != ignore
    return float((truth == prediction)[counted].mean()) if counted.any() else 1.0


def _ignored_count(truth, prediction, classes, ignore=255):
    return right(truth, prediction, classes, ignore=-1)


def _absent_as_zero(truth, prediction, classes, ignore=255):
    present = len(np.unique(np.concatenate([truth[truth != ignore], prediction[truth != ignore]])))
    return right(truth, prediction, classes, ignore) * present / classes


def _absent_as_one(truth, prediction, classes, ignore=255):
    counted = truth != ignore
    present = len(np.unique(np.concatenate([truth[counted], prediction[counted]])))
    return (right(truth, prediction, classes, ignore) * present + classes - present) / classes


def _of_true_classes(truth, prediction, classes, ignore=255):
    counted = truth != ignore
    pairs = [((truth == c) & counted, (prediction == c) & counted) for c in range(classes)]
    found = [(one & other).sum() / (one | other).sum() for one, other in pairs if one.any()]
    return float(np.mean(found)) if found else 1.0


WRONG = [
    ({"mean_iu": _accuracy}, "Each class counts the same"),
    ({"mean_iu": _ignored_count}, "ignore"),
    ({"mean_iu": _absent_as_zero}, "left out"),
    ({"mean_iu": _absent_as_one}, "left out"),
    ({"mean_iu": _of_true_classes}, "and it counts"),
]
