"""`unfold` and `fold` one kernel tap at a time, on whole slices of the image.

Fix one tap (a, b) of the kernel. Over all positions of the window, the pixels at this tap form a regular grid, a
strided slice of the image. So KH*KW copies of slices replace OH*OW copies of windows.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.columns import fill_columns
from minitensor.kernels.conv.definition import crop
from minitensor.kernels.geometry import axes_output_size, output_size, padded_size, taps
from minitensor.kernels.table import register
from minitensor.kernels.threads.tiles import run_tiles, split, threads_for


@register("unfold", "taps", default=True, former="unfold")
def unfold(x, kernel_size, dilation, padding, stride):
    """Write each window of x as a column: (N, C, H, W) -> (N, C*KH*KW, L), L = OH*OW in reading order."""
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    images, channels = x.shape[:2]
    columns = array_module(x).empty((images, channels, *kernel_size, *out_size), x.dtype)

    def tile(part):
        # (N, C, KH, KW, OH, OW) -> (C, KH, KW, N, OH, OW), the order of axes of a tile's columns
        by_tap = columns[:, part].transpose(1, 2, 3, 0, 4, 5)
        fill_columns(by_tap, x[:, part].swapaxes(0, 1), 0, stride, padding, dilation)

    run_tiles(tile, split(channels, threads_for(columns.nbytes)))
    return columns.reshape(images, channels * kernel_size[0] * kernel_size[1], out_size[0] * out_size[1])


@register("fold", "taps", default=True, former="unfold")
def fold(columns, size, kernel_size, dilation, padding, stride):
    """Add the columns (N, C*KH*KW, L) into an image (N, C, H, W), one tap at a time."""
    images, rows, _ = columns.shape
    channels = rows // (kernel_size[0] * kernel_size[1])
    positions = axes_output_size(size, kernel_size, stride, padding, dilation)
    columns = columns.reshape(images, channels, *kernel_size, *positions)
    padded = array_module(columns).zeros((images, channels, *padded_size(size, padding)), columns.dtype)

    def tile(part):
        for a in range(kernel_size[0]):
            down = taps(a * dilation[0], positions[0], stride[0])
            for b in range(kernel_size[1]):
                across = taps(b * dilation[1], positions[1], stride[1])
                padded[:, part, down, across] += columns[:, part, a, b]

    run_tiles(tile, split(channels, threads_for(columns.nbytes)))
    return crop(padded, padding)
