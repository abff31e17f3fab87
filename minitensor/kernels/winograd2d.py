"""Winograd's minimal filtering along both axes, F(4x4, 3x3): a quarter of the multiplications, in float32.

Nest the filter of winograd.py into itself. A window d of 6 x 6 pixels gives 4 x 4 outputs with 36 products where
the sum of taps needs 144:

    Y = A^T [ (G w G^T) * (B^T d B) ] A

First the rows, as in winograd.py; then the same six-by-six matrix takes every fourth column of what came out:

    rows     (6, C, n, R, W)           B^T @ six rows of x, at every fourth row
    windows  (6, 6, C, n, R, T)        column b of every window, for b = 0 .. 5; T steps across
    points   (6, 6, C, n*R*T)          B^T @ windows
    products (6, 6, O, n*R*T)          the weight's point (O, C) @ the image's point (C, n*R*T)
    columns  (4, 6, O, n*R*T)          A^T @ products: four columns of output, still six points down
    out      (n, O, 4 R, 4 T)          A^T @ rows of six points, as in winograd.py

The gradient by the weight runs the same chain backwards: dw = G^T [ (A dY A^T) * (B^T d B) ] G.

Picking every fourth column costs as much as multiplying by some 50 channels, so this pays for many channels;
where the image is smaller than the weight, the 36 numbers for 9 of each kernel cost more than they save. Rounding: the
growth of winograd.py twice over; with 64 channels the error is 7e-7 of a typical output (root mean square), where
plain columns have 2e-7.
Source: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equation 8 and section 4.3.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.geometry import output_size, taps, transposed_output_size
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, add_parts, blocks, get_num_threads, run_tiles, split, threads_for
from minitensor.kernels.winograd import (
    GRAD,
    INPUT,
    OUTPUT,
    OUTPUTS,
    POINTS,
    TAPS,
    WEIGHT,
    reach,
    row_windows,
    transform_rows,
    write_rows,
)

# Measured on 2 cores with 1 MB of second-level and 32 MB of third-level cache:
LEAST_STEPS = 224  # fewer columns than this, and a product waits for its weight
TILE_BYTES = 2 << 20  # the points of a tile of few channels, which has more steps than that
BLOCK_BYTES = 1 << 20  # windows of as many channels at a time stay in the second-level cache


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
    # (36, O, C/g) -> (6, 6, g, O/g, C/g)
    points = transform_weight(weight, WEIGHT).reshape(POINTS, POINTS, groups, -1, weight.shape[1])
    return correlate(x, points, bias, padding, out_size)


@register("conv_transpose2d", "winograd2d", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by 2 - padding.

    To turn the kernel is to read the taps of G backwards, and to swap its channels is to transpose each point.
    """
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    # (36, C, O/g) -> (6, 6, g, C/g, O/g) -> (6, 6, g, O/g, C/g)
    points = transform_weight(weight, np.ascontiguousarray(WEIGHT[:, ::-1]))
    points = points.reshape(POINTS, POINTS, groups, -1, weight.shape[1]).swapaxes(3, 4)
    return correlate(x, points, bias, [TAPS - 1 - p for p in padding], out_size)


def correlate(x, points, bias, before, out_size):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b - before], 4 x 4 outputs a step.

    points (6, 6, g, O/g, C/g) is the transformed weight. A tile has n images, R steps down and all T steps across.
    """
    groups, group_filters, group_channels = points.shape[2:]
    filters = groups * group_filters
    out = np.empty((len(x), filters, *out_size), x.dtype)
    across = -(-out_size[1] // OUTPUTS)
    rows = row_windows(x, POINTS, before, reach(across, POINTS, OUTPUTS, 1))
    scratch = Scratch()

    def tile(part):
        image = transform(INPUT, rows, part, across, "input", scratch)
        # (6, 6, C, n*R*T) -> (6, 6, g, C/g, n*R*T)
        image = image.reshape(POINTS, POINTS, groups, group_channels, -1)
        # (6, 6, g, O/g, C/g) @ (6, 6, g, C/g, n*R*T) -> (6, 6, g, O/g, n*R*T)
        products = scratch.empty("products", (*points.shape[:4], image.shape[4]), x.dtype)
        np.matmul(points, image, out=products)
        transform_back(products.reshape(POINTS, POINTS, filters, -1), bias, out, part, across, scratch)

    run_tiles(tile, plan_steps(len(x), out_size, max(x.shape[1], filters)))
    return out


@register("conv2d_weight", "winograd2d", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dY A^T) * (B^T d B)] G, summed over all steps."""
    channels, (filters, *out_size) = x.shape[1], grad.shape[1:]
    across = -(-out_size[1] // OUTPUTS)
    shape = (POINTS, POINTS, groups, filters // groups, channels // groups)
    tiles = plan_steps(len(x), out_size, max(channels, filters))
    parts = split(len(tiles), get_num_threads())
    sums = np.zeros((len(parts), *shape), x.dtype)
    rows = row_windows(x, POINTS, padding, reach(across, POINTS, OUTPUTS, 1))
    grad_rows = row_windows(grad, OUTPUTS, (0, 0), OUTPUTS * across)
    scratch = Scratch()

    def add_up(part):
        for tile in tiles[parts[part]]:
            image = transform(INPUT, rows, tile, across, "input", scratch)
            image = image.reshape(POINTS, POINTS, groups, channels // groups, -1)
            wanted = transform(GRAD, grad_rows, tile, across, "grad", scratch)
            wanted = wanted.reshape(POINTS, POINTS, groups, filters // groups, -1)
            # (6, 6, g, O/g, n*R*T) @ (6, 6, g, n*R*T, C/g) -> (6, 6, g, O/g, C/g)
            products = scratch.empty("products", shape, x.dtype)
            sums[part] += np.matmul(wanted, image.swapaxes(3, 4), out=products)

    run_tiles(add_up, range(len(parts)))
    return weight_back(add_parts(sums), filters, channels // groups)


def plan_steps(images, out_size, channels):
    """Tiles [(slice of images, slice of steps down)] for `channels` in or out, whichever are more."""
    down, across = (-(-size // OUTPUTS) for size in out_size)
    if images * down * across == 0:
        return []
    bytes_per_step = POINTS * POINTS * channels * np.dtype(np.float32).itemsize
    fitting = max(LEAST_STEPS, TILE_BYTES // bytes_per_step)
    threads = get_num_threads()
    if down * across <= fitting // 2:
        parts = -(-images * down * across // fitting)
        return [(part, slice(0, down)) for part in split(images, _rounded_up(parts, threads))]
    parts = -(-down * across // fitting)
    if images % threads:
        parts = _rounded_up(parts, threads)
    return [(slice(n, n + 1), steps) for n in range(images) for steps in split(down, parts)]


def _rounded_up(parts, threads):
    """The next multiple of the threads, so that none of them idles at the end."""
    return -(-parts // threads) * threads


def transform_weight(weight, matrix):
    """matrix w matrix^T of every kernel, where matrix is G: (O, C/g, 3, 3) -> (6, 6, O, C/g)."""
    filters, channels = weight.shape[:2]
    points = np.empty((POINTS, POINTS, filters, channels), weight.dtype)

    def tile(part):
        # taps lie side by side in memory, so BLAS takes each pair as a transposed matrix:
        # (6, 3) @ (3, o*C/g*3) -> (6, o*C/g*3)
        columns = matrix @ weight[part].reshape(-1, TAPS).T
        # (6, 3) @ (6, 3, o*C/g) -> (6, 6, o*C/g)
        both = np.matmul(matrix, columns.reshape(POINTS, -1, TAPS).swapaxes(1, 2))
        points[:, :, part] = both.reshape(POINTS, POINTS, -1, channels)

    run_tiles(tile, split(filters, threads_for(weight.nbytes)))
    return points


def weight_back(points, filters, channels):
    """G^T P G, the transpose of `transform_weight`: (6, 6, g, O/g, C/g) -> (O, C/g, 3, 3)."""
    # (3, 6) @ (6, 6*O*C/g) -> (3, 6, O*C/g);  (3, 6) @ (3, 6, O*C/g) -> (3, 3, O*C/g)
    columns = (WEIGHT.T @ points.reshape(POINTS, -1)).reshape(TAPS, POINTS, filters * channels)
    taps = np.matmul(WEIGHT.T, columns)
    # the first axis goes across, as in `transform`: (KW, KH, O*C/g) -> (O, C/g, KH, KW)
    return np.ascontiguousarray(taps.transpose(2, 1, 0)).reshape(filters, channels, TAPS, TAPS)


def transform(matrix, rows, tile, across, name, scratch):
    """matrix d matrix^T of the windows of a tile; the first axis of the result goes across, the second down.

    rows: the RowWindows of x (N, C, H, W) -> (6, 6, C, n*R*T) for n images, R steps down and T steps across.
    """
    images, steps = tile
    channels = rows.x.shape[1]
    size = (images.stop - images.start, steps.stop - steps.start)
    length = size[0] * size[1] * across
    side, dtype = matrix.shape[1], rows.x.dtype
    out = scratch.empty(name + " points", (POINTS, POINTS, channels, length), dtype)
    for part in blocks(channels, side * POINTS * length * dtype.itemsize, BLOCK_BYTES):
        count = part.stop - part.start
        down = scratch.zeros(name + " rows", (POINTS, count, *size, rows.width), dtype)
        transform_rows(matrix, rows, tile, part, down)
        windows = scratch.empty(name + " windows", (side, POINTS, count, *size, across), dtype)
        for column, window in enumerate(windows):
            window[...] = down[..., taps(column, across, OUTPUTS)]
        # (6, s) @ (6, s, c*n*R*T) -> (6, 6, c*n*R*T), the point across first
        np.matmul(
            matrix,
            windows.reshape(side, POINTS, count * length).swapaxes(0, 1),
            out=out[:, :, part].reshape(POINTS, POINTS, count * length).swapaxes(0, 1),
        )
    return out


def transform_back(products, bias, out, tile, across, scratch):
    """Y = A^T P A of products (6, 6, O, n*R*T), written to the rows of `out` that the tile covers."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    filters, length = products.shape[2:]
    for part in blocks(filters, OUTPUTS * POINTS * length * out.itemsize, BLOCK_BYTES):
        count = part.stop - part.start
        # (4, 6) @ (6, 6, o*n*R*T) -> (6, 4, o*n*R*T), the point down first
        columns = scratch.empty("columns", (OUTPUTS, POINTS, count * length), out.dtype)
        np.matmul(
            OUTPUT,
            products[:, :, part].reshape(POINTS, POINTS, count * length).swapaxes(0, 1),
            out=columns.swapaxes(0, 1),
        )
        rows = scratch.empty("rows", (size[0], count, size[1], POINTS, across * OUTPUTS), out.dtype)
        for column, values in enumerate(columns.reshape(OUTPUTS, POINTS, count, *size, across)):
            # (6, o, n, R, T) -> (n, o, R, 6, T), every fourth column
            rows[..., column::OUTPUTS] = values.transpose(2, 1, 3, 0, 4)
        write_rows(
            out[:, part], tile, rows[..., : out.shape[3]], None if bias is None else bias[part]
        )
