"""The three convolutions with a 3 x 3 kernel at stride 1, on tensor cores: a block reads each pixel once for all taps.

Only if `mt.cuda.matmul_precision` is "tf32", and for one group. See three_by_three.cu and three_by_three_weight.cu.
"""

from __future__ import annotations

from minitensor.backend import array_module, cuda
from minitensor.kernels.cuda.enter import is_float32
from minitensor.kernels.cuda.launch import launch, launch_for_each, window
from minitensor.kernels.geometry import ceil_div, output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register

SOURCE, WEIGHT_SOURCE = "conv/cuda/three_by_three.cu", "conv/cuda/three_by_three_weight.cu"
FILTERS, CHANNELS, SIDE, THREADS = 64, 8, 16, 256  # as in three_by_three.cu
# as in three_by_three_weight.cu
WEIGHT_FILTERS, WEIGHT_CHANNELS, WEIGHT_DOWN, WEIGHT_ACROSS, WEIGHT_THREADS = 64, 32, 2, 16, 128
WEIGHT_BLOCKS = 528  # two rounds of two blocks on each of 132 multiprocessors
MOST_IMAGES = 2**16  # the third axis of a grid
TAPS, ONCE = 9, (1, 1)


def _plain(x, kernel_size, stride, dilation, groups):
    """True for a 3 x 3 kernel at stride 1 without dilation and groups, float32 images, and TF32."""
    dense = tuple(kernel_size) == (3, 3) and tuple(stride) == ONCE == tuple(dilation) and groups == 1
    return dense and cuda.matmul_precision() == "tf32" and is_float32(x)


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return _plain(x, weight.shape[2:], stride, dilation, groups) and len(x) < MOST_IMAGES


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return conv2d_supports(x, weight, bias, stride, padding, dilation, groups) and not any(output_padding)


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return _plain(x, kernel_size, stride, dilation, groups) and grad.size > 0


@register("conv2d", "three_by_three", former="taps", backends=("cupy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution in TF32, then ReLU if `relu`. Shapes as in definition.py."""
    out_size = output_size(x, (3, 3), stride, padding, dilation)
    return _convolve(x, weight, bias, weight.shape[0], out_size, padding, rotated=False, relu=relu)


@register("conv_transpose2d", "three_by_three", former="taps", backends=("cupy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by 2 - padding."""
    out_size = transposed_output_size(x, (3, 3), stride, padding, output_padding, dilation)
    before = rotated_padding((3, 3), padding, dilation)
    return _convolve(x, weight, bias, weight.shape[1], out_size, before, rotated=True)


def _convolve(x, weight, bias, filters, out_size, before, rotated, relu=False):
    """x (N, C, H, W) with `before` zeros above and left of it -> (N, O, OH, OW)."""
    xp = array_module(x)
    channels, blocks = x.shape[1], ceil_div(filters, FILTERS)
    # (O, C, 3, 3) -> (O / 64, C / 8, taps, 4 tiles of 16 filters, lanes, 4)
    packed = xp.empty((blocks, ceil_div(channels, CHANNELS), TAPS, FILTERS // 16, 32, 4), x.dtype)
    count = packed.size // 4
    arrays = xp.ascontiguousarray(weight), packed
    launch_for_each(SOURCE, "pack", count, *arrays, filters, channels, rotated, count)
    y = xp.empty((len(x), filters, *out_size), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, (3, 3), ONCE, before, ONCE)
    bias = None if bias is None else xp.ascontiguousarray(bias)
    grid = blocks_of(1, out_size), blocks, len(x)
    arrays = xp.ascontiguousarray(x), packed, bias, y
    launch(SOURCE, "convolve3x3", grid, THREADS, *arrays, geometry, filters, relu)
    return y


def blocks_of(filters, out_size):
    """How many blocks of 64 filters by 16 x 16 outputs cover an image's output."""
    return ceil_div(out_size[0], SIDE) * ceil_div(out_size[1], SIDE) * ceil_div(filters, FILTERS)


@register("conv2d_weight", "three_by_three", former="taps", backends=("cupy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient in TF32. Shapes as in definition.py."""
    xp = array_module(x)
    (images, channels), filters, out_size = x.shape[:2], grad.shape[1], grad.shape[2:]
    tiles = images * ceil_div(out_size[0], WEIGHT_DOWN) * ceil_div(out_size[1], WEIGHT_ACROSS)
    pairs = ceil_div(filters, WEIGHT_FILTERS) * ceil_div(channels, WEIGHT_CHANNELS)
    tiles_a_part = max(1, ceil_div(tiles * pairs, WEIGHT_BLOCKS))
    parts = ceil_div(tiles, tiles_a_part)
    partial = xp.empty((parts, 3, 3, filters, channels), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, (3, 3), ONCE, padding, ONCE)
    arrays = xp.ascontiguousarray(x), xp.ascontiguousarray(grad), partial
    launch(
        WEIGHT_SOURCE, "weight_gradient3x3", (pairs, parts), WEIGHT_THREADS, *arrays, geometry,
        filters, tiles, tiles_a_part,
    )  # fmt: skip
    # (parts, 3, 3, O, C) -> (O, C, 3, 3)
    weight = xp.empty((filters, channels, 3, 3), x.dtype)
    launch_for_each(WEIGHT_SOURCE, "add_parts", weight.size, partial, weight, parts, filters * channels, weight.size)
    return weight
