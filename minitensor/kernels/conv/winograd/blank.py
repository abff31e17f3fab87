"""If a window sees only zeros, and the bias is zero too, the output is exactly zero.

Winograd computes several windows together. So a window that sees only zeros, next to one that does not, gets rounding
noise (about a millionth of its neighbours) instead of exactly the bias. This matters in one case: a bias of 0 followed
by ReLU, as in the border of 100 black pixels of an FCN that has not been trained. The noise is positive half of the
time, and ReLU then lets a gradient pass that should be blocked, which makes bias gradients wrong by several percent. So
the Winograd kernels of conv2d find these windows and write their outputs themselves. It is not needed if no bias is 0,
nor in a transposed convolution, which is mostly a gradient and rarely followed by ReLU.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.geometry import extent, overlap
from minitensor.kernels.threads.tiles import blocks, run_tiles, split

# After ReLU half of a channel is zero. So a few channels show that nearly all windows are occupied, and some more show
# most of the rest. All channels are read only if some windows still seem blank.
FIRST_CHANNELS, NEXT_CHANNELS = 2, 8
SMALL_IMAGE = 1 << 14  # pixels; smaller ones are looked at all together, which takes fewer calls of NumPy


def blank_windows(x, kernel_size, out_size, before, dilation):
    """(N, OH, OW), True if a window of x (N, C, H, W) at stride 1 sees only zeros. None if no window does.

    `before` is the padding (top, left), which is zero as well.
    """
    blank = np.zeros((len(x), *out_size), bool)

    for images in split(len(x), 1 if x.shape[2] * x.shape[3] < SMALL_IMAGE else len(x)):
        empty = np.ones((images.stop - images.start, *x.shape[2:]), bool)
        for channels in (slice(FIRST_CHANNELS), slice(FIRST_CHANNELS, NEXT_CHANNELS), slice(NEXT_CHANNELS, None)):
            for channel in x[images, channels].swapaxes(0, 1):
                empty &= channel == 0
            windows = _all_of_window(empty, kernel_size, out_size, before, dilation)
            if not windows.any():
                break
        blank[images] = windows
    return blank if blank.any() else None


def _all_of_window(empty, kernel_size, out_size, before, dilation):
    """True at (n, i, j) if `empty` (N, H, W) is True at all taps of window (i, j) that lie on the image."""
    (down, seen_down), (across, seen_across) = (
        overlap(-start, 1, positions + extent(kernel, spread) - 1, size)
        for start, positions, kernel, spread, size in zip(
            before, out_size, kernel_size, dilation, empty.shape[1:], strict=True
        )
    )
    height, width = (n + extent(k, d) - 1 for n, k, d in zip(out_size, kernel_size, dilation, strict=True))
    padded = np.ones((len(empty), height, width), bool)
    padded[:, down, across] = empty[:, seen_down, seen_across]
    rows = padded[:, : out_size[0]].copy()
    for tap in range(1, kernel_size[0]):
        rows &= padded[:, tap * dilation[0] : tap * dilation[0] + out_size[0]]
    windows = rows[..., : out_size[1]].copy()
    for tap in range(1, kernel_size[1]):
        windows &= rows[..., tap * dilation[1] : tap * dilation[1] + out_size[1]]
    return windows


class BlankWindows:
    """The blank windows of a convolution at stride 1: found beside its tiles, and written after them."""

    def __init__(self, x, weight, bias, out_size, before, dilation):
        self.x, self.weight, self.bias = x, weight, bias
        self.geometry = weight.shape[2:], out_size, before, dilation
        self.blank = None

    def find(self):
        """Look for them, on one thread: each NumPy call is so short that threads would wait for each other."""
        if self.bias is None or not self.bias.all():
            self.blank = blank_windows(self.x, *self.geometry)

    def write(self, out, step, relu=False):
        """out (N, O, OH, OW) = bias, or max(bias, 0) if `relu`, wherever the window of x sees only zeros.

        `step` rows of the output are computed together, each column by itself. With step 0, columns are mixed as well.
        If all rows of a step are blank, then everything that was mixed for them was zero, and exactly the bias came
        out. So only steps that are partly blank must be written. Nothing is written if a weight is NaN or infinite: 0
        times it is NaN, and so is the sum.
        """
        if self.blank is None or not np.isfinite(self.weight).all():
            return
        bias = np.zeros(out.shape[1], out.dtype) if self.bias is None else self.bias
        if relu:
            bias = np.maximum(bias, 0)
        runs = [_mixed_rows(image, step) for image in self.blank]

        def tile(part):
            for image, where, rows in zip(out, self.blank, runs, strict=True):
                for some in rows:
                    np.copyto(image[part, some], bias[part, None, None], where=where[some])

        run_tiles(tile, blocks(out.shape[1], out[:, :1].nbytes))


def _mixed_rows(blank, step):
    """Slices of the rows of blank (OH, OW) that belong to steps with both blank and other pixels in one column."""
    height, width = blank.shape
    if not step:
        return [slice(0, height)]
    count = height // step
    # (OH, OW) -> (steps, step, OW) -> (steps, OW) -> (steps,)
    steps = blank[: count * step].reshape(count, step, width)
    mixed = (steps.any(axis=1) & ~steps.all(axis=1)).any(axis=1)
    rows = [slice(step * number, step * (number + 1)) for number in np.flatnonzero(mixed)]
    return [*rows, slice(count * step, height)]
