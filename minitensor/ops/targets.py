"""What the losses share: which targets fit which scores, and how the losses of all pixels become one number."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from minitensor.arguments import check_float, check_same_dtype, check_tensor
from minitensor.backend import array_module, backend_name
from minitensor.engine import check_same_device
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")

USUALLY_IGNORED = 255  # in the masks of VOC and many others


def check_reduction(operation, reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(f'{operation}: reduction must be "none", "mean" or "sum", got {reduction!r}')


def check_scores(operation, x, weight):
    """Scores x (N, C, ...) or (C,), and a weight (C,) or None of the same dtype, as Tensors."""
    x = check_float(x, operation)
    if x.ndim == 0 or x.shape[class_axis(x)] == 0:
        raise ValueError(f"{operation}: x must be (N, C, ...) or (C,), C at least 1, got shape {x.shape}")
    if weight is not None:
        weight = check_float(weight, operation, "weight")
        check_same_dtype(operation, x=x, weight=weight)
        check_same_device(operation, [x.data, weight.data])
        if weight.shape != (x.shape[class_axis(x)],):
            raise ValueError(
                f"{operation}: weight must have shape ({x.shape[class_axis(x)]},), one number a class, "
                f"got {weight.shape} (x shape {x.shape})"
            )
    return x, weight


def check_no_gradient(operation, **weights):
    """Raises ValueError for a weight that requires a gradient if none is computed: silence would be wrong."""
    for name, weight in weights.items():
        if weight is not None and weight.requires_grad and is_grad_enabled():
            raise ValueError(
                f"{operation}: there is no gradient by {name} where the target holds classes; pass {name}.detach()"
            )


def check_classes(operation, x, target, ignore_index, wait=True):
    """A target of classes for scores x as a Tensor: int64, one per pixel, each a class or ignore_index.

    For x (N, C) or (C,), without axes of an image, uint8 is allowed: torch's rule. Without `wait`, the numbers are
    checked on the CPU only, because checking them on a GPU makes the program wait.
    """
    target = check_tensor(target, operation, "target")
    check_same_device(operation, [x.data, target.data])
    if target.dtype != np.int64 and (target.dtype != np.uint8 or x.ndim > 2):
        raise TypeError(f"{operation}: target must hold int64 classes, got dtype {target.dtype} (x shape {x.shape})")
    if target.shape != pixels_of(x):
        raise ValueError(
            f"{operation}: target must have shape {pixels_of(x)}, one class a pixel, got {target.shape} "
            f"(x shape {x.shape})"
        )
    if isinstance(ignore_index, bool) or not isinstance(ignore_index, Integral):
        raise TypeError(f"{operation}: ignore_index must be an int, got {ignore_index!r}")
    on_cpu = backend_name(target.data) == "numpy"
    if wait or on_cpu:
        _check_range(operation, target.data, x.shape[class_axis(x)], ignore_index)
    # A GPU compares in the labels' own dtype, and uint8 does not hold an ignore_index of -100.
    return target if on_cpu or target.dtype == np.int64 else target.to(np.int64)


def _hint(labels):
    return "; 255 usually marks pixels that do not count: ignore_index=255" if (labels == USUALLY_IGNORED).any() else ""


def _check_range(operation, labels, classes, ignore_index):
    """Raises ValueError for a label that is neither a class nor ignore_index."""
    if not labels.size or (labels.min() >= 0 and labels.max() < classes):
        return
    counted = labels[labels != ignore_index]  # a copy, made only where a label is no class
    if counted.size and (counted.min() < 0 or counted.max() >= classes):
        raise ValueError(
            f"{operation}: targets must be 0 to {classes - 1} or ignore_index ({ignore_index}), "
            f"got {int(counted.min())} to {int(counted.max())}{_hint(counted)}"
        )


def labels_and_counted(target, ignore_index):
    """(labels, counted) of a target of classes as arrays. Labels are int64, and 0 where a pixel does not count."""
    counted = target.data != ignore_index
    return array_module(target.data).where(counted, target.data, 0).astype(np.int64), counted


def class_axis(x):
    """The axis of the classes in scores x: (N, C, ...) -> 1, (C,) -> 0."""
    return min(1, x.ndim - 1)


def pixels_of(x):
    """The shape of x without its classes: (N, C, ...) -> (N, ...), (C,) -> ()."""
    return x.shape[: class_axis(x)] + x.shape[class_axis(x) + 1 :]


def reduced(losses, reduction, total_weight=None):
    """The losses themselves, their sum, or that sum divided by `total_weight` (by default the number of losses).

    The mean of losses whose weights are all 0 is NaN, also where label smoothing made the losses themselves positive.
    """
    if reduction == "none":
        return losses
    if reduction == "sum":
        return losses.sum()
    if total_weight is None:
        return losses.mean()
    xp = array_module(losses.data)
    total = xp.where(total_weight == 0, np.nan, total_weight)
    return losses.sum() / Tensor.wrap(xp.asarray(total, dtype=losses.dtype))
