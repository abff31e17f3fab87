"""Dropout as layers: random zeros in training, no effect in evaluation."""

from __future__ import annotations

from numbers import Real

import minitensor as mt
from layers.module import Module
from minitensor.tensor import Tensor


class _Dropout(Module):
    """Holds the probability p; `inplace` is accepted as in layers/activation.py, without effect."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if isinstance(p, bool) or not isinstance(p, Real):
            raise TypeError(f"{type(self).__name__}: p must be a number, got {p!r}")
        if not 0 <= p <= 1:
            raise ValueError(f"{type(self).__name__}: p must lie in [0, 1], got {p}")
        self.p = p

    def extra_repr(self) -> str:
        return f"p={self.p}"


class Dropout(_Dropout):
    """Each element becomes 0 with probability p, and otherwise x / (1 - p), so that the mean stays the same."""

    def forward(self, x: Tensor) -> Tensor:
        return mt.dropout(x, self.p, self.training)


class Dropout2d(_Dropout):
    """Each channel of each image becomes 0 with probability p, and otherwise x / (1 - p).

    Neighbouring pixels are alike, so all pixels of a channel are dropped together.
    """

    def forward(self, x: Tensor) -> Tensor:
        return mt.dropout2d(x, self.p, self.training)
