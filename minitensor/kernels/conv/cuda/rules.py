"""Which kernel a convolution runs by on a GPU: why in words; docs/results-gpu.md has what was measured.

TF32. For 3 x 3 kernels it is `taps`, which writes no columns, or cuBLAS, which multiplies faster: whichever an estimate
says takes less time (_three_by_three_or_cublas). For weight gradients it is cuBLAS from MANY_FILTERS on. For other
kernels whose windows overlap, columns are several times the image; `tensor_cores` makes none, which pays for few
filters.

FP32. Winograd's 4 x 4 blocks need a quarter of the products. They move 2.25 (C + O) numbers for every output pixel, and
columns move 9 C; so Winograd wins from MANY_CHANNELS on, where matrices are large enough for cuBLAS too. But the
weight's 36 points for 9 taps, made, read and for a weight gradient brought back, move about 40 numbers for each
kernel: as much as WEIGHT_PRODUCTS, which the output's pixels must save first.
"""

from __future__ import annotations

from minitensor.kernels.conv.cuda import tensor_cores, three_by_three
from minitensor.kernels.conv.cuda import winograd as winograd2d
from minitensor.kernels.geometry import ceil_div, output_size, transposed_output_size
from minitensor.kernels.table import rule

FEW_FILTERS = 128
LEAST_FILTERS = 32  # a block of it makes 64 filters, so that most of its work is for nothing below
MANY_FILTERS = 512
# What the estimate of taps and cuBLAS needs, measured on an H100.
MULTIPROCESSORS = 132  # each takes two blocks of taps at a time, the rest waits for the next round
MS_OF_ROUND, MS_OF_HALF_ROUND = 0.00044, 0.00038  # for each channel: two blocks on a multiprocessor, or one
MS_OF_COLUMNS = 40 / 2.7e9  # for each window of each channel: nine numbers written and read, and one read
MS_OF_PRODUCT = 2 / 2.6e11
MS_OF_CUBLAS = 0.04  # for its launches
LEAST_CHANNELS = 16  # a step of the tensor-core kernel takes 16 channels, and fewer waste what is missing
MANY_CHANNELS = 64
WEIGHT_PRODUCTS = 40 * 60


@rule("conv2d", backends=("cupy",))
def conv2d_rule(x, weight, bias, stride, padding, dilation, groups, relu=False):
    settings = stride, padding, dilation, groups
    if three_by_three.conv2d_supports(x, weight, bias, *settings):
        out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
        yield _three_by_three_or_cublas(len(x), *weight.shape[:2], out_size)
    if tensor_cores.conv2d_supports(x, weight, bias, *settings):
        if _shallow(*weight.shape[:2], weight.shape[2:], stride):
            yield "tensor_cores"
    if winograd2d.conv2d_supports(x, weight, bias, *settings):
        out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
        if _deep(len(weight) // groups, weight.shape[1], len(x), out_size):
            yield "winograd2d"
    yield "cublas"
    yield "columns"


@rule("conv_transpose2d", backends=("cupy",))
def conv_transpose2d_rule(x, weight, bias, stride, padding, output_padding, groups, dilation):
    settings = stride, padding, output_padding, groups, dilation
    if three_by_three.conv_transpose2d_supports(x, weight, bias, *settings):
        out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
        yield _three_by_three_or_cublas(len(x), weight.shape[1], len(weight), out_size)
    if tensor_cores.conv_transpose2d_supports(x, weight, bias, *settings):
        if _shallow(weight.shape[1], len(weight), weight.shape[2:], stride):
            yield "tensor_cores"
    if winograd2d.conv_transpose2d_supports(x, weight, bias, *settings):
        out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
        if _deep(weight.shape[1], len(weight) // groups, len(x), out_size):
            yield "winograd2d"
    yield "cublas"
    yield "phases"


@rule("conv2d_weight", backends=("cupy",))
def conv2d_weight_rule(x, grad, kernel_size, stride, padding, dilation, groups):
    settings = kernel_size, stride, padding, dilation, groups
    if three_by_three.conv2d_weight_supports(x, grad, *settings):
        yield "three_by_three" if grad.shape[1] < MANY_FILTERS else "cublas"
    if tensor_cores.conv2d_weight_supports(x, grad, *settings):
        if _shallow(grad.shape[1], x.shape[1], kernel_size, stride):
            yield "tensor_cores"
    if winograd2d.conv2d_weight_supports(x, grad, *settings):
        if _deep(grad.shape[1] // groups, x.shape[1] // groups, len(x), grad.shape[2:]):
            yield "winograd2d"
    yield "cublas"
    yield "columns"


def _three_by_three_or_cublas(images, filters, channels, out_size):
    """The faster of the two for a 3 x 3 kernel, by an estimate.

    The time of taps goes in rounds: a last round of few blocks takes as long as a full one. cuBLAS has none of that,
    but writes and reads columns.
    """
    blocks = images * three_by_three.blocks_of(filters, out_size)
    rounds = ceil_div(blocks, 2 * MULTIPROCESSORS)
    taps = channels * (MS_OF_HALF_ROUND if blocks <= MULTIPROCESSORS else rounds * MS_OF_ROUND)
    windows = images * out_size[0] * out_size[1] * channels
    cublas = MS_OF_CUBLAS + windows * (MS_OF_COLUMNS + 9 * filters * MS_OF_PRODUCT)
    return "three_by_three" if taps <= cublas else "cublas"


def _shallow(filters, channels, kernel_size, stride):
    """Few filters, so that columns cost more than products; windows that overlap, or columns are no larger than x."""
    overlap = kernel_size[0] * kernel_size[1] > stride[0] * stride[1]
    return LEAST_FILTERS <= filters <= FEW_FILTERS and channels >= LEAST_CHANNELS and overlap


def _deep(filters, channels, images, out_size):
    """Many filters and channels in a group, and so many output pixels that they save more than the weight costs.

    A kernel has 9 products a pixel, or 36 a block of 4 x 4, whose last ones may hang over the edge.
    """
    saved = images * (9 * out_size[0] * out_size[1] - 36 * winograd2d.blocks_of(out_size))
    return min(filters, channels) >= MANY_CHANNELS and saved > WEIGHT_PRODUCTS
