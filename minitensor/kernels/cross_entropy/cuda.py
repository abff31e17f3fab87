"""Cross entropy on a GPU, fused: one launch for the losses of all pixels, one for the gradient."""

from __future__ import annotations

import math

from minitensor.backend import array_module
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import launch_for_each

SOURCE = "cross_entropy/cross_entropy.cu"


def _supports_grad(grad, logits, *args, **options):
    return is_float32(logits)


@register_cuda("cross_entropy", "cuda", supports=is_float32)
def cross_entropy(logits, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0):
    """As in definition.py, but a target that is no class makes its loss NaN."""
    xp = array_module(logits)
    arrays = _contiguous(logits, target.astype("int64", copy=False), class_weight, pixel_weight)
    losses, weights, log_normaliser = (xp.empty(target.shape, logits.dtype) for _ in range(3))
    classes, length = logits.shape[1], math.prod(logits.shape[2:])
    launch_for_each(
        SOURCE, "cross_entropy", target.size, *arrays, losses, weights, log_normaliser,
        classes, length, ignore_index, label_smoothing, target.size,
    )  # fmt: skip
    return losses, weights.sum(), log_normaliser


@register_cuda("cross_entropy_grad", "cuda", supports=_supports_grad)
def cross_entropy_grad(
    grad, logits, log_normaliser, target, class_weight=None, pixel_weight=None, ignore_index=-100, label_smoothing=0.0
):
    """As in definition.py: (N, C, ...)."""
    xp = array_module(logits)
    # A mean or a sum passes on one gradient for all pixels: the kernel reads it from one place.
    shared = not any(grad.strides)
    if shared:
        grad = grad[(slice(0, 1),) * grad.ndim]
    target = target.astype("int64", copy=False)
    arrays = _contiguous(grad, logits, log_normaliser, target, class_weight, pixel_weight)
    grad_logits = xp.empty(logits.shape, logits.dtype)
    classes, length = logits.shape[1], math.prod(logits.shape[2:])
    launch_for_each(
        SOURCE, "cross_entropy_grad", target.size, *arrays, grad_logits,
        classes, length, ignore_index, label_smoothing, int(not shared), target.size,
    )  # fmt: skip
    return grad_logits


def _contiguous(*arrays):
    """The arrays in row-major order; None stays None."""
    xp = array_module(arrays[0])
    return [None if array is None else xp.ascontiguousarray(array) for array in arrays]
