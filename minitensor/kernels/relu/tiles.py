"""ReLU and its gradients, one cache-sized tile at a time, on threads.

The backward of convolution + ReLU needs two results: the gradient before the ReLU, and its sum over all pixels, which
is the gradient of the bias. `relu_bias_grad` adds up what it has just written, while it is still in the cache.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.arrays.summation import dot_last
from minitensor.kernels.table import register, rule
from minitensor.kernels.threads.budgets import RELU_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, run_tiles, shares

SMALL_BYTES = 1 << 16  # below this, the definition is faster
RUN = 1 << 12  # numbers that are compared with the same zeros, which stay in the nearest cache


@register("relu", "tiles", backends=("numpy",), products=False)
def relu(x):
    """max(x, 0), one tile at a time."""
    y = np.empty(x.shape, x.dtype)
    flat_x, flat_y = x.reshape(-1), y.reshape(-1)
    # NumPy takes the maximum of two arrays faster than that of an array and a number
    zeros = np.zeros(RUN, x.dtype)
    runs, rest = divmod(x.size, RUN)
    # (runs RUN + rest,) -> (runs, RUN), to meet the zeros, and (rest,)
    x_runs, y_runs = (flat[: runs * RUN].reshape(runs, RUN) for flat in (flat_x, flat_y))
    np.maximum(flat_x[runs * RUN :], zeros[:rest], out=flat_y[runs * RUN :])

    def tile(part):
        np.maximum(x_runs[part], zeros, out=y_runs[part])

    run_tiles(tile, shares(runs, zeros.nbytes, RELU_TILE_BYTES))
    return y


@register("relu_grad", "tiles", backends=("numpy",), products=False)
def relu_grad(grad, y):
    """grad where y > 0, else 0, one tile at a time."""
    grad_x = np.empty(grad.shape, grad.dtype)
    flat_grad, flat_y, flat_x = (array.reshape(-1) for array in (grad, y, grad_x))
    scratch = Scratch()

    def tile(part):
        _pass(flat_grad[part], flat_y[part], flat_x[part], scratch)

    run_tiles(tile, shares(flat_x.size, flat_x.itemsize, RELU_TILE_BYTES))
    return grad_x


@register("relu_bias_grad", "tiles", backends=("numpy",), products=False)
def relu_bias_grad(grad, y, overwrite=False):
    """`relu_grad` and its sums, some planes of an image at a time: the sums are taken while the planes are in the
    cache.
    """
    images, filters = grad.shape[:2]
    grad_x = grad if overwrite else np.empty(grad.shape, grad.dtype)
    # (N, O, H, W) -> (N*O, H*W)
    planes = [array.reshape(images * filters, -1) for array in (grad, y, grad_x)]
    sums = np.empty(images * filters, grad.dtype)
    scratch = Scratch()

    def tile(part):
        some_grad, some_y, some_x = (array[part] for array in planes)
        _pass(some_grad, some_y, some_x, scratch)
        sums[part] = dot_last(some_x)

    run_tiles(tile, shares(len(sums), planes[0][:1].nbytes, RELU_TILE_BYTES))
    # (N*O,) -> (N, O) -> (O,)
    return grad_x, sums.reshape(images, filters).sum(axis=0)


def _pass(grad, y, grad_x, scratch):
    """grad_x = grad where y > 0 or NaN, else 0, on the bits of the numbers: see arrays/masking.py."""
    integer = f"i{grad.itemsize}"
    blocked = scratch.empty("blocked", y.shape, np.dtype(bool))
    np.less_equal(y, 0, out=blocked)
    # blocked 1, else 0  ->  blocked 0, else -1: all ones, in a byte and in what it is widened to
    bits = np.subtract(blocked.view("i1"), 1, out=blocked.view("i1"))
    np.bitwise_and(grad.view(integer), bits, out=grad_x.view(integer))


@rule("relu", backends=("numpy",))
@rule("relu_grad", backends=("numpy",))
@rule("relu_bias_grad", backends=("numpy",))
def relu_rule(x, y=None, overwrite=False):
    """Tiles pay for large arrays, and only in row-major order, in which an array is flattened without a copy."""
    large = x.nbytes >= SMALL_BYTES and x.dtype.kind == "f"
    if large and x.flags.c_contiguous and (y is None or y.flags.c_contiguous):
        yield "tiles"
