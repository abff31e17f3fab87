"""The fully connected layer, and Flatten, which turns images into its input."""

from __future__ import annotations

import minitensor as mt
from layers.affine import affine_parameters, positive
from layers.module import Module
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


class Linear(Module):
    """y = x weight^T + bias: (..., in_features) -> (..., out_features); weight (out_features, in_features)."""

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: str | None = None, dtype: DtypeLike = None
    ) -> None:
        super().__init__()
        self.in_features = positive(in_features, "in_features", "Linear")
        self.out_features = positive(out_features, "out_features", "Linear")
        shape = (self.out_features, self.in_features)
        self.weight, self.bias = affine_parameters("Linear", shape, self.out_features, bias, dtype, device)

    def forward(self, x: Tensor) -> Tensor:
        return mt.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}" + (", bias=False" if self.bias is None else "")


class Flatten(Module):
    """Axes start_dim to end_dim, joined into one: (N, C, H, W) -> (N, C*H*W)."""

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Tensor) -> Tensor:
        return mt.flatten(x, self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"
