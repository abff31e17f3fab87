"""Winograd's minimal filtering down the columns: half the multiplications of a 3-row kernel, in float32.

Four neighbouring outputs of a 3-tap filter w over d = (d0 .. d5) are y_k = w0 d_k + w1 d_(k+1) + w2 d_(k+2): 12
products. Six are enough:

    y = A^T [ (G w) * (B^T d) ]        A^T (4, 6), G (6, 3), B^T (6, 6)

Multiplying a polynomial of 3 coefficients by one of 4 gives 6 coefficients, which six values determine: evaluate
both at six points, multiply the values, interpolate. A filter (d and w give y) is the transpose of that product (y
and w give d), so the same six products do, with the matrices transposed; `_matrices` makes them for any points.

Here d are six rows of the image and w the three rows of a kernel. Summed over channels, the elementwise product
becomes a matrix product at each point; a column of the kernel sees the same rows, shifted:

    rows     (6, n, R, C, width)       B^T @ six rows of x, at every fourth row: BLAS reads x where it lies
    products (6, n, R, O, OW)          sum over b of the weight's point (O, C) @ rows[..., b : b + OW]
    out      (n, O, 4 R, OW)           A^T @ six rows of products: BLAS writes them where they belong

So nothing is unfolded, and every product is a row of the image: small enough that OpenBLAS multiplies the factors as
they lie, where it copies larger ones first (columns.py).

The gradient by the weight reads the same formula from the other end: dw = G^T [ (A dy) * (B^T d) ].

The points: 0, 1, -1, 2, -2 and infinity, those of the paper, make B^T and A^T grow, and what has grown must cancel
again, which costs digits. 0, 5/8, -5/8, 3/2, -3/2 and infinity halve that: with 64 channels the error is 4e-7 of a
typical output (root mean square), where plain columns have 2e-7. A NaN or infinity in a pixel reaches all four
rows of a step, not only those whose windows see it.
Sources: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equations 5 to 8; for the points
Barabasz et al. 2018, Error analysis and improving the accuracy of Winograd convolution for deep neural networks.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minitensor.kernels.blank import blank_windows, write_blank
from minitensor.kernels.columns import plan_tiles
from minitensor.kernels.geometry import extent, output_size, overlap, transposed_output_size
from minitensor.kernels.reference import turn_kernel
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, add_parts, get_num_threads, run_tiles, split

OUTPUTS, TAPS, POINTS = 4, 3, 6  # rows of output a step makes, rows of the kernel, products


def _matrices(at=(0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)):
    """B^T (6, 6), G (6, 3), A^T (4, 6) for evaluation at the finite points `at` and, last, at infinity.

    With f(t) = product of (t - s) over the other finite points s:
        row t of G        (1, t, t^2) / f(t)                                    infinity: (0, 0, 1)
        row t of B^T      the coefficients of the product of (z - s)            infinity: that over all five points
        column t of A^T   (1, t, t^2, t^3)                                      infinity: (0, 0, 0, 1)
    """
    to_input, to_weight, to_output = (
        np.zeros((POINTS, POINTS)),
        np.zeros((POINTS, TAPS)),
        np.zeros((OUTPUTS, POINTS)),
    )
    for row, t in enumerate(at):
        others = [s for s in at if s != t]
        to_weight[row] = [t**power / np.prod([t - s for s in others]) for power in range(TAPS)]
        to_input[row, :-1] = np.poly(others)[::-1]  # np.poly gives the highest power first
        to_output[:, row] = [t**power for power in range(OUTPUTS)]
    to_input[-1], to_weight[-1, -1], to_output[-1, -1] = np.poly(at)[::-1], 1, 1
    return [matrix.astype(np.float32) for matrix in (to_input, to_weight, to_output)]


INPUT, WEIGHT, OUTPUT = _matrices()  # B^T, G, A^T
GRAD = np.ascontiguousarray(OUTPUT.T)  # A, for the gradient of the output


UNPACKED_CELLS = 1200  # OpenBLAS with AVX-512, (M, K) @ (N, K)^T: the M N up to which it does not copy the factors first
LEAST_PIECE = 8  # filters in a product of a weight gradient, below which that gains nothing
TILE_BYTES = 4 << 20  # rows and products of a tile: smaller ones cost more Python than the cache gains


def _supports(x, kernel_height, stride, dilation):
    return (
        x.dtype == np.float32 and kernel_height == TAPS and tuple(stride) == (1, 1) and dilation[0] == 1
    )


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
    return _supports(x, weight.shape[2], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return _supports(x, weight.shape[2], stride, dilation)


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return _supports(x, kernel_size[0], stride, dilation)


@register("conv2d", "winograd", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Convolution with a kernel of 3 rows, stride 1 and row dilation 1, float32. Shapes as in reference.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    out = correlate(x, weight, bias, padding, dilation[1], groups, out_size)
    write_blank(out, blank_windows(x, weight.shape[2:], out_size, padding, dilation), bias)
    return out


@register("conv_transpose2d", "winograd", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by d (k - 1) - padding."""
    kernel_size = weight.shape[2:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = [d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True)]
    return correlate(x, turn_kernel(weight, groups), bias, before, dilation[1], groups, out_size)


def correlate(x, weight, bias, before, dilation, groups, out_size):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b d - before] in steps of four rows."""
    filters, group_channels, _, kernel_width = weight.shape
    group_filters, width = filters // groups, out_size[1]
    # (KW, 6, O, C/g) -> (KW, 6, 1, 1, g, O/g, C/g): the same for every image and step
    points = transform_weight(weight).reshape(kernel_width, POINTS, 1, 1, groups, group_filters, group_channels)
    out = np.empty((len(x), filters, *out_size), x.dtype)
    windows = row_windows(x, POINTS, before, width + extent(kernel_width, dilation) - 1)
    scratch = Scratch()

    def tile(part):
        # (6, n, R, C, width) -> (6, n, R, g, C/g, width)
        rows = transform(INPUT, windows, part, "rows", scratch)
        rows = rows.reshape(*rows.shape[:3], groups, group_channels, windows.width)
        shape = (*rows.shape[:4], group_filters, width)
        products, more = (scratch.empty(name, shape, x.dtype) for name in ("products", "more products"))
        for tap in range(kernel_width):
            # (6, 1, 1, g, O/g, C/g) @ (6, n, R, g, C/g, OW) -> (6, n, R, g, O/g, OW)
            seen = rows[..., tap * dilation : tap * dilation + width]
            np.matmul(points[tap], seen, out=more if tap else products)
            if tap:
                products += more
        # (6, n, R, g, O/g, OW) -> (6, n, R, O, OW) -> (n, O, R, 6, OW)
        products = products.reshape(*shape[:3], filters, width).transpose(1, 3, 2, 0, 4)
        write_rows(out, part, products, bias)

    run_tiles(tile, plan_steps(len(x), out_size, x.shape[1] + 2 * filters))
    return out


@register("conv2d_weight", "winograd", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dy) * (B^T d)], summed over all steps. Shapes as in reference.py."""
    channels, (filters, height, width) = x.shape[1], grad.shape[1:]
    kernel_width, spread, group_channels = kernel_size[1], dilation[1], channels // groups
    piece = _piece(filters // groups, group_channels)
    pieces = filters // groups // piece
    tiles = plan_steps(len(x), (height, width), channels + filters)
    parts = split(len(tiles), get_num_threads())
    sums = np.zeros((len(parts), kernel_width, POINTS, groups, pieces, group_channels, piece), x.dtype)
    windows = row_windows(x, POINTS, padding, width + extent(kernel_width, spread) - 1)
    grad_windows = row_windows(grad, OUTPUTS, (0, 0), width)
    scratch = Scratch()

    def add_up(part):
        for tile in tiles[parts[part]]:
            # (6, n, R, C, width) -> (6, n, R, g, 1, C/g, width)
            rows = transform(INPUT, windows, tile, "rows", scratch)
            rows = rows.reshape(*rows.shape[:3], groups, 1, group_channels, windows.width)
            # (6, n, R, O, OW) -> (6, n, R, g, pieces, piece, OW) -> (6, n, R, g, pieces, OW, piece)
            wanted = transform(GRAD, grad_windows, tile, "grad rows", scratch)
            wanted = wanted.reshape(*wanted.shape[:3], groups, pieces, piece, width).swapaxes(5, 6)
            for tap in range(kernel_width):
                seen = rows[..., tap * spread : tap * spread + width]
                # (6, n, R, g, 1, C/g, OW) @ (6, n, R, g, pieces, OW, piece) -> (6, n, R, g, pieces, C/g, piece),
                # and the steps summed
                sums[part, tap] += np.matmul(seen, wanted).sum(axis=(1, 2))

    run_tiles(add_up, range(len(parts)))
    # (3, 6) @ (KW, 6, g*pieces*C/g*piece) -> (KW, 3, g*pieces*C/g*piece)
    weight = np.matmul(WEIGHT.T, add_parts(sums).reshape(kernel_width, POINTS, -1))
    # (KW, 3, g, pieces, C/g, piece) -> (g, pieces, piece, C/g, 3, KW) -> (O, C/g, 3, KW)
    weight = weight.reshape(kernel_width, TAPS, groups, pieces, group_channels, piece)
    weight = np.ascontiguousarray(weight.transpose(2, 3, 5, 4, 1, 0))
    return weight.reshape(filters, group_channels, TAPS, kernel_width)


def _piece(filters, channels):
    """How many filters a product of a weight gradient takes: as many as OpenBLAS multiplies without copying first.

    Its right factor is transposed, and then up to UNPACKED_CELLS numbers in the result are the limit. A part of all
    filters, so that pieces are alike; all of them where that leaves too few.
    """
    fitting = [n for n in range(1, filters + 1) if filters % n == 0 and n * channels <= UNPACKED_CELLS]
    return fitting[-1] if fitting and fitting[-1] >= LEAST_PIECE else filters


def plan_steps(images, out_size, channels):
    """Tiles [(slice of images, slice of steps)]: a step is four rows of the output."""
    steps = -(-out_size[0] // OUTPUTS)
    bytes_per_pixel = POINTS * channels * np.dtype(np.float32).itemsize
    return plan_tiles(images, (steps, out_size[1]), bytes_per_pixel, 0, TILE_BYTES)


def transform_weight(weight):
    """G w for the rows of every kernel: (O, C/g, 3, KW) -> (KW, 6, O, C/g)."""
    filters, channels, _, kernel_width = weight.shape
    # (O, C/g, 3, KW) -> (KW, 3, O*C/g);  (6, 3) @ (KW, 3, O*C/g) -> (KW, 6, O*C/g)
    taps = weight.transpose(3, 2, 0, 1).reshape(kernel_width, TAPS, filters * channels)
    return np.matmul(WEIGHT, taps).reshape(kernel_width, POINTS, filters, channels)


def transform(matrix, windows, tile, name, scratch):
    """matrix @ the windows of a tile: (6, n, R, C, width) for n images and R steps."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    shape = (len(matrix), *size, windows.x.shape[1], windows.width)
    rows = scratch.zeros(name, shape, windows.x.dtype)
    transform_rows(matrix, windows, tile, slice(None), rows.transpose(1, 3, 2, 0, 4))
    return rows


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
    inside: np.ndarray  # (N, C, R, side, columns seen): windows wholly inside, a view of x in which they overlap


def row_windows(x, side, before, width):
    """The RowWindows of x, padded by `before` (top, left). BLAS reads their rows as they lie in memory."""
    if x.strides[3] != x.itemsize:
        x = np.ascontiguousarray(x)
    images, channels, height, _ = x.shape
    there, seen = overlap(-before[1], 1, width, x.shape[3])
    first = max(0, -(-before[0] // OUTPUTS))
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

    Writes only the columns where there is an image: `out` must be zero in the others.
    """
    images, steps = tile
    count = steps.stop - steps.start
    out = out[..., windows.there]
    # steps [start, stop) of the tile lie inside; seen from the first window inside, the tile begins at `shift`
    shift = steps.start - windows.first
    start = min(max(-shift, 0), count)
    stop = max(start, min(windows.inside.shape[2] - shift, count))
    # (m, side) @ (n, C, R, side, W) -> (n, C, R, m, W)
    inside = windows.inside[images, channels, shift + start : shift + stop]
    np.matmul(matrix, inside, out=out[:, :, start:stop])
    for step in (*range(start), *range(stop, count)):  # these hang over the border, where pixels are zero
        x = windows.x[images, channels, :, windows.seen]
        window = np.zeros((*x.shape[:2], windows.side, x.shape[3]), x.dtype)
        top = OUTPUTS * (steps.start + step) - windows.before
        there, seen = overlap(top, 1, windows.side, x.shape[2])
        window[:, :, there] = x[:, :, seen]
        np.matmul(matrix, window, out=out[:, :, step])


def write_rows(out, tile, products, bias):
    """out[n, o, 4 r + i, j] = bias + (A^T @ products (n, O, R, 6, OW))[n, o, r, i, j] for the steps of a tile."""
    images, steps = tile
    out = out[images, :, OUTPUTS * steps.start : OUTPUTS * steps.stop]
    count, filters, height, width = out.shape
    whole = height // OUTPUTS  # the last step of an image may be cut short
    # (4, 6) @ (n, O, R, 6, OW) -> (n, O, R, 4, OW), into a view of the image
    target = out[:, :, : OUTPUTS * whole].reshape(count, filters, whole, OUTPUTS, width)
    np.matmul(OUTPUT, products[:, :, :whole], out=target)
    if height % OUTPUTS:
        rest = out[:, :, OUTPUTS * whole :]
        np.matmul(OUTPUT[: rest.shape[2]], products[:, :, whole], out=rest)
    if bias is not None:
        out += bias[:, None, None]
