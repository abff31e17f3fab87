"""Batch normalization and its gradient, by the formulas."""

from __future__ import annotations

from typing import NamedTuple

from minitensor.backend import array_module
from minitensor.kernels.table import register


class Running(NamedTuple):
    """The statistics of all batches so far, and how one more batch moves them, in place."""

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

    x (N, C, ...); mean, variance, weight and bias (C,). If mean and variance are None, they are computed from x over
    all axes but the second; the variance is biased: divided by the number of values. They then move `running`, if
    given. weight and bias may be None. Source: Ioffe and Szegedy (2015), algorithm 1.
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

    Sums and means are over the axes that were normalized. If not `training`, mean and variance are constants that do
    not depend on x: both means drop out of grad_x. Source: Ioffe and Szegedy (2015), section 3, simplified.
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
