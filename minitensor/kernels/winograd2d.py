"""Winograd's minimal filtering along both axes, F(4x4, 3x3): a quarter of the multiplications, in float32.

Nest the filter of winograd.py into itself. A window d of 6 x 6 pixels gives 4 x 4 outputs with 36 products where
the sum of taps needs 144:

    Y = A^T [ (G w G^T) * (B^T d B) ] A

A matrix on both sides of an image is one matrix on the image read as a vector, B^T d B = (B^T x B^T) vec(d) with
Kronecker's product x, so each transform is one product of a 36 x 36 (or 16 x 36, 36 x 9) matrix with all windows
of a tile at once. The gradient by the weight runs the same chain backwards: dw = G^T [ (A dY A^T) * (B^T d B) ] G.

The windows must be picked pixel by pixel at stride 4, and there are 36 weights for 9, so this pays for many
channels and images larger than the weight. Rounding: the growth of winograd.py twice over; with 256 channels the
error is 3e-6 of a typical output (root mean square; 7e-5 at most in 262,144), where plain columns have 3e-7.
Source: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equation 8 and section 4.3.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels import winograd
from minitensor.kernels.columns import fill_columns, plan_tiles
from minitensor.kernels.geometry import output_size, transposed_output_size
from minitensor.kernels.reference import turn_kernel
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, add_parts, get_num_threads, run_tiles, split, threads_for
from minitensor.kernels.winograd import OUTPUTS, POINTS, TAPS

INPUT = np.kron(winograd.INPUT, winograd.INPUT)  # (36, 36)
WEIGHT = np.kron(winograd.WEIGHT, winograd.WEIGHT)  # (36, 9)
OUTPUT = np.kron(winograd.OUTPUT, winograd.OUTPUT)  # (16, 36)
STEP = (OUTPUTS, OUTPUTS)
NO_DILATION = (1, 1)


def _supports(x, kernel_size, stride, dilation):
    return (
        x.dtype == np.float32 and tuple(kernel_size) == (TAPS, TAPS) and (*stride, *dilation) == (1, 1, 1, 1)
    )


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
    return _supports(x, weight.shape[2:], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return _supports(x, weight.shape[2:], stride, dilation)


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return _supports(x, kernel_size, stride, dilation)


@register("conv2d", "winograd2d", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Convolution with a 3x3 kernel, stride and dilation 1, float32. Shapes as in reference.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    return correlate(x, weight, bias, padding, groups, out_size)


@register("conv_transpose2d", "winograd2d", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by 2 - padding."""
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    before = [TAPS - 1 - p for p in padding]
    return correlate(x, turn_kernel(weight, groups), bias, before, groups, out_size)


def correlate(x, weight, bias, before, groups, out_size):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b - before], 4 x 4 outputs a step.

    A tile has n images, R steps down and all T steps across.
    """
    filters, group_channels = weight.shape[:2]
    points = transform_weight(weight).reshape(-1, groups, filters // groups, group_channels)
    out = np.empty((len(x), filters, *out_size), x.dtype)
    scratch = Scratch()

    def tile(part):
        images, steps = part
        across = -(-out_size[1] // OUTPUTS)
        windows = transform(INPUT, x, part, POINTS, before, across, "input", scratch)
        count, pixels = windows.shape[2], windows[0, 0].size
        # (36, g, O/g, C/g) @ (36, g, C/g, n*R*T) -> (36, g, O/g, n*R*T)
        products = np.matmul(
            points,
            windows.reshape(-1, groups, group_channels, pixels),
            out=scratch.empty("products", (len(points), groups, filters // groups, pixels), x.dtype),
        )
        # (16, 36) @ (36, O*n*R*T) -> (16, O*n*R*T)
        size = filters * pixels
        blocks = scratch.empty("outputs", (len(OUTPUT), size), x.dtype)
        np.matmul(OUTPUT, products.reshape(len(points), size), out=blocks)
        blocks = blocks.reshape(OUTPUTS, OUTPUTS, filters, count, -1, across)
        if bias is not None:
            blocks += bias[:, None, None, None]
        for i in range(OUTPUTS):
            rows = slice(OUTPUTS * steps.start + i, OUTPUTS * steps.stop, OUTPUTS)
            for j in range(OUTPUTS):
                place = out[images, :, rows, j::OUTPUTS]
                place[...] = blocks[i, j, :, :, : place.shape[2], : place.shape[3]].swapaxes(0, 1)

    run_tiles(tile, plan_steps(len(x), out_size, x.shape[1], points.nbytes))
    return out


@register("conv2d_weight", "winograd2d", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dY A^T) * (B^T d B)] G, summed over all steps."""
    filters, *out_size = grad.shape[1:]
    channels = x.shape[1]
    across = -(-out_size[1] // OUTPUTS)
    shape = (POINTS * POINTS, groups, filters // groups, channels // groups)
    tiles = plan_steps(len(x), out_size, channels, np.prod(shape) * x.itemsize)
    parts = split(len(tiles), get_num_threads())
    sums = np.zeros((len(parts), *shape), x.dtype)
    scratch = Scratch()

    def add_up(part):
        for tile in tiles[parts[part]]:
            windows = transform(INPUT, x, tile, POINTS, padding, across, "input", scratch)
            blocks = transform(OUTPUT.T, grad, tile, OUTPUTS, (0, 0), across, "grad", scratch)
            windows = windows.reshape(-1, groups, channels // groups, windows[0, 0].size)
            blocks = blocks.reshape(-1, groups, filters // groups, blocks[0, 0].size)
            for point in range(len(blocks)):
                # (g, O/g, n*R*T) @ (g, n*R*T, C/g) -> (g, O/g, C/g)
                sums[part, point] += blocks[point] @ windows[point].swapaxes(1, 2)

    run_tiles(add_up, range(len(parts)))
    # (9, 36) @ (36, O*C/g) -> (9, O*C/g) -> (O, C/g, 3, 3)
    weight = WEIGHT.T @ add_parts(sums).reshape(len(WEIGHT), filters * (channels // groups))
    return np.ascontiguousarray(weight.T).reshape(filters, channels // groups, TAPS, TAPS)


def plan_steps(images, out_size, channels, weight_bytes):
    """Tiles [(slice of images, slice of steps)]: a step is a block of 4 x 4 outputs; steps are cut by rows of them."""
    down, across = (-(-size // OUTPUTS) for size in out_size)
    bytes_per_window = POINTS * POINTS * channels * np.dtype(np.float32).itemsize
    return plan_tiles(images, (down, across), bytes_per_window, weight_bytes)


def transform_weight(weight):
    """G w G^T of every kernel: (O, C/g, 3, 3) -> (36, O, C/g)."""
    filters, channels = weight.shape[:2]
    points = np.empty((len(WEIGHT), filters, channels), weight.dtype)

    def tile(part):
        # (o, C/g, 3, 3) -> (9, o*C/g);  (36, 9) @ (9, o*C/g) -> (36, o*C/g)
        taps = weight[part].transpose(2, 3, 0, 1).reshape(TAPS * TAPS, -1)
        points[:, part] = (WEIGHT @ taps).reshape(len(WEIGHT), -1, channels)

    run_tiles(tile, split(filters, threads_for(weight.nbytes)))
    return points


def transform(matrix, x, tile, side, before, across, name, scratch):
    """matrix @ vec(window) for the side x side windows of a tile, every fourth pixel both ways.

    x (N, C, H, W) -> (rows of matrix, C, n, R, T) for n images, R steps down and T steps across.
    """
    images, steps = tile
    x = x[images].swapaxes(0, 1)
    channels, count = x.shape[:2]
    shape = (channels, count, steps.stop - steps.start, across)
    windows = scratch.empty(name + " windows", (side, side, *shape), x.dtype)
    # (6, 6, C, n, R, T) -> (C, 6, 6, n, R, T), the order of axes of a tile's columns
    fill_columns(windows.transpose(2, 0, 1, 3, 4, 5), x, steps.start, STEP, before, NO_DILATION)
    # (36, 36) @ (36, C*n*R*T) -> (36, C*n*R*T), for the gradient's 4 x 4 blocks (36, 16) @ (16, ...)
    points = scratch.empty(name + " points", (len(matrix), *shape), x.dtype)
    np.matmul(matrix, windows.reshape(side * side, -1), out=points.reshape(len(matrix), -1))
    return points
