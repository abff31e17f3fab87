"""Interpolation: images of another size, by two matrix products.

Every mode takes weighted sums along the rows and then along the columns. For each plane X this is

    Y = A X B^T        A (OH, H), B (OW, W)        and for a gradient G of Y, the gradient of X is A^T G B.

So the gradient is the same operation with transposed matrices, and so is the gradient of the gradient.
kernels/interpolate/matrices.py explains A and B.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real

from minitensor.arguments import check_flag, check_float
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.kernels import run
from minitensor.kernels.interpolate.matrices import MODES, interpolation_matrix
from minitensor.tensor import Tensor
from minitensor.typing import Ints, Number


class Interpolate2d(Op):
    """Y = A X B^T on every plane of x (N, C, H, W)"""

    uses = ((),)

    def __init__(self, matrix_h, matrix_w):
        self.matrix_h, self.matrix_w = matrix_h, matrix_w

    def forward(self, x):
        return run("interpolate2d", x, self.matrix_h, self.matrix_w)

    def backward(self, grad, needs):
        return Interpolate2d(self.matrix_h.T, self.matrix_w.T)(grad)


def interpolate(
    x: Tensor,
    size: Ints | None = None,
    scale_factor: Number | Sequence[Number] | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """x (N, C, H, W) at another size (N, C, OH, OW), given by `size`, or by `scale_factor`: OH = floor(H scale).

    mode "nearest", "nearest-exact", "bilinear" or "bicubic". Output pixel i reads the input at (i + 1/2) H/OH - 1/2:
    pixels are squares, and the edges of both images agree. With `align_corners` the centres of the corner pixels agree
    instead: i (H - 1)/(OH - 1). A given scale_factor takes the place of OH/H in the formula, unless
    `recompute_scale_factor`. `antialias` widens the kernel if the image shrinks (bilinear and bicubic). Raises
    ValueError for options that exclude each other, TypeError for integers.
    """
    x = check_float(x, "interpolate")
    if x.ndim != 4 or 0 in x.shape[1:]:
        raise ValueError(f"interpolate: x must be (N, C, H, W) with C, H, W of at least 1, got shape {x.shape}")
    _check_options(mode, align_corners, antialias)
    if recompute_scale_factor is not None:
        check_flag("interpolate", recompute_scale_factor=recompute_scale_factor)
    if (size is None) == (scale_factor is None):
        raise ValueError(f"interpolate: give either size or scale_factor, got size={size}, scale_factor={scale_factor}")
    scales = None, None
    if size is not None:
        if recompute_scale_factor:
            raise ValueError(f"interpolate: with size={size} there is no scale factor to recompute")
        size = _both_axes(size, "size", Integral)
    else:
        scales = _both_axes(scale_factor, "scale_factor", Real)
        if not all(map(math.isfinite, scales)):
            raise ValueError(f"interpolate: scale_factor must be finite, got {scale_factor}")
        size = tuple(math.floor(float(n) * scale) for n, scale in zip(x.shape[2:], scales, strict=True))
        if recompute_scale_factor:
            scales = None, None
    if min(size) < 1:
        raise ValueError(f"interpolate: the output would have size {size} (x {x.shape}, scale_factor={scale_factor})")
    xp = array_module(x.data)
    matrices = [
        interpolation_matrix(n, m, mode, bool(align_corners), scale, bool(antialias), x.dtype, xp)
        for n, m, scale in zip(x.shape[2:], size, scales, strict=True)
    ]
    return Interpolate2d(*matrices)(x)


def _check_options(mode, align_corners, antialias):
    if mode not in MODES:
        raise ValueError(f"interpolate: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if mode.startswith("nearest"):
        if align_corners is not None:
            raise ValueError(f"interpolate: align_corners={align_corners} means nothing for mode {mode!r}")
        if antialias:
            raise ValueError(f"interpolate: antialias needs mode bilinear or bicubic, got {mode!r}")
    check_flag("interpolate", antialias=antialias)
    if align_corners is not None:
        check_flag("interpolate", align_corners=align_corners)


def _both_axes(value, name, kind):
    """One number for both axes, or one per axis, (height, width), as a pair of plain numbers."""
    values = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if not all(isinstance(v, kind) and not isinstance(v, bool) for v in values):
        needed = "whole numbers" if kind is Integral else "numbers"
        raise TypeError(f"interpolate: {name} must be one or two {needed}, got {value!r}")
    if len(values) != 2:
        raise ValueError(f"interpolate: {name} must be one number or (height, width), got {value!r}")
    return tuple(int(v) if kind is Integral else float(v) for v in values)
