"""Interpolation by matrix products: Y = A X B^T for every plane X (see matrices.py).

A and B are mostly zeros: each output pixel of a bilinear enlargement sees 2 x 2 input pixels, however large the image
is. For small images one dense product is the fastest, because Python costs more than the zeros. For large images the
matrix is cut into blocks of rows, and each block is multiplied only with the columns in which it is not all zero: a
band.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.geometry import ceil_div
from minitensor.kernels.interpolate.matrices import reads
from minitensor.kernels.pool.average import avg_pool2d
from minitensor.kernels.table import register, rule
from minitensor.kernels.threads.budgets import ENLARGED_TILE_BYTES, TILE_BYTES
from minitensor.kernels.threads.tiles import run_tiles, shares, split

# output pixels per block. Fewer: fewer zeros to multiply. More: larger, more efficient products
BAND_ROWS = 16
BAND_INPUTS = 6  # input pixels that a block sees, if there are many outputs per input
DENSE_SIZE = 32  # axes up to this long are multiplied densely
SMALL_PIXELS = 1 << 16  # images of fewer pixels are not worth cutting into tiles


@register("interpolate2d", "matmul", default=True)
def interpolate2d_matmul(x, matrix_h, matrix_w):
    """Two dense products, for small planes and for the GPU."""
    # (OH, H) @ (N, C, H, W) @ (W, OW) -> (N, C, OH, OW)
    return matrix_h @ (x @ matrix_w.T)


@register(
    "interpolate2d", "copies", former="select", backends=("numpy",), supports=lambda x, a, b: _copies(a) and _copies(b)
)
def interpolate2d_copies(x, matrix_h, matrix_w):
    """Nearest: each row of A and B holds a single 1, so each output pixel is a copy of one input pixel."""
    batch, channels, height, width = x.shape
    planes = x.reshape(batch * channels, height, width)
    y = np.empty((len(planes), len(matrix_h), len(matrix_w)), dtype=x.dtype)
    rows, columns = matrix_h.argmax(axis=1), matrix_w.argmax(axis=1)

    def tile(part):
        # Columns first, while there are fewer rows; then whole rows. mode="clip" writes without a buffer.
        wide = np.take(planes[part], columns, axis=2)
        np.take(wide, rows, axis=1, out=y[part], mode="clip")

    run_tiles(tile, shares(len(planes), y[:1].nbytes, serial=TILE_BYTES))
    return y.reshape(batch, channels, *y.shape[1:])


@register("interpolate2d", "sums", backends=("numpy",), supports=lambda x, a, b: _factor(a) and _factor(b))
def interpolate2d_sums(x, matrix_h, matrix_w):
    """The gradient of nearest by whole factors: sums over the pixels that were copies of one pixel. This is pooling."""
    factors = _factor(matrix_h), _factor(matrix_w)
    return avg_pool2d(x, factors, factors, (0, 0), divisor_override=1)


@register("interpolate2d", "gather", former="taps", backends=("numpy",))
def interpolate2d_gather(x, matrix_h, matrix_w):
    """Only the pixels that are read: slower, but an infinite or NaN pixel reaches only outputs that see it.

    In a matrix product it would reach its whole row and column, because infinity times a weight of zero is NaN.
    """
    with np.errstate(all="ignore"):  # tiles run in threads, which know nothing of the caller's
        wide = _weighted(x, matrix_w)
        return np.ascontiguousarray(_weighted(wide.swapaxes(2, 3), matrix_h).swapaxes(2, 3))


def _weighted(x, matrix):
    """x @ matrix^T from the pixels that are read: one sum over all rows for the first weight, the second, ..."""
    seen = reads(matrix)
    count = max(int(np.count_nonzero(seen, axis=1).max()), 1)
    taps = np.argsort(~seen, axis=1, kind="stable")[:, :count]  # where a row reads, in order
    weights, seen = (np.take_along_axis(array, taps, axis=1) for array in (matrix, seen))
    y = np.zeros((*x.shape[:-1], len(matrix)), dtype=x.dtype)
    for tap, weight, is_read in zip(taps.T, weights.T, seen.T, strict=True):
        y += np.where(is_read, x[..., tap] * weight, 0)
    return y


@register("interpolate2d", "bands", backends=("numpy",))
def interpolate2d_bands(x, matrix_h, matrix_w):
    """Two products per tile of planes. Each leaves out the blocks of its matrix that are zero.

    Tiles with an infinite or NaN pixel go to `interpolate2d_gather`; the sum of a tile says whether it has one.
    """
    batch, channels, height, width = x.shape
    out_height, out_width = len(matrix_h), len(matrix_w)
    planes = x.reshape(batch * channels, height, width)
    y = np.empty((batch, channels, out_height, out_width), dtype=x.dtype)
    out_planes = y.reshape(len(planes), out_height, out_width)
    bands_h, bands_w = _bands(matrix_h), _bands(matrix_w)

    def tile(part):
        count = part.stop - part.start
        # (P*H, W) @ (W, OW) -> (P*H, OW), then (OH, H) @ (P, H, OW) -> (P, OH, OW)
        if not np.isfinite(planes[part].sum()):
            y.reshape(1, *out_planes.shape)[:, part] = interpolate2d_gather(planes[None, part], matrix_h, matrix_w)
            return
        rows = planes[part].reshape(count * height, width)
        wide = np.empty((count * height, out_width), dtype=x.dtype)
        for outputs, inputs, weights in bands_w:
            np.matmul(rows[:, inputs], weights.T, out=wide[:, outputs])
        wide = wide.reshape(count, height, out_width)
        for outputs, inputs, weights in bands_h:
            np.matmul(weights, wide[:, inputs], out=out_planes[part, outputs])

    plane_bytes = x.itemsize * (height * width + (height + out_height) * out_width)
    budget = ENLARGED_TILE_BYTES if y.size > x.size else TILE_BYTES
    run_tiles(tile, shares(len(planes), plane_bytes, budget, budget))
    return y


def _bands(matrix):
    """[(output slice, input slice, block)]: blocks of rows, each cut to the columns in which it is not zero."""
    if max(matrix.shape) <= DENSE_SIZE:
        return [(slice(0, len(matrix)), slice(0, matrix.shape[1]), matrix)]
    bands = []
    rows = max(BAND_ROWS, BAND_INPUTS * len(matrix) // matrix.shape[1])
    for outputs in split(len(matrix), ceil_div(len(matrix), rows)):
        used = np.flatnonzero(matrix[outputs].any(axis=0))
        first, last = (used[0], used[-1] + 1) if len(used) else (0, 1)
        bands.append((outputs, slice(first, last), np.ascontiguousarray(matrix[outputs, first:last])))
    return bands


def _copies(matrix):
    """True if every row reads a single pixel, with weight 1."""
    return bool((matrix == 1).any(axis=1).all()) and np.count_nonzero(reads(matrix)) == len(matrix)


def _factor(matrix):
    """s if row i is 1 at columns i s to i s + s - 1 and 0 elsewhere; 0 if the matrix is not of that form."""
    factor, rest = divmod(matrix.shape[1], len(matrix))
    if rest or factor == 0 or matrix[0, factor - 1] != 1:  # most matrices need no closer look
        return 0
    alike = np.array_equal(matrix, np.repeat(np.eye(len(matrix)), factor, axis=1))
    return factor if alike and np.count_nonzero(reads(matrix)) == matrix.shape[1] else 0


@rule("interpolate2d", backends=("numpy",))
def interpolate2d_rule(x, matrix_h, matrix_w):
    if 0 in (x.size, len(matrix_h), len(matrix_w)):
        yield "matmul"
    yield "copies"
    yield "sums"
    outputs = x.shape[0] * x.shape[1] * len(matrix_h) * len(matrix_w)
    if x.size < SMALL_PIXELS and not np.isfinite(x.sum()):
        yield "gather"
    small = max(*matrix_h.shape, *matrix_w.shape) <= DENSE_SIZE and max(x.size, outputs) < SMALL_PIXELS
    if small:
        yield "matmul"
    yield "bands"
