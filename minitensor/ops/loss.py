"""Losses besides cross entropy. They are written in operations that have gradients already."""

from __future__ import annotations

import warnings
from numbers import Real

from minitensor.arguments import broadcast_shape, check_float, check_tensor
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.ops.activation import sigmoid
from minitensor.ops.choose import where
from minitensor.ops.dtypes import cast, promote
from minitensor.ops.reduce import Pick
from minitensor.ops.shape import reshape
from minitensor.ops.softmax import log_softmax, softmax
from minitensor.ops.targets import (
    check_classes,
    check_no_gradient,
    check_reduction,
    check_scores,
    class_axis,
    labels_and_counted,
    reduced,
)
from minitensor.tensor import Tensor


class LogSigmoid(Op):
    """y = log(1 / (1 + e^-x)) = min(x, 0) - log(1 + e^-|x|), which cannot overflow; dy/dx = sigmoid(-x)"""

    uses = ((0,),)

    def forward(self, x):
        xp = array_module(x)
        return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x)))

    def backward(self, grad, needs):
        return grad * sigmoid(-self.inputs[0])


def nll_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
) -> Tensor:
    """-weight[y] x[n, y, ...] for log-probabilities x (N, C, ...) or (C,), classes y = target (N, ...) or ().

    cross_entropy(x, y) is nll_loss(log_softmax(x, 1), y). reduction "mean" divides by the sum of weight[y] over the
    pixels that count. Pixels whose target is ignore_index do not count. Raises as `cross_entropy`.
    """
    check_reduction("nll_loss", reduction)
    x, weight = check_scores("nll_loss", x, weight)
    check_no_gradient("nll_loss", weight=weight)
    target = check_classes("nll_loss", x, target, ignore_index)
    losses, own_weight = _picked(-x, target, weight, ignore_index)
    return reduced(losses, reduction, own_weight.sum())


def _picked(x, target, weight, ignore_index):
    """(x times weight at each pixel's class, that weight). Both are 0 for an ignored pixel."""
    xp = array_module(x.data)
    axis = class_axis(x)
    labels, counted = labels_and_counted(target, ignore_index)
    own_weight = xp.ones(labels.shape, x.dtype) if weight is None else weight.data[labels]
    own_weight = xp.asarray(xp.where(counted, own_weight, 0), dtype=x.dtype)
    # (N, C, ...) -> (N, 1, ...) -> (N, ...)
    own = reshape(Pick(axis)(x, Tensor.wrap(xp.expand_dims(labels, axis))), target.shape)
    return where(counted, own * Tensor.wrap(own_weight), 0.0), own_weight


def binary_cross_entropy_with_logits(
    x: Tensor, target: Tensor, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None
) -> Tensor:
    """-weight (pos_weight t log s + (1 - t) log(1 - s)), s = sigmoid(x), for scores x and targets t.

    Computed as (1 - t) x - (1 + (pos_weight - 1) t) log s, so that no s near 0 or 1 is ever rounded. weight and
    pos_weight broadcast to x. Differentiable with respect to all four. Raises ValueError for shapes that do not fit and
    TypeError for integers.
    """
    operation = "binary_cross_entropy_with_logits"
    check_reduction(operation, reduction)
    x, target = check_float(x, operation), check_float(target, operation, "target")
    if target.shape != x.shape:
        raise ValueError(f"{operation}: target must have the shape of x, {x.shape}, got {target.shape}")
    for name, factor in (("weight", weight), ("pos_weight", pos_weight)):
        if factor is not None:
            factor = check_float(factor, operation, name)
            if broadcast_shape(operation, x.shape, factor.shape) != x.shape:
                raise ValueError(f"{operation}: {name} of shape {factor.shape} must broadcast to x of shape {x.shape}")
    log_s = LogSigmoid()(x)
    if pos_weight is not None:
        log_s = (1 + (pos_weight - 1) * target) * log_s
    losses = (1 - target) * x - log_s
    losses = losses if weight is None else losses * weight
    return reduced(cast(losses, target.dtype), reduction)  # torch computes in the memory of 1 - target


def mse_loss(x: Tensor, target: Tensor, reduction: str = "mean", weight: Tensor | None = None) -> Tensor:
    """(x - target)^2, weighted with `weight` of x's shape; "mean" then divides by the sum of the weights.

    x and target broadcast; if their shapes differ, which is rarely meant, a UserWarning says so, as in torch. Raises
    TypeError if neither is floating point, ValueError for other shapes.
    """
    check_reduction("mse_loss", reduction)
    x, target = check_tensor(x, "mse_loss"), check_tensor(target, "mse_loss", "target")
    shape = broadcast_shape("mse_loss", x.shape, target.shape)
    if x.shape != target.shape:
        warnings.warn(
            f"mse_loss: x has shape {x.shape} and target {target.shape}; both are broadcast to {shape}, which is "
            "rarely what is meant: give them the same shape",
            stacklevel=2,
        )
    if weight is not None and check_float(weight, "mse_loss", "weight").shape != shape:
        raise ValueError(f"mse_loss: weight must have shape {shape}, got {weight.shape}")
    dtype = promote(x.dtype, target.dtype)  # torch broadcasts first, so that no dimensions count as some
    if dtype.kind != "f":
        raise TypeError(f"mse_loss: x or target must be floating point, got {x.dtype} and {target.dtype}")
    difference = cast(x, dtype) - cast(target, dtype)
    losses = difference * difference
    if weight is None:
        return reduced(losses, reduction)
    total = (losses * weight).sum()
    return {"none": losses * weight, "sum": total, "mean": total / weight.sum()}[reduction]


def dice_loss(
    x: Tensor, target: Tensor, weight: Tensor | None = None, ignore_index: int = -100, smooth: float = 1.0
) -> Tensor:
    """1 - the mean over classes of the soft Dice coefficient of p = softmax(x) and the truth t (one-hot):

        dice_c = (2 sum p_c t_c + smooth) / (sum p_c + sum t_c + smooth)

    The sums run over all pixels of the batch, except for those whose target is `ignore_index`. Dice compares areas, so
    a rare class counts as much as a common one. With `smooth`, a class that is neither present nor predicted has a
    coefficient of 1. `weight` (C,) weights the mean. x (N, C, ...) scores before softmax, target (N, ...) classes.
    Raises as `cross_entropy`. Source: Milletari, Navab and Ahmadi (2016); p and t in the denominator are not squared,
    as in Drozdzal et al. (2016).
    """
    x, weight = check_scores("dice_loss", x, weight)
    if x.ndim == 1:
        raise ValueError(f"dice_loss: x must be (N, C, ...), got shape {x.shape}")
    if isinstance(smooth, bool) or not isinstance(smooth, Real):
        raise TypeError(f"dice_loss: smooth must be a number, got {smooth!r}")
    if smooth < 0:
        raise ValueError(f"dice_loss: smooth must not be negative, got {smooth}")
    target = check_classes("dice_loss", x, target, ignore_index)
    xp, classes = array_module(x.data), x.shape[1]
    labels, counted = labels_and_counted(target, ignore_index)
    column = (classes, *[1] * (x.ndim - 2))
    # (N, 1, ...) == (C, 1, 1) -> (N, C, ...)
    truth = (labels[:, None] == xp.arange(classes).reshape(column)) & counted[:, None]
    truth = Tensor.wrap(truth.astype(x.dtype))
    p = where(counted[:, None], softmax(x, 1), 0.0)
    axes = (0, *range(2, x.ndim))  # (N, C, ...) -> (C,)
    overlap, areas = 2 * (p * truth).sum(axes) + smooth, p.sum(axes) + truth.sum(axes) + smooth
    # With smooth=0, a class that is neither present nor predicted would have 0 / 0. It counts as found, without
    # gradient.
    empty = areas.data == 0
    dice = where(empty, 1.0, overlap / where(empty, 1.0, areas))
    if weight is None:
        return 1 - dice.mean()
    return 1 - (dice * weight).sum() / weight.sum()


def focal_loss(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    gamma: float = 2.0,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """-weight[y] (1 - p_y)^gamma log p_y, p = softmax(x): cross entropy in which easy pixels count less.

    gamma 0 is cross entropy. x (N, C, ...) or (C,) scores before softmax, target (N, ...) or () classes. reduction
    "mean" divides by the sum of weight[y] over the pixels that count. Raises as `cross_entropy` does, and ValueError
    for a negative gamma. Source: Lin et al. (2017), eq. 5, for more than two classes.
    """
    check_reduction("focal_loss", reduction)
    x, weight = check_scores("focal_loss", x, weight)
    check_no_gradient("focal_loss", weight=weight)
    if isinstance(gamma, bool) or not isinstance(gamma, Real):
        raise TypeError(f"focal_loss: gamma must be a number, got {gamma!r}")
    if gamma < 0:
        raise ValueError(f"focal_loss: gamma must not be negative, got {gamma}")
    target = check_classes("focal_loss", x, target, ignore_index)
    log_p = log_softmax(x, class_axis(x))
    own_log_p, _ = _picked(log_p, target, None, ignore_index)
    own_weighted, own_weight = _picked(log_p, target, weight, ignore_index)
    # A certain pixel (p = 1, or above it by rounding) has log p = 0, and so no loss and no gradient. But the
    # power's own gradient is infinite at 0, and 0 times infinity is NaN: there, take the power of 1 instead.
    miss = 1 - own_log_p.exp()
    miss = where(~(miss.data > 0), 1.0, miss)
    return reduced(-(miss**gamma) * own_weighted, reduction, own_weight.sum())
