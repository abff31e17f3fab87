"""Arrays one after the other along an axis, copied on threads where they are large."""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module, backend_name
from minitensor.kernels.tiles import SERIAL_BYTES, array_parts, run_tiles, threads_for


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
        copies += [(target[part], array[part]) for part in array_parts(array.shape, threads_for(nbytes))]
    run_tiles(lambda copy: np.copyto(*copy), copies)
    return out
