"""Pooling by its definition: one window at a time, as plain loops. The fast kernels of this room are held to these."""

from __future__ import annotations

import math

from minitensor.backend import array_module
from minitensor.kernels.geometry import pooled_size
from minitensor.kernels.table import register


def pool_windows(size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """For each window yield (i, j, pixels): its place in the output, and [(tap, row, column)] of its pixels in the
    image.

    Taps are numbered along the rows of the window: tap = a KW + b for row a and column b.
    """
    counts = pooled_size(size, kernel_size, stride, padding, dilation, ceil_mode)
    for i in range(counts[0]):
        for j in range(counts[1]):
            pixels = []
            for a in range(kernel_size[0]):
                for b in range(kernel_size[1]):
                    row = i * stride[0] - padding[0] + a * dilation[0]
                    column = j * stride[1] - padding[1] + b * dilation[1]
                    if 0 <= row < size[0] and 0 <= column < size[1]:
                        pixels.append((a * kernel_size[1] + b, row, column))
            yield i, j, pixels


def _output_shape(x, kernel_size, stride, padding, dilation, ceil_mode):
    return *x.shape[:2], *pooled_size(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)


@register("max_pool2d", "reference")
def max_pool2d_reference(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of each window and the tap that holds it. Of equal pixels the first wins, but any NaN wins."""
    xp = array_module(x)
    values = xp.empty(_output_shape(x, kernel_size, stride, padding, dilation, ceil_mode), dtype=x.dtype)
    taps = xp.empty(values.shape, dtype=tap_dtype(kernel_size))
    for i, j, pixels in pool_windows(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode):
        best, best_tap = xp.full(x.shape[:2], -xp.inf, dtype=x.dtype), xp.zeros(x.shape[:2], dtype=taps.dtype)
        for tap, row, column in pixels:
            pixel = x[:, :, row, column]
            is_first = tap == pixels[0][0]
            wins = (pixel > best) | xp.isnan(pixel) | is_first
            best, best_tap = xp.where(wins, pixel, best), xp.where(wins, tap, best_tap)
        values[:, :, i, j], taps[:, :, i, j] = best, best_tap
    return values, taps


def tap_dtype(kernel_size):
    """The smallest unsigned type that can number the taps: one byte up to 16 x 16. An index would take eight bytes."""
    return "uint8" if math.prod(kernel_size) <= 256 else "uint32"


@register("max_pool2d_values", "reference")
def max_pool2d_values_reference(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of each window."""
    return max_pool2d_reference(x, kernel_size, stride, padding, dilation, ceil_mode)[0]


@register("max_pool2d_grad", "reference")
def max_pool2d_grad_reference(grad, taps, size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """Add the gradient of each window to the pixel that won it. A pixel may win several windows."""
    xp = array_module(grad)
    x_grad = xp.zeros((*grad.shape[:2], *size), dtype=grad.dtype)
    for i, j, pixels in pool_windows(size, kernel_size, stride, padding, dilation, ceil_mode):
        for tap, row, column in pixels:
            x_grad[:, :, row, column] += xp.where(taps[:, :, i, j] == tap, grad[:, :, i, j], 0)
    return x_grad


@register("max_pool2d_gather", "reference")
def max_pool2d_gather_reference(x, taps, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """From each window of x, the pixel at the given tap: the adjoint of `max_pool2d_grad`."""
    xp = array_module(x)
    values = xp.zeros(taps.shape, dtype=x.dtype)
    for i, j, pixels in pool_windows(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode):
        for tap, row, column in pixels:
            values[:, :, i, j] += xp.where(taps[:, :, i, j] == tap, x[:, :, row, column], 0)
    return values


def window_divisor(i, j, pixels, size, kernel_size, stride, padding, count_include_pad, divisor_override):
    """What the sum of window (i, j) is divided by: its pixels in the image, or in the image and its padding.

    The part of a window that ceil_mode lets hang over the padding never counts.
    """
    if divisor_override is not None:
        return divisor_override
    if not count_include_pad:
        return len(pixels)
    rows = min(kernel_size[0], size[0] + 2 * padding[0] - i * stride[0])
    columns = min(kernel_size[1], size[1] + 2 * padding[1] - j * stride[1])
    return rows * columns


@register("avg_pool2d", "reference")
def avg_pool2d_reference(
    x, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The mean of each window. Padding counts as zeros unless count_include_pad is False."""
    xp = array_module(x)
    size = x.shape[2:]
    y = xp.zeros(_output_shape(x, kernel_size, stride, padding, (1, 1), ceil_mode), dtype=x.dtype)
    rules = (size, kernel_size, stride, padding, count_include_pad, divisor_override)
    for i, j, pixels in pool_windows(size, kernel_size, stride, padding, ceil_mode=ceil_mode):
        for _, row, column in pixels:
            y[:, :, i, j] += x[:, :, row, column]
        y[:, :, i, j] /= window_divisor(i, j, pixels, *rules)
    return y


@register("avg_pool2d_grad", "reference")
def avg_pool2d_grad_reference(
    grad, size, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Give each pixel of a window an equal share of the window's gradient."""
    xp = array_module(grad)
    x_grad = xp.zeros((*grad.shape[:2], *size), dtype=grad.dtype)
    rules = (size, kernel_size, stride, padding, count_include_pad, divisor_override)
    for i, j, pixels in pool_windows(size, kernel_size, stride, padding, ceil_mode=ceil_mode):
        share = grad[:, :, i, j] / window_divisor(i, j, pixels, *rules)
        for _, row, column in pixels:
            x_grad[:, :, row, column] += share
    return x_grad
