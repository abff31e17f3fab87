"""Clipping gradients: one bad batch must not ruin the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minitensor.arguments import check_real
from minitensor.backend import array_module, to_numpy
from minitensor.tensor import Tensor

# Added to the norm before dividing by it, as in torch, so that gradients of 0 divide.
_EPS = 1e-6


def clip_grad_norm_(
    parameters: Iterable, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False
) -> Any:
    """Scale all gradients together, in place, so that their norm is at most `max_norm`. Returns the norm before.

        norm = (sum over all elements of all gradients of |g|^norm_type)^(1 / norm_type)      inf: the largest |g|

    The direction of the step stays. A norm of NaN or inf turns the gradients into NaN, as in torch. With
    error_if_nonfinite it raises ValueError before any gradient is changed.
    """
    parameters = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    check_real("clip_grad_norm_", "max_norm", max_norm)
    check_real("clip_grad_norm_", "norm_type", norm_type)
    if not max_norm >= 0:
        raise ValueError(f"clip_grad_norm_: max_norm must be at least 0, got {max_norm}")
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm_: norm_type must be above 0, got {norm_type}")
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    total = _norm([grad.data for grad in grads], float(norm_type))
    if error_if_nonfinite and not math.isfinite(total):
        raise ValueError(f"clip_grad_norm_: the norm of the gradients is {total}")
    scale = max_norm / (total + _EPS)
    if not scale >= 1:  # true for NaN as well
        for grad in grads:
            array = grad.data
            array *= scale
            grad.data = array  # counts as an in-place change
    return total


def _norm(arrays, norm_type):
    arrays = [array for array in arrays if array.size]
    if not arrays:
        return 0.0
    if math.isinf(norm_type):
        parts = [abs(array).max() for array in arrays]
    elif norm_type == 2:
        # (1, n) @ (n, 1) -> a number, without an array of squares
        parts = [array_module(array).vdot(array, array) for array in arrays]
    else:
        parts = [(abs(array) ** norm_type).sum() for array in arrays]
    # side by side, so that the program waits for the GPU once, not once per array
    parts = to_numpy(array_module(*arrays).stack(parts)).astype(np.float64)
    if math.isinf(norm_type):
        return float(parts.max())  # NaN wins
    return float(parts.sum() ** (1 / norm_type))
