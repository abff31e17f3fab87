"""The three convolutions on tensor cores, without columns in memory; see implicit_gemm.cu and implicit_gemm_weight.cu.

Only if `mt.cuda.matmul_precision` is "tf32", and for one group.
"""

from __future__ import annotations

from minitensor.backend import array_module, cuda
from minitensor.kernels.cuda.enter import is_float32
from minitensor.kernels.cuda.launch import launch, window
from minitensor.kernels.geometry import ceil_div, output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register

FILTERS, WINDOWS, THREADS = 64, 128, 256  # a block's tile and its threads, as in implicit_gemm.cu
WEIGHT_TILE, WEIGHT_WINDOWS, WEIGHT_THREADS = 64, 32, 128  # as in implicit_gemm_weight.cu
WEIGHT_BLOCKS = 2048  # about so many blocks of a weight gradient keep a large GPU busy to the end
LEAST_STEPS = 16  # of a part: fewer are not worth the partial sums they leave
MOST_WINDOWS = 2**31 - 1 - WEIGHT_WINDOWS  # the weight gradient counts them in 32 bits


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return cuda.matmul_precision() == "tf32" and is_float32(x) and groups == 1


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return conv2d_supports(x, weight, bias, stride, padding, dilation, groups) and tuple(stride) == (1, 1)


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    windows = grad.size // grad.shape[1] if grad.size else 0
    return conv2d_supports(x, grad, None, stride, padding, dilation, groups) and 0 < windows <= MOST_WINDOWS


@register("conv2d", "tensor_cores", backends=("cupy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution in TF32, then ReLU if `relu`. Shapes as in definition.py."""
    filters, channels, *kernel_size = weight.shape
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    # (O, C, KH, KW) -> (KH, KW, O, C)
    by_tap = weight.transpose(2, 3, 0, 1)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    return _convolve(x, by_tap, bias, filters, out_size, geometry, relu)


@register("conv_transpose2d", "tensor_cores", backends=("cupy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by d (k - 1) - padding."""
    channels, filters, *kernel_size = weight.shape
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = rotated_padding(kernel_size, padding, dilation)
    # (C, O, KH, KW) -> (KH, KW, O, C), rotated by 180 degrees
    by_tap = weight[:, :, ::-1, ::-1].transpose(2, 3, 1, 0)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, before, dilation)
    return _convolve(x, by_tap, bias, filters, out_size, geometry)


def _convolve(x, by_tap, bias, filters, out_size, geometry, relu=False):
    """x (N, C, H, W), by_tap (KH, KW, O, C) -> (N, O, OH, OW)."""
    xp = array_module(x)
    y = xp.empty((len(x), filters, *out_size), x.dtype)
    windows = len(x) * out_size[0] * out_size[1]
    bias = None if bias is None else xp.ascontiguousarray(bias)
    grid = ceil_div(windows, WINDOWS), ceil_div(filters, FILTERS)
    arrays = xp.ascontiguousarray(x), xp.ascontiguousarray(by_tap), bias, y
    launch("conv/cuda/implicit_gemm.cu", "convolve", grid, THREADS, *arrays, geometry, filters, relu, windows)
    return y


@register("conv2d_weight", "tensor_cores", backends=("cupy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient in TF32. Shapes as in definition.py."""
    xp = array_module(x)
    channels, filters, out_size = x.shape[1], grad.shape[1], grad.shape[2:]
    windows, taps = grad.size // filters, kernel_size[0] * kernel_size[1]
    tiles = ceil_div(filters, WEIGHT_TILE) * ceil_div(channels, WEIGHT_TILE)
    steps = ceil_div(windows, WEIGHT_WINDOWS)
    steps_a_part = max(LEAST_STEPS, ceil_div(steps * tiles * taps, WEIGHT_BLOCKS))
    parts = ceil_div(steps, steps_a_part)
    partial = xp.empty((parts, *kernel_size, filters, channels), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    arrays = xp.ascontiguousarray(x), xp.ascontiguousarray(grad), partial
    launch(
        "conv/cuda/implicit_gemm_weight.cu", "weight_gradient", (tiles, taps, parts), WEIGHT_THREADS, *arrays, geometry,
        filters, windows, steps_a_part,
    )  # fmt: skip
    # (parts, KH, KW, O, C) -> (KH, KW, O, C) -> (O, C, KH, KW)
    return xp.ascontiguousarray(partial.sum(axis=0).transpose(2, 3, 0, 1))
