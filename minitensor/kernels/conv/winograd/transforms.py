"""The transforms of both_axes.py: matrix d matrix^T of weights and of windows of an image, and back.

A block is 4 x 4 outputs. A step down is four rows of outputs. A tile of n images has R steps down and T = ceil(OW / 4)
blocks across, so n*R*T blocks. In every shape (6, 6, ...) the first axis goes across the image, the second one down.

    transform_weight   w (O, C/g, 3, 3)    -> G w G^T      (6, 6, O, C/g)         weight_back: its transpose, for dw
    transform          x, its RowWindows   -> B^T d B      (6, 6, C, n*R*T)       and dY, blocks of 4 x 4 -> A dY A^T
    transform_back     (6, 6, O, n*R*T)    -> A^T P A      (n, O, 4 R, 4 T), cut to the size of the output

For both gradients together, the rotated kernel takes the place of w, and dY and x change places
(both_axes_gradients.py).

Each transform applies the matrix twice, along one axis and then along the other. Between the two, the transforms of an
image copy: all numbers of the same column of a block come together, so that BLAS reads and writes long rows.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.winograd.matrices import A_T, OUTPUTS, POINTS, TAPS, UNSCALE
from minitensor.kernels.conv.winograd.row_windows import transform_rows, write_rows
from minitensor.kernels.threads.budgets import TRANSFORM_BYTES, TRANSFORM_SERIAL_BYTES
from minitensor.kernels.threads.tiles import Scratch, blocks, run_tiles, shares


def blocks_in(tile, across):
    """The number of blocks of 4 x 4 outputs in a tile (slice of images, slice of steps down), `across` in each step."""
    images, steps = tile
    return (images.stop - images.start) * (steps.stop - steps.start) * across


def transform_weight(weight, matrix):
    """matrix w matrix^T / SCALE^2 of every kernel: (O, C/g, 3, 3) -> (6, 6, O, C/g). matrix: SCALED_G or ROTATED_G."""
    filters, channels = weight.shape[:2]
    points = np.empty((POINTS, POINTS, filters, channels), weight.dtype)

    def tile(part):
        # taps lie side by side in memory, so BLAS takes each pair as a transposed matrix:
        # (o, C/g, 3, 3) -> (o*C/g*3, 3) -> (3 across, o*C/g*3 down);  (6, 3) @ (3, o*C/g*3) -> (6, o*C/g*3)
        columns = matrix @ weight[part].reshape(-1, TAPS).T
        columns *= UNSCALE  # once for each axis
        columns *= UNSCALE
        # (6, o*C/g*3) -> (6, o*C/g, 3) -> (6, 3, o*C/g);  (6, 3) @ (6, 3, o*C/g) -> (6, 6, o*C/g)
        both = points[:, :, part].reshape(POINTS, POINTS, -1)
        np.matmul(matrix, columns.reshape(POINTS, -1, TAPS).swapaxes(1, 2), out=both)

    run_tiles(tile, shares(filters, weight.nbytes // filters, TRANSFORM_SERIAL_BYTES, TRANSFORM_SERIAL_BYTES))
    return points


def weight_back(points, weight, matrix):
    """matrix^T P matrix / SCALE^2, the transpose of `transform_weight`: (6, 6, g, o, C/g) -> weight (g, o, C/g, 3, 3).

    The weight must be contiguous: its reshape, into which the result is written, has to be a view.
    """
    # (6, 6, g, o, C/g) -> (6, 6*g*o*C/g)
    # (3, 6) @ (6, 6*g*o*C/g) -> (3, 6, g*o*C/g);  (3, 6) @ (3, 6, g*o*C/g) -> (3, 3, g*o*C/g)
    columns = (matrix.T @ points.reshape(POINTS, -1)).reshape(TAPS, POINTS, -1)
    taps = np.matmul(matrix.T, columns)
    # the first axis goes across: (KW, KH, g*o*C/g) -> (g*o*C/g, KH, KW)
    weight.reshape(-1, TAPS, TAPS)[...] = taps.transpose(2, 1, 0)
    weight *= UNSCALE  # once for each axis
    weight *= UNSCALE


def transform_all(tile, across, *images):
    """`transform` of several images, each (matrix, its RowWindows), by all threads: each thread takes some channels."""
    every, jobs, scratch = [], [], Scratch()
    for number, (matrix, rows) in enumerate(images):
        channels, dtype = rows.x.shape[1], rows.x.dtype
        points = np.empty((POINTS, POINTS, channels, blocks_in(tile, across)), dtype)
        parts = shares(channels, points.nbytes // channels, TRANSFORM_BYTES, TRANSFORM_BYTES)
        jobs += [(matrix, rows, part, points[:, :, part], f"image {number}") for part in parts]
        every.append(points)

    def some_channels(job):
        matrix, rows, part, points, name = job
        transform_channels(matrix, rows, tile, part, across, points, scratch, name)

    run_tiles(some_channels, jobs)
    return every


def transform(matrix, rows, tile, across, name, scratch):
    """matrix d matrix^T of the windows of a tile, from the RowWindows `rows` of x (N, C, H, W): (6, 6, C, n*R*T)."""
    channels, dtype = rows.x.shape[1], rows.x.dtype
    points = scratch.empty(name + " points", (POINTS, POINTS, channels, blocks_in(tile, across)), dtype)
    for part in blocks(channels, points.nbytes // channels, TRANSFORM_BYTES):
        transform_channels(matrix, rows, tile, part, across, points[:, :, part], scratch, name)
    return points


def transform_channels(matrix, rows, tile, part, across, points, scratch, name):
    """`transform` of some of the channels, written to points (6, 6, c, n*R*T).

    matrix (6, s): B^T with s = 6 for windows, which overlap by two rows and columns; A with s = 4 for blocks, which do
    not overlap.
    """
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    side, count, pixels = rows.side, *points.shape[2:]
    # (6, c, n, R, 4 T') with T' = T + 1 for windows, whose last two columns lie in the next four, and T for blocks
    down = scratch.zeros(name + " rows", (POINTS, count, *size, rows.width), points.dtype)
    transform_rows(matrix, rows, tile, part, down.transpose(2, 1, 3, 0, 4))
    windows = scratch.empty(name + " windows", (side, POINTS, count, *size, across), points.dtype)
    pick_columns(down, windows, name, scratch)
    # (s, 6, c, n, R, T) -> (s, 6, c*n*R*T) -> (6, s, c*n*R*T), and points as (6, 6, c*n*R*T)
    # for each point down, (6, s) @ (s, c*n*R*T) -> (6, c*n*R*T): the points across
    np.matmul(
        matrix,
        windows.reshape(side, POINTS, count * pixels).swapaxes(0, 1),
        out=points.reshape(POINTS, POINTS, count * pixels).swapaxes(0, 1),
    )


def pick_columns(down, windows, name, scratch):
    """windows[b, ..., t] = down[..., 4 t + b]: down (6, c, n, R, 4 T'), windows (4 or 6, 6, c, n, R, T).

    Picking every fourth number is slow in short runs. So all rows are first made one long run: (6*c*n*R*T, 4).
    """
    across = windows.shape[-1]
    fours = down
    if down.shape[-1] > OUTPUTS * across:
        fours = scratch.empty(name + " fours", (*down.shape[:-1], OUTPUTS * across), down.dtype)
        fours[...] = down[..., : OUTPUTS * across]
    # (4 or 6, 6, c, n, R, T) -> (4 or 6, 6*c*n*R*T)
    run = windows.reshape(len(windows), -1)
    # (6, c, n, R, 4 T) -> (6*c*n*R*T, 4) -> (4, 6*c*n*R*T)
    run[:OUTPUTS] = fours.reshape(-1, OUTPUTS).T
    if len(windows) > OUTPUTS:
        # columns 4 and 5 of a window are columns 0 and 1 of the next one, or, at the end of a row, lie behind it
        run[OUTPUTS:, :-1] = run[: len(windows) - OUTPUTS, 1:]
        behind = down[..., OUTPUTS * across : len(windows) + OUTPUTS * (across - 1)]
        windows[OUTPUTS:, ..., -1] = np.moveaxis(behind, -1, 0)


def transform_back(products, bias, relu, out, tile, filters, across, scratch):
    """Y = A^T P A of products (6, 6, o, n*R*T), written to the filters and rows of `out` that they belong to."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    out = out[:, filters]
    bias = None if bias is None else bias[filters]
    pixels = products.shape[3]
    for part in blocks(out.shape[1], OUTPUTS * POINTS * pixels * out.itemsize, TRANSFORM_BYTES):
        count = part.stop - part.start
        # (6, 6, o, n*R*T) -> (6, 6, o*n*R*T); for each point down, (4, 6) @ (6, o*n*R*T) -> (4, o*n*R*T): columns of Y
        columns = scratch.empty("columns", (OUTPUTS, POINTS, count * pixels), out.dtype)
        np.matmul(
            A_T, products[:, :, part].reshape(POINTS, POINTS, count * pixels).swapaxes(0, 1), out=columns.swapaxes(0, 1)
        )
        # (4, 6*o*n*R*T) -> (6*o*n*R*T, 4), and as rows (6, o, n, R, 4 T): column by column, in long runs
        rows = scratch.empty("rows", (POINTS, count, *size, OUTPUTS * across), out.dtype)
        run = rows.reshape(-1)
        for column, values in enumerate(columns.reshape(OUTPUTS, -1)):
            run[column::OUTPUTS] = values
        part_bias = None if bias is None else bias[part]
        # (6, o, n, R, OW) -> (n, o, R, 6, OW)
        rows = rows[..., : out.shape[3]].transpose(2, 1, 3, 0, 4)
        write_rows(A_T, rows, part_bias, relu, out[:, part], tile)
