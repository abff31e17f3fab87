"""Arrays one after the other along an axis, copied on threads if they are large."""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module, backend_name
from minitensor.kernels.table import register, run
from minitensor.kernels.threads.budgets import SERIAL_BYTES
from minitensor.kernels.threads.tiles import array_parts, run_tiles, threads_for


def concatenate(arrays, axis):
    """Like np.concatenate, for arrays of one dtype on one device whose sizes agree except along `axis`."""
    first = arrays[0]
    nbytes = sum(array.nbytes for array in arrays)
    xp = array_module(*arrays)
    on_cpu = backend_name(first) == "numpy"
    if nbytes < SERIAL_BYTES or not (on_cpu or axis == 1):
        return xp.concatenate(arrays, axis)
    sizes = [array.shape[axis] for array in arrays]
    out = xp.empty((*first.shape[:axis], sum(sizes), *first.shape[axis + 1 :]), first.dtype)
    before, start, copies = (slice(None),) * axis, 0, []
    for array, size in zip(arrays, sizes, strict=True):
        target = out[(*before, slice(start, start + size))]
        start += size
        if not on_cpu:
            run("copy", target, array)
            continue
        copies += [(target[part], array[part]) for part in array_parts(array.shape, threads_for(nbytes))]
    run_tiles(lambda copy: np.copyto(*copy), copies)
    return out


@register("copy", "reference", products=False)
def copy_reference(target, source):
    """target[...] = source, of one shape."""
    target[...] = source
