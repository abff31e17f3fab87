"""Max pooling on whole slices of the image, one tap at a time; definition.py defines it one window at a time.

Which pixel won a window is kept as its tap, a number below KH KW that fits in a byte: an eighth of the memory of an
index into the plane. With the taps, the gradient (`max_pool2d_grad`) and the gradient of the gradient
(`max_pool2d_gather`) are adjoints of each other: one writes where the other reads. `max_pool2d_indices` turns taps into
the indices that torch returns.
"""

from __future__ import annotations

import sys

import numpy as np

from minitensor.backend import array_module, backend_name
from minitensor.kernels.arrays.masking import keep
from minitensor.kernels.pool.definition import tap_dtype
from minitensor.kernels.pool.windows import Windows
from minitensor.kernels.table import register


@register("max_pool2d", "slices", products=False, default=True)
def max_pool2d(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of each window and its tap: x (N, C, H, W) -> values, taps, both (N, C, OH, OW)."""
    xp = array_module(x)
    windows = Windows(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    planes = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    values = xp.empty((len(planes), *windows.counts), dtype=x.dtype)
    taps = xp.empty(values.shape, dtype=tap_dtype(kernel_size))
    first = 0 if windows.fits else windows.first_taps(xp, taps.dtype)
    on_cpu = backend_name(x) == "numpy"

    def tile(part):
        padded = windows.pad(planes[part], -np.inf)
        if on_cpu and windows.quarters:
            _scan_quarters(padded, values[part], taps[part])
        else:
            taps[part] = first
            # On a GPU the one more pass is cheap, and to look whether there is a NaN would be to wait for the answer.
            _scan(windows.taps(padded), values[part], taps[part], nan_wins=not on_cpu)
        if on_cpu and np.isnan(values[part].max()):
            taps[part] = first
            _scan(windows.taps(padded), values[part], taps[part], nan_wins=True)

    windows.over_planes(tile, planes, 2 * planes[:1].nbytes)
    return values.reshape(*x.shape[:2], *windows.counts), taps.reshape(*x.shape[:2], *windows.counts)


def _scan(slices, best, best_tap, nan_wins):
    """Fill `best` and raise `best_tap` to the tap that holds it. `nan_wins` costs one more pass per tap."""
    xp = array_module(best)
    best[...] = slices[0][1]
    pixels = xp.empty(best.shape, best.dtype)
    for tap, seen in slices[1:]:
        pixels[...] = seen  # side by side, for what reads them twice
        wins = pixels > best
        if nan_wins:
            wins |= pixels != pixels
        xp.maximum(best, pixels, out=best)
        # Taps come in rising order, so the last one that won is the largest.
        xp.maximum(best_tap, wins * best_tap.dtype.type(tap), out=best_tap)


def _scan_quarters(planes, best, best_tap):
    """`_scan` for windows of 2 x 2 side by side, in half as many calls: the better of left and right, then of both
    rows.

    Of equal pixels the first one in reading order wins: right must be larger than left, and the lower row larger than
    the upper one.
    """
    height, width = best.shape[1:]
    rows = planes[:, : 2 * height]
    left, right = rows[:, :, : 2 * width : 2].copy(), rows[:, :, 1 : 2 * width : 2].copy()
    is_right = np.greater(right, left).view(np.uint8)
    np.maximum(left, right, out=left)
    upper, lower = left[:, ::2], left[:, 1::2]
    is_lower = np.greater(lower, upper).view(np.uint8)
    np.maximum(upper, lower, out=best)
    # 2 [lower] + [right, of the row that won], where upper ^ ((upper ^ lower) & [lower]) chooses between two bits
    np.bitwise_xor(is_right[:, ::2], is_right[:, 1::2], out=best_tap)
    best_tap &= is_lower
    best_tap ^= is_right[:, ::2]
    best_tap |= np.left_shift(is_lower, 1, out=is_lower)


@register("max_pool2d_values", "slices", products=False, default=True)
def max_pool2d_values(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of each window, without its place: over the rows of all windows, then over the columns."""
    xp = array_module(x)
    windows = Windows(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    planes = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    values = xp.empty((len(planes), *windows.counts), dtype=x.dtype)

    def tile(part):
        padded = windows.pad(planes[part], -np.inf)
        tall = padded[:, windows.rows[0]]
        for count, rows in enumerate(windows.rows[1:]):
            tall = xp.maximum(tall, padded[:, rows], out=tall if count else None)
        best = values[part]
        best[...] = tall[:, :, windows.columns[0]]
        for columns in windows.columns[1:]:
            xp.maximum(best, tall[:, :, columns], out=best)

    windows.over_planes(tile, planes, 2 * planes[:1].nbytes)
    return values.reshape(*x.shape[:2], *windows.counts)


@register("max_pool2d_grad", "slices", products=False, default=True)
def max_pool2d_grad(grad, taps, size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """Add the gradient of each window to the pixel that won it: grad, taps (N, C, OH, OW) -> (N, C, *size)."""
    xp = array_module(grad)
    windows = Windows(size, kernel_size, stride, padding, dilation, ceil_mode)
    grads = grad.reshape(grad.shape[0] * grad.shape[1], *windows.counts)
    winners = taps.reshape(grads.shape)
    x_grad = xp.empty((*grad.shape[:2], *size), dtype=grad.dtype)
    planes = x_grad.reshape(len(grads), *size)
    by_pairs = windows.quarters and windows.fits and size[1] % 2 == 0
    by_pairs = by_pairs and backend_name(grad) == "numpy" and grad.itemsize == np.dtype(np.float32).itemsize

    def tile(part):
        if by_pairs:
            _spread_quarters(grads[part], winners[part], planes[part])
            return
        if windows.cover:
            if backend_name(planes) == "numpy":
                # in one go; after that, every second pixel is written to the cache, not to memory
                planes[part] = 0
            for tap, pixels in windows.taps(planes[part]):
                pixels[...] = keep(grads[part], winners[part] == tap)
            return
        padded = xp.zeros((part.stop - part.start, *windows.padded_size), dtype=grad.dtype)
        for tap, pixels in windows.taps(padded):
            pixels += keep(grads[part], winners[part] == tap)
        planes[part] = windows.crop(padded)

    windows.over_planes(tile, grads, 2 * planes[:1].nbytes)
    return x_grad


def _spread_quarters(grads, taps, planes):
    """Write each gradient (P, OH, OW) to its tap in planes (P, H, W), for windows of 2 x 2 side by side.

    Two neighbouring float32 are seen as one number of 64 bits: the gradient, shifted to the upper half if the right
    pixel won (to the lower half if bytes are in the other order). So rows are written whole, not every second pixel.
    """
    height = grads.shape[1]
    shift = np.equal(taps & 1, sys.byteorder == "little").astype(np.uint64)
    shift <<= np.uint64(5)  # 0 or 32
    pair = grads.view(np.uint32).astype(np.uint64)
    pair <<= shift
    # (P, H, W) -> (P, H, W / 2)
    pairs = planes.view(np.uint64)
    # taps 2 and 3 are in the lower row: 1 -> -1, all ones, in a byte and in what it is widened to
    is_lower = np.negative((taps >> 1).view(np.int8)).astype(np.int64).view(np.uint64)
    lower = np.bitwise_and(pair, is_lower, out=pairs[:, 1 : 2 * height : 2])
    np.bitwise_xor(pair, lower, out=pairs[:, : 2 * height : 2])
    pairs[:, 2 * height :] = 0


@register("max_pool2d_gather", "slices", products=False, default=True)
def max_pool2d_gather(x, taps, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """From each window of x, the pixel at the given tap: x (N, C, H, W), taps (N, C, OH, OW) -> (N, C, OH, OW)."""
    xp = array_module(x)
    windows = Windows(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    planes = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    winners = taps.reshape(len(planes), *windows.counts)
    values = xp.zeros(winners.shape, dtype=x.dtype)

    def tile(part):
        for tap, pixels in windows.taps(windows.pad(planes[part], 0)):
            values[part] += keep(pixels, winners[part] == tap)

    windows.over_planes(tile, planes, 2 * planes[:1].nbytes)
    return values.reshape(taps.shape)


@register("max_pool2d_indices", "reference")
def max_pool2d_indices(taps, size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """Taps (N, C, OH, OW) -> the int64 index row W + column of each winner in its plane of `size`."""
    xp = array_module(taps)
    (kernel_h, kernel_w), width = kernel_size, size[1]
    corner_row = xp.arange(taps.shape[2]) * stride[0] - padding[0]
    corner_column = xp.arange(taps.shape[3]) * stride[1] - padding[1]
    offset = (xp.arange(kernel_h)[:, None] * width * dilation[0] + xp.arange(kernel_w) * dilation[1]).ravel()
    return offset[taps] + (corner_row[:, None] * width + corner_column)
