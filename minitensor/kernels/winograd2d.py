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

import math

import numpy as np

from minitensor.kernels.blank import blank_windows, write_blank
from minitensor.kernels.columns import UNPACKED
from minitensor.kernels.geometry import output_size, transposed_output_size
from minitensor.kernels.row_windows import OUTPUTS, row_windows, transform_rows, write_rows
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, blocks, get_num_threads, run_tiles, split, threads_for
from minitensor.kernels.winograd import A_T, B_T, POINTS, TAPS, A, G

# Measured on 2 cores with 1 MB of second-level and 32 MB of third-level cache. All choose sizes, none a result.
LEAST_UNPACKED = 128  # steps in a tile below which products without packing (columns.py) gain nothing
LEAST_STEPS = 224  # with fewer steps than this a product that does copy waits for its weight
LEAST_FILTERS = 12  # filters in a part below which the same holds
FILTER_BYTES = 2 << 20  # the points of such a part
TILE_BYTES = 2 << 20  # the points of a tile of few channels
DEEP_TILE_BYTES = 8 << 20  # of many channels
CHUNK_BYTES = 64 << 20  # the points of both factors of a weight gradient, for all threads together
PRODUCT_BYTES = 32 << 20  # the product of some filters of a weight gradient
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

    def points(filters):
        # (36, o, C/g) -> (6, 6, g, o/g, C/g); with groups, all filters at once
        part = transform_weight(weight[filters], G)
        return part.reshape(POINTS, POINTS, groups, -1, weight.shape[1])

    out = correlate(x, points, len(weight), bias, padding, groups, out_size)
    write_blank(out, blank_windows(x, weight.shape[2:], out_size, padding, dilation), bias)
    return out


@register("conv_transpose2d", "winograd2d", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by 2 - padding.

    To turn the kernel is to read the taps of G backwards, and to swap its channels is to transpose each point.
    """
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    turned = np.ascontiguousarray(G[:, ::-1])
    group_filters = weight.shape[1]

    def points(filters):
        # (36, C, o/g) -> (6, 6, g, C/g, o/g) -> (6, 6, g, o/g, C/g); with groups, all filters at once
        part = transform_weight(weight[:, filters] if groups == 1 else weight, turned)
        return part.reshape(POINTS, POINTS, groups, len(weight) // groups, -1).swapaxes(3, 4)

    before = [TAPS - 1 - p for p in padding]
    return correlate(x, points, groups * group_filters, bias, before, groups, out_size)


def correlate(x, points, filters, bias, before, groups, out_size):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b - before], 4 x 4 outputs a step.

    points(slice of filters) -> (6, 6, g, o/g, C/g) is the transformed weight. Where the image is large, a tile is
    some of its steps, and all tiles use one transformed weight. Where the weight is larger, a tile is some filters,
    whose points need not leave the cache, and all tiles use one transformed image.
    """
    channels = x.shape[1]
    out = np.empty((len(x), filters, *out_size), x.dtype)
    across = -(-out_size[1] // OUTPUTS)
    rows = row_windows(x, POINTS, before, OUTPUTS * (across + 1))
    scratch = Scratch()

    def multiply(weight, image, tile, part):
        # (6, 6, C, n*R*T) -> (6, 6, g, C/g, n*R*T)
        image = image.reshape(POINTS, POINTS, groups, channels // groups, -1)
        # (6, 6, g, o/g, C/g) @ (6, 6, g, C/g, n*R*T) -> (6, 6, g, o/g, n*R*T)
        products = scratch.empty("products", (*weight.shape[:4], image.shape[4]), x.dtype)
        np.matmul(weight, image, out=products)
        products = products.reshape(POINTS, POINTS, part.stop - part.start, -1)
        transform_back(products, bias, out, tile, part, across, scratch)

    steps = everything(len(x), out_size)
    if groups == 1 and 0 < length(steps, across) <= filters:
        image = transform_all(B_T, rows, steps, across)
        parts = split(filters, _filter_parts(filters, channels, length(steps, across)))
        run_tiles(lambda part: multiply(points(part), image, steps, part), parts)
        return out
    every_filter = slice(0, filters)
    weight = points(every_filter)
    budget = _tile_bytes(max(channels, filters), (channels // groups) * (filters // groups))

    def tile(part):
        image = transform(B_T, rows, part, across, "input", scratch)
        multiply(weight, image, part, every_filter)

    run_tiles(tile, plan_steps(len(x), out_size, max(channels, filters), budget, get_num_threads()))
    return out


@register("conv2d_weight", "winograd2d", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dY A^T) * (B^T d B)] G, summed over all steps.

    Some steps at a time: all threads transform their windows, then each adds up the products of its filters.
    """
    channels, (filters, *out_size) = x.shape[1], grad.shape[1:]
    across = -(-out_size[1] // OUTPUTS)
    rows = row_windows(x, POINTS, padding, OUTPUTS * (across + 1))
    grad_rows = row_windows(grad, OUTPUTS, (0, 0), OUTPUTS * across)
    weight = np.zeros((groups, filters // groups, channels // groups, TAPS, TAPS), x.dtype)
    points = (POINTS, POINTS, *weight.shape[:3])
    number = max(get_num_threads(), math.prod(points) * x.itemsize // PRODUCT_BYTES)
    # a part is some filters of the only group, or some groups
    if groups == 1:
        parts = [(slice(0, 1), part) for part in split(filters, number)]
    else:
        parts = [(part, slice(None)) for part in split(groups, number)]
    chunks = plan_steps(len(x), out_size, channels + filters, CHUNK_BYTES)
    sums = np.zeros(points, x.dtype) if len(chunks) > 1 else None
    for chunk in chunks:
        image = transform_all(B_T, rows, chunk, across)
        image = image.reshape(POINTS, POINTS, groups, channels // groups, -1).swapaxes(3, 4)
        wanted = transform_all(A, grad_rows, chunk, across)
        wanted = wanted.reshape(POINTS, POINTS, groups, filters // groups, -1)

        def add_up(part, chunk=chunk, image=image, wanted=wanted):
            # (6, 6, g, o/g, n*R*T) @ (6, 6, g, n*R*T, C/g) -> (6, 6, g, o/g, C/g)
            products = np.matmul(wanted[:, :, *part], image[:, :, part[0]])
            if sums is not None:
                sums[:, :, *part] += products
                products = sums[:, :, *part]
            if chunk is chunks[-1]:
                weight_back(products, weight[part])

        run_tiles(add_up, parts)
    return weight.reshape(filters, channels // groups, TAPS, TAPS)


def _filter_parts(filters, channels, steps):
    """Into how many parts to cut the filters where all steps are multiplied at once.

    As many as make the products small enough to be multiplied without packing; where that leaves too few filters to
    a part, one a thread.
    """
    unpacked = UNPACKED // (channels * steps)
    if unpacked < LEAST_FILTERS:
        return get_num_threads()
    cached = FILTER_BYTES // (POINTS * POINTS * channels * np.dtype(np.float32).itemsize)
    return max(-(-filters // min(unpacked, cached)), get_num_threads())


def _tile_bytes(channels, group_product):
    """What the points of a tile of `channels` in or out may take; group_product is C/g O/g."""
    bytes_per_step = POINTS * POINTS * channels * np.dtype(np.float32).itemsize
    unpacked = UNPACKED // group_product
    if unpacked >= LEAST_UNPACKED:
        return min(unpacked * bytes_per_step, TILE_BYTES)
    return max(LEAST_STEPS * bytes_per_step, DEEP_TILE_BYTES)


def everything(images, out_size):
    """The tile (slice of images, slice of steps down) that is everything."""
    return slice(0, images), slice(0, -(-out_size[0] // OUTPUTS))


def length(tile, across):
    """Steps in a tile."""
    images, steps = tile
    return (images.stop - images.start) * (steps.stop - steps.start) * across


def plan_steps(images, out_size, channels, budget, parts_multiple=1):
    """Tiles [(slice of images, slice of steps down)] whose points of `channels` take about `budget` bytes."""
    down, across = (-(-size // OUTPUTS) for size in out_size)
    if images * down * across == 0:
        return []
    fitting = max(1, budget // (POINTS * POINTS * channels * np.dtype(np.float32).itemsize))
    if down * across <= fitting // 2:
        parts = -(-images * down * across // fitting)
        return [(part, slice(0, down)) for part in split(images, _rounded_up(parts, parts_multiple))]
    parts = -(-down * across // fitting)
    if images % parts_multiple:
        parts = _rounded_up(parts, parts_multiple)
    return [(slice(n, n + 1), steps) for n in range(images) for steps in split(down, parts)]


def _rounded_up(parts, multiple):
    return -(-parts // multiple) * multiple


def transform_weight(weight, matrix):
    """matrix w matrix^T of every kernel, where matrix is G: (O, C/g, 3, 3) -> (6, 6, O, C/g)."""
    filters, channels = weight.shape[:2]
    points = np.empty((POINTS, POINTS, filters, channels), weight.dtype)

    def tile(part):
        # taps lie side by side in memory, so BLAS takes each pair as a transposed matrix:
        # (6, 3) @ (3, o*C/g*3) -> (6, o*C/g*3)
        columns = matrix @ weight[part].reshape(-1, TAPS).T
        # (6, 3) @ (6, 3, o*C/g) -> (6, 6, o*C/g)
        both = points[:, :, part].reshape(POINTS, POINTS, -1)
        np.matmul(matrix, columns.reshape(POINTS, -1, TAPS).swapaxes(1, 2), out=both)

    run_tiles(tile, split(filters, threads_for(weight.nbytes)))
    return points


def weight_back(points, weight):
    """G^T P G, the transpose of `transform_weight`: points (6, 6, g, O/g, C/g) -> weight (O, C/g, 3, 3)."""
    # (3, 6) @ (6, 6*O*C/g) -> (3, 6, O*C/g);  (3, 6) @ (3, 6, O*C/g) -> (3, 3, O*C/g)
    columns = (G.T @ points.reshape(POINTS, -1)).reshape(TAPS, POINTS, -1)
    taps = np.matmul(G.T, columns)
    # the first axis goes across, as in `transform`: (KW, KH, O*C/g) -> (O*C/g, KH, KW)
    weight.reshape(-1, TAPS, TAPS)[...] = taps.transpose(2, 1, 0)


def transform_all(matrix, rows, tile, across):
    """`transform` by all threads: channels are shared out among them."""
    channels, dtype = rows.x.shape[1], rows.x.dtype
    points = np.empty((POINTS, POINTS, channels, length(tile, across)), dtype)
    scratch = Scratch()

    def some_channels(part):
        transform_channels(matrix, rows, tile, part, across, points[:, :, part], scratch, "all")

    most = max(1, channels // get_num_threads())
    bytes_per_channel = points.nbytes // channels
    run_tiles(some_channels, blocks(channels, bytes_per_channel, min(BLOCK_BYTES, most * bytes_per_channel)))
    return points


def transform(matrix, rows, tile, across, name, scratch):
    """matrix d matrix^T of the windows of a tile; the first axis of the result goes across, the second down.

    rows: the RowWindows of x (N, C, H, W) -> (6, 6, C, n*R*T) for n images, R steps down and T steps across.
    """
    channels, dtype = rows.x.shape[1], rows.x.dtype
    points = scratch.empty(name + " points", (POINTS, POINTS, channels, length(tile, across)), dtype)
    for part in blocks(channels, points.nbytes // channels, BLOCK_BYTES):
        transform_channels(matrix, rows, tile, part, across, points[:, :, part], scratch, name)
    return points


def transform_channels(matrix, rows, tile, part, across, points, scratch, name):
    """`transform` of some of the channels, written to points (6, 6, c, n*R*T)."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    side, count, pixels = rows.side, *points.shape[2:]
    down = scratch.zeros(name + " rows", (POINTS, count, *size, rows.width), points.dtype)
    transform_rows(matrix, rows, tile, part, down.transpose(2, 1, 3, 0, 4))
    # (6, c, n, R, 4 T') -> (6, c, n, R, T', 4) -> (4, 6, c, n, R, T'): the first four columns of every window
    fours = down.reshape(POINTS, count, *size, -1, OUTPUTS).transpose(5, 0, 1, 2, 3, 4)
    windows = scratch.empty(name + " windows", (side, POINTS, count, *size, across), points.dtype)
    windows[:OUTPUTS] = fours[..., :across]
    if side > OUTPUTS:  # the last two columns of a window are the first two of the next
        windows[OUTPUTS:] = fours[: side - OUTPUTS, ..., 1:]
    # for each point down, (6, s) @ (s, c*n*R*T) -> (6, c*n*R*T): the point across
    np.matmul(
        matrix,
        windows.reshape(side, POINTS, count * pixels).swapaxes(0, 1),
        out=points.reshape(POINTS, POINTS, count * pixels).swapaxes(0, 1),
    )


def transform_back(products, bias, out, tile, filters, across, scratch):
    """Y = A^T P A of products (6, 6, o, n*R*T), written to the filters and rows of `out` that they are for."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    out = out[:, filters]
    bias = None if bias is None else bias[filters]
    pixels = products.shape[3]
    for part in blocks(out.shape[1], OUTPUTS * POINTS * pixels * out.itemsize, BLOCK_BYTES):
        count = part.stop - part.start
        # for each point down, (4, 6) @ (6, o*n*R*T) -> (4, o*n*R*T): columns of output
        columns = scratch.empty("columns", (OUTPUTS, POINTS, count * pixels), out.dtype)
        np.matmul(
            A_T,
            products[:, :, part].reshape(POINTS, POINTS, count * pixels).swapaxes(0, 1),
            out=columns.swapaxes(0, 1),
        )
        rows = scratch.empty("rows", (size[0], count, size[1], POINTS, across * OUTPUTS), out.dtype)
        for column, values in enumerate(columns.reshape(OUTPUTS, POINTS, count, *size, across)):
            # (6, o, n, R, T) -> (n, o, R, 6, T), every fourth column
            rows[..., column::OUTPUTS] = values.transpose(2, 1, 3, 0, 4)
        write_rows(A_T, rows[..., : out.shape[3]], None if bias is None else bias[part], out[:, part], tile)
