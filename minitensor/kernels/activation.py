"""ReLU and its gradient: the plain text, and the same a cache-sized tile at a time on threads."""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module
from minitensor.kernels.table import register, rule
from minitensor.kernels.tiles import Scratch, run_tiles, shares

SMALL_BYTES = 1 << 16  # below this, the plain text takes less time
RUN = 1 << 12  # numbers that are compared with the same zeros, which stay in the nearest cache
TILE_BYTES = 1 << 20  # of x; what is made of it takes as much again, and the mask a quarter


@register("relu", "reference", products=False)
def relu_reference(x):
    """y = max(x, 0); NaN stays NaN."""
    return array_module(x).maximum(x, 0)


@register("relu_grad", "reference", products=False)
def relu_grad_reference(grad, y):
    """grad where the output y is positive, else 0. Written as "not <= 0": NaN passes its gradient on, as in torch."""
    xp = array_module(grad)
    return xp.where(y <= 0, grad.dtype.type(0), grad)


@register("relu", "tiles", backends=("numpy",), products=False)
def relu(x):
    """The same, a tile at a time."""
    y = np.empty(x.shape, x.dtype)
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    # NumPy's maximum of two arrays takes 0.15 ns a number, that of an array and a scalar 0.4 (measured)
    zeros = np.zeros(RUN, x.dtype)
    runs, rest = divmod(x.size, RUN)
    # (runs RUN + rest,) -> (runs, RUN), to meet the zeros, and (rest,)
    x_runs, y_runs = (flat[: runs * RUN].reshape(runs, RUN) for flat in (flat_x, flat_y))
    np.maximum(flat_x[runs * RUN :], zeros[:rest], out=flat_y[runs * RUN :])

    def tile(part):
        np.maximum(x_runs[part], zeros, out=y_runs[part])

    run_tiles(tile, shares(runs, zeros.nbytes, TILE_BYTES))
    return y


@register("relu_grad", "tiles", backends=("numpy",), products=False)
def relu_grad(grad, y):
    """The same, a tile at a time, on the bits of the numbers: see masking.py."""
    grad_x = np.empty(grad.shape, grad.dtype)
    flat_y, integer = y.reshape(-1), f"i{grad.itemsize}"
    flat_grad, flat_x = grad.reshape(-1).view(integer), grad_x.reshape(-1).view(integer)
    scratch = Scratch()

    def tile(part):
        blocked = scratch.empty("blocked", (part.stop - part.start,), np.dtype(bool))
        np.less_equal(flat_y[part], 0, out=blocked)
        # blocked 1, else 0  ->  blocked 0, else -1: all ones, in a byte and in what it is widened to
        bits = np.subtract(blocked.view("i1"), 1, out=blocked.view("i1"))
        np.bitwise_and(flat_grad[part], bits, out=flat_x[part])

    run_tiles(tile, shares(flat_x.size, flat_x.itemsize, TILE_BYTES))
    return grad_x


@rule("relu", backends=("numpy",))
@rule("relu_grad", backends=("numpy",))
def _choose(*arrays):
    """Tiles pay on large arrays, and only in row-major order, which they flatten without a copy."""
    large = arrays[0].nbytes >= SMALL_BYTES and arrays[0].dtype.kind == "f"
    return "tiles" if large and all(array.flags.c_contiguous for array in arrays) else "reference"
