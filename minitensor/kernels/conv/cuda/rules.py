"""Which kernel a convolution runs by on a GPU. Why stands here in words; docs/results-gpu.md has the measurements.

TF32. For 3 x 3 kernels it is `three_by_three`, which writes no columns, or cuBLAS, which multiplies faster: an estimate
of their times decides (_three_by_three_or_cublas). For weight gradients it is cuBLAS from MANY_FILTERS on. For other
kernels whose windows overlap, the columns are several times as large as the image. `tensor_cores` makes no columns,
which pays for few filters.

FP32. Winograd's 4 x 4 blocks need a quarter of the products. They move 2.25 (C + O) numbers per output pixel, and
columns move 9 C. So Winograd wins from MANY_CHANNELS on, where the matrices are large enough for cuBLAS. But each
kernel of the weight, 9 taps, becomes 36 points, which are written and read (and brought back for a weight gradient):
about 40 numbers, as much as WEIGHT_PRODUCTS products. The pixels of the output must save at least as much.
"""

from __future__ import annotations

from minitensor.kernels.conv.cuda import tensor_cores, three_by_three
from minitensor.kernels.conv.cuda import winograd as winograd2d
from minitensor.kernels.geometry import ceil_div, output_size, transposed_output_size
from minitensor.kernels.table import rule

FEW_FILTERS = 128
LEAST_FILTERS = 32  # a block of it makes 64 filters, so that most of its work is for nothing below
MANY_FILTERS = 512
# What the estimate of three_by_three and cuBLAS needs, measured on an H100.
MULTIPROCESSORS = 132  # each takes two blocks at a time, and the rest waits for the next round
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

    three_by_three runs in rounds: a last round of few blocks takes as long as a full one. cuBLAS has no such rounds,
    but it writes and reads columns.
    """
    blocks = images * three_by_three.blocks_of(filters, out_size)
    rounds = ceil_div(blocks, 2 * MULTIPROCESSORS)
    taps = channels * (MS_OF_HALF_ROUND if blocks <= MULTIPROCESSORS else rounds * MS_OF_ROUND)
    windows = images * out_size[0] * out_size[1] * channels
    cublas = MS_OF_CUBLAS + windows * (MS_OF_COLUMNS + 9 * filters * MS_OF_PRODUCT)
    return "three_by_three" if taps <= cublas else "cublas"


def _shallow(filters, channels, kernel_size, stride):
    """True for few filters, so that columns cost more than products, and for windows that overlap."""
    overlap = kernel_size[0] * kernel_size[1] > stride[0] * stride[1]
    return LEAST_FILTERS <= filters <= FEW_FILTERS and channels >= LEAST_CHANNELS and overlap


def _deep(filters, channels, images, out_size):
    """True for many filters and channels in a group, and so many output pixels that they save more than the weight
    costs.

    A kernel has 9 products per pixel, or 36 per block of 4 x 4. The last blocks may hang over the edge.
    """
    saved = images * (9 * out_size[0] * out_size[1] - 36 * winograd2d.blocks_of(out_size))
    return min(filters, channels) >= MANY_CHANNELS and saved > WEIGHT_PRODUCTS
