"""Where a convolution's window sees nothing but zeros, its output is the bias, to the last bit.

Winograd's transforms mix neighbouring windows and take apart again what they mixed, so beside an image such an output
comes out as rounding noise, a millionth of its neighbours, on either side of zero. One case makes that noise matter:
where the bias is zero too, as in an FCN's border of 100 black pixels before it has been trained, ReLU lets half of the
noise pass, and with it gradients that it should have blocked: bias gradients came out wrong by 4 to 42 percent. So the
Winograd kernels ask here which windows are blank, and write those outputs themselves.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.geometry import extent, overlap
from minitensor.kernels.tiles import blocks, run_tiles

FIRST_CHANNELS = 2  # after ReLU half of a channel is zero, so nearly all windows are found occupied in so few
NEXT_CHANNELS = 8


def blank_windows(x, kernel_size, out_size, before, dilation):
    """(N, OH, OW), True where a window of x (N, C, H, W) at stride 1 sees only zeros; None where there is no such window.

    `before` is the padding (top, left), which is zero as well.
    """
    empty = np.ones((len(x), *x.shape[2:]), bool)
    blank = None
    for channels in (slice(FIRST_CHANNELS), slice(FIRST_CHANNELS, NEXT_CHANNELS), slice(NEXT_CHANNELS, None)):
        _strike_out(empty, x[:, channels])
        blank = _all_of_window(empty, kernel_size, out_size, before, dilation)
        if not blank.any():
            return None
    return blank


def _strike_out(empty, x):
    """empty[n, i, j] becomes False where a channel of x is not zero."""

    def image(n):
        for channel in x[n]:
            empty[n] &= channel == 0

    run_tiles(image, range(len(x)))


def _all_of_window(empty, kernel_size, out_size, before, dilation):
    """True at (n, i, j) where `empty` is True at all taps of window (i, j) that lie on the image."""
    for axis, (kernel, positions, start, spread) in enumerate(
        zip(kernel_size, out_size, before, dilation, strict=True), start=1
    ):
        reach = positions + extent(kernel, spread) - 1
        there, seen = overlap(-start, 1, reach, empty.shape[axis])
        padded = np.ones((*empty.shape[:axis], reach, *empty.shape[axis + 1 :]), bool)
        where = (slice(None),) * axis
        padded[(*where, there)] = empty[(*where, seen)]
        taps = [padded[(*where, slice(t * spread, t * spread + positions))] for t in range(kernel)]
        empty = np.logical_and.reduce(taps)
    return empty


def write_blank(out, blank, bias):
    """out (N, O, OH, OW) = bias where blank (N, OH, OW); nothing where blank is None."""
    if blank is None:
        return

    def tile(part):
        value = 0 if bias is None else bias[part, None, None]
        for image, where in zip(out, blank, strict=True):
            np.copyto(image[part], value, where=where)

    run_tiles(tile, blocks(out.shape[1], out[:, :1].nbytes))
