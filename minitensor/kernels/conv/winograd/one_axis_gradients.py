"""Winograd's weight gradient down the columns of an image, with six products instead of twelve.

It is the third line of the derivation in __init__.py: what the filter w multiplies is its gradient,

    dw = G^T [ (A a) * (B^T d) ]        summed over all steps, with a = dy, four rows, and d the six rows of x they see

Summed over the pixels, the elementwise product is, at each of the six points and for each column b of the kernel, a
matrix product of the two transformed rows, shifted against each other by s = b times the dilation:

    rows     (6, n, R, C, width)       B^T @ six rows of x, at every fourth row
    weighted (6, n, R, O, OW)          A @ four rows of dy
    sums     (KW, 6, C, O)             rows[..., s : s + OW] (C, OW) @ weighted^T (OW, O), summed over n and R
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.columns import unpacked_piece
from minitensor.kernels.conv.winograd.matrices import B_T, OUTPUTS, POINTS, SCALED_G, TAPS, UNSCALE, A
from minitensor.kernels.conv.winograd.one_axis import plan_steps, supports, transform
from minitensor.kernels.conv.winograd.row_windows import row_windows
from minitensor.kernels.geometry import extent
from minitensor.kernels.table import register
from minitensor.kernels.threads.tiles import Scratch, add_parts, get_num_threads, run_tiles, split


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return supports(x, grad, kernel_size[0], stride, dilation)


@register("conv2d_weight", "winograd", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dy) * (B^T d)], summed over all steps. Shapes as in definition.py."""
    channels, (filters, height, width) = x.shape[1], grad.shape[1:]
    kernel_width, group_channels = kernel_size[1], channels // groups
    tiles = plan_steps(len(x), (height, width), channels + filters, filters * group_channels * TAPS * kernel_width)
    parts = split(len(tiles), get_num_threads())
    sums = weight_sums(parts, kernel_width, groups, group_channels, filters // groups, x.dtype)
    windows = row_windows(x, POINTS, padding, width + extent(kernel_width, dilation[1]) - 1)
    grad_windows = row_windows(grad, OUTPUTS, (0, 0), width)
    scratch = Scratch()

    def add_up(part):
        for tile in tiles[parts[part]]:
            rows = transform(B_T, windows, tile, groups, "rows", scratch)
            weighted = transform(A, grad_windows, tile, groups, "grad rows", scratch)
            add_products(sums[part], rows, weighted, dilation[1])

    run_tiles(add_up, range(len(parts)))
    # (3, KW, g, pieces, C/g, piece) -> (g, pieces, piece, C/g, 3, KW) -> (O, C/g, 3, KW)
    weight = np.ascontiguousarray(weight_of(sums).transpose(2, 3, 5, 4, 0, 1))
    return weight.reshape(filters, group_channels, TAPS, kernel_width)


def weight_sums(parts, kernel_width, groups, channels, filters, dtype):
    """Zeros (parts, KW, 6, g, pieces, C/g, piece), to which products are added: pieces of the filters of a group, O/g.

    A part is what one thread adds up. A piece is as many filters as BLAS multiplies without packing.
    """
    piece = unpacked_piece(filters, channels)
    return np.zeros((len(parts), kernel_width, POINTS, groups, filters // piece, channels, piece), dtype)


def add_products(sums, rows, weighted, dilation_across):
    """Add (A a) * (B^T d), summed over a tile, to sums (KW, 6, g, pieces, C/g, piece).

    rows (6, n, R, g, C/g, width) are B^T d of an image d; weighted (6, n, R, g, O/g, OW) are A a.
    """
    pieces, piece, width = sums.shape[3], sums.shape[5], weighted.shape[5]
    # (6, n, R, g, O/g, OW) -> (6, n, R, g, pieces, piece, OW) -> (6, n, R, g, pieces, OW, piece)
    weighted = weighted.reshape(*weighted.shape[:4], pieces, piece, width).swapaxes(5, 6)
    for tap, total in enumerate(sums):
        # (6, n, R, g, C/g, OW) -> (6, n, R, g, 1, C/g, OW)
        first = tap * dilation_across
        seen = rows[:, :, :, :, None, :, first : first + width]
        # (6, n, R, g, 1, C/g, OW) @ (6, n, R, g, pieces, OW, piece) -> (6, n, R, g, pieces, C/g, piece),
        # and the steps summed
        total += np.matmul(seen, weighted).sum(axis=(1, 2))


def weight_of(sums):
    """G^T of all parts' sums (parts, KW, 6, g, pieces, C/g, piece): the gradient, (3, KW, g, pieces, C/g, piece)."""
    kernel_width, _, *rest = sums.shape[1:]
    # (3, 6) @ (KW, 6, g*pieces*C/g*piece) -> (KW, 3, g*pieces*C/g*piece) -> (3, KW, g, pieces, C/g, piece)
    taps = np.matmul(SCALED_G.T, add_parts(sums).reshape(kernel_width, POINTS, -1)) * UNSCALE
    return taps.reshape(kernel_width, TAPS, *rest).swapaxes(0, 1)
