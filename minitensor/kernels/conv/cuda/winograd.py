"""Winograd's F(4x4, 3x3) on a GPU: transforms in winograd.cu, and a matrix product of cuBLAS at each of 36 points.

    conv2d, conv_transpose2d   products (36, O/g, blocks) = weights (36, O/g, C/g) @ windows (36, C/g, blocks)
    conv2d_weight              products (36, O/g, C/g) = grads (36, O/g, blocks) @ windows (36, C/g, blocks)^T,
                               as a sum of parts of the blocks: 36 small matrices with long sums are too few for a GPU

blocks are those of 4 x 4 outputs, as many at a time as fit WORKSPACE_BYTES. The products are always in fp32,
whatever `mt.cuda.matmul_precision` says: the transforms enlarge numbers before they cancel, and would enlarge TF32's
rounding with them. All sums have a fixed order: results repeat bit for bit. Unlike on the CPU (winograd/blank.py), a
window of zeros gives rounding noise and not exactly the bias: finding such windows would take another pass.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.winograd import both_axes as on_cpu
from minitensor.kernels.conv.winograd import both_axes_gradients as gradients_on_cpu
from minitensor.kernels.conv.winograd.matrices import OUTPUTS, POINTS, TAPS
from minitensor.kernels.cuda.enter import is_float32
from minitensor.kernels.cuda.gemm import matmul_into, parts_of_sum
from minitensor.kernels.cuda.launch import chunks, launch_for_each, window
from minitensor.kernels.geometry import ceil_div, output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register

SOURCE = "conv/cuda/winograd.cu"
ALL_POINTS = POINTS * POINTS
# Of windows and products. Less makes matrices small for cuBLAS: a U-Net takes 1% longer by half as much, and 1% less by
# twice as much (docs/results-gpu.md).
WORKSPACE_BYTES = 256 << 20
KERNEL_SIZE, NO_STRIDE, NO_DILATION = (TAPS, TAPS), (1, 1), (1, 1)


def conv2d_supports(x, weight, *options, relu=False):
    return is_float32(x) and on_cpu.conv2d_supports(x, weight, *options)


def conv_transpose2d_supports(x, weight, *options):
    return is_float32(x) and on_cpu.conv_transpose2d_supports(x, weight, *options)


def conv2d_weight_supports(x, grad, *options):
    return is_float32(x) and gradients_on_cpu.conv2d_weight_supports(x, grad, *options)


@register("conv2d", "winograd2d", backends=("cupy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution with a 3x3 kernel, stride and dilation 1, then ReLU if `relu`. Shapes as in definition.py."""
    out_size = output_size(x, KERNEL_SIZE, stride, padding, dilation)
    return _correlate(x, weight, bias, padding, groups, weight.shape[0], out_size, rotated=False, relu=relu)


@register("conv_transpose2d", "winograd2d", backends=("cupy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by 2 - padding."""
    out_size = transposed_output_size(x, KERNEL_SIZE, stride, padding, output_padding, dilation)
    before = rotated_padding(KERNEL_SIZE, padding, dilation)
    return _correlate(x, weight, bias, before, groups, weight.shape[1] * groups, out_size, rotated=True)


def _correlate(x, weight, bias, before, groups, filters, out_size, rotated, relu=False):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b - before], 4 x 4 outputs per thread."""
    xp = array_module(x)
    x, weight = xp.ascontiguousarray(x), xp.ascontiguousarray(weight)
    bias = None if bias is None else xp.ascontiguousarray(bias)
    images, channels = x.shape[:2]
    group_channels, group_filters = channels // groups, filters // groups
    geometry, blocks_each = _plan(x, out_size, before)
    out = xp.empty((images, filters, *out_size), x.dtype)
    weights = xp.empty((ALL_POINTS * groups, group_filters, group_channels), x.dtype)
    for part in chunks(images * blocks_each, ALL_POINTS * (channels + filters) * x.itemsize, WORKSPACE_BYTES):
        first, blocks = part.start, part.stop - part.start
        windows = xp.empty((ALL_POINTS * groups, group_channels, blocks), x.dtype)
        count = channels * blocks
        threads = count + (filters * group_channels if first == 0 else 0)  # the weights once
        arrays = x, weight, windows, weights
        sizes = group_channels, group_filters, rotated, first, blocks, count, threads
        launch_for_each(SOURCE, "factors", threads, *arrays, geometry, *sizes)
        products = xp.empty((ALL_POINTS * groups, group_filters, blocks), x.dtype)
        # (36 g, O/g, C/g) @ (36 g, C/g, blocks) -> (36 g, O/g, blocks)
        matmul_into(products, weights, windows, precision="fp32")
        count = filters * blocks
        sizes = filters, relu, first, blocks, count
        launch_for_each(SOURCE, "outputs", count, products, bias, out, geometry, *sizes)
    return out


@register("conv2d_weight", "winograd2d", backends=("cupy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient: the chain of the forward pass, backwards. Shapes as in definition.py."""
    xp = array_module(x)
    x, grad = xp.ascontiguousarray(x), xp.ascontiguousarray(grad)
    (images, channels), filters = x.shape[:2], grad.shape[1]
    group_channels, group_filters = channels // groups, filters // groups
    geometry, blocks_each = _plan(x, grad.shape[2:], padding)
    parts = parts_of_sum(ALL_POINTS * groups, group_filters, group_channels, images * blocks_each)
    products = xp.empty((parts * ALL_POINTS * groups, group_filters, group_channels), x.dtype)
    for part in chunks(images * blocks_each, ALL_POINTS * (channels + filters) * x.itemsize, WORKSPACE_BYTES):
        first, blocks = part.start, part.stop - part.start
        length = ceil_div(blocks, parts)
        columns = parts * length
        windows = xp.empty((parts * ALL_POINTS * groups, group_channels, length), x.dtype)
        grads = xp.empty((parts * ALL_POINTS * groups, group_filters, length), x.dtype)
        arrays, threads = (x, grad, windows, grads), (channels + filters) * columns
        sizes = filters, first, blocks, columns, length, channels * columns, threads
        launch_for_each(SOURCE, "factors_of_weight", threads, *arrays, geometry, *sizes)
        # (parts 36 g, O/g, length) @ (parts 36 g, length, C/g) -> (parts 36 g, O/g, C/g)
        matmul_into(products, grads, windows.swapaxes(1, 2), first > 0, precision="fp32")
    weight = xp.empty((filters, group_channels, *KERNEL_SIZE), x.dtype)
    kernels = filters * group_channels
    launch_for_each(SOURCE, "weights", kernels, products, weight, parts, kernels)
    return weight


def _plan(x, out_size, before):
    """The `struct Window` of a call, and the number of blocks of 4 x 4 outputs of an image."""
    geometry = window(x.shape[1], x.shape[2:], out_size, KERNEL_SIZE, NO_STRIDE, before, NO_DILATION)
    return geometry, blocks_of(out_size)


def blocks_of(out_size):
    """How many blocks of 4 x 4 cover an output."""
    return ceil_div(out_size[0], OUTPUTS) * ceil_div(out_size[1], OUTPUTS)
