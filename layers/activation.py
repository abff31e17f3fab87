"""Activation functions as layers; the operations of minitensor/ops do the work.

`inplace` is accepted so that nets written for torch run unchanged. It has no effect: a result is always a new array,
because an overwritten array could no longer be used for a gradient.
"""

from __future__ import annotations

import minitensor as mt
from layers.module import Module
from minitensor.tensor import Tensor


class ReLU(Module):
    """y = max(x, 0)."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return mt.relu(x)


class LeakyReLU(Module):
    """y = x where x > 0, else negative_slope * x."""

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__()
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return mt.leaky_relu(x, self.negative_slope)

    def extra_repr(self) -> str:
        return f"negative_slope={self.negative_slope}"


class Sigmoid(Module):
    """y = 1 / (1 + e^-x)."""

    def forward(self, x: Tensor) -> Tensor:
        return mt.sigmoid(x)


class Tanh(Module):
    """y = (e^x - e^-x) / (e^x + e^-x)."""

    def forward(self, x: Tensor) -> Tensor:
        return mt.tanh(x)


class Softmax(Module):
    """y_c = e^x_c / sum_k e^x_k along the axis `dim`. In segmentation this is dim=1, the classes of each pixel."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return mt.softmax(x, self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"
