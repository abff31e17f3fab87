"""Losses as layers; the operations of minitensor/ops do the work. Class weights are buffers, so `to` moves them."""

from __future__ import annotations

from typing import Any

import minitensor as mt
from layers.module import Module
from minitensor.ops.targets import check_reduction
from minitensor.tensor import Tensor


class _Loss(Module):
    """Holds the reduction and the weights, which are None or buffers."""

    def __init__(self, reduction: str, **weights: Any) -> None:
        super().__init__()
        check_reduction(type(self).__name__, reduction)
        self.reduction = reduction
        for name, weight in weights.items():
            if isinstance(weight, str):
                raise TypeError(f"{type(self).__name__}: {name} must be a Tensor or numbers, got {weight!r}")
            if weight is None:
                setattr(self, name, None)
            else:
                self.register_buffer(name, weight if isinstance(weight, mt.Tensor) else mt.tensor(weight))

    def extra_repr(self) -> str:
        return f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """Cross entropy of scores (N, C, ...) with classes or probabilities: see `minitensor.cross_entropy`.

    `forward(x, target, pixel_weight)` takes U-Net's weight map, one number per pixel, as a third argument.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction, weight=weight)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, x: Tensor, target: Tensor, pixel_weight: Tensor | None = None) -> Tensor:
        return mt.cross_entropy(
            x,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
            pixel_weight=pixel_weight,
        )

    def extra_repr(self) -> str:
        text = f"ignore_index={self.ignore_index}, {super().extra_repr()}"
        return f"{text}, label_smoothing={self.label_smoothing}" if self.label_smoothing else text


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of scores and targets of one shape: see `minitensor.binary_cross_entropy_with_logits`."""

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None) -> None:
        super().__init__(reduction, weight=weight, pos_weight=pos_weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.binary_cross_entropy_with_logits(
            x, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class MSELoss(_Loss):
    """(x - target)^2: the mean, the sum, or every element, as `reduction` says."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.mse_loss(x, target, self.reduction)


class DiceLoss(_Loss):
    """1 - the mean over classes of the soft Dice coefficient: see `minitensor.dice_loss`."""

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, smooth: float = 1.0) -> None:
        super().__init__("mean", weight=weight)
        self.ignore_index, self.smooth = ignore_index, smooth

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.dice_loss(x, target, self.weight, ignore_index=self.ignore_index, smooth=self.smooth)

    def extra_repr(self) -> str:
        return f"ignore_index={self.ignore_index}, smooth={self.smooth}"


class L1Loss(_Loss):
    """|x - target|: the mean, the sum, or every element, as `reduction` says."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.l1_loss(x, target, self.reduction)


class SmoothL1Loss(_Loss):
    """Quadratic for distances below beta, linear above: see `minitensor.smooth_l1_loss`."""

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.smooth_l1_loss(x, target, self.reduction, self.beta)


class BCELoss(_Loss):
    """Binary cross entropy of probabilities: see `minitensor.binary_cross_entropy`. For scores: BCEWithLogitsLoss."""

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction, weight=weight)

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.binary_cross_entropy(x, target, self.weight, self.reduction)


class NLLLoss(_Loss):
    """-x at the class of each pixel, for log-probabilities x: see `minitensor.nll_loss`."""

    def __init__(self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction, weight=weight)
        self.ignore_index = ignore_index

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        return mt.nll_loss(x, target, self.weight, self.ignore_index, self.reduction)
