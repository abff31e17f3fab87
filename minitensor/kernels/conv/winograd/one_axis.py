"""Winograd down the columns of an image: half the multiplications of a 3-row kernel, in float32.

    y = A^T [ (G w) * (B^T d) ]

where d are six rows of the image and w the three rows of a kernel. (`__init__.py` derives it.) Summed over the
channels, the elementwise product is a matrix product at each of the six points. Column b of the kernel sees the same
rows, shifted by s = b times the dilation. A step is four rows of the output; an image has ceil(OH / 4) of them. A tile
is R steps of n images. `width` = OW + dilation (KW - 1) is the width of the padded image:

    rows     (6, n, R, C, width)       B^T @ six rows of x, at every fourth row: BLAS reads x where it lies
    products (6, n, R, O, OW)          sum over b of the weight's point (O, C) @ rows[..., s : s + OW]
    out      (n, O, 4 R, OW)           A^T @ six rows of products, written in place; the last step may be cut short

So nothing is unfolded. In the forward pass each product takes one row of the image. Up to O C OW of one million,
OpenBLAS (with AVX-512) multiplies such factors as they lie in memory; larger ones it copies first (columns.py).

A NaN or infinity in a pixel reaches all four rows of a step, not only the rows whose windows see it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minitensor.kernels.conv.columns import plan_tiles
from minitensor.kernels.conv.definition import rotate_kernel
from minitensor.kernels.conv.winograd.blank import BlankWindows
from minitensor.kernels.conv.winograd.matrices import A_T, B_T, OUTPUTS, POINTS, SCALED_G, TAPS, UNSCALE
from minitensor.kernels.conv.winograd.row_windows import row_windows, transform_rows, write_rows
from minitensor.kernels.geometry import ceil_div, extent, output_size, rotated_padding, transposed_output_size
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import ONE_AXIS_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, run_tiles


def supports(x, other, kernel_height, stride, dilation):
    """True for float32, three kernel rows, stride 1 and rows that are not dilated. float64 takes an exact kernel.

    Neither x nor `other`, the second array, may be empty: planning the tiles divides by their sizes.
    """
    fits = kernel_height == TAPS and tuple(stride) == (1, 1) and dilation[0] == 1
    return x.dtype == np.float32 and fits and 0 not in x.shape and 0 not in other.shape


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return supports(x, weight, weight.shape[2], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return supports(x, weight, weight.shape[2], stride, dilation)


@register("conv2d", "winograd", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """A kernel of 3 rows and any width, stride 1, rows not dilated. Shapes as in definition.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    blank = BlankWindows(x, weight, bias, out_size, padding, dilation)
    out = correlate(x, weight, bias, padding, dilation[1], groups, out_size, relu, beside=blank.find)
    blank.write(out, OUTPUTS, relu)
    return out


@register("conv_transpose2d", "winograd", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """At stride 1 no zeros are inserted: a convolution with the rotated kernel, padded by d (k - 1) - padding."""
    kernel_size = weight.shape[2:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = rotated_padding(kernel_size, padding, dilation)
    return correlate(x, rotate_kernel(weight, groups), bias, before, dilation[1], groups, out_size)


def correlate(x, weight, bias, before, dilation_across, groups, out_size, relu=False, beside=None):
    """A convolution at stride 1 whose padding may be negative, and may differ from side to side.

    out[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i + a - before, j + b d - before]

    d is dilation_across, `before` the padding (top, left), and c runs over the channels of the group of o. `beside` is
    run together with the tiles (`run_tiles`).
    """
    filters, kernel_width = len(weight), weight.shape[3]
    points = filter_points(weight, groups)
    out = np.empty((len(x), filters, *out_size), x.dtype)
    windows = row_windows(x, POINTS, before, out_size[1] + extent(kernel_width, dilation_across) - 1)
    scratch = Scratch()

    def tile(part):
        rows = transform(B_T, windows, part, groups, "rows", scratch)
        write_filtered(points, rows, dilation_across, bias, relu, out, part, scratch)

    run_tiles(tile, plan_steps(len(x), out_size, x.shape[1] + 2 * filters, weight.size), beside)
    return out


def write_filtered(points, rows, dilation_across, bias, relu, out, tile, scratch):
    """The filter itself, A^T [(G w) * (B^T d)]: points (KW, 6, 1, 1, g, O/g, C/g), rows (6, n, R, g, C/g, width)."""
    width, group_filters = out.shape[3], points.shape[5]
    shape = (*rows.shape[:4], group_filters, width)
    products, more = (scratch.empty(name, shape, out.dtype) for name in ("products", "more products"))
    # (6, 1, 1, g, O/g, C/g) @ (6, n, R, g, C/g, OW) -> (6, n, R, g, O/g, OW), summed over the columns of the kernel
    np.matmul(points[0], rows[..., :width], out=products)
    for tap in range(1, len(points)):
        first = tap * dilation_across
        products += np.matmul(points[tap], rows[..., first : first + width], out=more)
    # (6, n, R, g, O/g, OW) -> (6, n, R, O, OW) -> (n, O, R, 6, OW)
    products = products.reshape(*shape[:3], out.shape[1], width).transpose(1, 3, 2, 0, 4)
    write_rows(A_T, products, bias, relu, out, tile)


def plan_steps(images, out_size, channels, weights, budget=ONE_AXIS_TILE_BYTES):
    """Tiles [(slice of images, slice of steps)]. A step is four rows of the output, each multiplied by all `weights`.

    The rows and products of a tile, of `channels` in all, take at most `budget` bytes, but a tile is at least one step.
    """
    steps = ceil_div(out_size[0], OUTPUTS)
    bytes_per_pixel = POINTS * channels * np.dtype(np.float32).itemsize
    return plan_tiles(images, (steps, out_size[1]), bytes_per_pixel, OUTPUTS * weights, budget=budget)


def filter_points(weight, groups):
    """G w for the rows of every kernel: (O, C/g, 3, KW) -> (KW, 6, 1, 1, g, O/g, C/g), the same for every step."""
    filters, channels, _, kernel_width = weight.shape
    # One product for all columns of a kernel: its taps lie side by side, and BLAS transposes them while it reads them.
    # (O, C/g, 3, KW) -> (O*C/g, 3*KW) -> (3*KW, O*C/g);  (KW*6, 3*KW) @ (3*KW, O*C/g) -> (KW*6, O*C/g)
    taps = (weight * UNSCALE).reshape(filters * channels, TAPS * kernel_width).T
    points = _g_of_columns(kernel_width) @ taps
    # (KW*6, O*C/g) -> (KW, 6, 1, 1, g, O/g, C/g)
    return points.reshape(kernel_width, POINTS, 1, 1, groups, filters // groups, channels)


@lru_cache
def _g_of_columns(kernel_width):
    """SCALE G for each column of a kernel: (KW*6, 3*KW), [b 6 + t, a KW + c] = SCALE G[t, a] if b = c, else 0."""
    # (6, 3) and (KW, KW) -> (KW, 6, 3, KW)
    each = np.einsum("ta,bc->btac", SCALED_G, np.eye(kernel_width, dtype=SCALED_G.dtype))
    return each.reshape(kernel_width * POINTS, -1)


def transform(matrix, windows, tile, groups, name, scratch):
    """matrix @ the windows of a tile: (6, n, R, g, C/g, width) for n images and R steps."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    shape = (len(matrix), *size, windows.x.shape[1], windows.width)
    rows = scratch.zeros(name, shape, windows.x.dtype)
    transform_rows(matrix, windows, tile, slice(None), rows.transpose(1, 3, 2, 0, 4))
    # (6, n, R, C, width) -> (6, n, R, g, C/g, width)
    return rows.reshape(*shape[:3], groups, shape[3] // groups, shape[4])
