"""Convolution by rows of the output: for first layers and other layers with few filters.

The columns of by_columns.py repeat each pixel KH KW times, once per tap. Here only the KW taps of one kernel row are
copied. The KH rows need no copies, because they lie one after the other in memory:

    bands      (n, R + KH - 1, KW*C, OW)     row i of the image as the KW taps of a kernel row see it
    columns    (n, R, KH*KW*C, OW)           row r of the output sees bands r, ..., r + KH - 1: one run of memory, which
                                             overlaps with the next one, so this is a view with strides of its own

One product makes one row of the output. It is small enough for OpenBLAS to multiply the factors as they lie:

    conv2d           weight (O, KH*KW*C) @ columns (KH*KW*C, OW) -> (O, OW)
    conv2d_weight    columns (KH*KW*C, OW) @ grad^T (OW, O) -> (KH*KW*C, O), summed over all rows
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.bias_relu import bias_relu
from minitensor.kernels.conv.columns import LONG_ROW, UNPACKED, UNPACKED_CELLS, fill_columns, largest_part, plan_tiles
from minitensor.kernels.conv.definition import rotate_kernel
from minitensor.kernels.geometry import output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import BAND_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, add_parts, get_num_threads, run_tiles, split


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return groups == 1 and stride[0] == dilation[0] == 1


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return groups == 1 and tuple(stride) == (1, 1) and dilation[0] == 1


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return groups == 1 and stride[0] == dilation[0] == 1


@register("conv2d", "rows", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution without groups, with stride and dilation 1 down. Shapes as in definition.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    return correlate(x, weight, bias, padding, stride[1], dilation[1], out_size, relu)


@register("conv_transpose2d", "rows", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by d (k - 1) - padding."""
    kernel_size = weight.shape[2:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = rotated_padding(kernel_size, padding, dilation)
    return correlate(x, rotate_kernel(weight, groups), bias, before, 1, dilation[1], out_size)


def correlate(x, weight, bias, before, stride_across, dilation_across, out_size, relu=False):
    """A convolution with stride and dilation 1 down. `before` is the padding (top, left), which may be negative."""
    filters, channels, *kernel_size = weight.shape
    out = np.empty((len(x), filters, *out_size), x.dtype)
    # (O, C, KH, KW) -> (O, KH, KW, C) -> (O, KH*KW*C)
    weight = weight.transpose(0, 2, 3, 1).reshape(filters, channels * kernel_size[0] * kernel_size[1])
    # Rows and taps are cut into pieces that BLAS multiplies without packing.
    pieces = split(out_size[1], min(weight.size * out_size[1] // UNPACKED + 1, out_size[1] // LONG_ROW))
    taps = split(weight.shape[1], weight.size * (out_size[1] // len(pieces)) // UNPACKED + 1)
    first, *others = taps or [slice(0, 0)]  # without channels there are no taps, and the sum is zero
    scratch = Scratch()

    def tile(part):
        images, rows = part
        columns = row_columns(x, part, kernel_size, before, stride_across, dilation_across, out_size[1], scratch)
        target = out[images, :, rows]
        for piece in pieces:
            # (O, k) @ (n, R, k, w) -> (n, R, O, w), into a view of the output; k of KH*KW*C at a time, added up
            by_row, seen = target.swapaxes(1, 2)[..., piece], columns[..., piece]
            np.matmul(weight[:, first], seen[:, :, first], out=by_row)
            for some in others:
                by_row += np.matmul(weight[:, some], seen[:, :, some])
        bias_relu(target, bias, relu)

    run_tiles(tile, _plan(x, filters, kernel_size, out_size))
    return out


@register("conv2d_weight", "rows", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient. Each thread sums its own part of the tiles. Shapes as in definition.py."""
    channels, (filters, *out_size) = x.shape[1], grad.shape[1:]
    size = channels * kernel_size[0] * kernel_size[1]
    tiles = _plan(x, filters, kernel_size, out_size)
    parts = split(len(tiles), get_num_threads())
    piece = largest_part(size, UNPACKED_CELLS // max(1, filters))  # rows of the columns in a product
    sums = np.zeros((len(parts), size // piece, piece, filters), x.dtype)
    scratch = Scratch()

    def add_up(number):
        for images, rows in tiles[parts[number]]:
            columns = row_columns(x, (images, rows), kernel_size, padding, stride[1], dilation[1], out_size[1], scratch)
            # (n, R, KH*KW*C, OW) -> (n, R, pieces, piece, OW)
            columns = columns.reshape(*columns.shape[:2], -1, piece, out_size[1])
            # (n, O, R, OW) -> (n, R, OW, O) -> (n, R, 1, OW, O)
            seen = grad[images, :, rows].transpose(0, 2, 3, 1)[:, :, None]
            # (n, R, pieces, piece, OW) @ (n, R, 1, OW, O) -> (n, R, pieces, piece, O), and the rows summed
            sums[number] += np.matmul(columns, seen).sum(axis=(0, 1))

    run_tiles(add_up, range(len(parts)))
    # (pieces, piece, O) -> (KH, KW, C, O) -> (O, C, KH, KW)
    return np.ascontiguousarray(add_parts(sums).reshape(*kernel_size, channels, filters).transpose(3, 2, 0, 1))


def row_columns(x, tile, kernel_size, before, stride_across, dilation_across, out_width, scratch):
    """The columns (n, R, KH*KW*C, OW) of a tile: a view of its bands, in which neighbouring rows share KH - 1 bands."""
    images, rows = tile
    channels, (kernel_height, kernel_width) = x.shape[1], kernel_size
    count, height = images.stop - images.start, rows.stop - rows.start
    bands = scratch.empty("bands", (count, height + kernel_height - 1, kernel_width, channels, out_width), x.dtype)
    # (n, R+KH-1, KW, C, OW) -> (C, 1, KW, n, R+KH-1, OW): the columns of a kernel of one row
    by_tap = bands.transpose(3, 2, 0, 1, 4)[:, None]
    fill_columns(by_tap, x[images].swapaxes(0, 1), rows.start, (1, stride_across), before, (1, dilation_across))
    by_image, by_row, _, by_channel, by_pixel = bands.strides
    return np.lib.stride_tricks.as_strided(
        bands,
        (count, height, kernel_height * kernel_width * channels, out_width),
        (by_image, by_row, by_channel, by_pixel),
        writeable=False,
    )


def _plan(x, filters, kernel_size, out_size):
    row = x.shape[1] * kernel_size[1]
    return plan_tiles(len(x), out_size, row * x.itemsize, filters * kernel_size[0] * row, budget=BAND_TILE_BYTES)
