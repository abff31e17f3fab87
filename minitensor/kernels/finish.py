"""What comes after the sum of a convolution: its bias and, where one is asked for, its ReLU.

A kernel that writes its output tile by tile adds the bias, and bends what has come out, while the tile is in the cache.
A ReLU of its own would read the whole output from memory and write it there again, 14 of 440 ms in a train step of a
small U-Net (measured, 2 cores).
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.table import register, run


def finish(out, bias, relu):
    """out (..., O, h, w) plus bias (..., O), or None, and of that max(., 0) if `relu`, in place."""
    if bias is not None:
        out += bias[..., None, None]
    if relu:
        # an array of zeros, not the number: see activation.py; one plane of them, so that NumPy runs along planes
        xp = array_module(out)
        xp.maximum(out, xp.zeros(out.shape[-2:], out.dtype), out=out)


# The kernel that they run holds BLAS at one thread, so these need not (products=False).
@register("conv2d_relu", "reference", products=False)
def conv2d_then_relu(x, weight, bias, stride, padding, dilation, groups):
    """max(conv2d(x, weight, bias), 0), in two passes."""
    return run("relu", run("conv2d", x, weight, bias, stride, padding, dilation, groups))


@register("conv2d_relu", "tiles", backends=("numpy",), products=False, default=True)
def conv2d_relu(x, weight, bias, stride, padding, dilation, groups):
    """The same in one pass, by the kernel that is chosen for conv2d."""
    return run("conv2d", x, weight, bias, stride, padding, dilation, groups, relu=True)


@register("conv2d_relu", "epilogue", backends=("cupy",), default=True)
def conv2d_relu_on_gpu(x, weight, bias, stride, padding, dilation, groups):
    """The same in one pass: the kernel that makes an output bends it before it writes it."""
    return run("conv2d", x, weight, bias, stride, padding, dilation, groups, relu=True)
