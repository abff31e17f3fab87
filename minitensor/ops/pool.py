"""Pooling: one number for each window of an image, its largest pixel or its mean.

Max pooling moves numbers, average pooling shares them out. Their derivatives move them back, in adjoint pairs:

    MaxPool2dGrad  each window's gradient to its winner  <->  MaxPool2dGather  the winner of each window
    AvgPool2d      the mean of each window               <->  AvgPool2dGrad    an equal share to each pixel
"""

from __future__ import annotations

from numbers import Integral
from typing import Any

from minitensor.arguments import check_flag, pair
from minitensor.backend import array_module
from minitensor.engine import Op, owned
from minitensor.kernels import run
from minitensor.kernels.geometry import pool_output_size
from minitensor.kernels.interpolate.matrices import adaptive_matrix
from minitensor.ops.images import batched, check_images
from minitensor.ops.interpolate import Interpolate2d
from minitensor.ops.piecewise import piecewise
from minitensor.tensor import Tensor
from minitensor.typing import Ints


class MaxPool2d(Op):
    """y = the largest pixel of each window. y depends on this pixel alone, with derivative 1.

    Which pixel won is kept as its tap, its number within the window: one byte, where an index takes eight.
    """

    uses = ((),)

    def __init__(self, window, keep_taps):
        self.window, self.keep_taps = window, keep_taps

    def forward(self, x):
        self.size = x.shape[2:]
        if not self.keep_taps and True not in self.needs:
            return run("max_pool2d_values", x, *self.window)
        values, self.taps = run("max_pool2d", x, *self.window)
        return values

    def backward(self, grad, needs):
        return owned(piecewise(MaxPool2dGrad(self.taps, self.size, self.window)(grad), self))


class MaxPool2dGrad(Op):
    """y = zeros, with x of each window added to the pixel that won it."""

    uses = ((),)

    def __init__(self, taps, size, window):
        self.taps, self.size, self.window = taps, size, window

    def forward(self, x):
        return run("max_pool2d_grad", x, self.taps, self.size, *self.window)

    def backward(self, grad, needs):
        return MaxPool2dGather(self.taps, self.size, self.window)(grad)


class MaxPool2dGather(Op):
    """y = from each window of x, the pixel that had won it: the adjoint of MaxPool2dGrad."""

    uses = ((),)

    def __init__(self, taps, size, window):
        self.taps, self.size, self.window = taps, size, window

    def forward(self, x):
        return run("max_pool2d_gather", x, self.taps, *self.window)

    def backward(self, grad, needs):
        return MaxPool2dGrad(self.taps, self.size, self.window)(grad)


class AvgPool2d(Op):
    """y = the mean of each window"""

    uses = ((),)

    def __init__(self, size, window):
        self.size, self.window = size, window

    def forward(self, x):
        return run("avg_pool2d", x, *self.window)

    def backward(self, grad, needs):
        return piecewise(AvgPool2dGrad(self.size, self.window)(grad), self)


class AvgPool2dGrad(Op):
    """y = zeros, with an equal share of each window's x added to all its pixels: the adjoint of AvgPool2d."""

    uses = ((),)

    def __init__(self, size, window):
        self.size, self.window = size, window

    def forward(self, x):
        return run("avg_pool2d_grad", x, self.size, *self.window)

    def backward(self, grad, needs):
        return AvgPool2d(self.size, self.window)(grad)


def max_pool2d(
    x: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    dilation: Ints = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """The largest pixel of each window: y[n,c,i,j] = max over k, l of x[n, c, s i + d k - p, s j + d l - p].

    x (N, C, H, W) or (C, H, W) -> (N, C, OH, OW) with OH = floor((H + 2p - d(KH-1) - 1) / s) + 1. With `ceil_mode` it
    is the ceiling, minus 1 if the last window would start beyond the image. stride is kernel_size unless given. Padding
    never wins. Of equal pixels the first one wins, and NaN wins over all. With `return_indices` the result is a pair:
    the values, and the int64 places row W + column of the winners, for `max_unpool2d`. Raises TypeError for integers,
    ValueError if padding exceeds half the kernel or no window fits.
    """
    x = check_images(x, "max_pool2d")
    check_flag("max_pool2d", ceil_mode=ceil_mode, return_indices=return_indices)
    kernel_size, stride, padding = _check_window("max_pool2d", kernel_size, stride, padding)
    dilation = pair(dilation, "dilation", "max_pool2d", minimum=1)
    _check_output("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    window = kernel_size, stride, padding, dilation, bool(ceil_mode)
    op = MaxPool2d(window, keep_taps=return_indices)
    y = batched(x, op)
    if not return_indices:
        return y
    indices = run("max_pool2d_indices", op.taps, op.size, *window)
    return y, Tensor.wrap(indices.reshape(y.shape))


def avg_pool2d(
    x: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window: y[n,c,i,j] = sum over k, l of x[n, c, s i + k - p, s j + l - p] / divisor.

    Shapes as in `max_pool2d`. The divisor is the number of pixels in the window. Padding counts, unless
    `count_include_pad` is False. What `ceil_mode` lets hang over the padding never counts. `divisor_override` replaces
    the divisor. Raises TypeError for integers, ValueError as `max_pool2d` does and for a divisor of 0.
    """
    x = check_images(x, "avg_pool2d")
    check_flag("avg_pool2d", ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    kernel_size, stride, padding = _check_window("avg_pool2d", kernel_size, stride, padding)
    _check_output("avg_pool2d", x, kernel_size, stride, padding, (1, 1), ceil_mode)
    if divisor_override is not None:
        if isinstance(divisor_override, bool) or not isinstance(divisor_override, Integral):
            raise TypeError(f"avg_pool2d: divisor_override must be an int, got {divisor_override!r}")
        if divisor_override == 0:
            raise ValueError("avg_pool2d: divisor_override must not be 0")
    window = kernel_size, stride, padding, bool(ceil_mode), bool(count_include_pad), divisor_override
    return batched(x, AvgPool2d(x.shape[-2:], window))


def adaptive_avg_pool2d(x: Tensor, output_size: Any) -> Tensor:
    """The means of OH x OW windows that cover the image: rows floor(i H / OH) to ceil((i + 1) H / OH) - 1.

    x (N, C, H, W) or (C, H, W) -> (N, C, OH, OW). output_size is an int or (height, width); None keeps the image's size
    on that axis. Neighbouring windows share a row if OH does not divide H. It is computed with two matrices, as
    interpolation. Raises TypeError for integers, ValueError for a negative size.
    """
    x = check_images(x, "adaptive_avg_pool2d")
    size = output_size
    if isinstance(size, (tuple, list)):
        if len(size) != 2:
            raise ValueError(f"adaptive_avg_pool2d: output_size must be an int or (height, width), got {size}")
        size = tuple(own if wanted is None else wanted for own, wanted in zip(x.shape[-2:], size, strict=True))
    size = pair(size, "output_size", "adaptive_avg_pool2d")
    xp = array_module(x.data)
    axes = zip(x.shape[-2:], size, strict=True)
    return batched(x, Interpolate2d(*(adaptive_matrix(n, m, x.dtype, xp) for n, m in axes)))


def _check_window(operation, kernel_size, stride, padding):
    """(kernel_size, stride, padding) as pairs; the stride is the kernel's size unless given."""
    kernel_size = pair(kernel_size, "kernel_size", operation, minimum=1)
    unset = stride is None or (isinstance(stride, (tuple, list)) and len(stride) == 0)
    stride = kernel_size if unset else pair(stride, "stride", operation, minimum=1)
    padding = pair(padding, "padding", operation)
    for p, k in zip(padding, kernel_size, strict=True):
        if p > k // 2:
            raise ValueError(
                f"{operation}: padding {padding} must be at most half of kernel_size {kernel_size}: "
                "beyond that, a window would see nothing but padding"
            )
    return kernel_size, stride, padding


def _check_output(operation, x, kernel_size, stride, padding, dilation, ceil_mode):
    axes = zip(x.shape[-2:], kernel_size, stride, padding, dilation, strict=True)
    positions = tuple(pool_output_size(*axis, ceil_mode) for axis in axes)
    if min(positions) < 1:
        raise ValueError(
            f"{operation}: the output would have size {positions}: no window of kernel_size {kernel_size}, "
            f"dilation {dilation} fits images of size {x.shape[-2:]} with padding {padding}"
        )
