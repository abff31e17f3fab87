"""Columns of windows, a tile of the output at a time: what every convolution by matrix products shares.

A tile is some rows of the output of one image, or several whole images where they are small. Its columns

    columns (C, KH, KW, n, R, OW)      C*KH*KW rows, one column for each of n images * R rows * OW pixels

are filled by copying, for each tap of the kernel, the pixels that this tap sees; where it hangs over the border it
sees zeros. So padding costs no padded copy of x, and the columns never exist for more than a tile.
"""

from __future__ import annotations

from minitensor.backend import array_module, backend_name
from minitensor.kernels.geometry import ceil_div, overlap
from minitensor.kernels.threads.budgets import COLUMN_TILE_BYTES, MOST_COLUMN_BYTES, SERIAL_PRODUCTS
from minitensor.kernels.threads.tiles import get_num_threads, rounded_up, split

# OpenBLAS with AVX-512 multiplies (M, K) @ (K, N) without copying the factors up to this M N K
UNPACKED = 10**6
UNPACKED_CELLS = 1200  # and (M, K) @ (N, K)^T, whose right factor is transposed, only up to this M N as well
LONG_ROW = 64  # pixels from which one product for each row is worth its call
LEAST_PIECE = 8  # rows of a product below which that gains nothing
# weights of a group, up to which adding the sums of single rows takes less time than they save
FEW_WEIGHTS = 1 << 10
# fewer columns than this do not keep a product busy: images share it, and none is cut for threads
BUSY_COLUMNS = 256


def plan_tiles(
    images, out_size, bytes_per_pixel, weights, weight_bytes=0, budget=COLUMN_TILE_BYTES, multiple=None
):
    """Cut the output into tiles [(slice of images, slice of rows)] of at most `budget` bytes, but a row at least.

    A pixel takes `bytes_per_pixel`, and is multiplied by as many `weights`: by all of them, without groups. A product
    reads the whole weight for every tile, so where that has more bytes, tiles may have as many. Their number is a
    multiple of `multiple`, by default of the threads, where it can be: so none has to wait for the last tile. Work that
    is not worth a second thread is one tile, if that fits.
    """
    height, width = out_size
    pixels = height * width
    if images * pixels == 0:
        return []
    fitting = max(1, max(budget, min(weight_bytes, MOST_COLUMN_BYTES)) // max(1, bytes_per_pixel))
    if images * pixels <= fitting and not worth_threads(images * pixels * weights):
        return [(slice(0, images), slice(0, height))]
    if multiple is None:
        multiple = get_num_threads()
    # small images share a tile, unless they are so few that threads had better share an image
    if pixels <= fitting // 2 and (images >= multiple or pixels < BUSY_COLUMNS):
        parts = rounded_up(ceil_div(images, fitting // pixels), multiple)
        return [(part, slice(0, height)) for part in split(images, parts)]
    parts = ceil_div(height, max(1, fitting // width))
    if images % multiple:
        parts = rounded_up(parts, multiple)
    return [(slice(n, n + 1), rows) for n in range(images) for rows in split(height, parts)]


def worth_threads(products):
    """True where so many multiplications take less time on several threads than on one."""
    return products >= SERIAL_PRODUCTS


def tile_columns(x, tile, kernel_size, stride, before, dilation, out_width):
    """The columns (C, KH, KW, n, R, OW) of a tile of the output; a view of x where they are its very pixels."""
    images, rows = tile
    x = x[images].swapaxes(0, 1)
    if sees_itself(kernel_size, stride, before) and out_width == x.shape[3] and rows.stop <= x.shape[2]:
        return x[:, None, None, :, rows]
    shape = (len(x), *kernel_size, x.shape[1], rows.stop - rows.start, out_width)
    columns = array_module(x).empty(shape, x.dtype)
    fill_columns(columns, x, rows.start, stride, before, dilation)
    return columns


def multiply_by_row(x, weights, width):
    """True where a product for each row of the output beats one for the tile.

    OpenBLAS multiplies matrices of up to a million multiplications as they lie; larger ones it copies first, which few
    rows or columns do not repay: (16, 27) @ (27, 8192) runs at 36 GFLOP/s, and by rows of 256 at 72 (measured).
    """
    return backend_name(x) == "numpy" and width >= LONG_ROW and weights * width <= UNPACKED


def sum_by_row(x, weights, width):
    """`multiply_by_row` for a sum over rows: each row gives as many numbers as there are weights, to be added up."""
    return weights <= FEW_WEIGHTS and multiply_by_row(x, weights, width)


def sees_itself(kernel_size, stride, before):
    """True where position (i, j) of the window is pixel (i, j) and nothing else: a 1x1 kernel, stride 1."""
    return tuple(kernel_size) == (1, 1) and tuple(stride) == (1, 1) and tuple(before) == (0, 0)


def fill_columns(columns, x, first_row, stride, before, dilation):
    """columns[c, a, b, n, r, j] = x[c, n, (first_row + r) s + a d - before, j s + b d - before], zero outside.

    columns (C, KH, KW, n, R, OW), x (C, n, H, W), pairs (height, width). `before` is the padding at the top and
    left; a negative one skips pixels.
    """
    kernel_height, kernel_width, _, out_rows, out_width = columns.shape[1:]
    for a in range(kernel_height):
        top = first_row * stride[0] + a * dilation[0] - before[0]
        rows, seen_rows = overlap(top, stride[0], out_rows, x.shape[2])
        for b in range(kernel_width):
            left = b * dilation[1] - before[1]
            across, seen_across = overlap(left, stride[1], out_width, x.shape[3])
            tap = columns[:, a, b]
            if rows.stop - rows.start < out_rows or across.stop - across.start < out_width:
                _zero_around(tap, rows, across)
            tap[:, :, rows, across] = x[:, :, seen_rows, seen_across]


def _zero_around(tap, rows, across):
    """Zeros in (C, n, R, OW) outside the given rows and columns."""
    if rows.start > 0:
        tap[:, :, : rows.start] = 0
    if rows.stop < tap.shape[2]:
        tap[:, :, rows.stop :] = 0
    if across.start > 0:
        tap[:, :, rows, : across.start] = 0
    if across.stop < tap.shape[3]:
        tap[:, :, rows, across.stop :] = 0


def largest_part(length, most):
    """The largest divisor of `length` that is at most `most`, or 1: how much of an axis one of equal pieces takes."""
    for count in range(1, length):
        if length % count == 0 and length // count <= most:
            return length // count
    return 1


def unpacked_piece(filters, channels):
    """How many filters a product of a weight gradient takes: as many as OpenBLAS multiplies without copying first.

    Its right factor is transposed, and then up to UNPACKED_CELLS numbers in the result are the limit. A part of all
    filters, so that pieces are alike; all of them where that leaves too few.
    """
    piece = largest_part(filters, UNPACKED_CELLS // max(1, channels))
    return piece if piece >= LEAST_PIECE else filters
