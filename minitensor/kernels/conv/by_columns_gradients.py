"""Both gradients of a transposed convolution from the same columns (unfold.py) of its output's gradient.

    by x        weight (C, O*KH*KW) @ columns (O*KH*KW, L) -> (C, L)
    by weight   x (C, L) @ columns^T (L, O*KH*KW) -> (C, O*KH*KW)

The columns are windows of the output's gradient (O channels), one for each of the L = H W pixels of x. At a stride
a row of them, one tap, is every s-th pixel. To pick those takes as long as the product: here it is done once for both.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.conv.columns import multiply_by_row, plan_tiles, tile_columns
from minitensor.kernels.table import register
from minitensor.kernels.threads.tiles import add_parts, get_num_threads, run_tiles, split


def supports(x, weight, grad, stride, padding, dilation, groups):
    return groups == 1 and 0 not in x.shape


@register("conv_transpose2d_gradients", "columns", former="unfold", backends=("numpy",), supports=supports)
def conv_transpose2d_gradients(x, weight, grad, stride, padding, dilation, groups):
    """Both gradients, without groups. Shapes as in definition.py."""
    images, channels, height, width = x.shape
    kernel_size = weight.shape[2:]
    # (C, O, KH, KW) -> (C, O*KH*KW)
    matrix = weight.reshape(channels, -1)
    rows_of_columns = matrix.shape[1]
    grad_x = np.empty(x.shape, x.dtype)
    tiles = plan_tiles(images, (height, width), rows_of_columns * x.itemsize, 2 * weight.size, weight.nbytes)
    parts = split(len(tiles), get_num_threads())
    sums = np.zeros((len(parts), rows_of_columns, channels), x.dtype)
    by_row = multiply_by_row(x, weight.size, width)

    def both(part):
        for some, rows in tiles[parts[part]]:
            columns = tile_columns(grad, (some, rows), kernel_size, stride, padding, dilation, width)
            # (n, C, R, W) -> (C, n, R, W)
            seen, target = x[some, :, rows].swapaxes(0, 1), grad_x[some, :, rows].swapaxes(0, 1)
            # (O, KH, KW, n, R, W) -> (O*KH*KW, n, R, W)
            columns = columns.reshape(rows_of_columns, *seen.shape[1:])
            # (O*KH*KW, n, R, W) -> (O*KH*KW, n*R*W);  (C, n, R, W) -> (C, n*R*W)
            matrix_of_columns, matrix_of_x = columns.reshape(rows_of_columns, -1), seen.reshape(channels, -1)
            if by_row:
                # (C, O*KH*KW) @ (n, R, O*KH*KW, W) -> (n, R, C, W), into a view of the gradient
                np.matmul(matrix, columns.transpose(1, 2, 0, 3), out=target.transpose(1, 2, 0, 3))
            else:
                # (C, O*KH*KW) @ (O*KH*KW, n*R*W) -> (C, n*R*W) -> (C, n, R, W)
                target[...] = (matrix @ matrix_of_columns).reshape(target.shape)
            # (O*KH*KW, n*R*W) @ (n*R*W, C) -> (O*KH*KW, C): the longer matrix first, which BLAS multiplies faster
            sums[part] += matrix_of_columns @ matrix_of_x.T

    run_tiles(both, range(len(parts)))
    # (O*KH*KW, C) -> (C, O*KH*KW) -> (C, O, KH, KW)
    return grad_x, np.ascontiguousarray(add_parts(sums).T).reshape(weight.shape)
