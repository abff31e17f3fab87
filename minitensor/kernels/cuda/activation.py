"""The gradient of ReLU on a GPU in one launch. ReLU itself is one launch already, CuPy's maximum."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.cuda.choose import is_float32, register_cuda
from minitensor.kernels.cuda.launch import launch_for_each


@register_cuda("relu_grad", "cuda", supports=is_float32, otherwise="reference")
def relu_grad(grad, y):
    """grad where the output y is positive, else 0."""
    xp = array_module(grad)
    grad_x = xp.empty(grad.shape, grad.dtype)
    arrays = xp.ascontiguousarray(grad), xp.ascontiguousarray(y), grad_x
    launch_for_each("activation.cu", "relu_grad", grad.size, *arrays, grad.size)
    return grad_x
