"""Interpolation is two small matrices: Y = A X B^T for every plane X of an image.

Every way in which this library changes the size of an image (nearest, bilinear, bicubic, adaptive average pooling)
takes weighted sums along the rows and then along the columns. So it is one matrix A (OH, H) for the vertical axis and
one matrix B (OW, W) for the horizontal axis. A row of A holds the weights of the input rows in one output row. For
bilinear enlargement of 2 pixels to 4 it is

    1    0          output row 0 lies above the centre of input row 0, so it copies it
    .75  .25
    .25  .75
    0    1

The gradient needs no code of its own: because <G, A X B^T> = <A^T G B, X>, it is the same operation with the transposed
matrices.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minitensor.backend import array_module
from minitensor.kernels.geometry import ceil_div

CUBIC_A = -0.75  # Keys's parameter as torch uses it for bicubic
CUBIC_A_ANTIALIAS = -0.5  # and for bicubic with antialias, as Pillow does
MODES = ("nearest", "nearest-exact", "bilinear", "bicubic")


def interpolation_matrix(
    size_in, size_out, mode, align_corners=False, scale=None, antialias=False, dtype=np.float32, xp=np
):
    """The (size_out, size_in) matrix that interpolates one axis. Each of its rows sums to 1.

    Output i lies at x = (i + 1/2) / s - 1/2 in the input, or at i (size_in - 1) / (size_out - 1) with align_corners.
    1/s is size_in / size_out, unless the caller names the factor s = `scale`. The modes differ in the weights of the
    pixels around x. Beyond the border the outermost pixel repeats.

    The result is cached (on a GPU if xp is CuPy) and must not be written to. Raises ValueError for an unknown mode, and
    for antialias with nearest. Source: Keys (1981), "Cubic convolution interpolation", eq. 4.
    """
    if mode not in MODES:
        raise ValueError(f"interpolation_matrix: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if antialias and mode.startswith("nearest"):
        raise ValueError(f"interpolation_matrix: antialias needs mode bilinear or bicubic, got {mode!r}")
    scale = None if scale is None else float(scale)
    numbers = size_in, size_out, mode, bool(align_corners), scale, bool(antialias), np.dtype(dtype).name
    return _matrix(*numbers) if xp is np else _on_gpu(xp, xp.cuda.Device().id, _matrix, *numbers)


@lru_cache(maxsize=64)
def _on_gpu(xp, device, make, *numbers):
    """The matrix make(*numbers) in the memory of the current GPU: uploaded once, not at every forward."""
    return xp.asarray(make(*numbers))


@lru_cache(maxsize=64)
def _matrix(size_in, size_out, mode, align_corners, scale, antialias, dtype_name):
    dtype = np.dtype(dtype_name)
    copied = size_in == size_out and (mode in ("nearest", "bilinear") or antialias)
    if copied:
        scale = None  # as in torch: an axis that keeps its size is copied, whatever the factor
    if size_out == 2 * size_in and mode == "nearest":
        scale = None  # and an axis that doubles is doubled evenly
    step = _step(size_in, size_out, align_corners, scale)
    if mode.startswith("nearest"):
        taps = _nearest(size_in, size_out, mode == "nearest-exact", scale)[:, np.newaxis]
        weights, read = np.ones((size_out, 1)), True
    elif antialias:
        taps, weights, read = _antialiased(size_in, size_out, mode, step)
    else:
        output = np.arange(size_out)
        position = output * step if align_corners else (output + 0.5) * step - 0.5
        taps, weights = (_linear if mode == "bilinear" else _cubic)(position)
        read = True
    matrix = np.zeros((size_out, size_in))
    # Several taps may fall on the border pixel: their weights add up there.
    np.add.at(matrix, (np.arange(size_out)[:, np.newaxis], np.clip(taps, 0, size_in - 1)), weights)
    matrix = matrix.astype(dtype)
    if mode == "bilinear" and not copied:
        # A weight of 0 turns a NaN or infinite pixel into NaN. `reads` must see such a weight, so it becomes -0.0,
        # which is the same for finite numbers. In bicubic, rounding decides which weights are exactly 0: none is
        # marked.
        rows, used = np.nonzero(read & (weights == 0))
        columns = np.clip(taps[rows, used], 0, size_in - 1)
        matrix[rows, columns] = np.where(matrix[rows, columns] == 0, -0.0, matrix[rows, columns])
    matrix.flags.writeable = False
    return matrix


def reads(matrix):
    """Where an output reads an input, even if only to multiply it by 0: the places that do not hold a plain +0.0."""
    return (matrix != 0) | array_module(matrix).signbit(matrix)


def _step(size_in, size_out, align_corners, scale):
    """Input pixels from one output pixel to the next."""
    if align_corners:
        return (size_in - 1) / (size_out - 1) if size_out > 1 else 0.0
    return 1 / scale if scale is not None and scale > 0 else size_in / size_out


def _nearest(size_in, size_out, exact, scale):
    """The index of the input pixel that each output pixel copies: floor(i n/m), or floor((i + 1/2) n/m) if exact.

    torch computes this in float32 whatever the dtype of the image, and if i n/m is whole, rounding decides which pixel
    is copied. So the same arithmetic is used here.
    """
    step = np.float32(1 / scale) if scale is not None and scale > 0 else np.float32(size_in) / np.float32(size_out)
    output = np.arange(size_out).astype(np.float32)
    source = np.floor((output + np.float32(0.5)) * step if exact else output * step)
    return np.minimum(source.astype(np.int64), size_in - 1)


def _linear(position):
    """Two taps, floor(x) and the next one, with the weights 1 - t and t, where t = x - floor(x) and x is at least 0."""
    position = np.maximum(position, 0)
    first = np.floor(position)
    t = position - first
    return first.astype(np.int64)[:, np.newaxis] + np.arange(2), np.stack([1 - t, t], axis=1)


def _cubic(position):
    """Four taps, from floor(x) - 1 to floor(x) + 2, weighted by Keys's piecewise cubic of their distance to x."""
    first = np.floor(position)
    taps = first.astype(np.int64)[:, np.newaxis] + np.arange(-1, 3)
    return taps, keys_cubic(taps - position[:, np.newaxis], CUBIC_A)


def keys_cubic(distance, a):
    """Keys's kernel: (a+2)|d|^3 - (a+3)d^2 + 1 for |d| <= 1, a(|d|^3 - 5d^2 + 8|d| - 4) for |d| < 2, else 0."""
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def _antialiased(size_in, size_out, mode, step):
    """All pixels under a kernel that is `step` times as wide if the image shrinks, so that no pixel goes unseen.

    Returns taps, weights, and which of the taps are read, because some rows have fewer. The weights are the kernel's
    values at the pixels inside the image, divided by their sum: unlike in the plain modes, the border pixel does not
    stand in for those beyond it.
    """
    reach = 1.0 if mode == "bilinear" else 2.0  # half the kernel's width, in output pixels
    widening = max(step, 1.0)
    centre = step * (np.arange(size_out) + 0.5)[:, np.newaxis]
    support = reach * widening
    start = np.maximum((centre - support + 0.5).astype(np.int64), 0)
    stop = np.minimum((centre + support + 0.5).astype(np.int64), size_in)
    taps = start + np.arange(int(np.max(stop - start)))
    distance = (taps - centre + 0.5) / widening
    if mode == "bilinear":
        weights = np.maximum(0.0, 1 - np.abs(distance))
    else:
        weights = keys_cubic(distance, CUBIC_A_ANTIALIAS)
    read = taps < stop
    weights = np.where(read, weights, 0.0)
    return taps, weights / weights.sum(axis=1, keepdims=True), read


@lru_cache(maxsize=64)
def _adaptive(size_in, size_out, dtype_name):
    first = np.arange(size_out) * size_in // size_out
    last = ceil_div((np.arange(size_out) + 1) * size_in, size_out)
    pixel = np.arange(size_in)
    inside = (pixel >= first[:, np.newaxis]) & (pixel < last[:, np.newaxis])
    matrix = (inside / (last - first)[:, np.newaxis]).astype(dtype_name)
    matrix.flags.writeable = False
    return matrix


def adaptive_matrix(size_in, size_out, dtype=np.float32, xp=np):
    """The (size_out, size_in) matrix of adaptive average pooling along one axis.

    Output i is the mean of the inputs floor(i n/m) to ceil((i + 1) n/m) - 1: m windows that cover all n pixels and
    overlap by one if m does not divide n. Cached; must not be written to.
    """
    numbers = size_in, size_out, np.dtype(dtype).name
    return _adaptive(*numbers) if xp is np else _on_gpu(xp, xp.cuda.Device().id, _adaptive, *numbers)
