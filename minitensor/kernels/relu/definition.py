"""ReLU and its gradient."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.arrays.summation import sum_over
from minitensor.kernels.table import register


@register("relu", "reference", products=False)
def relu_reference(x):
    """y = max(x, 0); NaN stays NaN."""
    return array_module(x).maximum(x, 0)


@register("relu_grad", "reference", products=False)
def relu_grad_reference(grad, y):
    """grad where the output y is positive, else 0. Written as "not <= 0": NaN passes its gradient on, as in torch."""
    xp = array_module(grad)
    return xp.where(y <= 0, grad.dtype.type(0), grad)


@register("relu_bias_grad", "reference", products=False)
def relu_bias_grad_reference(grad, y, overwrite=False):
    """relu_grad of (N, O, H, W), and its sums over all axes but O, (O,): the gradient of a bias added before ReLU.

    `overwrite` allows the result to take the memory of grad, but does not demand it.
    """
    grad_x = relu_grad_reference(grad, y)
    return grad_x, sum_over(grad_x, (0, 2, 3)).reshape(-1)
