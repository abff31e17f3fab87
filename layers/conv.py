"""Convolution and transposed convolution as layers: their weights, and torch's arguments and initialisation."""

from __future__ import annotations

import minitensor as mt
from layers.affine import affine_parameters, positive
from layers.module import Module
from minitensor.arguments import pair
from minitensor.kernels.geometry import conv_transpose_output_size, same_padding
from minitensor.ops.pad import MODES as PAD_MODES
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike, Ints


class _Convolution(Module):
    """What both layers share: checked settings, and their description."""

    def _check(self, in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode):
        layer = type(self).__name__
        self.in_channels = positive(in_channels, "in_channels", layer)
        self.out_channels = positive(out_channels, "out_channels", layer)
        self.groups = positive(groups, "groups", layer)
        self.kernel_size = pair(kernel_size, "kernel_size", layer, minimum=1)
        self.stride = pair(stride, "stride", layer, minimum=1)
        self.dilation = pair(dilation, "dilation", layer, minimum=1)
        self.padding_mode = padding_mode
        if self.in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{layer}: in_channels {in_channels} and out_channels {out_channels} must both divide into "
                f"groups={groups}"
            )

    def extra_repr(self) -> str:
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"]
        defaults = {
            "padding": (0, 0),
            "output_padding": (0, 0),
            "dilation": (1, 1),
            "groups": 1,
            "padding_mode": "zeros",
        }
        for name, default in defaults.items():
            value = getattr(self, name, default)
            if value != default:
                parts.append(f"{name}={value!r}")
        if self.bias is None:
            parts.append("bias=False")
        return ", ".join(parts)


class Conv2d(_Convolution):
    """y = conv2d(x, weight, bias): (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (out_channels, in_channels / groups, KH, KW), bias (out_channels,)
    OH = floor((H + 2p - d(KH-1) - 1) / s) + 1; padding may also be "same" (stride 1) or "valid".
    padding_mode "zeros", "reflect", "replicate" or "circular" says what is in the border.
    Raises ValueError for sizes below 1 or channels that do not divide into groups.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Ints, stride: Ints=1, padding: Ints | str=0, dilation:
        Ints=1, groups: int=1, bias: bool=True, padding_mode: str="zeros", device: str | None=None, dtype:
        DtypeLike=None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._check(in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode)
        if padding_mode != "zeros" and (padding_mode not in PAD_MODES or padding_mode == "constant"):
            raise ValueError(
                f"Conv2d: padding_mode must be zeros, reflect, replicate or circular, got {padding_mode!r}"
            )
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f'Conv2d: padding must be "same", "valid" or numbers, got {padding!r}')
            if padding == "same" and self.stride != (1, 1):
                raise ValueError(f'Conv2d: padding="same" keeps the size only at stride 1, got stride {stride}')
            self.padding = padding
        else:
            self.padding = pair(padding, "padding", "Conv2d")
        shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = affine_parameters(type(self).__name__, shape, self.out_channels, bias, dtype, device)

    def forward(self, x: Tensor) -> Tensor:
        return self._run(mt.conv2d, x)

    def then_relu(self, x: Tensor) -> Tensor:
        """relu(self(x)), in one pass over the output. A Sequential uses it for a Conv2d and the ReLU after it."""
        if getattr(self.forward, "__func__", None) is not _FORWARD:
            return mt.relu(self(x))  # the user has replaced `forward`: call it
        return self._run(mt.conv2d_relu, x)

    def _run(self, operation, x):
        padding = self.padding
        if self.padding_mode != "zeros" and padding != "valid":
            x, padding = mt.pad(x, self._border(), self.padding_mode), 0
        return operation(x, self.weight, self.bias, self.stride, padding, self.dilation, self.groups)

    def _border(self):
        """The border (left, right, top, bottom), in the order that `pad` expects."""
        if self.padding == "same":
            top_bottom, left_right = map(same_padding, self.kernel_size, self.dilation)
            return (*left_right, *top_bottom)
        height, width = self.padding
        return (width, width, height, height)


_FORWARD = Conv2d.forward


class ConvTranspose2d(_Convolution):
    """y = conv_transpose2d(x, weight, bias): (N, in_channels, H, W) -> (N, out_channels, OH, OW).

    weight (in_channels, out_channels / groups, KH, KW): this layer is the adjoint of a convolution from out_channels to
    in_channels, and the layout is the layout of that convolution.
    OH = (H-1)s - 2p + d(KH-1) + output_padding + 1. Several input sizes of a strided convolution give the same output
    size. `forward(x, output_size=(OH, OW))` chooses among them, as `output_padding` does.
    Raises ValueError as Conv2d does, and for an output_size that no output_padding gives.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Ints, stride: Ints=1, padding: Ints=0, output_padding:
        Ints=0, groups: int=1, bias: bool=True, dilation: Ints=1, padding_mode: str="zeros", device: str | None=None,
        dtype: DtypeLike=None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._check(in_channels, out_channels, kernel_size, stride, dilation, groups, padding_mode)
        if padding_mode != "zeros":
            raise ValueError(f'ConvTranspose2d: padding_mode can only be "zeros", got {padding_mode!r}')
        self.padding = pair(padding, "padding", "ConvTranspose2d")
        self.output_padding = pair(output_padding, "output_padding", "ConvTranspose2d")
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.weight, self.bias = affine_parameters(type(self).__name__, shape, self.out_channels, bias, dtype, device)

    def forward(self, x: Tensor, output_size: Ints | None = None) -> Tensor:
        output_padding = self.output_padding if output_size is None else self._needed(x, output_size)
        return mt.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )

    def _needed(self, x, output_size):
        """The output_padding that leads to `output_size`."""
        wanted = tuple(output_size)[-2:]
        least = tuple(
            conv_transpose_output_size(n, k, s, p, 0, d)
            for n, k, s, p, d in zip(
                x.shape[-2:], self.kernel_size, self.stride, self.padding, self.dilation, strict=True
            )
        )
        most = tuple(n + s - 1 for n, s in zip(least, self.stride, strict=True))
        if len(wanted) != 2 or any(not low <= n <= high for low, n, high in zip(least, wanted, most, strict=True)):
            raise ValueError(
                f"ConvTranspose2d: from an input of size {tuple(x.shape[-2:])} the output can be {least} to {most}, "
                f"got output_size {tuple(output_size)}"
            )
        return tuple(n - low for n, low in zip(wanted, least, strict=True))
