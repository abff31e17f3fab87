"""Relatives of batch norm: over the last axes, over each channel of each image, and for vectors instead of images."""

from __future__ import annotations

from collections.abc import Sequence

import minitensor as mt
from layers.module import Module, Parameter
from layers.norm import BatchNorm2d
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


class LayerNorm(Module):
    """Mean 0 and variance 1 over the last axes, of `normalized_shape`, then a learned weight and bias of that shape.

    See `minitensor.layer_norm`.
    """

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: str | None = None,
        dtype: DtypeLike = None,
    ) -> None:
        super().__init__()
        size = (normalized_shape,) if hasattr(normalized_shape, "__index__") else tuple(normalized_shape)
        self.normalized_shape, self.eps = size, eps
        options = {"dtype": dtype, "device": device}
        self.weight = Parameter(mt.ones(size, **options)) if elementwise_affine else None
        self.bias = Parameter(mt.zeros(size, **options)) if elementwise_affine and bias else None

    def forward(self, x: Tensor) -> Tensor:
        return mt.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        text = f"{self.normalized_shape}, eps={self.eps}"
        return text if self.weight is not None else f"{text}, elementwise_affine=False"


class InstanceNorm2d(Module):
    """Each channel of each image gets mean 0 and variance 1: group norm whose groups are the channels.

    In training and in evaluation alike: running statistics are not offered.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        device: str | None = None,
        dtype: DtypeLike = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps = num_features, eps
        options = {"dtype": dtype, "device": device}
        self.weight = Parameter(mt.ones(num_features, **options)) if affine else None
        self.bias = Parameter(mt.zeros(num_features, **options)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.num_features:
            raise ValueError(f"InstanceNorm2d: x must be (N, {self.num_features}, H, W), got shape {x.shape}")
        return mt.group_norm(x, self.num_features, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}" + (", affine=True" if self.weight is not None else "")


class BatchNorm1d(BatchNorm2d):
    """BatchNorm2d for vectors (N, num_features) and for sequences (N, num_features, L)."""

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features:
            raise ValueError(
                f"BatchNorm1d: x must be (N, {self.num_features}) or (N, {self.num_features}, L), got shape {x.shape}"
            )
        # (N, C) or (N, C, L) -> (N, C, 1, L), and back
        y = super().forward(mt.reshape(x, (*x.shape[:2], 1, -1 if x.size else x.size)))
        return mt.reshape(y, x.shape)
