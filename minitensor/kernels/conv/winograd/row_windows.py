"""Windows of rows, one window at every fourth row: what Winograd's transforms read, and where they write.

    x      (N, C, H, W)                a window: `side` rows of the padded image, in its whole width
    out    (n, C, R, m, width)         a matrix (m, side) @ each of the R windows of a tile
    out    (n, O, 4 R, OW)             A^T @ the products of R steps: four rows of output each

Four outputs of three taps see six rows, so neighbouring windows overlap by two rows. As a view of x with strides of its
own this costs nothing: BLAS reads every row where it lies. Only windows that hang over the border are copied.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minitensor.kernels.conv.bias_relu import bias_relu
from minitensor.kernels.conv.winograd.matrices import OUTPUTS
from minitensor.kernels.geometry import ceil_div, overlap


class RowWindows(NamedTuple):
    """Windows of `side` rows of x (N, C, H, W), one at every fourth row, and as wide as the padded image.

    Columns `there` of the padded image are columns `seen` of x; all others are zero.
    """

    x: np.ndarray
    side: int
    before: int  # rows of the first window that lie above the image; a negative number skips rows
    width: int
    there: slice
    seen: slice
    first: int  # the first window that lies wholly inside
    # (N, C, R, side, columns seen): the windows that are wholly inside, a view of x in which they overlap
    inside: np.ndarray


def row_windows(x, side, before, width):
    """The RowWindows of x, padded by `before` (top, left)."""
    if x.strides[3] != x.itemsize:
        x = np.ascontiguousarray(x)
    images, channels, height, _ = x.shape
    there, seen = overlap(-before[1], 1, width, x.shape[3])
    first = max(0, ceil_div(before[0], OUTPUTS))
    top = OUTPUTS * first - before[0]
    count = max(0, (height - top - side) // OUTPUTS + 1)
    by_image, by_channel, by_row, by_pixel = x.strides
    inside = np.lib.stride_tricks.as_strided(
        x[:, :, top:, seen],
        (images, channels, count, side, seen.stop - seen.start),
        (by_image, by_channel, OUTPUTS * by_row, by_row, by_pixel),
        writeable=False,
    )
    return RowWindows(x, side, before[0], width, there, seen, first, inside)


def transform_rows(matrix, windows, tile, channels, out):
    """out[n, c, r] = matrix @ window r of the tile's images and steps; out (n, C, R, rows of matrix, width).

    Writes only the columns in which there is an image: `out` must be zero in the others.
    """
    images, steps = tile
    count = steps.stop - steps.start
    out = out[..., windows.there]
    # Steps [start, stop) of the tile lie inside the image. `shift` counts windows from the first one inside.
    shift = steps.start - windows.first
    start = min(max(-shift, 0), count)
    stop = max(start, min(windows.inside.shape[2] - shift, count))
    # (m, side) @ (n, C, R, side, W) -> (n, C, R, m, W)
    inside = windows.inside[images, channels, shift + start : shift + stop]
    np.matmul(matrix, inside, out=out[:, :, start:stop])
    # The other windows hang over the border, where pixels are zero.
    for step in (*range(start), *range(stop, count)):
        x = windows.x[images, channels, :, windows.seen]
        window = np.zeros((*x.shape[:2], windows.side, x.shape[3]), x.dtype)
        top = OUTPUTS * (steps.start + step) - windows.before
        there, seen = overlap(top, 1, windows.side, x.shape[2])
        window[:, :, there] = x[:, :, seen]
        # (m, side) @ (n, C, side, W) -> (n, C, m, W)
        np.matmul(matrix, window, out=out[:, :, step])


def write_rows(a_t, products, bias, relu, out, tile):
    """out[n, o, 4 r + i, j] = bias + (A^T @ products (n, O, R, 6, OW))[n, o, r, i, j] for the steps of a tile.

    Then max(., 0), if `relu`.
    """
    images, steps = tile
    out = out[images, :, OUTPUTS * steps.start : OUTPUTS * steps.stop]
    count, filters, height, width = out.shape
    whole = height // OUTPUTS  # the last step of an image may be cut short
    # (4, 6) @ (n, O, R, 6, OW) -> (n, O, R, 4, OW), into a view of the image
    target = out[:, :, : OUTPUTS * whole].reshape(count, filters, whole, OUTPUTS, width)
    np.matmul(a_t, products[:, :, :whole], out=target)
    if height % OUTPUTS:
        # (h, 6) @ (n, O, 6, OW) -> (n, O, h, OW): the first rows of the last step
        rest = out[:, :, OUTPUTS * whole :]
        np.matmul(a_t[: rest.shape[2]], products[:, :, whole], out=rest)
    bias_relu(out, bias, relu)
