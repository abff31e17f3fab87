"""Relatives of batch norm: over the last axes, over each channel of each image, and for vectors instead of images."""

from __future__ import annotations

from collections.abc import Sequence

import minitensor as mt
from layers.affine import positive
from layers.module import Module, Parameter
from layers.norm import BatchNorm2d, checked_eps, scale_and_shift
from minitensor.arguments import check_flag, shape_argument
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
        size = shape_argument((normalized_shape,), "LayerNorm")
        if not size or min(size) < 1:
            raise ValueError(f"LayerNorm: normalized_shape must have sizes of at least 1, got {normalized_shape!r}")
        check_flag("LayerNorm", elementwise_affine=elementwise_affine, bias=bias)
        self.normalized_shape, self.eps = size, checked_eps(eps, "LayerNorm")
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
        self.num_features = positive(num_features, "num_features", "InstanceNorm2d")
        self.eps = checked_eps(eps, "InstanceNorm2d")
        self.weight, self.bias = scale_and_shift("InstanceNorm2d", self.num_features, affine, dtype, device)

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
