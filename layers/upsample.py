"""Upsampling without weights. The upsampling that learns is ConvTranspose2d in conv.py."""

from __future__ import annotations

from collections.abc import Sequence

import minitensor as mt
from layers.module import Module
from minitensor.tensor import Tensor
from minitensor.typing import Ints, Number


class Upsample(Module):
    """Resize images to `size`, or by `scale_factor`: see `minitensor.interpolate` for the modes."""

    def __init__(
        self,
        size: Ints | None = None,
        scale_factor: Number | Sequence[Number] | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"Upsample: give either size or scale_factor, got size={size}, scale_factor={scale_factor}"
            )
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Tensor) -> Tensor:
        return mt.interpolate(
            x, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        align = "" if self.align_corners is None else f", align_corners={self.align_corners}"
        return f"{target}, mode={self.mode!r}{align}"
