"""Convolution by columns: windows become columns of a matrix, and a convolution becomes one matrix product.

    conv2d          weight (O, C*KH*KW) @ columns (C*KH*KW, L) -> (O, L)        column l is the window at position l
    conv2d_weight   grad (O, L) @ columns^T (L, C*KH*KW) -> (O, C*KH*KW)

The columns repeat every pixel KH*KW times. For a whole image they would be the peak of memory, and the product would
wait for memory. So they are made for one tile at a time (columns.py).
Source: Chellapilla, Puri and Simard 2006, High performance convolutional neural networks.
"""

from __future__ import annotations

from minitensor.backend import array_module, backend_name
from minitensor.kernels.conv.bias_relu import bias_relu
from minitensor.kernels.conv.columns import multiply_by_row, plan_tiles, sum_by_row, tile_columns, worth_threads
from minitensor.kernels.geometry import output_size
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import MOST_COLUMN_BYTES, SERIAL_PRODUCTS
from minitensor.kernels.threads.tiles import add_parts, get_num_threads, run_tiles, split, threads_for

# If the weight gradient is larger than this, adding up one copy per thread costs more than computing all columns in
# every thread.
LARGE_WEIGHT_BYTES = 16 << 20
# If the weight gradient is larger than this, transposing it costs more than the faster product (long matrix first)
# saves.
TRANSPOSED_BYTES = 1 << 18
LONG_PHASES = 8  # phases across from which one copy along them beats a copy for each


@register("conv2d", "columns", former="unfold")
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """out[o] = bias[o] + weight[o] . columns, tile by tile; then max(., 0) if `relu`. Shapes as in definition.py."""
    filters, group_channels, *kernel_size = weight.shape
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    out = array_module(x).empty((len(x), filters, *out_size), x.dtype)
    # (O, C/g, KH, KW) -> (g, O/g, C/g, KH, KW)
    weight = weight.reshape(groups, filters // groups, group_channels, *kernel_size)
    # (N, O, OH, OW) -> (N, g, O/g, OH, OW)
    target = out.reshape(len(x), groups, filters // groups, *out_size)
    correlate(x, weight, bias, stride, padding, dilation, target, relu)
    return out


def correlate(x, weight, bias, stride, before, dilation, target, relu=False):
    """Write the convolution of x with weight into `target`, a view with any strides.

    weight (g, F, C/g, KH, KW); target (N, g, ..., OH, OW), whose middle axes hold the F filters of a group. phases.py
    passes three middle axes: filter, phase down, phase across. bias (or None) has one number per filter, and all phases
    of a filter get the same one.
    """
    xp = array_module(x)
    groups, filters, group_channels, *kernel_size = weight.shape
    *filter_shape, height, width = target.shape[2:]
    rows_of_columns = group_channels * kernel_size[0] * kernel_size[1]
    # (g, F, C/g, KH, KW) -> (g, F, C/g*KH*KW)
    matrix = weight.reshape(groups, filters, rows_of_columns)
    bytes_per_pixel = max(1, groups * rows_of_columns) * x.itemsize
    in_reading_order = target.strides[-1] == x.itemsize and len(filter_shape) == 1
    by_row = multiply_by_row(x, filters * rows_of_columns, width)
    phases = filters // max(1, filter_shape[0])  # that a filter stands for; there may be no filter

    def tile(job):
        (images, rows), some = job
        size = images.stop - images.start, rows.stop - rows.start, width
        pixels = size[0] * size[1] * width
        columns = tile_columns(x, (images, rows), kernel_size, stride, before, dilation, width)
        weights = matrix[:, some.start * phases : some.stop * phases]  # of some filters, (g, f, C/g*KH*KW)
        place = target[images, :, some, ..., rows, :]  # (n, g, ..., R, OW)
        if by_row:
            # (C, KH, KW, n, R, OW) -> (g, C/g*KH*KW, n, R, OW) -> (n, R, g, C/g*KH*KW, OW)
            columns = columns.reshape(groups, rows_of_columns, *size).transpose(2, 3, 0, 1, 4)
            # (n, g, f, R, OW) -> (n, R, g, f, OW), a view: BLAS writes to the target
            out = place.transpose(0, 3, 1, 2, 4) if in_reading_order else None
            # (g, f, C/g*KH*KW) @ (n, R, g, C/g*KH*KW, OW) -> (n, R, g, f, OW) -> (n, g, f, R, OW)
            result = xp.matmul(weights, columns, out=out).transpose(0, 2, 3, 1, 4)
        else:
            # (g, f, C/g*KH*KW) @ (g, C/g*KH*KW, n*R*OW) -> (g, f, n*R*OW) -> (n, g, f, R, OW)
            result = xp.matmul(weights, columns.reshape(groups, rows_of_columns, pixels))
            result = result.reshape(groups, weights.shape[1], *size).transpose(2, 0, 1, 3, 4)
        by_group = None
        if bias is not None:
            # (O,) -> (g, O/g) -> (g, o) -> (g, f): the phases of a filter share its bias
            by_group = xp.repeat(bias.reshape(groups, len(bias) // groups)[:, some], phases, axis=1)
        bias_relu(result, by_group, relu)
        if not (by_row and in_reading_order):
            _put(place, result.reshape(*place.shape))

    pixels = len(x) * height * width
    few = 0 < pixels < filters and groups == 1 and pixels * bytes_per_pixel <= MOST_COLUMN_BYTES
    if few and worth_threads(pixels * weight.size):
        # A product reads its weight once. If the weight is larger than the image, each thread takes some filters and
        # makes all columns.
        everything = slice(0, len(x)), slice(0, height)
        threads = threads_for(pixels * weight.size, SERIAL_PRODUCTS)
        run_tiles(tile, [(everything, some) for some in split(filter_shape[0], threads)])
        return
    if backend_name(x) == "numpy" and not in_reading_order:
        # products stay in the cache until they are put into place
        bytes_per_pixel += groups * filters * x.itemsize
    parts = plan_tiles(len(x), (height, width), bytes_per_pixel, weight.size, weight.nbytes)
    run_tiles(tile, [(part, slice(0, filter_shape[0])) for part in parts])


def _put(place, result):
    """place[...] = result, both (n, g, O/g, phases, phases, R, OW). A short axis of phases is copied phase by phase.

    NumPy copies along the axis with the smallest step. In a target with interleaved phases this is the phase across,
    and loops of two or three numbers are slow. One copy per phase runs along the rows instead.
    """
    if place.ndim == 7 and place.shape[4] < LONG_PHASES:
        if backend_name(place) == "numpy":
            # in one go; after that, every second number is written to the cache, not to memory
            place[...] = 0
        for down in range(place.shape[3]):
            for across in range(place.shape[4]):
                place[:, :, :, down, across] = result[:, :, :, down, across]
    else:
        place[...] = result


@register("conv2d_weight", "columns", former="unfold")
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """grad . columns^T, summed over the tiles. Shapes as in definition.py.

    Each thread sums the tiles of its own part, and the parts are added in their order, so the same number of threads
    gives the same bits. If the weight is large, each thread computes some filters over all tiles instead.
    """
    xp = array_module(x)
    filters, height, width = grad.shape[1:]
    rows_of_columns = x.shape[1] // groups * kernel_size[0] * kernel_size[1]
    weights = filters * rows_of_columns
    weight_bytes = weights * x.itemsize
    tiles = plan_tiles(len(x), (height, width), groups * rows_of_columns * x.itemsize, weights, weight_bytes)
    if weight_bytes > LARGE_WEIGHT_BYTES:
        if tiles and len(x) * height * width * rows_of_columns * x.itemsize <= MOST_COLUMN_BYTES:
            tiles = [(slice(0, len(x)), slice(0, height))]  # so that nothing need be summed
        parts = [(0, tiles, some) for some in split(filters // groups, get_num_threads())]
    else:
        shares = split(len(tiles), get_num_threads())
        parts = [(number, tiles[share], slice(None)) for number, share in enumerate(shares)]
    by_row = sum_by_row(x, filters // groups * rows_of_columns, width)
    as_it_is = not by_row and (filters // groups >= rows_of_columns or weight_bytes >= TRANSPOSED_BYTES)
    # where each part has one tile, its product is written where its sum belongs, and not added to zeros
    new_sums = xp.empty if as_it_is and all(len(tiles) == 1 for _, tiles, _ in parts) else xp.zeros
    sums = new_sums((parts[-1][0] + 1 if parts else 0, groups, filters // groups, rows_of_columns), x.dtype)

    def add_up(part):
        number, tiles, some = part
        total = sums[number, :, some]
        for images, rows in tiles:
            pixels = (images.stop - images.start) * (rows.stop - rows.start) * width
            columns = tile_columns(x, (images, rows), kernel_size, stride, padding, dilation, width)
            # (n, O, R, OW) -> (O, n, R, OW) -> (g, O/g, n*R*OW)
            seen = grad[images, :, rows].swapaxes(0, 1).reshape(groups, filters // groups, pixels)[:, some]
            columns = columns.reshape(groups, rows_of_columns, pixels)
            if by_row:
                # (g, F, n*R*OW) -> (g, n*R, F, OW)
                seen = seen.reshape(groups, -1, pixels // width, width).swapaxes(1, 2)
                columns = columns.reshape(groups, rows_of_columns, pixels // width, width).swapaxes(1, 2)
                # (g, n*R, O/g, OW) @ (g, n*R, OW, C/g*KH*KW) -> (g, n*R, O/g, C/g*KH*KW), and the rows summed
                total += (seen @ columns.swapaxes(2, 3)).sum(axis=1)
            elif as_it_is:
                # (g, O/g, n*R*OW) @ (g, n*R*OW, C/g*KH*KW) -> (g, O/g, C/g*KH*KW)
                if len(tiles) == 1:
                    xp.matmul(seen, columns.swapaxes(1, 2), out=total)
                else:
                    total += seen @ columns.swapaxes(1, 2)
            else:  # the longer matrix first, which BLAS multiplies faster; to turn the sum is cheap while it is small
                total += (columns @ seen.swapaxes(1, 2)).swapaxes(1, 2)

    run_tiles(add_up, parts)
    return add_parts(sums).reshape(filters, x.shape[1] // groups, *kernel_size)
