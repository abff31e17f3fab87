"""Which kernel a convolution runs by on a GPU.

Reasoned, not yet measured: at 3 TB/s, writing and reading columns takes 8 / 3e12 seconds a number, in which tensor
cores at 50 TFLOP/s, a fifth of what cuBLAS reaches, multiply and add it for about 65 filters; cuBLAS then still
has its own product to do. So up to FEW_FILTERS, columns are not worth making.
"""

from __future__ import annotations

from minitensor.kernels.cuda import tensor_cores
from minitensor.kernels.cuda.choose import is_float32
from minitensor.kernels.table import rule

FEW_FILTERS = 128
LEAST_CHANNELS = 16  # a step of the tensor-core kernel takes 16 channels, and fewer waste what is missing


@rule("conv2d", backends=("cupy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups):
    if tensor_cores.conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
        if _shallow(*weight.shape):
            return "tensor_cores"
    return "cublas" if is_float32(x) else "unfold"


@rule("conv_transpose2d", backends=("cupy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    settings = stride, padding, output_padding, groups, dilation
    if tensor_cores.conv_transpose2d_supports(x, weight, bias, *settings):
        if _shallow(weight.shape[1], len(weight), *weight.shape[2:]):
            return "tensor_cores"
    return "cublas" if is_float32(x) else "phases"


@rule("conv2d_weight", backends=("cupy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    if tensor_cores.conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
        if _shallow(grad.shape[1], x.shape[1], *kernel_size):
            return "tensor_cores"
    return "cublas" if is_float32(x) else "unfold"


def _shallow(filters, channels, kernel_height, kernel_width):
    """Few filters, so that columns cost more than products; and more than one tap, or there are no columns."""
    return filters <= FEW_FILTERS and channels >= LEAST_CHANNELS and kernel_height * kernel_width > 1
