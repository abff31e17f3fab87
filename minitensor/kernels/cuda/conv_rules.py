"""Which kernel a convolution runs by on a GPU.

Reasoned, not yet measured. A number that is written and read again takes 8 bytes / 3e12 a second of memory's time. In
that time tensor cores at 50 TFLOP/s, a fifth of what cuBLAS reaches in TF32, multiply and add it for about 65 filters;
cuBLAS then still has its own product to do. So in TF32, up to FEW_FILTERS, columns are not worth making.

In FP32, cuBLAS reaches about 45 TFLOP/s: 60 products in the time of a number. For every output pixel, columns move 9 C
numbers and need 9 C O products; Winograd's 4 x 4 blocks move 2.25 (C + O) and need 2.25 C O. So with C about O they win
from a few channels on; MANY_CHANNELS is where matrices are large enough for cuBLAS too. But the weight's 36 points
for 9 taps, made, read and for a weight gradient brought back, move about 40 numbers for each kernel: as much as
WEIGHT_PRODUCTS, which the output's pixels must save first.
"""

from __future__ import annotations

from minitensor.kernels.cuda import tensor_cores, three_by_three, winograd2d
from minitensor.kernels.cuda.choose import is_float32
from minitensor.kernels.geometry import output_size, transposed_output_size
from minitensor.kernels.table import rule

FEW_FILTERS = 128
LEAST_CHANNELS = 16  # a step of the tensor-core kernel takes 16 channels, and fewer waste what is missing
MANY_CHANNELS = 64
WEIGHT_PRODUCTS = 40 * 60


@rule("conv2d", backends=("cupy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups, relu=False):
    settings = stride, padding, dilation, groups
    if three_by_three.conv2d_supports(x, weight, bias, *settings):
        return "taps"
    if tensor_cores.conv2d_supports(x, weight, bias, *settings):
        if _shallow(*weight.shape):
            return "tensor_cores"
    if winograd2d.conv2d_supports(x, weight, bias, *settings):
        out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
        if _deep(len(weight) // groups, weight.shape[1], len(x), out_size):
            return "winograd2d"
    return "cublas" if is_float32(x) else "unfold"


@rule("conv_transpose2d", backends=("cupy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    settings = stride, padding, output_padding, groups, dilation
    if three_by_three.conv_transpose2d_supports(x, weight, bias, *settings):
        return "taps"
    if tensor_cores.conv_transpose2d_supports(x, weight, bias, *settings):
        if _shallow(weight.shape[1], len(weight), *weight.shape[2:]):
            return "tensor_cores"
    if winograd2d.conv_transpose2d_supports(x, weight, bias, *settings):
        out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
        if _deep(weight.shape[1], len(weight) // groups, len(x), out_size):
            return "winograd2d"
    return "cublas" if is_float32(x) else "phases"


@rule("conv2d_weight", backends=("cupy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    settings = kernel_size, stride, padding, dilation, groups
    if three_by_three.conv2d_weight_supports(x, grad, *settings):
        return "taps"
    if tensor_cores.conv2d_weight_supports(x, grad, *settings):
        if _shallow(grad.shape[1], x.shape[1], *kernel_size):
            return "tensor_cores"
    if winograd2d.conv2d_weight_supports(x, grad, *settings):
        if _deep(grad.shape[1] // groups, x.shape[1] // groups, len(x), grad.shape[2:]):
            return "winograd2d"
    return "cublas" if is_float32(x) else "unfold"


def _shallow(filters, channels, kernel_height, kernel_width):
    """Few filters, so that columns cost more than products; and more than one tap, or there are no columns."""
    return filters <= FEW_FILTERS and channels >= LEAST_CHANNELS and kernel_height * kernel_width > 1


def _deep(filters, channels, images, out_size):
    """Many filters and channels in a group, and so many output pixels that they save more than the weight costs.

    A kernel has 9 products a pixel, or 36 a block of 4 x 4, whose last ones may hang over the edge.
    """
    saved = images * (9 * out_size[0] * out_size[1] - 36 * winograd2d.blocks_of(out_size))
    return min(filters, channels) >= MANY_CHANNELS and saved > WEIGHT_PRODUCTS
