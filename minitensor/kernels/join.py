"""Arrays one after the other along an axis, copied on threads where they are large."""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module, backend_name
from minitensor.kernels.tiles import SERIAL_BYTES, run_tiles, split, threads_for


def concatenate(arrays, axis):
    """As np.concatenate, for arrays of one dtype on one device, whose sizes agree except along `axis`."""
    first = arrays[0]
    nbytes = sum(array.nbytes for array in arrays)
    if backend_name(first) != "numpy" or nbytes < SERIAL_BYTES:
        return array_module(*arrays).concatenate(arrays, axis)
    sizes = [array.shape[axis] for array in arrays]
    out = np.empty((*first.shape[:axis], sum(sizes), *first.shape[axis + 1 :]), np.result_type(*arrays))
    before, start, copies = (slice(None),) * axis, 0, []
    for array, size in zip(arrays, sizes, strict=True):
        target = out[(*before, slice(start, start + size))]
        start += size
        # along the first axis that has a part for each thread, an image or a channel
        cut = next((a for a, n in enumerate(array.shape) if n >= threads_for(nbytes)), 0)
        for part in split(array.shape[cut], threads_for(nbytes)):
            place = (slice(None),) * cut + (part,)
            copies.append((target[place], array[place]))
    run_tiles(lambda copy: np.copyto(*copy), copies)
    return out
