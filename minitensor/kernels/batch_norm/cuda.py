"""Batch normalization on a GPU: three launches forward, three backward; see batch_norm.cu."""

from __future__ import annotations

import math

from minitensor.backend import array_module
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import BLOCK, launch, launch_for_each
from minitensor.kernels.geometry import ceil_div

SOURCE = "batch_norm/batch_norm.cu"
RUN = 2048  # pixels of a plane that a block takes at a time
BLOCKS = 1024  # enough to keep every GPU busy: the channels are cut into parts until there are about so many
MOST_PIXELS = 2**31 - 1  # of a channel: they are counted in 32 bits


def _shape(x):
    """(N, C, L) of x (N, C, ...)"""
    return *x.shape[:2], math.prod(x.shape[2:])


def _supports(x, *args):
    """Images only: in a batch of vectors (N, C) the pixels of a channel would lie far apart in memory."""
    images, _, length = _shape(x)
    return is_float32(x) and length > 1 and images * length <= MOST_PIXELS


def _supports_running(x, mean, variance, weight, bias, eps, running=None):
    if running is not None and not all(a.flags.c_contiguous for a in (running.mean, running.variance)):
        return False
    return _supports(x)


def _parts(images, channels, length):
    return max(1, min(images * ceil_div(length, RUN), ceil_div(BLOCKS, channels)))


@register_cuda("batch_norm", "cuda", supports=_supports_running)
def batch_norm(x, mean, variance, weight, bias, eps, running=None):
    """As in definition.py: returns (y, mean, variance)."""
    xp = array_module(x)
    x = xp.ascontiguousarray(x)
    weight, bias = _in_a_row(weight), _in_a_row(bias)
    images, channels, length = _shape(x)
    if mean is None:
        mean, variance = xp.empty(channels, x.dtype), xp.empty(channels, x.dtype)
        parts = _parts(images, channels, length)
        partial = xp.empty((channels, parts, 2), "float64")
        arrays = x, None, None, partial
        launch(SOURCE, "channel_sums", (channels, parts), BLOCK, *arrays, images, channels, length, RUN)
        moved, numbers = (None, None, None), (0, 0, 0)
        if running is not None:
            moved = running.mean, running.variance, running.batches
            numbers = running.momentum, 1 - running.momentum, running.factor
        arrays, sizes = (partial, x, mean, variance, *moved), (images, channels, length, parts)
        launch_for_each(SOURCE, "mean_and_variance", channels, *arrays, *numbers, *sizes)
    y = xp.empty(x.shape, x.dtype)
    arrays = x, mean, variance, weight, bias, y
    launch(SOURCE, "normalize", _over_planes(x), BLOCK, *arrays, channels, length, RUN, eps)
    return y, mean, variance


@register_cuda("batch_norm_grad", "cuda", supports=_supports)
def batch_norm_grad(grad, x, mean, variance, weight, eps, training):
    """As in definition.py: returns (grad_x, grad_weight, grad_bias)."""
    xp = array_module(x)
    grad, x, weight = xp.ascontiguousarray(grad), xp.ascontiguousarray(x), _in_a_row(weight)
    images, channels, length = _shape(x)
    parts = _parts(images, channels, length)
    partial = xp.empty((channels, parts, 2), "float64")
    arrays = x, grad, mean, partial
    launch(SOURCE, "channel_sums", (channels, parts), BLOCK, *arrays, images, channels, length, RUN)
    grad_weight, grad_bias = xp.empty(channels, x.dtype), xp.empty(channels, x.dtype)
    arrays = partial, variance, grad_weight, grad_bias
    launch_for_each(SOURCE, "grad_totals", channels, *arrays, channels, parts, eps)
    grad_x = xp.empty(x.shape, x.dtype)
    arrays = grad, x, mean, variance, weight, grad_weight, grad_bias, grad_x
    count = images * length if training else 0
    launch(SOURCE, "normalize_grad", _over_planes(x), BLOCK, *arrays, channels, length, RUN, eps, count)
    return grad_x, grad_weight, grad_bias


def _in_a_row(vector):
    """(C,) or None, as a kernel can read it."""
    return None if vector is None else array_module(vector).ascontiguousarray(vector)


def _over_planes(x):
    """The grid (planes, runs of a plane)."""
    images, channels, length = _shape(x)
    return images * channels, ceil_div(length, RUN)
