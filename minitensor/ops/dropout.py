"""Dropout: during training, some numbers are set to zero at random, and the others grow so that the mean stays the
same.

y = x m / (1 - p), where m = 0 with probability p, else 1. The numbers grow during training ("inverted" dropout), so
nothing need be done when the network is used. Source: Srivastava et al. (2014).
"""

from __future__ import annotations

from numbers import Real

import numpy as np

from minitensor.arguments import check_flag, check_float, check_tensor
from minitensor.backend import to_device
from minitensor.random import generator
from minitensor.tensor import Tensor


def dropout(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each number is set to zero with probability p, else divided by 1 - p. Returns x itself if not training or p = 0.

    The random numbers come from the library's generator (`mt.manual_seed`). Raises ValueError for p outside [0, 1] and
    TypeError for integers.
    """
    return _dropped("dropout", x, p, training, lambda shape: shape)


def dropout2d(x: Tensor, p: float = 0.5, training: bool = True) -> Tensor:
    """Each channel (a whole plane of x (N, C, H, W)) is set to zero with probability p, else divided by 1 - p.

    Neighbouring pixels are alike, so dropping single pixels hides little; see Tompson et al. (2015), section 3.2. Works
    for any (N, C, ...). Raises as `dropout`, and ValueError for a tensor of fewer than 2 dimensions.
    """
    return _dropped("dropout2d", x, p, training, lambda shape: (*shape[:2], *[1] * (len(shape) - 2)))


def _dropped(operation, x, p, training, mask_shape):
    x = check_tensor(x, operation)
    check_flag(operation, training=training)
    if isinstance(p, bool) or not isinstance(p, Real):
        raise TypeError(f"{operation}: p must be a number, got {p!r}")
    if not 0 <= p <= 1:
        raise ValueError(f"{operation}: p is a probability and must lie in [0, 1], got {p}")
    if operation == "dropout2d" and x.ndim < 2:
        raise ValueError(f"dropout2d: x must be (N, C, ...), got shape {x.shape}")
    if not training or p == 0:
        return x
    x = check_float(x, operation)
    shape = mask_shape(x.shape)
    # A number in [0, 1) lies below p with probability p. At p = 1 all of them do, and 1 / (1 - p) is never computed.
    kept = generator().random(shape, np.float32) >= p
    mask = kept.astype(x.dtype) if p == 1 else kept * x.dtype.type(1 / (1 - p))
    return x * Tensor.wrap(to_device(mask, x.device))
