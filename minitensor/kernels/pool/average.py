"""Average pooling, a tap at a time over whole slices. Its definition is in reference_pool.py.

The sum over a window is a sum along the rows and then along the columns: KH + KW additions a pixel in place
of KH KW. The gradient is the same steps read backwards: give every window's share to its columns, then to its
rows.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.pool.windows import Windows
from minitensor.kernels.table import register


@register("avg_pool2d", "slices", default=True)
def avg_pool2d(x, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of every window: x (N, C, H, W) -> (N, C, OH, OW)."""
    xp = array_module(x)
    windows = Windows(x.shape[2:], kernel_size, stride, padding, ceil_mode=ceil_mode)
    planes = x.reshape(x.shape[0] * x.shape[1], *x.shape[2:])
    y = xp.empty((*x.shape[:2], *windows.counts), dtype=x.dtype)
    totals = y.reshape(len(planes), *windows.counts)
    divisor = windows.divisor(xp, count_include_pad, divisor_override, x.dtype)

    def tile(part):
        padded = windows.pad(planes[part], 0)
        tall = padded[:, windows.rows[0]]
        for count, rows in enumerate(windows.rows[1:]):
            tall = xp.add(tall, padded[:, rows], out=tall if count else None)
        total = totals[part]
        total[...] = tall[:, :, windows.columns[0]]
        for columns in windows.columns[1:]:
            total += tall[:, :, columns]
        total /= divisor

    windows.over_planes(tile, planes, 2 * planes[:1].nbytes)
    return y


@register("avg_pool2d_grad", "slices", default=True)
def avg_pool2d_grad(
    grad, size, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """Give each pixel of a window its equal share of the window's gradient: (N, C, OH, OW) -> (N, C, *size)."""
    xp = array_module(grad)
    windows = Windows(size, kernel_size, stride, padding, ceil_mode=ceil_mode)
    grads = grad.reshape(grad.shape[0] * grad.shape[1], *windows.counts)
    x_grad = xp.empty((*grad.shape[:2], *size), dtype=grad.dtype)
    planes = x_grad.reshape(len(grads), *size)
    divisor = windows.divisor(xp, count_include_pad, divisor_override, grad.dtype)

    def tile(part):
        share = grads[part] / divisor
        if windows.cover:
            tall = xp.repeat(share, kernel_size[1], axis=2)
            for rows in windows.rows:
                planes[part, rows] = tall
            return
        count = part.stop - part.start
        tall = xp.zeros((count, windows.counts[0], windows.padded_size[1]), dtype=grad.dtype)
        for columns in windows.columns:
            tall[:, :, columns] += share
        padded = xp.zeros((count, *windows.padded_size), dtype=grad.dtype)
        for rows in windows.rows:
            padded[:, rows] += tall
        planes[part] = windows.crop(padded)

    windows.over_planes(tile, grads, 2 * planes[:1].nbytes)
    return x_grad
