"""Bilinear interpolation in stages: Y = A X B^T, and the gradient A^T G B."""

from __future__ import annotations

import numpy as np

from minitensor.arguments import pair
from minitensor.kernels.interpolate.definition import interpolate2d_definition
from minitensor.kernels.interpolate.matrices import interpolation_matrix
from minitensor.trace.conv import _images, _size
from minitensor.trace.stages import GRADIENT, INPUT, KERNEL, OUTPUT, Stage, Trace, kinds_of, top_plane


def trace_bilinear(x, size, align_corners=False) -> Trace:
    """The stages input, A, B, output, gradient of `interpolate(x, size, mode="bilinear")`.

    The last stage but one is the result. The gradient is that of the sum of all outputs: how often each pixel is read.
    """
    operation = "trace_bilinear"
    x = _images(operation, "x", x)
    size = pair(size, "size", operation, minimum=1)
    rows, columns = (
        interpolation_matrix(n, m, "bilinear", align_corners, dtype=x.dtype)
        for n, m in zip(x.shape[2:], size, strict=True)
    )
    out = interpolate2d_definition(x, rows, columns)
    back = interpolate2d_definition(np.ones_like(out), rows.T, columns.T)
    corners = f"align_corners={align_corners}"
    return Trace(
        f"bilinear: {_size(x)} -> {_size(out)}, {corners}",
        (
            Stage("input", x, "the image", "X", kinds_of(x, INPUT)),
            Stage("A", rows, "row i: how much of each input row is in output row i; each row sums to 1", "A (OH, H)",
                  kinds_of(rows, KERNEL)),
            Stage("B", columns, "the same for columns", "B (OW, W)", kinds_of(columns, KERNEL)),
            Stage("gradient", back, "the gradient of the sum of all outputs: how much each pixel was read",
                  "A^T G B, G = 1", kinds_of(back, GRADIENT)),
            Stage("output", out, "each output pixel is a weighted mean of up to four input pixels", "Y = A X B^T",
                  kinds_of(out, OUTPUT), _products(rows, columns, x)),
        ),
    )  # fmt: skip


def _products(rows, columns, x):
    """{(i, j): [(pixel, weight), ...]} of the pixels that are read."""
    pixels = top_plane(x)
    found = {}
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            weights = np.outer(row, column)
            found[i, j] = [(pixels[h, w].item(), weights[h, w].item()) for h, w in np.argwhere(weights)]
    return found
