"""Transposed convolution as the adjoint of unfold: one product makes columns, and they are added where they belong.

    columns (O*KH*KW, H*W) = weight^T (O*KH*KW, C) @ x (C, H*W);    out = fold(columns)

Each pixel of x is multiplied by the whole kernel, and the results are added where the kernel lies. The phases of
phases.py need no additions, but they must first reorder the weight, and their products have one row per filter. So this
way is better if the weight is larger than the image (a 7 x 7 kernel on the last feature map of a VGG), or if there are
few filters.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.columns import BUSY_COLUMNS
from minitensor.kernels.geometry import ceil_div, overlap, transposed_output_size
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import COLUMN_TILE_BYTES, SERIAL_PRODUCTS
from minitensor.kernels.threads.tiles import blocks, rounded_up, run_tiles, split, threads_for


@register("conv_transpose2d", "fold_columns", former="fold")
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Columns of a few filters at a time, added into their image. Shapes as in definition.py."""
    xp = array_module(x)
    images, channels, height, width = x.shape
    group_filters, *kernel_size = weight.shape[1:]
    taps = kernel_size[0] * kernel_size[1]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    out = xp.empty((images, groups, group_filters, *out_size), x.dtype)
    # A product reads the whole weight, so small images share one product.
    columns_each = max(BUSY_COLUMNS, height * width)
    shared = split(images, ceil_div(images * height * width, columns_each))
    # (n, C, H, W) -> (n, g, C/g, H*W) -> (g, C/g, n, H*W) -> (g, C/g, n*H*W)
    by_group = [x[some].reshape(-1, groups, channels // groups, height * width) for some in shared]
    pixels = [some.transpose(1, 2, 0, 3).reshape(groups, channels // groups, -1) for some in by_group]
    # (C, O/g, KH, KW) -> (g, C/g, O/g, KH*KW)
    weight = weight.reshape(groups, channels // groups, group_filters, taps)
    # For each axis and tap: which pixels of x reach the output through this tap, and where they land.
    where = [
        [overlap(tap * d - p, s, positions, size) for tap in range(kernel)]
        for kernel, d, p, s, positions, size in zip(
            kernel_size, dilation, padding, stride, (height, width), out_size, strict=True
        )
    ]

    def tile(part):
        number, group, filters = part
        # (n, o, OH, OW) -> (o, n, OH, OW)
        target = out[shared[number], group, filters].swapaxes(0, 1)
        target[...] = 0 if bias is None else bias.reshape(groups, group_filters)[group, filters, None, None, None]
        matrix = weight[group, :, filters].reshape(channels // groups, len(target) * taps)
        # (o*KH*KW, C/g) @ (C/g, n*H*W) -> (o*KH*KW, n*H*W)
        columns = matrix.T @ pixels[number][group]
        columns = columns.reshape(len(target), *kernel_size, target.shape[1], height, width)
        for a, (rows, rows_hit) in enumerate(where[0]):
            for b, (across, across_hit) in enumerate(where[1]):
                target[:, :, rows_hit, across_hit] += columns[:, a, b, :, rows, across]

    bytes_each = taps * columns_each * x.itemsize
    threads = max(
        threads_for(images * height * width * weight.size, SERIAL_PRODUCTS),
        threads_for(group_filters * bytes_each, COLUMN_TILE_BYTES),
    )
    parts = split(group_filters, rounded_up(len(blocks(group_filters, bytes_each, COLUMN_TILE_BYTES)), threads))
    run_tiles(tile, [(n, g, part) for n in range(len(shared)) for g in range(groups) for part in parts])
    return out.reshape(images, groups * group_filters, *out_size)
