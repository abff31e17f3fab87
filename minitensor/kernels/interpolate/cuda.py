"""Interpolation on a GPU: sums over the bands of its matrices. The bands are found on the GPU."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import launch_for_each

SOURCE = "interpolate/interpolate.cu"


@register_cuda("interpolate2d", "cuda", supports=is_float32)
def interpolate2d(x, matrix_h, matrix_w):
    """Y = A X B^T on every plane: x (N, C, H, W), A (OH, H), B (OW, W) -> (N, C, OH, OW)."""
    xp = array_module(x)
    y = xp.empty((*x.shape[:2], len(matrix_h), len(matrix_w)), x.dtype)
    matrices = [xp.ascontiguousarray(matrix) for matrix in (matrix_h, matrix_w)]
    bands = [_bands(matrix) for matrix in matrices]
    arrays = xp.ascontiguousarray(x), *matrices, *bands, y
    launch_for_each(SOURCE, "interpolate", y.size, *arrays, *x.shape[2:], *y.shape[2:], y.size)
    return y


def _bands(matrix):
    """(rows, 2): the first and the last place in each row that is not zero."""
    bands = array_module(matrix).empty((len(matrix), 2), "int32")
    launch_for_each(SOURCE, "bands", len(matrix), matrix, bands, matrix.shape[1], len(matrix))
    return bands
