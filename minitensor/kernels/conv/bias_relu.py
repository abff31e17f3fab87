"""What follows the sum of a convolution: its bias and, if asked for, ReLU.

A kernel that writes its output tile by tile adds the bias and applies ReLU while the tile is still in the cache. A ReLU
of its own would read the whole output from memory and write it there again.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.table import REFERENCE, chosen_variant, register, run


def bias_relu(out, bias, relu):
    """out (..., O, h, w) += bias (..., O), which may be None; then out = max(out, 0) if `relu`. In place."""
    if bias is not None:
        out += bias[..., None, None]
    if relu:
        # NumPy takes the maximum of two arrays faster than that of an array and a number. One plane of zeros is enough.
        xp = array_module(out)
        xp.maximum(out, xp.zeros(out.shape[-2:], out.dtype), out=out)


def conv2d_is_fast(*args):
    """The definition of conv2d has no `relu`."""
    return chosen_variant("conv2d", *args) != REFERENCE


# It only calls another kernel through `run`, which limits BLAS to one thread itself (products=False).
@register("conv2d_relu", "fused", supports=conv2d_is_fast, products=False, default=True, former=("tiles", "epilogue"))
def conv2d_relu(x, weight, bias, stride, padding, dilation, groups):
    """max(conv2d(x, weight, bias), 0) in one pass over memory, by the kernel that is chosen for conv2d."""
    return run("conv2d", x, weight, bias, stride, padding, dilation, groups, relu=True)


@register("conv2d_relu", "two_passes", products=False, default=True)
def conv2d_then_relu(x, weight, bias, stride, padding, dilation, groups):
    """The same in two passes."""
    return run("relu", run("conv2d", x, weight, bias, stride, padding, dilation, groups))
