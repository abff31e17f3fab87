"""A large array in strips of rows, so that what is computed from it needs memory for one strip at a time.

Pillow allows files of 179 million pixels. One array of int64 in that size takes 1.4 GB, and a formula of NumPy makes
one such array for each of its operations.
"""

from __future__ import annotations

STRIP = 1 << 20  # numbers that are converted at once


def strips(array):
    """Slices of the rows of an array (H, ...), about STRIP numbers each."""
    return slices(len(array), array.size // max(1, len(array)))


def slices(rows, numbers):
    """Slices of `rows` rows with `numbers` numbers each: about STRIP numbers a slice. At least one slice."""
    tall = max(1, STRIP // max(1, numbers))
    return [slice(top, min(top + tall, rows)) for top in range(0, max(1, rows), tall)]
