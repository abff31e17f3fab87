"""Batch normalization a few channels at a time.

Each channel is normalized by its own mean and variance over the batch and the image, so channels are independent of
each other. A tile of a few channels stays in the cache from its first sum to its last product, where the definition
reads the whole array from memory for each of them.
"""

from __future__ import annotations

import math

import numpy as np

from minitensor.kernels.arrays.summation import dot_last
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import BATCH_NORM_SERIAL_BYTES, BATCH_NORM_TILE_BYTES
from minitensor.kernels.threads.tiles import run_tiles, shares

SAMPLE = 16  # every 16th pixel gives the rough mean that is subtracted before the statistics


@register("batch_norm", "tiles", backends=("numpy",), default=True)
def batch_norm(x, mean, variance, weight, bias, eps, running=None):
    """As the definition, one tile of channels at a time."""
    images = _planes(x)
    count = max(1, images.shape[0] * images.shape[2])  # an empty batch has no pixels, and 0 must not divide
    own_statistics = mean is None
    if own_statistics:
        mean, variance = np.empty(x.shape[1], dtype=x.dtype), np.empty(x.shape[1], dtype=x.dtype)
    result, y = _output(x, images)

    def tile(part):
        pixels, out = images[:, part], y[:, part]
        # The variance is mean((x - rough)^2) - (mean(x) - rough)^2. Without `rough`, two large numbers would cancel.
        # The mean of a sample is near enough: if the sample is a share f of the pixels, rounding changes the variance
        # by at most 2^-24 / f of its size.
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
    """As the definition, one tile of channels at a time."""
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
    """(N, C, ...) -> (N, C, pixels). A batch of vectors (N, C) -> (1, C, N), so that the sums run along memory."""
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
    run_tiles(function, shares(images.shape[1], bytes_each, BATCH_NORM_TILE_BYTES, BATCH_NORM_SERIAL_BYTES))
