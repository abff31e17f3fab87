"""Bias and ReLU after the sum of a convolution, and the gradient through both, one launch each."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import BLOCK, image_runs, launch, launch_for_each, whole_fours

SOURCE = "relu/relu.cu"


def bias_relu(y, bias, relu):
    """y (N, O, OH, OW) += bias (O,), which may be None; then max(y, 0) if `relu`. In place."""
    if bias is None and not relu:
        return
    bias = None if bias is None else array_module(y).ascontiguousarray(bias)
    positions = y.shape[2] * y.shape[3]
    launch_for_each(SOURCE, "bias_relu", y.size, y, bias, y.shape[1], positions, relu, y.size)


@register_cuda("relu_grad", "cuda", supports=is_float32)
def relu_grad(grad, y):
    """grad where the output y is positive, else 0."""
    xp = array_module(grad)
    grad_x = xp.empty(grad.shape, grad.dtype)
    arrays = xp.ascontiguousarray(grad), xp.ascontiguousarray(y), grad_x
    launch_for_each(SOURCE, "relu_grad", grad.size, *arrays, grad.size)
    return grad_x


@register_cuda("relu_bias_grad", "cuda", supports=is_float32)
def relu_bias_grad(grad, y, overwrite=False):
    """relu_grad of (N, O, H, W), and its sums over all axes but O. `overwrite` allows it to write into grad."""
    xp = array_module(grad)
    images, filters, height, width = grad.shape
    in_place = overwrite and grad.flags.c_contiguous
    grad_x = grad if in_place else xp.empty(grad.shape, grad.dtype)
    sums = xp.empty((images, filters), grad.dtype)
    run_of_grad, image_step = image_runs(grad)
    arrays = run_of_grad, xp.ascontiguousarray(y), grad_x, sums
    sizes = filters, height * width, image_step, whole_fours(*arrays[:3], steps=(height * width, image_step))
    launch(SOURCE, "relu_bias_grad", (images * filters,), BLOCK, *arrays, *sizes)
    # (N, O) -> (O,)
    return grad_x, sums.sum(axis=0)
