"""Unfold writes each window of an image as a column. Fold is its adjoint: it adds the columns back.

    <g, unfold(x)> = <fold(g), x>, so each is the gradient of the other.

fold(unfold(x)) is not x: a pixel that lies in n windows comes back n times. Divide by fold(unfold(ones)).
"""

from __future__ import annotations

import math

from minitensor.arguments import check_float, check_not_alone, pair
from minitensor.engine import Op
from minitensor.kernels import run
from minitensor.kernels.geometry import conv_output_size
from minitensor.ops.images import batched, check_images
from minitensor.ops.shape import reshape
from minitensor.tensor import Tensor
from minitensor.typing import Ints


class Unfold(Op):
    """y[n, (c, k, l), (i, j)] = x[n, c, s i + d k - p, s j + d l - p]"""

    uses = ((),)

    def __init__(self, size, window):
        self.size, self.window = size, window

    def forward(self, x):
        return run("unfold", x, *self.window)

    def backward(self, grad, needs):
        return Fold(self.size, self.window)(grad)


class Fold(Op):
    """y = zeros, with x[n, (c, k, l), (i, j)] added at y[n, c, s i + d k - p, s j + d l - p]."""

    uses = ((),)

    def __init__(self, size, window):
        self.size, self.window = size, window

    def forward(self, x):
        return run("fold", x, self.size, *self.window)

    def backward(self, grad, needs):
        return Unfold(self.size, self.window)(grad)


def unfold(x: Tensor, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1) -> Tensor:
    """Each window of x as a column: (N, C, H, W) -> (N, C*KH*KW, L) or (C, H, W) -> (C*KH*KW, L), L = OH*OW.

    OH = floor((H + 2p - d(KH-1) - 1) / s) + 1. A column lists the window channel by channel, row by row. The columns
    are in reading order. With them, conv2d is the matrix product weight @ unfold(x). Raises TypeError for integers,
    ValueError if no window fits.
    """
    x = check_images(x, "unfold")
    window = _check_window("unfold", kernel_size, dilation, padding, stride)
    positions = _positions(x.shape[-2:], window)
    if min(positions) < 1:
        raise ValueError(
            f"unfold: the output would have {positions} windows: {_spelled(window)} does not fit x of shape {x.shape}"
        )
    return batched(x, Unfold(x.shape[-2:], window))


def fold(
    x: Tensor, output_size: Ints, kernel_size: Ints, dilation: Ints = 1, padding: Ints = 0, stride: Ints = 1
) -> Tensor:
    """Columns back into an image, added where windows overlap: (N, C*KH*KW, L) -> (N, C, H, W) = output_size.

    x may be (C*KH*KW, L), of a single image. L must be the number of windows that `unfold` finds in an image of
    output_size. Raises TypeError for integers, ValueError for a wrong number of rows or columns.
    """
    x = check_float(x, "fold")
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise ValueError(f"fold: x must be (N, C*KH*KW, L) or (C*KH*KW, L), got shape {x.shape}")
    check_not_alone("fold", output_size=output_size)
    size = pair(output_size, "output_size", "fold", minimum=1)
    window = _check_window("fold", kernel_size, dilation, padding, stride)
    taps = math.prod(window[0])
    if x.shape[-2] % taps:
        raise ValueError(
            f"fold: the {x.shape[-2]} rows of x (shape {x.shape}) do not divide into windows of "
            f"{taps} pixels (kernel_size {window[0]})"
        )
    positions = _positions(size, window)
    if min(positions) < 1 or math.prod(positions) != x.shape[-1]:
        raise ValueError(
            f"fold: x has {x.shape[-1]} columns (shape {x.shape}), but {_spelled(window)} has "
            f"{positions} windows in an image of size {size}"
        )
    if x.ndim == 3:
        return Fold(size, window)(x)
    y = Fold(size, window)(reshape(x, (1, *x.shape)))
    return reshape(y, y.shape[1:])


def _check_window(operation, kernel_size, dilation, padding, stride):
    """The four arguments as pairs, in the order in which torch and the kernels take them."""
    check_not_alone(operation, kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)
    return (
        pair(kernel_size, "kernel_size", operation, minimum=1),
        pair(dilation, "dilation", operation, minimum=1),
        pair(padding, "padding", operation),
        pair(stride, "stride", operation, minimum=1),
    )


def _positions(size, window):
    kernel_size, dilation, padding, stride = window
    return tuple(map(conv_output_size, size, kernel_size, stride, padding, dilation))


def _spelled(window):
    names = "kernel_size", "dilation", "padding", "stride"
    return ", ".join(f"{name} {value}" for name, value in zip(names, window, strict=True))
