"""Columns of windows, one tile of the output at a time: what every convolution by matrix products shares.

A tile is some rows of the output of one image, or several whole images if they are small. Its columns

    columns (C, KH, KW, n, R, OW)      C*KH*KW rows, and one column per output pixel: n images * R rows * OW pixels

are filled by copying. For each tap of the kernel, the pixels that this tap sees are copied; outside the image the tap
sees zeros. So padding needs no padded copy of x, and the columns never exist for more than one tile.
"""

from __future__ import annotations

from minitensor.backend import array_module, backend_name
from minitensor.kernels.geometry import ceil_div, overlap
from minitensor.kernels.threads.budgets import COLUMN_TILE_BYTES, MOST_COLUMN_BYTES, SERIAL_PRODUCTS
from minitensor.kernels.threads.tiles import get_num_threads, rounded_up, split, threads_for

# OpenBLAS with AVX-512 multiplies (M, K) @ (K, N) without packing the factors up to this M N K
UNPACKED = 10**6
# and (M, K) @ (N, K)^T, whose right factor is transposed, only if M N is also at most this
UNPACKED_CELLS = 1200
LONG_ROW = 64  # pixels of a row, from which one product per row is worth its call
LEAST_PIECE = 8  # rows of a product, below which products without packing gain nothing
# weights of a group, up to which adding the sums of single rows takes less time than they save
FEW_WEIGHTS = 1 << 10
# fewer columns than this do not keep a product busy: several images share it, and no image is cut for threads
BUSY_COLUMNS = 256


def plan_tiles(images, out_size, bytes_per_pixel, weights, weight_bytes=0, budget=COLUMN_TILE_BYTES, multiple=None):
    """Cut the output into tiles [(slice of images, slice of rows)] of at most `budget` bytes, but at least one row.

    bytes_per_pixel: the memory of one output pixel's column. weights: multiplications per output pixel. A product reads
    the whole weight once per tile, so if the weight is larger than `budget`, a tile may be as large as the weight. If
    possible, the number of tiles is a multiple of `multiple` (default: the number of threads that this work occupies),
    so that all threads finish together. Work that is too small for a second thread is one tile, if that fits.
    """
    height, width = out_size
    pixels = height * width
    if images * pixels == 0:
        return []
    fitting = max(1, max(budget, min(weight_bytes, MOST_COLUMN_BYTES)) // max(1, bytes_per_pixel))
    if images * pixels <= fitting and not worth_threads(images * pixels * weights):
        return [(slice(0, images), slice(0, height))]
    if multiple is None:
        multiple = min(get_num_threads(), max(2, threads_for(images * pixels * weights, SERIAL_PRODUCTS)))
    # Small images share a tile, unless there are so few images that threads had better share each of them.
    if pixels <= fitting // 2 and (images >= multiple or pixels < BUSY_COLUMNS):
        parts = rounded_up(ceil_div(images, fitting // pixels), multiple)
        return [(part, slice(0, height)) for part in split(images, parts)]
    parts = ceil_div(height, max(1, fitting // width))
    if images % multiple:
        parts = rounded_up(parts, multiple)
    return [(slice(n, n + 1), rows) for n in range(images) for rows in split(height, parts)]


def worth_threads(products):
    """True if so many multiplications take less time on several threads than on one."""
    return products >= SERIAL_PRODUCTS


def tile_columns(x, tile, kernel_size, stride, before, dilation, out_width):
    """The columns (C, KH, KW, n, R, OW) of a tile of the output. If they are the very pixels of x, a view of x."""
    images, rows = tile
    x = x[images].swapaxes(0, 1)
    if sees_itself(kernel_size, stride, before) and out_width == x.shape[3] and rows.stop <= x.shape[2]:
        return x[:, None, None, :, rows]
    shape = (len(x), *kernel_size, x.shape[1], rows.stop - rows.start, out_width)
    columns = array_module(x).empty(shape, x.dtype)
    fill_columns(columns, x, rows.start, stride, before, dilation)
    return columns


def multiply_by_row(x, weights, width):
    """True if one product per row of the output is faster than one product for the whole tile.

    OpenBLAS multiplies matrices of up to a million multiplications as they lie in memory. Larger ones it copies first
    (it packs them), and few rows or columns do not repay this copy.
    """
    return backend_name(x) == "numpy" and width >= LONG_ROW and weights * width <= UNPACKED


def sum_by_row(x, weights, width):
    """`multiply_by_row` for a sum over rows: each row gives as many numbers as there are weights, to be added up."""
    return weights <= FEW_WEIGHTS and multiply_by_row(x, weights, width)


def sees_itself(kernel_size, stride, before):
    """True if position (i, j) of the window sees exactly pixel (i, j): a 1x1 kernel at stride 1 without padding."""
    return tuple(kernel_size) == (1, 1) and tuple(stride) == (1, 1) and tuple(before) == (0, 0)


def fill_columns(columns, x, first_row, stride, before, dilation):
    """columns[c, a, b, n, r, j] = x[c, n, (first_row + r) s + a d - before, j s + b d - before], 0 outside the image.

    columns (C, KH, KW, n, R, OW), x (C, n, H, W); pairs are (height, width). `before` is the padding at the top and
    left. A negative one skips pixels.
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
    """Write zeros into tap (C, n, R, OW) outside the given rows and columns."""
    if rows.start > 0:
        tap[:, :, : rows.start] = 0
    if rows.stop < tap.shape[2]:
        tap[:, :, rows.stop :] = 0
    if across.start > 0:
        tap[:, :, rows, : across.start] = 0
    if across.stop < tap.shape[3]:
        tap[:, :, rows, across.stop :] = 0


def largest_part(length, most):
    """The largest divisor of `length` that is at most `most`, or 1: the length of equal pieces of an axis."""
    for count in range(1, length):
        if length % count == 0 and length // count <= most:
            return length // count
    return 1


def unpacked_piece(filters, channels):
    """How many filters a product of a weight gradient takes: as many as OpenBLAS multiplies without packing.

    The right factor of this product is transposed, so the result may have up to UNPACKED_CELLS numbers. The piece is a
    divisor of the number of filters, so that all pieces are alike. If it would be too small, it is all filters.
    """
    piece = largest_part(filters, UNPACKED_CELLS // max(1, channels))
    return piece if piece >= LEAST_PIECE else filters
