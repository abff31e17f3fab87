"""Cross entropy of class logits with whole-number targets: the loss of each pixel and its gradient, by the formulas."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.softmax import log_softmax_reference
from minitensor.kernels.table import register


@register("cross_entropy", "reference")
def cross_entropy_reference(
    logits, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0
):
    """The loss of each pixel, not reduced: returns (losses, total_weight, log_normaliser).

        loss = v (1 - e) w_y (-log p_y) + v e/C sum over c of w_c (-log p_c),    p = softmax(z)

    logits z (N, C, ...); target y (N, ...), any integer type; class_weight w (C,), 1 if None; pixel_weight v (N, ...),
    1 if None; e = label_smoothing. If y is ignore_index the loss is 0, whatever z is. losses and log_normaliser are
    (N, ...). total_weight is a 0-d array: the sum of v w_y over the pixels that are not ignored. torch's reductions are
    losses, losses.sum(), and losses.sum() / total_weight, which is 0/0 = NaN if all pixels are ignored. Raises
    ValueError for a target that is neither a class nor ignore_index.
    """
    xp = array_module(logits)
    classes = logits.shape[1]
    counted = target != ignore_index
    check_classes(target[counted], classes, ignore_index)
    log_p = log_softmax_reference(logits, 1)
    losses, weights = xp.zeros(target.shape, dtype=logits.dtype), xp.zeros(target.shape, dtype=logits.dtype)
    for c in range(classes):
        weight = logits.dtype.type(1) if class_weight is None else class_weight[c]
        losses += xp.where(target == c, (1 - label_smoothing) * weight * -log_p[:, c], 0)
        losses += label_smoothing / classes * weight * -log_p[:, c]
        weights += xp.where(target == c, weight, 0)
    if pixel_weight is not None:
        losses, weights = losses * pixel_weight, weights * pixel_weight
    losses, weights = xp.where(counted, losses, 0), xp.where(counted, weights, 0)
    return losses, weights.sum(), logits[:, 0] - log_p[:, 0]


@register("cross_entropy_grad", "reference")
def cross_entropy_grad_reference(
    grad, logits, log_normaliser, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0
):
    """The gradient of the losses with respect to the logits: the probability of each class, minus 1 at the target.

        grad_c = g v ((1 - e) w_y (p_c - [c = y]) + e/C (p_c sum over k of w_k - w_c))

    g = grad (N, ...) or 0-d is the gradient with respect to the losses; for torch's mean it is the incoming gradient /
    total_weight. The other arguments are those of cross_entropy, and the log_normaliser that it returned. Returns
    (N, C, ...).
    """
    xp = array_module(logits)
    classes = logits.shape[1]
    weights = xp.ones(classes, dtype=logits.dtype) if class_weight is None else class_weight
    counted = target != ignore_index
    scale = grad if pixel_weight is None else grad * pixel_weight
    own_weight = sum(xp.where(target == c, weights[c], 0) for c in range(classes))
    grad_logits = xp.empty_like(logits)
    for c in range(classes):
        p = xp.exp(logits[:, c] - log_normaliser)
        own = (1 - label_smoothing) * own_weight * (p - (target == c))
        smooth = label_smoothing / classes * (p * weights.sum() - weights[c])
        grad_logits[:, c] = xp.where(counted, scale * (own + smooth), 0)
    return grad_logits


def check_classes(labels, classes, ignore_index):
    """Raise ValueError unless all labels are classes."""
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise ValueError(
            f"cross_entropy: targets must be 0 to {classes - 1} or ignore_index ({ignore_index}), "
            f"got {int(labels.min())} to {int(labels.max())}"
        )
