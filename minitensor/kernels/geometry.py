"""Sizes and offsets of windows that slide over an image. Every size formula of the library is in this file, once.

A window of `kernel` taps, `dilation` apart, covers `dilation * (kernel - 1) + 1` pixels: its extent. The formulas are
for one axis. An image has two axes, and they are independent.
"""

from __future__ import annotations


def ceil_div(a, b):
    """a / b, rounded up to a whole number."""
    return -(-a // b)


def extent(kernel, dilation=1):
    """Pixels from the first to the last tap of a window, both included: d (k - 1) + 1."""
    return dilation * (kernel - 1) + 1


def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    """Positions of a window on an axis: floor((n + 2p - d(k-1) - 1) / s) + 1. Below 1 if it does not fit."""
    return (size + 2 * padding - extent(kernel, dilation)) // stride + 1


def conv_transpose_output_size(size, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """The size whose convolution has `size` positions: (n-1)s - 2p + d(k-1) + output_padding + 1."""
    return (size - 1) * stride - 2 * padding + extent(kernel, dilation) + output_padding


def same_padding(kernel, dilation=1):
    """(before, after) that keep the size at stride 1: d(k-1) in all, the odd one last, as in torch."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


def pool_output_size(size, kernel, stride, padding=0, dilation=1, ceil_mode=False):
    """Positions of a pooling window. With `ceil_mode` the last window may hang over the edge.

    ceil((n + 2p - d(k-1) - 1) / s) + 1, minus 1 if the last window would start beyond the image and its near padding,
    that is if (o - 1) s >= n + p: such a window would see only padding.
    """
    reach = size + 2 * padding - extent(kernel, dilation)
    if not ceil_mode:
        return reach // stride + 1
    positions = ceil_div(reach, stride) + 1
    return positions - 1 if (positions - 1) * stride >= size + padding else positions


def rotated_padding(kernel_size, padding, dilation):
    """d (k - 1) - p for each axis: the padding with which a convolution is a transposed convolution of stride 1.

    At stride 1 no zeros are inserted. Pad by d (k - 1), convolve with the rotated kernel, crop p: padding and cropping
    become one padding. It is negative if more is cropped than padded.
    """
    return [d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True)]


def padded_size(size, padding):
    """(H + 2p, W + 2p) of an image of `size` (H, W)."""
    return [n + 2 * p for n, p in zip(size, padding, strict=True)]


def taps(offset, positions, stride):
    """The slice of a padded axis that the tap at `offset` sees while its window visits all positions."""
    return slice(offset, offset + stride * (positions - 1) + 1, stride)


def overlap(first, step, positions, size):
    """Which of `positions` reads at first, first + step, ... lie on an axis of `size` pixels.

    Returns two slices: the positions inside, and the pixels that they read. Reads outside see zeros.
    """
    start = min(max(ceil_div(-first, step), 0), positions)
    stop = max(min((size - 1 - first) // step + 1, positions), start)
    if start == stop:
        return slice(0, 0), slice(0, 0)
    return slice(start, stop), slice(first + start * step, first + (stop - 1) * step + 1, step)


def axes_output_size(size, kernel_size, stride, padding, dilation):
    """(OH, OW): the number of positions of the window on each axis of an image of `size` (H, W)."""
    axes = zip(size, kernel_size, stride, padding, dilation, strict=True)
    return tuple(conv_output_size(*axis) for axis in axes)


def output_size(x, kernel_size, stride, padding, dilation):
    """(OH, OW) of the convolution of x (N, C, H, W)."""
    return axes_output_size(x.shape[2:], kernel_size, stride, padding, dilation)


def pooled_size(size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """(OH, OW): the number of pooling windows on each axis of an image of `size` (H, W)."""
    axes = zip(size, kernel_size, stride, padding, dilation, strict=True)
    return tuple(pool_output_size(*axis, ceil_mode) for axis in axes)


def transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation):
    """(OH, OW) of the transposed convolution of x (N, C, H, W)."""
    axes = zip(x.shape[2:], kernel_size, stride, padding, output_padding, dilation, strict=True)
    return tuple(conv_transpose_output_size(*axis) for axis in axes)
