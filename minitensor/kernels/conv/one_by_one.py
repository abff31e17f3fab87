"""Both gradients of a convolution, one after the other: each by the kernel that its own rule chooses.

These two only call other kernels through `run`, which limits BLAS to one thread itself (products=False).
"""

from __future__ import annotations

from minitensor.kernels.table import register, run


@register("conv2d_gradients", "one_by_one", products=False, default=True)
def conv2d_gradients(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Shapes as in definition.py."""
    grad_x = run("conv_transpose2d", grad, weight, None, stride, padding, output_padding, groups, dilation)
    return grad_x, run("conv2d_weight", x, grad, weight.shape[2:], stride, padding, dilation, groups)


@register("conv_transpose2d_gradients", "one_by_one", products=False, default=True)
def conv_transpose2d_gradients(x, weight, grad, stride, padding, dilation, groups):
    """Shapes as in definition.py."""
    grad_x = run("conv2d", grad, weight, None, stride, padding, dilation, groups)
    return grad_x, run("conv2d_weight", grad, x, weight.shape[2:], stride, padding, dilation, groups)
