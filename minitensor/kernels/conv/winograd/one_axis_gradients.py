"""Winograd's gradients: the weight's, with six products instead of twelve; and both from one transform of dy.

The third reading of the sum in winograd.py: what the filter w multiplies is its gradient,

    dw = G^T [ (A a) * (B^T d) ]        summed over all steps, with a = dy, four rows, and d the six rows of x they see

Summed over pixels the elementwise product is, at each of the six points and for each column b of the kernel, a matrix
product of the two transformed rows, shifted against each other by s = b times the dilation:

    rows     (6, n, R, C, width)       B^T @ six rows of x, at every fourth row
    weighed  (6, n, R, O, OW)          A @ four rows of dy
    sums     (KW, 6, C, O)             rows[..., s : s + OW] (C, OW) @ weighed^T (OW, O), summed over n and R

A training step wants the gradient by x as well, which is dy filtered with the turned kernel: d is now six rows of dy,
and what the filter puts out is dx. Now weigh that output by a = x: <x, dx> is again <dy, conv(x, w)>, so the third
reading gives the turned kernel's gradient. One by one dy is transformed twice, by B^T and by A, and x once;
`conv2d_gradients` transforms each once: 5 to 15% of the time of both.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.columns import unpacked_piece
from minitensor.kernels.conv.definition import rotate_kernel
from minitensor.kernels.conv.winograd.matrices import B_T, OUTPUTS, POINTS, SCALED_G, TAPS, UNSCALE, A
from minitensor.kernels.conv.winograd.one_axis import (
    filter_points,
    plan_steps,
    supports,
    transform,
    write_filtered,
)
from minitensor.kernels.conv.winograd.row_windows import row_windows
from minitensor.kernels.geometry import extent, rotated_padding
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import ONE_AXIS_BOTH_TILE_BYTES
from minitensor.kernels.threads.tiles import Scratch, add_parts, get_num_threads, run_tiles, split


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return supports(x, grad, kernel_size[0], stride, dilation)


def conv2d_gradients_supports(x, weight, grad, stride, padding, output_padding, groups, dilation):
    return supports(x, grad, weight.shape[2], stride, dilation)


@register("conv2d_weight", "winograd", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dy) * (B^T d)], summed over all steps. Shapes as in definition.py."""
    channels, (filters, height, width) = x.shape[1], grad.shape[1:]
    kernel_width, group_channels = kernel_size[1], channels // groups
    tiles = plan_steps(
        len(x), (height, width), channels + filters, filters * group_channels * TAPS * kernel_width
    )
    parts = split(len(tiles), get_num_threads())
    sums = weight_sums(parts, kernel_width, groups, group_channels, filters // groups, x.dtype)
    windows = row_windows(x, POINTS, padding, width + extent(kernel_width, dilation[1]) - 1)
    grad_windows = row_windows(grad, OUTPUTS, (0, 0), width)
    scratch = Scratch()

    def add_up(part):
        for tile in tiles[parts[part]]:
            rows = transform(B_T, windows, tile, groups, "rows", scratch)
            weighed = transform(A, grad_windows, tile, groups, "grad rows", scratch)
            add_products(sums[part], rows, weighed, dilation[1])

    run_tiles(add_up, range(len(parts)))
    # (3, KW, g, pieces, C/g, piece) -> (g, pieces, piece, C/g, 3, KW) -> (O, C/g, 3, KW)
    weight = np.ascontiguousarray(weight_of(sums).transpose(2, 3, 5, 4, 0, 1))
    return weight.reshape(filters, group_channels, TAPS, kernel_width)


@register("conv2d_gradients", "winograd", backends=("numpy",), supports=conv2d_gradients_supports)
def conv2d_gradients(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Both gradients of conv2d, from the same rows of grad. Shapes as in definition.py."""
    (channels, *size), filters = x.shape[1:], grad.shape[1]
    kernel_width, group_channels = weight.shape[3], weight.shape[1]
    before = rotated_padding(weight.shape[2:], padding, dilation)
    points = filter_points(rotate_kernel(weight, groups), groups)
    grad_x = np.empty(x.shape, x.dtype)
    tiles = plan_steps(len(x), size, filters + 2 * channels, 2 * weight.size, ONE_AXIS_BOTH_TILE_BYTES)
    parts = split(len(tiles), get_num_threads())
    sums = weight_sums(parts, kernel_width, groups, filters // groups, group_channels, x.dtype)
    windows = row_windows(grad, POINTS, before, size[1] + extent(kernel_width, dilation[1]) - 1)
    x_windows = row_windows(x, OUTPUTS, (0, 0), size[1])
    scratch = Scratch()

    def both(part):
        for tile in tiles[parts[part]]:
            rows = transform(B_T, windows, tile, groups, "rows", scratch)
            # In the memory of "products", which write_filtered overwrites after add_products has read it: x fills
            # whole rows, so no border has to stay zero (`Scratch`).
            weighed = transform(A, x_windows, tile, groups, "products", scratch)
            add_products(sums[part], rows, weighed, dilation[1])
            write_filtered(
                points, rows, dilation[1], bias=None, relu=False, out=grad_x, tile=tile, scratch=scratch
            )

    run_tiles(both, range(len(parts)))
    # the turned kernel's (3, KW, g, pieces, O/g, piece of C/g), rotated back
    # -> (g, O/g, pieces, piece, 3, KW) -> (O, C/g, 3, KW)
    grad_weight = np.ascontiguousarray(weight_of(sums)[::-1, ::-1].transpose(2, 4, 3, 5, 0, 1))
    return grad_x, grad_weight.reshape(weight.shape)


def weight_sums(parts, kernel_width, groups, channels, filters, dtype):
    """Zeros (parts, KW, 6, g, pieces, C/g, piece), to add products to: pieces of the filters of a group, O/g.

    A part is what one thread adds up; a piece, as many filters as BLAS multiplies without copying first. For
    `conv2d_gradients` O and C change places: there the image is grad, and x is weighed.
    """
    piece = unpacked_piece(filters, channels)
    return np.zeros((len(parts), kernel_width, POINTS, groups, filters // piece, channels, piece), dtype)


def add_products(sums, rows, weighed, dilation_across):
    """Add (A a) * (B^T d), summed over a tile, to sums (KW, 6, g, pieces, C/g, piece).

    rows (6, n, R, g, C/g, width) are B^T d, of an image d; weighed (6, n, R, g, O/g, OW) are A a.
    """
    pieces, piece, width = sums.shape[3], sums.shape[5], weighed.shape[5]
    # (6, n, R, g, O/g, OW) -> (6, n, R, g, pieces, piece, OW) -> (6, n, R, g, pieces, OW, piece)
    weighed = weighed.reshape(*weighed.shape[:4], pieces, piece, width).swapaxes(5, 6)
    for tap, total in enumerate(sums):
        # (6, n, R, g, C/g, OW) -> (6, n, R, g, 1, C/g, OW)
        first = tap * dilation_across
        seen = rows[:, :, :, :, None, :, first : first + width]
        # (6, n, R, g, 1, C/g, OW) @ (6, n, R, g, pieces, OW, piece) -> (6, n, R, g, pieces, C/g, piece),
        # and the steps summed
        total += np.matmul(seen, weighed).sum(axis=(1, 2))


def weight_of(sums):
    """G^T of all parts' sums (parts, KW, 6, g, pieces, C/g, piece): the gradient, (3, KW, g, pieces, C/g, piece)."""
    kernel_width, _, *rest = sums.shape[1:]
    # (3, 6) @ (KW, 6, g*pieces*C/g*piece) -> (KW, 3, g*pieces*C/g*piece) -> (3, KW, g, pieces, C/g, piece)
    taps = np.matmul(SCALED_G.T, add_parts(sums).reshape(kernel_width, POINTS, -1)) * UNSCALE
    return taps.reshape(kernel_width, TAPS, *rest).swapaxes(0, 1)
