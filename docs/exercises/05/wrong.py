"""Wrong answers to exercise 05, and a part of the message that each must get."""

from importlib import import_module

right = import_module("docs.exercises.05.solution").unfold


def _windows_as_rows(x, k):
    return right(x, k).T


def _channels_last(x, k):
    columns = right(x, k)
    return columns.reshape(x.shape[0], k * k, -1).swapaxes(0, 1).reshape(columns.shape)


def _column_by_column(x, k):
    columns = right(x, k)
    rows = x.shape[1] - k + 1
    return columns.reshape(len(columns), rows, -1).swapaxes(1, 2).reshape(columns.shape)


WRONG = [
    ({"unfold": _windows_as_rows}, "shape"),
    ({"unfold": _channels_last}, "channel"),
    ({"unfold": _column_by_column}, "reading order"),
]
