"""Batch normalisation: the formula, and the same sums a cache-sized group of channels at a time.

Each channel is normalised by its own mean and variance over the batch and the image, so channels are
independent of each other. A tile of a few channels stays in the cache from its first sum to its last product,
where the plain text walks over the whole of memory for every one of them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from minitensor.backend import array_module
from minitensor.kernels.summation import dot_last
from minitensor.kernels.table import register
from minitensor.kernels.tiles import run_tiles, shares

TILE_BYTES = 1 << 22  # of x; the caches hold as much again of the result, and of the gradient
SERIAL_BYTES = (
    3 << 20
)  # of x; below, one thread is faster than two: 0.50 ms instead of 0.67 at 2 MB (measured)
SAMPLE = 16  # one pixel in so many gives the rough mean that is taken off before the statistics


class Running(NamedTuple):
    """The statistics of all batches so far, and how those of one more move them, in place."""

    mean: object  # (C,)
    variance: object  # (C,)
    batches: object  # their count, an array without dimensions; or None
    momentum: float
    factor: float  # n / (n - 1) for n values a channel: the unbiased variance from the biased one

    def move(self, mean, variance):
        """running = (1 - momentum) running + momentum new, and one batch more."""
        for running, new in ((self.mean, mean), (self.variance, self.factor * variance)):
            running[...] = (1 - self.momentum) * running + self.momentum * new
        if self.batches is not None:
            self.batches[...] += 1


@register("batch_norm", "reference")
def batch_norm_reference(x, mean, variance, weight, bias, eps, running=None):
    """y = weight (x - mean) / sqrt(variance + eps) + bias, channel by channel; returns (y, mean, variance).

    x (N, C, ...); mean, variance, weight and bias (C,). Without mean and variance (both None) they are those
    of x over all axes but the second, the variance biased: divided by the number of values; they then move
    `running`, if given. weight and bias may be None. Source: Ioffe and Szegedy (2015), algorithm 1.
    """
    xp = array_module(x)
    axes = (0, *range(2, x.ndim))
    column = (-1, *[1] * (x.ndim - 2))  # (C,) -> (C, 1, 1), to meet x
    if mean is None:
        mean = x.mean(axis=axes)
        variance = xp.square(x - mean.reshape(column)).mean(axis=axes)
        if running is not None:
            running.move(mean, variance)
    y = (x - mean.reshape(column)) / xp.sqrt(variance + eps).reshape(column)
    if weight is not None:
        y = y * weight.reshape(column)
    if bias is not None:
        y = y + bias.reshape(column)
    return y, mean, variance


@register("batch_norm_grad", "reference")
def batch_norm_grad_reference(grad, x, mean, variance, weight, eps, training):
    """(grad_x, grad_weight, grad_bias) of batch_norm, where z = (x - mean) / sqrt(variance + eps) and

        grad_bias = sum(grad)        grad_weight = sum(grad z)
        grad_x = weight / sqrt(variance + eps) (grad - mean(grad) - z mean(grad z))

    over the axes that were normalised. If not `training`, mean and variance were constants and do not depend
    on x: both means drop out of grad_x. Source: Ioffe and Szegedy (2015), section 3, simplified.
    """
    xp = array_module(x)
    axes = (0, *range(2, x.ndim))
    column = (-1, *[1] * (x.ndim - 2))
    deviation = xp.sqrt(variance + eps).reshape(column)
    z = (x - mean.reshape(column)) / deviation
    grad_weight, grad_bias = (grad * z).sum(axis=axes), grad.sum(axis=axes)
    scale = 1 / deviation if weight is None else weight.reshape(column) / deviation
    if not training:
        return scale * grad, grad_weight, grad_bias
    count = max(1, x.size // max(1, x.shape[1]))  # an empty array has no pixels, and 0 must not divide
    grad_x = scale * (grad - (grad_bias / count).reshape(column) - z * (grad_weight / count).reshape(column))
    return grad_x, grad_weight, grad_bias


@register("batch_norm", "tiles", backends=("numpy",), default=True)
def batch_norm(x, mean, variance, weight, bias, eps, running=None):
    """The same, a tile of channels at a time."""
    images = _planes(x)
    count = max(1, images.shape[0] * images.shape[2])  # an empty batch has no pixels, and 0 must not divide
    own_statistics = mean is None
    if own_statistics:
        mean, variance = np.empty(x.shape[1], dtype=x.dtype), np.empty(x.shape[1], dtype=x.dtype)
    result, y = _output(x, images)

    def tile(part):
        pixels, out = images[:, part], y[:, part]
        # The variance is mean((x - rough)^2) - (mean(x) - rough)^2. Without `rough`, two large numbers would cancel;
        # the mean of a sample is near enough: with a share f of the pixels, rounding costs the variance at most
        # 2^-24 / f of its size.
        if own_statistics:
            sample = pixels[:, :, : pixels.shape[2] // SAMPLE + 1]
            rough = sample.sum(axis=(0, 2)) / max(1, sample.shape[0] * sample.shape[2])
        else:
            rough = mean[part]
        np.subtract(pixels, rough[:, None], out=out)
        left = 0
        if own_statistics:
            left = dot_last(out).sum(axis=0) / count
            mean[part], variance[part] = rough + left, dot_last(out, out).sum(axis=0) / count - left * left
        scale = 1 / np.sqrt(variance[part] + eps)
        if weight is not None:
            scale *= weight[part]
        offset = -left * scale if bias is None else bias[part] - left * scale
        out *= scale[:, None]
        if own_statistics or bias is not None:
            out += offset[:, None]

    _over_channels(tile, images)
    if own_statistics and running is not None:
        running.move(mean, variance)
    return result, mean, variance


@register("batch_norm_grad", "tiles", backends=("numpy",), default=True)
def batch_norm_grad(grad, x, mean, variance, weight, eps, training):
    """The same, a tile of channels at a time."""
    images, grads = _planes(x), _planes(grad)
    count = max(1, images.shape[0] * images.shape[2])  # an empty batch has no pixels, and 0 must not divide
    result, grad_x = _output(x, images)
    grad_weight, grad_bias = np.empty(x.shape[1], dtype=x.dtype), np.empty(x.shape[1], dtype=x.dtype)

    inverse = 1 / np.sqrt(variance + eps)
    scale = inverse if weight is None else inverse * weight

    def tile(part):
        pixel_grads, out = grads[:, part], grad_x[:, part]
        np.subtract(images[:, part], mean[part, None], out=out)
        total = dot_last(pixel_grads).sum(axis=0)
        along = dot_last(pixel_grads, out).sum(axis=0) * inverse[part]  # sum(grad z)
        grad_weight[part], grad_bias[part] = along, total
        if not training:
            np.multiply(pixel_grads, scale[part, None], out=out)
            return
        # `out` holds x - mean; one more factor 1 / deviation makes it z.
        out *= (along * inverse[part] / -count)[:, None]
        out -= (total / count)[:, None]
        out += pixel_grads
        out *= scale[part, None]

    _over_channels(tile, images)
    return result, grad_weight, grad_bias


def _planes(x):
    """(N, C, ...) -> (N, C, pixels); a batch of vectors (N, C) -> (1, C, N), so that the sums run along memory."""
    if x.ndim == 2:
        return np.ascontiguousarray(x.T)[None]
    return np.ascontiguousarray(x).reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _output(x, images):
    """An array like x, to be returned, and the same memory as planes, to be written to."""
    if x.ndim == 2:
        planes = np.empty(images.shape, dtype=x.dtype)
        return planes[0].T, planes
    result = np.empty(x.shape, dtype=x.dtype)
    return result, result.reshape(images.shape)


def _over_channels(function, images):
    """Call function(part) for slices of channels that fit the cache, on threads."""
    bytes_each = images.itemsize * images.shape[0] * images.shape[2]
    run_tiles(function, shares(images.shape[1], bytes_each, TILE_BYTES, SERIAL_BYTES))
