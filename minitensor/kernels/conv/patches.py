"""Convolution by patches: windows are written one after the other. For large kernels at a stride, with few filters.

The last layer of an FCN enlarges scores of 21 classes with a 16 x 16 kernel at stride 8, and its gradient is a
convolution of that kind. There one tap sees only every eighth pixel, which is slow to gather, while one row of a window
is one run of memory. Where by_columns.py has columns, one row per tap, here are

    patches (P, K)         P = n*R*OW windows of a tile, K = C*KH*KW numbers each

    conv2d                 weight (O, K) @ patches^T (K, P) -> (O, P)
    conv2d_weight          grad (O, P) @ patches (P, K) -> (O, K)

With few filters these products are narrow and long. OpenBLAS packs the factors of a large product first, which a narrow
product does not repay. So the products are cut into pieces that are multiplied without packing, and the results added.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.bias_relu import bias_relu
from minitensor.kernels.conv.columns import UNPACKED, UNPACKED_CELLS, largest_part, plan_tiles
from minitensor.kernels.geometry import extent, output_size, overlap
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import PATCH_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, add_parts, get_num_threads, run_tiles, split

# pieces this many times smaller than OpenBLAS multiplies unpacked are slower than one product that packs
FAR_BELOW = 8
FEW_FILTERS = 32  # up to which a product is narrow


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return groups == 1 and dilation[1] == 1


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return groups == 1 and dilation[1] == 1


@register("conv2d", "patches", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution without groups and without dilation across. Shapes as in definition.py."""
    filters, channels, *kernel_size = weight.shape
    size = channels * kernel_size[0] * kernel_size[1]
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    out = np.empty((len(x), filters, *out_size), x.dtype)
    # (O, C, KH, KW) -> (O, K)
    weight = weight.reshape(filters, size)
    scratch = Scratch()

    def tile(part):
        images, rows = part
        windows = patches(x, part, kernel_size, stride, padding, dilation[0], out_size[1], scratch)
        few, piece = len(windows), size  # patches per product, and numbers of each patch
        if filters <= FEW_FILTERS:
            few = _part(few, UNPACKED_CELLS // filters)
            piece = _part(size, UNPACKED // (filters * few))
        # (O, K) -> (O, pieces, piece) -> (pieces, O, piece)
        factors = weight.reshape(filters, -1, piece).swapaxes(0, 1)
        # (P, K) -> (P/few, few, pieces, piece) -> (P/few, pieces, piece, few)
        windows = windows.reshape(-1, few, size // piece, piece).transpose(0, 2, 3, 1)
        # (pieces, O, piece) @ (P/few, pieces, piece, few) -> (P/few, pieces, O, few), summed -> (P/few, O, few)
        result = np.matmul(factors, windows).sum(axis=1)
        # (P/few, O, few) -> (O, P) -> (O, n, R, OW) -> (n, O, R, OW)
        result = result.swapaxes(0, 1).reshape(filters, -1, rows.stop - rows.start, out_size[1])
        target = out[images, :, rows]
        target[...] = result.swapaxes(0, 1)
        bias_relu(target, bias, relu)

    run_tiles(tile, plan_tiles(len(x), out_size, size * x.itemsize, weight.size, budget=PATCH_TILE_BYTES))
    return out


@register("conv2d_weight", "patches", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient. Each thread sums its own part of the tiles. Shapes as in definition.py."""
    channels, (filters, height, width) = x.shape[1], grad.shape[1:]
    size = channels * kernel_size[0] * kernel_size[1]
    tiles = plan_tiles(len(x), (height, width), size * x.itemsize, filters * size, budget=PATCH_TILE_BYTES)
    parts = split(len(tiles), get_num_threads())
    piece = size  # numbers of a patch in a product
    if tiles and filters <= FEW_FILTERS:
        piece = _part(size, UNPACKED // (filters * max(_pixels(tile, width) for tile in tiles)))
    sums = np.zeros((len(parts), size // piece, filters, piece), x.dtype)
    scratch = Scratch()

    def add_up(number):
        for images, rows in tiles[parts[number]]:
            windows = patches(x, (images, rows), kernel_size, stride, padding, dilation[0], width, scratch)
            # (n, O, R, OW) -> (O, n, R, OW) -> (O, P)
            seen = grad[images, :, rows].swapaxes(0, 1).reshape(filters, len(windows))
            # (P, K) -> (P, pieces, piece) -> (pieces, P, piece)
            windows = windows.reshape(len(windows), -1, piece).swapaxes(0, 1)
            # (O, P) @ (pieces, P, piece) -> (pieces, O, piece)
            sums[number] += np.matmul(seen, windows)

    run_tiles(add_up, range(len(parts)))
    # (pieces, O, piece) -> (O, pieces, piece) -> (O, C, KH, KW)
    return add_parts(sums).swapaxes(0, 1).reshape(filters, channels, *kernel_size)


def patches(x, tile, kernel_size, stride, before, dilation_down, out_width, scratch):
    """The windows of a tile of the output, (n*R*OW, C*KH*KW). Each window becomes one run of memory."""
    images, rows = tile
    x = x[images]
    count, channels = x.shape[:2]
    kernel_height, kernel_width = kernel_size
    positions = (rows.stop - rows.start, out_width)
    first = (rows.start * stride[0] - before[0], -before[1])
    sizes = [
        (n - 1) * s + extent(k, d)
        for n, s, k, d in zip(positions, stride, kernel_size, (dilation_down, 1), strict=True)
    ]
    # the part of x under the tile, with the zeros around the image
    part = scratch.empty("part", (count, channels, *sizes), x.dtype)
    (down, seen_down), (across, seen_across) = (
        overlap(start, 1, size, full) for start, size, full in zip(first, sizes, x.shape[2:], strict=True)
    )
    if (down.stop - down.start, across.stop - across.start) != tuple(sizes):
        part[...] = 0
    part[:, :, down, across] = x[:, :, seen_down, seen_across]
    # A row of a window is copied as one opaque item of KW numbers. NumPy copies such items faster than numbers.
    item = np.dtype((np.void, kernel_width * x.itemsize))
    by_image, by_channel, by_row, by_pixel = part.strides
    shape = (count, *positions, channels, kernel_height)
    by_position = by_row * stride[0], by_pixel * stride[1]
    windows = np.ndarray(shape, item, part, strides=(by_image, *by_position, by_channel, by_row * dilation_down))
    copied = scratch.empty("windows", (*shape, kernel_width), x.dtype)
    np.ndarray(shape, item, copied)[...] = windows
    # (n, R, OW, C, KH, KW) -> (n*R*OW, C*KH*KW)
    return copied.reshape(count * positions[0] * positions[1], channels * kernel_height * kernel_width)


def _part(length, most):
    """How much of an axis goes into one product: the largest divisor up to `most`, or all if that is far smaller."""
    part = largest_part(length, most)
    return part if most < FAR_BELOW * part else length


def _pixels(tile, width):
    """P, the output pixels of a tile."""
    images, rows = tile
    return (images.stop - images.start) * (rows.stop - rows.start) * width
