"""Upsampling without weights; ConvTranspose2d in conv.py is the kind that learns."""

from __future__ import annotations

import minitensor as mt
from layers.module import Module


class Upsample(Module):
    """Resize images to `size`, or by `scale_factor`: see `minitensor.interpolate` for the modes."""

    def __init__(
        self,
        size=None,
        scale_factor=None,
        mode="nearest",
        align_corners=None,
        recompute_scale_factor=None,
    ):
        super().__init__()
        if (size is None) == (scale_factor is None):
            raise ValueError(
                f"Upsample: give either size or scale_factor, got size={size}, scale_factor={scale_factor}"
            )
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x):
        return mt.interpolate(
            x,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            self.recompute_scale_factor,
        )

    def extra_repr(self):
        target = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        align = "" if self.align_corners is None else f", align_corners={self.align_corners}"
        return f"{target}, mode={self.mode!r}{align}"
