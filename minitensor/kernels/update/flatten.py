"""Arrays laid end to end on a GPU: one launch for every 128 of them, and nothing is uploaded."""

from __future__ import annotations

import numpy as np

from minitensor.kernels.cuda.enter import register_cuda
from minitensor.kernels.cuda.launch import launch_for_each

PIECES = 128  # as in flatten.cu: both lists take 2 KB, and a kernel's arguments at most 4
LISTS = np.dtype([("from", "int64", PIECES), ("end", "int64", PIECES)])  # struct Pieces of flatten.cu


WORD = np.dtype("int32")


def _supports(flat, arrays):
    whole_words = flat.itemsize % WORD.itemsize == 0 and flat.flags.c_contiguous
    return whole_words and all(array.dtype == flat.dtype for array in arrays)


@register_cuda("flatten", "cuda", supports=_supports)
def flatten(flat, arrays):
    """As in definition.py."""
    flat = flat.view(WORD)
    arrays = [array.reshape(-1).view(WORD) for array in arrays if array.size]
    start = 0
    for first in range(0, len(arrays), PIECES):
        some = arrays[first : first + PIECES]
        ends = np.cumsum([array.size for array in some])
        lists = np.zeros((), LISTS)
        lists["from"][: len(some)] = [array.data.ptr for array in some]
        lists["end"][: len(some)] = ends
        count = int(ends[-1])
        part = flat[start : start + count]
        launch_for_each("update/flatten.cu", "flatten", count, lists, part, len(some), count)
        start += count
