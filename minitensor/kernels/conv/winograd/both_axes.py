"""Winograd along both axes, F(4x4, 3x3): a quarter of the multiplications of a 3 x 3 kernel, in float32.

Apply the filter of one_axis.py down the columns and then along the rows. A window d of 6 x 6 pixels gives 4 x 4 outputs
with 36 products, where the sum over taps needs 144:

    Y = A^T [ (G w G^T) * (B^T d B) ] A

First the rows, as in one_axis.py. Then the same six-by-six matrix is applied to every fourth column of the result. A
block is 4 x 4 outputs. A step down is four rows, R of them in a tile of n images, and T = ceil(OW / 4) blocks lie
across. In every shape (6, 6, ...) the first axis goes across the image, the second one down:

    rows     (6, C, n, R, W)           B^T @ six rows of x, at every fourth row
    windows  (6, 6, C, n, R, T)        column b of every window, for b = 0 .. 5
    points   (6, 6, C, n*R*T)          B^T @ windows
    products (6, 6, O, n*R*T)          the weight's point (O, C) @ the image's point (C, n*R*T)
    columns  (4, 6, O, n*R*T)          A^T @ products: four columns of output, still six points down
    out      (n, O, 4 R, 4 T)          A^T @ rows of six points, as in one_axis.py

The gradient with respect to the weight runs the same chain backwards (both_axes_gradients.py).

Picking every fourth column costs about as much as multiplying by 50 channels, so this pays for many channels. If the
weight is larger than the image, most of the work is transforming the weight, 36 numbers for 9. Then a tile is some
filters, not some blocks (`correlate`).

Rounding: the growth described in matrices.py, twice. A NaN or infinity in a pixel reaches the whole 4 x 4 block of
every output that sees it, so up to three pixels further than in the definition.
Source: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equation 8 and section 4.3.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from minitensor.kernels.conv.columns import UNPACKED, plan_tiles
from minitensor.kernels.conv.winograd.blank import BlankWindows
from minitensor.kernels.conv.winograd.matrices import B_T, OUTPUTS, POINTS, SCALED_G, TAPS
from minitensor.kernels.conv.winograd.row_windows import row_windows
from minitensor.kernels.conv.winograd.transforms import (
    blocks_in,
    transform,
    transform_all,
    transform_back,
    transform_weight,
)
from minitensor.kernels.geometry import ceil_div, output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import BOTH_AXES_TILE_BYTES, DEEP_TILE_BYTES, FILTER_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, get_num_threads, rounded_up, run_tiles, split

ROTATED_G = np.ascontiguousarray(SCALED_G[:, ::-1])  # G of a kernel whose taps are read backwards

# Measured on 2 cores with 1 MB of second-level and 32 MB of third-level cache. All choose sizes, none a result.
LEAST_UNPACKED = 128  # blocks in a tile below which products without packing (columns.py) gain nothing
LEAST_BLOCKS = 224  # with fewer blocks than this a product that does pack waits for its weight
LEAST_FILTERS = 12  # filters in a part below which products without packing gain nothing


def supports(x, other, kernel_size, stride, dilation):
    """True for float32, 3x3, stride and dilation 1. Neither array may be empty: planning the tiles divides by their
    sizes.
    """
    fits = tuple(kernel_size) == (TAPS, TAPS) and (*stride, *dilation) == (1, 1, 1, 1)
    return x.dtype == np.float32 and fits and 0 not in x.shape and 0 not in other.shape


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return supports(x, weight, weight.shape[2:], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return supports(x, weight, weight.shape[2:], stride, dilation)


@register("conv2d", "winograd2d", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """A 3x3 kernel, stride and dilation 1, float32. Shapes as in definition.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)

    def points(filters):
        # (6, 6, o, C/g) -> (6, 6, g, o/g, C/g); with groups, all filters together
        part = transform_weight(weight[filters], SCALED_G)
        return part.reshape(POINTS, POINTS, groups, -1, weight.shape[1])

    blank = BlankWindows(x, weight, bias, out_size, padding, dilation)
    out = correlate(x, points, len(weight), bias, padding, groups, out_size, relu, beside=blank.find)
    blank.write(out, 0, relu)
    return out


@register("conv_transpose2d", "winograd2d", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by 2 - padding.

    Rotating the kernel means reading the taps of G backwards. Swapping its channels means transposing each point.
    """
    out_size = transposed_output_size(x, weight.shape[2:], stride, padding, output_padding, dilation)
    before = rotated_padding(weight.shape[2:], padding, dilation)
    points = partial(rotated_points, weight, groups)
    return correlate(x, points, groups * weight.shape[1], bias, before, groups, out_size)


def rotated_points(weight, groups, filters):
    """The points (6, 6, g, o/g, C/g) of the rotated kernels (C, O/g, 3, 3) of some filters."""
    # (6, 6, C, o/g) -> (6, 6, g, C/g, o/g) -> (6, 6, g, o/g, C/g); with groups, all filters together
    part = transform_weight(weight[:, filters] if groups == 1 else weight, ROTATED_G)
    return part.reshape(POINTS, POINTS, groups, len(weight) // groups, -1).swapaxes(3, 4)


def correlate(x, points, filters, bias, before, groups, out_size, relu=False, beside=None):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j + b - before], in blocks of 4 x 4 outputs.

    points(slice of filters) -> (6, 6, g, o/g, C/g) is the transformed weight. If the image is large, a tile is some of
    its blocks, and all tiles use one transformed weight. If the weight is larger, a tile is some filters, whose points
    stay in the cache, and all tiles use one transformed image. `beside` is run together with the tiles.
    """
    channels = x.shape[1]
    out = np.empty((len(x), filters, *out_size), x.dtype)
    across = ceil_div(out_size[1], OUTPUTS)
    rows = row_windows(x, POINTS, before, OUTPUTS * (across + 1))
    scratch = Scratch()
    write = partial(write_filtered, bias=bias, relu=relu, out=out, across=across, scratch=scratch)
    whole = whole_tile(len(x), out_size)
    if groups == 1 and 0 < blocks_in(whole, across) <= filters:
        (image,) = transform_all(whole, across, (B_T, rows))
        parts = split(filters, filter_parts(filters, channels, blocks_in(whole, across)))
        run_tiles(lambda part: write(points(part), image, tile=whole, filters=part), parts, beside)
        return out
    every_filter = slice(0, filters)
    weight = points(every_filter)
    budget = _tile_bytes(max(channels, filters), (channels // groups) * (filters // groups))

    def tile(part):
        image = transform(B_T, rows, part, across, "input", scratch)
        write(weight, image, tile=part, filters=every_filter)

    weights = filters * channels // groups * TAPS * TAPS
    run_tiles(tile, plan_steps(len(x), out_size, max(channels, filters), weights, budget), beside)
    return out


def write_filtered(weight, image, bias, relu, out, tile, filters, across, scratch):
    """The filter itself, A^T [(G w G^T) * (B^T d B)] A, of a tile and of some filters, written to `out`.

    weight (6, 6, g, o/g, C/g), image (6, 6, C, n*R*T)
    """
    groups, _, group_channels = weight.shape[2:]
    # (6, 6, C, n*R*T) -> (6, 6, g, C/g, n*R*T)
    image = image.reshape(POINTS, POINTS, groups, group_channels, -1)
    # (6, 6, g, o/g, C/g) @ (6, 6, g, C/g, n*R*T) -> (6, 6, g, o/g, n*R*T)
    products = scratch.empty("products", (*weight.shape[:4], image.shape[4]), out.dtype)
    np.matmul(weight, image, out=products)
    # (6, 6, g, o/g, n*R*T) -> (6, 6, o, n*R*T)
    products = products.reshape(POINTS, POINTS, filters.stop - filters.start, -1)
    transform_back(products, bias, relu, out, tile, filters, across, scratch)


def filter_parts(filters, channels, blocks):
    """The number of parts into which the filters are cut if all blocks are multiplied together.

    As many as make the products small enough to be multiplied without packing. If a part would then have too few
    filters, or the image is larger than the weight, there is one part per thread.
    """
    unpacked = UNPACKED // (channels * blocks)
    if unpacked < LEAST_FILTERS or blocks > filters:
        return get_num_threads()
    # the points of one filter take what those of one block do
    cached = max(1, FILTER_TILE_BYTES // _block_bytes(channels))
    return rounded_up(ceil_div(filters, min(unpacked, cached)), get_num_threads())


def _tile_bytes(channels, group_product):
    """The bytes that the points of a tile of `channels` in or out may take. group_product is C/g O/g."""
    unpacked = UNPACKED // group_product
    if unpacked >= LEAST_UNPACKED:
        return min(unpacked * _block_bytes(channels), BOTH_AXES_TILE_BYTES)
    return max(LEAST_BLOCKS * _block_bytes(channels), DEEP_TILE_BYTES)


def _block_bytes(channels):
    """The bytes of the points (6, 6, channels) of one block."""
    return POINTS * POINTS * channels * np.dtype(np.float32).itemsize


def whole_tile(images, out_size):
    """The tile (slice of images, slice of steps down) that is the whole output."""
    return slice(0, images), slice(0, ceil_div(out_size[0], OUTPUTS))


def plan_steps(images, out_size, channels, weights, budget, multiple=None):
    """Tiles [(slice of images, slice of steps down)] whose points of `channels` take at most `budget` bytes.

    A tile is at least one step. The number of tiles is a multiple of `multiple` if possible (`plan_tiles`).
    """
    blocks = [ceil_div(size, OUTPUTS) for size in out_size]
    weights *= OUTPUTS * OUTPUTS  # that a block is multiplied by
    return plan_tiles(images, blocks, _block_bytes(channels), weights, budget=budget, multiple=multiple)
