"""Pooling as layers: the largest value or the mean of each window."""

from __future__ import annotations

from typing import Any

import minitensor as mt
from layers.module import Module
from minitensor.arguments import check_flag, pair
from minitensor.tensor import Tensor
from minitensor.typing import Ints


class _Pooling(Module):
    """The settings of the window. If no stride is given, it is the kernel's size: windows lie side by side."""

    def __init__(self, kernel_size: Ints, stride: Ints | None, padding: Ints, ceil_mode: bool) -> None:
        super().__init__()
        layer = type(self).__name__
        self.kernel_size = pair(kernel_size, "kernel_size", layer, minimum=1)
        self.stride = self.kernel_size if stride is None else pair(stride, "stride", layer, minimum=1)
        self.padding = pair(padding, "padding", layer)
        for p, k in zip(self.padding, self.kernel_size, strict=True):
            if p > k // 2:
                raise ValueError(f"{layer}: padding {p} is more than half of the kernel's {k}")
        check_flag(layer, ceil_mode=ceil_mode)
        self.ceil_mode = bool(ceil_mode)

    def extra_repr(self) -> str:
        text = f"kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0, 0):
            text += f", padding={self.padding}"
        return text + (", ceil_mode=True" if self.ceil_mode else "")


class MaxPool2d(_Pooling):
    """The largest value of each window; with return_indices also its place in the plane, for `max_unpool2d`."""

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        dilation: Ints = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.dilation = pair(dilation, "dilation", "MaxPool2d", minimum=1)
        check_flag("MaxPool2d", return_indices=return_indices)
        self.return_indices = bool(return_indices)

    def forward(self, x: Tensor) -> Any:
        return mt.max_pool2d(
            x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices
        )

    def extra_repr(self) -> str:
        text = super().extra_repr()
        return text if self.dilation == (1, 1) else f"{text}, dilation={self.dilation}"


class AvgPool2d(_Pooling):
    """The mean of each window; count_include_pad says whether the padding's zeros count as pixels."""

    def __init__(
        self,
        kernel_size: Ints,
        stride: Ints | None = None,
        padding: Ints = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        self.count_include_pad, self.divisor_override = bool(count_include_pad), divisor_override

    def forward(self, x: Tensor) -> Tensor:
        return mt.avg_pool2d(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AdaptiveAvgPool2d(Module):
    """The mean of windows laid out so that the output has `output_size`, whatever the input's size."""

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return mt.adaptive_avg_pool2d(x, self.output_size)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"
