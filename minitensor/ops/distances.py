"""Losses that compare numbers with numbers: by their distance, or as probabilities."""

from __future__ import annotations

import warnings

import numpy as np

from minitensor.arguments import broadcast_shape, check_float, check_real
from minitensor.backend import array_module
from minitensor.ops.choose import clamp, where
from minitensor.ops.functions import abs, log
from minitensor.ops.targets import check_reduction, reduced
from minitensor.tensor import Tensor

LEAST_LOG = -100.0  # torch's bound: the loss of a probability of 0 is 100, not infinity


def _difference(operation, x, target, reduction):
    check_reduction(operation, reduction)
    x, target = check_float(x, operation), check_float(target, operation, "target")
    shape = broadcast_shape(operation, x.shape, target.shape)
    if x.shape != target.shape:
        warnings.warn(
            f"{operation}: x has shape {x.shape} and target {target.shape}; both are broadcast to {shape}, which is "
            "rarely what is meant: give them the same shape",
            stacklevel=3,
        )
    return x - target


def l1_loss(x: Tensor, target: Tensor, reduction: str = "mean") -> Tensor:
    """|x - target|: the mean, the sum, or every element."""
    return reduced(abs(_difference("l1_loss", x, target, reduction)), reduction)


def smooth_l1_loss(x: Tensor, target: Tensor, reduction: str = "mean", beta: float = 1.0) -> Tensor:
    """d^2 / (2 beta) for a distance d below beta, d - beta / 2 above: the mean, the sum, or every element.

    Source: Girshick 2015 (arXiv 1504.08083), equation 3. beta = 0 is l1_loss.
    """
    check_real("smooth_l1_loss", "beta", beta, low=0.0)
    difference = _difference("smooth_l1_loss", x, target, reduction)
    distance = abs(difference)
    if beta == 0:
        return reduced(distance, reduction)
    # The square is of the difference: abs has no slope at 0, and the second derivative there would be 0, not 1 / beta.
    near = difference * difference / (2 * beta)
    return reduced(where(distance < beta, near, distance - beta / 2), reduction)


def binary_cross_entropy(x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """-weight (t log x + (1 - t) log(1 - x)) for probabilities x, in which no logarithm is below -100.

    For scores use binary_cross_entropy_with_logits, which is exact also near 0 and 1. Raises ValueError for shapes that
    differ, and for x outside [0, 1]; on a GPU, which nobody waits for, such an x gives NaN.
    """
    operation = "binary_cross_entropy"
    check_reduction(operation, reduction)
    x, target = check_float(x, operation), check_float(target, operation, "target")
    if x.shape != target.shape:
        raise ValueError(f"{operation}: target must have the shape of x, {x.shape}, got {target.shape}")
    if weight is not None and broadcast_shape(operation, x.shape, weight.shape) != x.shape:
        raise ValueError(f"{operation}: weight of shape {weight.shape} must broadcast to x of shape {x.shape}")
    outside = (x.data < 0) | (x.data > 1)
    if array_module(x.data) is np and outside.any():
        raise ValueError(f"{operation}: x must be probabilities in [0, 1], got {float(x.data[outside][0])}")
    losses = -(target * clamp(log(x), min=LEAST_LOG) + (1 - target) * clamp(log(1 - x), min=LEAST_LOG))
    return reduced(losses if weight is None else losses * weight, reduction)
