"""The gradients of both_axes.py: the weight's, and both gradients from one transform of the output's gradient.

The weight gradient runs the chain of both_axes.py backwards: dw = G^T [ (A dY A^T) * (B^T d B) ] G, summed over all
blocks. At each of the 36 points this is one matrix product, whose inner axis is the blocks:

    image    (6, 6, C, n*R*T)          B^T d B of windows of x
    weighted (6, 6, O, n*R*T)          A dY A^T of blocks of dY
    sums     (6, 6, O, C)              weighted (O, n*R*T) @ image^T (n*R*T, C)

The gradient with respect to x is a convolution too: its image is dY, its kernel is w rotated by 180 degrees, and its
output is dX. The weight gradient of this convolution, with x in the place of the output's gradient, is the gradient of
the rotated kernel, because <x, dX> = <dY, conv(x, w)>. So B^T dY B, computed once, serves both gradients
(`conv2d_gradients`). Computed separately, dY would be transformed twice.

The blocks are taken some at a time (a chunk): all threads transform them, and then each thread takes some of the
products.
"""

from __future__ import annotations

import math
from functools import partial
from operator import call

import numpy as np

from minitensor.kernels.conv.columns import UNPACKED, UNPACKED_CELLS, largest_part
from minitensor.kernels.conv.winograd.both_axes import (
    ROTATED_G,
    filter_parts,
    plan_steps,
    rotated_points,
    supports,
    write_filtered,
)
from minitensor.kernels.conv.winograd.matrices import B_T, OUTPUTS, POINTS, SCALED_G, TAPS, A
from minitensor.kernels.conv.winograd.row_windows import row_windows
from minitensor.kernels.conv.winograd.transforms import blocks_in, transform_all, weight_back
from minitensor.kernels.geometry import ceil_div, rotated_padding
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import CHUNK_BYTES, PRODUCT_BYTES
from minitensor.kernels.threads.tiles import Scratch, get_num_threads, run_tiles, split

# filters in a piece, and blocks, below which products without packing (columns.py) gain nothing: at each of 36 points
# (128, 256) @ (256, 256)^T runs at 74 GFLOP/s in one piece, at 88 by 4 filters
LEAST_ROWS, MANY_BLOCKS = 4, 100


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return supports(x, grad, kernel_size, stride, dilation)


def conv2d_gradients_supports(x, weight, grad, stride, padding, output_padding, groups, dilation):
    return groups == 1 and supports(x, grad, weight.shape[2:], stride, dilation)


@register("conv2d_weight", "winograd2d", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dY A^T) * (B^T d B)] G, summed over all blocks. Shapes as in definition.py."""
    channels, (filters, *out_size) = x.shape[1], grad.shape[1:]
    across = ceil_div(out_size[1], OUTPUTS)
    rows = row_windows(x, POINTS, padding, OUTPUTS * (across + 1))
    grad_rows = row_windows(grad, OUTPUTS, (0, 0), OUTPUTS * across)
    weights = filters * channels // groups * TAPS * TAPS
    chunks = plan_steps(len(x), out_size, channels + filters, weights, CHUNK_BYTES, multiple=1)
    total = WeightGradient(groups, filters, channels, SCALED_G, chunks, x.dtype)
    for chunk in chunks:
        image, weighted = transform_all(chunk, across, (B_T, rows), (A, grad_rows))
        run_tiles(call, total.jobs(weighted, image, chunk))
    # (g, O/g, C/g, 3, 3) -> (O, C/g, 3, 3)
    return total.weight.reshape(filters, channels // groups, TAPS, TAPS)


@register("conv2d_gradients", "winograd2d", backends=("numpy",), supports=conv2d_gradients_supports)
def conv2d_gradients(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Both gradients of conv2d, without groups, from the same points of grad. Shapes as in definition.py."""
    (channels, *size), filters = x.shape[1:], grad.shape[1]
    across = ceil_div(size[1], OUTPUTS)
    before = rotated_padding(weight.shape[2:], padding, dilation)
    grad_rows = row_windows(grad, POINTS, before, OUTPUTS * (across + 1))
    x_rows = row_windows(x, OUTPUTS, (0, 0), OUTPUTS * across)
    chunks = plan_steps(len(x), size, channels + filters, 2 * weight.size, CHUNK_BYTES, multiple=1)
    total = WeightGradient(groups, filters, channels, ROTATED_G, chunks, x.dtype)
    grad_x, scratch = np.empty(x.shape, x.dtype), Scratch()
    for chunk in chunks:
        image, weighted = transform_all(chunk, across, (B_T, grad_rows), (A, x_rows))

        def write(part, chunk=chunk, image=image):
            points = rotated_points(weight, groups, part)
            place = dict(out=grad_x, tile=chunk, filters=part, across=across)
            write_filtered(points, image, bias=None, relu=False, scratch=scratch, **place)

        parts = split(channels, filter_parts(channels, filters, blocks_in(chunk, across)))
        # The rotated kernel has C filters and O channels. Its gradient is weighted (C, n*R*T) @ image^T (n*R*T, O);
        # transposed, as the weight has it, image (O, n*R*T) @ weighted^T (n*R*T, C). ROTATED_G turns the taps back.
        run_tiles(call, [*total.jobs(image, weighted, chunk), *(partial(write, part) for part in parts)])
    # (1, O, C, 3, 3) -> (O, C, 3, 3)
    return grad_x, total.weight.reshape(weight.shape)


class WeightGradient:
    """`weight` (g, O/g, C/g, 3, 3) = matrix^T [sum over all chunks of a product of points] matrix / SCALE^2.

    matrix is SCALED_G, or ROTATED_G where the kernel is rotated. Each part of the sum is a job for a thread: some
    filters of the only group, or some groups.
    """

    def __init__(self, groups, filters, channels, matrix, chunks, dtype):
        self.weight = np.empty((groups, filters // groups, channels // groups, TAPS, TAPS), dtype)
        self.matrix, self.last = matrix, chunks[-1]
        points = (POINTS, POINTS, *self.weight.shape[:3])
        self.sums = np.zeros(points, dtype) if len(chunks) > 1 else None
        number = max(get_num_threads(), math.prod(points) * self.weight.itemsize // PRODUCT_BYTES)
        if groups == 1:
            self.parts = [(slice(0, 1), part) for part in split(filters, number)]
        else:
            self.parts = [(part, slice(None)) for part in split(groups, number)]

    def jobs(self, of_filters, of_channels, chunk):
        """Functions for `run_tiles`, which add of_filters (6, 6, O, n*R*T) @ of_channels (6, 6, C, n*R*T)^T."""
        groups, group_filters, group_channels = self.weight.shape[:3]
        # (6, 6, O, n*R*T) -> (6, 6, g, O/g, n*R*T)
        of_filters = of_filters.reshape(POINTS, POINTS, groups, group_filters, -1)
        # (6, 6, C, n*R*T) -> (6, 6, g, C/g, n*R*T) -> (6, 6, g, n*R*T, C/g)
        of_channels = of_channels.reshape(POINTS, POINTS, groups, group_channels, -1).swapaxes(3, 4)
        return [partial(self._add, part, of_filters, of_channels, chunk is self.last) for part in self.parts]

    def _add(self, part, of_filters, of_channels, last):
        products = _multiply_long(of_filters[:, :, *part], of_channels[:, :, part[0]])
        if self.sums is not None:
            self.sums[:, :, *part] += products
            products = self.sums[:, :, *part]
        if last:
            weight_back(products, self.weight[part], self.matrix)


def _multiply_long(of_filters, of_channels):
    """of_filters (6, 6, g, o, n*R*T) @ of_channels (6, 6, g, n*R*T, C/g) -> (6, 6, g, o, C/g).

    In pieces that OpenBLAS multiplies without packing, if possible. A piece is some filters, so few that it can take
    all blocks together. If that would be too few filters, it takes some blocks after the other.
    """
    filters, blocks = of_filters.shape[3:]
    channels = of_channels.shape[4]
    most = max(LEAST_ROWS, UNPACKED // (channels * blocks))
    piece = largest_part(filters, min(most, UNPACKED_CELLS // channels))
    if piece < LEAST_ROWS or blocks < MANY_BLOCKS:
        return np.matmul(of_filters, of_channels)
    # (6, 6, g, o, n*R*T) -> (6, 6, g, pieces, piece, n*R*T);  (6, 6, g, n*R*T, C/g) -> (6, 6, g, 1, n*R*T, C/g)
    of_filters = of_filters.reshape(*of_filters.shape[:3], -1, piece, blocks)
    of_channels = of_channels[:, :, :, None]
    first, *others = split(blocks, ceil_div(piece * channels * blocks, UNPACKED))
    # (6, 6, g, pieces, piece, some) @ (6, 6, g, 1, some, C/g) -> (6, 6, g, pieces, piece, C/g), and the blocks summed
    products = np.matmul(of_filters[..., first], of_channels[..., first, :])
    for some in others:
        products += np.matmul(of_filters[..., some], of_channels[..., some, :])
    # (6, 6, g, pieces, piece, C/g) -> (6, 6, g, o, C/g)
    return products.reshape(*products.shape[:3], filters, channels)
