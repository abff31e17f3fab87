"""Sizes and offsets of windows that slide over an image. Every size formula of the library stands here, once.

A window of `kernel` taps spaced `dilation` apart covers `dilation * (kernel - 1) + 1` pixels: its extent. The
formulas are for one axis; an image has two, and nothing couples them.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral


def pair(value, name, operation, minimum=0):
    """3 -> (3, 3); (3, 5) -> (3, 5): one whole number for both axes, or one an axis, (height, width).

    Raises TypeError where it is neither and ValueError where a number is below `minimum`.
    """
    values = (value, value) if _is_whole(value) else value
    if (
        not isinstance(values, (tuple, Sequence))
        or isinstance(values, str)
        or not all(map(_is_whole, values))
    ):
        raise TypeError(f"{operation}: {name} must be an int or a pair of ints, got {value!r}")
    if len(values) == 1:
        values = (values[0], values[0])
    if len(values) != 2:
        raise ValueError(f"{operation}: {name} must be one int or two (height, width), got {tuple(values)}")
    if min(values) < minimum:
        raise ValueError(f"{operation}: {name} must be at least {minimum}, got {value!r}")
    return int(values[0]), int(values[1])


def _is_whole(value):
    # int stands beside Integral, as tuple beside Sequence above, because to ask an abstract class takes long.
    return isinstance(value, (int, Integral)) and not isinstance(value, bool)


def check_not_alone(operation, **values):
    """Raises ValueError for a sequence of one number: `pair` takes (3,) for (3, 3), but here torch refuses it."""
    for name, value in values.items():
        if isinstance(value, (tuple, list)) and len(value) == 1:
            raise ValueError(f"{operation}: {name} must be one int or two (height, width), got {value}")


def extent(kernel, dilation=1):
    """Pixels from the first to the last tap of a window, both included: d (k - 1) + 1."""
    return dilation * (kernel - 1) + 1


def conv_output_size(size, kernel, stride=1, padding=0, dilation=1):
    """Positions of a window on an axis: floor((n + 2p - d(k-1) - 1) / s) + 1; below 1 if it does not fit."""
    return (size + 2 * padding - extent(kernel, dilation)) // stride + 1


def conv_transpose_output_size(size, kernel, stride=1, padding=0, output_padding=0, dilation=1):
    """The size whose convolution has `size` positions: (n-1)s - 2p + d(k-1) + output_padding + 1."""
    return (size - 1) * stride - 2 * padding + extent(kernel, dilation) + output_padding


def leftover(size, kernel, stride=1, padding=0, dilation=1):
    """Rows at the far end that no window reaches: (n + 2p - d(k-1) - 1) mod s.

    Several input sizes share one output size when s > 1. The leftover tells them apart, so it is the
    `output_padding` with which the transposed convolution restores the input's size.
    """
    return (size + 2 * padding - extent(kernel, dilation)) % stride


def same_padding(kernel, dilation=1):
    """(before, after) that keep the size at stride 1: d(k-1) in all, the odd one last, as in torch."""
    total = dilation * (kernel - 1)
    return total // 2, total - total // 2


def pool_output_size(size, kernel, stride, padding=0, dilation=1, ceil_mode=False):
    """Positions of a pooling window; `ceil_mode` lets the last one hang over the edge.

    ceil((n + 2p - d(k-1) - 1) / s) + 1, less one where the last window would start beyond the image and its
    near padding, that is where (o - 1) s >= n + p: such a window would see nothing but padding.
    """
    reach = size + 2 * padding - extent(kernel, dilation)
    if not ceil_mode:
        return reach // stride + 1
    positions = -(-reach // stride) + 1
    return positions - 1 if (positions - 1) * stride >= size + padding else positions


def taps(offset, positions, stride):
    """Slice of a padded axis that the tap at `offset` sees as its window visits all positions."""
    return slice(offset, offset + stride * (positions - 1) + 1, stride)


def overlap(first, step, positions, size):
    """Which of `positions` reads at first, first + step, ... fall on an axis of `size` pixels.

    Returns two slices: the positions inside, and the pixels they read. Reads outside mean zero padding.
    """
    start = min(max(-(first // step), 0), positions)  # -(first // step) is the ceiling of -first / step
    stop = max(min((size - 1 - first) // step + 1, positions), start)
    if start == stop:
        return slice(0, 0), slice(0, 0)
    return slice(start, stop), slice(first + start * step, first + (stop - 1) * step + 1, step)


def output_size(x, kernel_size, stride, padding, dilation):
    """(OH, OW): the number of positions of the window on each axis of x (N, C, H, W)."""
    axes = zip(x.shape[2:], kernel_size, stride, padding, dilation, strict=True)
    return tuple(conv_output_size(*axis) for axis in axes)


def transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation):
    """(OH, OW) of the transposed convolution of x (N, C, H, W)."""
    axes = zip(x.shape[2:], kernel_size, stride, padding, output_padding, dilation, strict=True)
    return tuple(conv_transpose_output_size(*axis) for axis in axes)
