"""Arrays laid one after the other on a GPU: one launch for every 128 of them, and nothing is uploaded."""

from __future__ import annotations

import numpy as np

from minitensor.kernels.cuda.enter import register_cuda
from minitensor.kernels.cuda.launch import launch_for_each
from minitensor.kernels.update.definition import places

PIECES = 128  # as in flatten.cu: the three lists take 3 KB, and a kernel's arguments at most 4
LISTS = np.dtype([(name, "int64", PIECES) for name in ("from", "begin", "end")])  # struct Pieces of flatten.cu
WORD = np.dtype("int32")


def _supports(flat, arrays):
    whole_words = flat.itemsize % WORD.itemsize == 0 and flat.flags.c_contiguous
    return whole_words and all(array.dtype == flat.dtype for array in arrays)


@register_cuda("flatten", "cuda", supports=_supports)
def flatten(flat, arrays):
    """As in definition.py."""
    flat = flat.view(WORD)
    arrays = [array.reshape(-1).view(WORD) for array in arrays if array.size]
    slices, length = places(arrays)
    for first in range(0, len(arrays), PIECES):
        some, where = arrays[first : first + PIECES], slices[first : first + PIECES]
        beyond = slices[first + PIECES].start if first + PIECES < len(slices) else length
        start, used = where[0].start, len(some)
        lists = np.zeros((), LISTS)
        lists["from"][:used] = [array.data.ptr for array in some]
        lists["begin"][:used] = [place.start - start for place in where]
        lists["end"][:used] = [place.stop - start for place in where]
        count = beyond - start
        launch_for_each("update/flatten.cu", "flatten", count, lists, flat[start:beyond], used, count)
