"""Where a convolution's window sees nothing but zeros, its output is the bias, to the last bit.

Winograd's transforms mix neighbouring windows and take apart again what they mixed, so beside an image such an output
comes out as rounding noise, a millionth of its neighbours, on either side of zero. One case makes that noise matter:
where the bias is zero too, as in an FCN's border of 100 black pixels before it has been trained, ReLU lets half of the
noise pass, and with it gradients that it should have blocked: bias gradients came out wrong by 4 to 42 percent. So the
Winograd kernels of conv2d ask here which windows are blank, and write those outputs themselves. The transposed
convolution does not ask: it is mostly a gradient, and behind a gradient comes no kink.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.geometry import extent, overlap
from minitensor.kernels.tiles import blocks, run_tiles

FIRST_CHANNELS = 2  # after ReLU half of a channel is zero, so nearly all windows are found occupied in so few ...
NEXT_CHANNELS = 8  # ... and the rest in so many; only where some still seem blank are all channels read


def blank_windows(x, kernel_size, out_size, before, dilation):
    """(N, OH, OW), True where a window of x (N, C, H, W) at stride 1 sees only zeros; None where no window does.

    `before` is the padding (top, left), which is zero as well.
    """
    blank = np.zeros((len(x), *out_size), bool)
    for image, result in zip(x, blank, strict=True):  # a few microseconds each: threads would only wait for each other
        empty = np.ones(x.shape[2:], bool)
        for channels in (slice(FIRST_CHANNELS), slice(FIRST_CHANNELS, NEXT_CHANNELS), slice(NEXT_CHANNELS, None)):
            for channel in image[channels]:
                empty &= channel == 0
            windows = _all_of_window(empty, kernel_size, out_size, before, dilation)
            if not windows.any():
                break
        result[...] = windows
    return blank if blank.any() else None


def _all_of_window(empty, kernel_size, out_size, before, dilation):
    """True at (i, j) where `empty` (H, W) is True at all taps of window (i, j) that lie on the image."""
    (down, seen_down), (across, seen_across) = (
        overlap(-start, 1, positions + extent(kernel, spread) - 1, size)
        for start, positions, kernel, spread, size in zip(
            before, out_size, kernel_size, dilation, empty.shape, strict=True
        )
    )
    height, width = (n + extent(k, d) - 1 for n, k, d in zip(out_size, kernel_size, dilation, strict=True))
    padded = np.ones((height, width), bool)
    padded[down, across] = empty[seen_down, seen_across]
    rows = padded[: out_size[0]].copy()
    for tap in range(1, kernel_size[0]):
        rows &= padded[tap * dilation[0] : tap * dilation[0] + out_size[0]]
    windows = rows[:, : out_size[1]].copy()
    for tap in range(1, kernel_size[1]):
        windows &= rows[:, tap * dilation[1] : tap * dilation[1] + out_size[1]]
    return windows


def write_blank(out, x, weight, bias, before, dilation, relu=False):
    """out (N, O, OH, OW) = bias, or max(bias, 0) if `relu`, wherever the window of x sees only zeros.

    Not where a weight is NaN or infinite: 0 times that is NaN, and so is the sum.
    """
    blank = blank_windows(x, weight.shape[2:], out.shape[2:], before, dilation)
    if blank is None or not np.isfinite(weight).all():
        return

    if bias is None:
        bias = np.zeros(out.shape[1], out.dtype)
    elif relu:
        bias = np.maximum(bias, 0)

    def tile(part):
        for image, where in zip(out, blank, strict=True):
            np.copyto(image[part], bias[part, None, None], where=where)

    run_tiles(tile, blocks(out.shape[1], out[:, :1].nbytes))
