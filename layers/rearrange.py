"""Layers without weights that move numbers: into other shapes, into windows and back, to where a pooling found them."""

from __future__ import annotations

from collections.abc import Sequence

import minitensor as mt
from layers.module import Module
from minitensor.arguments import pair, shape_argument
from minitensor.tensor import Tensor
from minitensor.typing import Ints


class PixelShuffle(Module):
    """(N, C r^2, H, W) -> (N, C, r H, r W) with r = upscale_factor: see `minitensor.pixel_shuffle`."""

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return mt.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class Unflatten(Module):
    """The axis `dim` as several axes of `unflattened_size`: the opposite of Flatten. One size may be -1."""

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        super().__init__()
        self.dim, self.unflattened_size = dim, shape_argument((unflattened_size,), "Unflatten")

    def forward(self, x: Tensor) -> Tensor:
        axis = self.dim % x.ndim
        known = [n for n in self.unflattened_size if n != -1]
        size = 1
        for n in known:
            size *= n
        missing = len(self.unflattened_size) - len(known)
        if missing > 1 or (size != x.shape[axis] if not missing else not size or x.shape[axis] % size):
            raise ValueError(
                f"Unflatten: the {x.shape[axis]} numbers along dim {self.dim} do not make {self.unflattened_size}"
            )
        return mt.reshape(x, (*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1 :]))

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


class _Windows(Module):
    def __init__(self, kernel_size: Ints, dilation: Ints, padding: Ints, stride: Ints) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Unfold(_Windows):
    """Windows of images as columns: see `minitensor.unfold`."""

    def __init__(self, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> None:
        super().__init__(kernel_size, dilation, padding, stride)

    def forward(self, x: Tensor) -> Tensor:
        return mt.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)


class Fold(_Windows):
    """Columns added back into images of `output_size`: see `minitensor.fold`."""

    def __init__(
        self, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return mt.fold(x, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class MaxUnpool2d(Module):
    """The values of a max pooling where they came from, 0 elsewhere: see `minitensor.max_unpool2d`."""

    def __init__(self, kernel_size: Ints, stride: Ints | None = None, padding: Ints = 0) -> None:
        super().__init__()
        self.kernel_size = pair(kernel_size, "kernel_size", "MaxUnpool2d", minimum=1)
        self.stride = self.kernel_size if stride is None else pair(stride, "stride", "MaxUnpool2d", minimum=1)
        self.padding = pair(padding, "padding", "MaxUnpool2d")

    def forward(self, x: Tensor, indices: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        return mt.max_unpool2d(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"
