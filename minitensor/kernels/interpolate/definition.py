"""Interpolation: Y = A X B^T on every plane X of an image, one output pixel at a time. matrices.py makes A and B."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.interpolate.matrices import reads
from minitensor.kernels.table import register


@register("interpolate2d", "reference")
def interpolate2d_definition(x, matrix_h, matrix_w):
    """Y[n, c, i, j] = sum over h, w of A[i, h] X[n, c, h, w] B[j, w].

    x (N, C, H, W), matrix_h = A (OH, H), matrix_w = B (OW, W) -> (N, C, OH, OW). Only pixels that are read are
    multiplied, so an infinite pixel reaches only the outputs that see it.
    """
    xp = array_module(x)
    y = xp.zeros((*x.shape[:2], len(matrix_h), len(matrix_w)), dtype=x.dtype)
    for i in range(len(matrix_h)):
        for j in range(len(matrix_w)):
            for h in xp.flatnonzero(reads(matrix_h[i])).tolist():
                for w in xp.flatnonzero(reads(matrix_w[j])).tolist():
                    y[:, :, i, j] += matrix_h[i, h] * matrix_w[j, w] * x[:, :, h, w]
    return y
