"""`unfold` writes every window of an image as a column of a matrix. `fold` is its adjoint: it adds the columns back.

Adjoint means <columns, unfold(x)> = <fold(columns), x> for all x and columns, so each is the gradient of the other.
Shapes as in conv/definition.py; L = OH*OW is the number of window positions, in reading order.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.definition import crop, pad_zeros, windows
from minitensor.kernels.geometry import conv_output_size, output_size, padded_size
from minitensor.kernels.table import register


@register("unfold", "reference")
def unfold(x, kernel_size, dilation, padding, stride):
    """Write each window of x as a column: (N, C, H, W) -> (N, C*KH*KW, L)."""
    padded = pad_zeros(x, padding, padding)
    out_height, out_width = output_size(x, kernel_size, stride, padding, dilation)
    rows = x.shape[1] * kernel_size[0] * kernel_size[1]
    columns = array_module(x).empty((x.shape[0], rows, out_height * out_width), x.dtype)
    for i, j, window in windows(padded, kernel_size, (out_height, out_width), stride, dilation):
        # (N, C, KH, KW) -> (N, C*KH*KW)
        columns[:, :, i * out_width + j] = window.reshape(x.shape[0], rows)
    return columns


@register("fold", "reference")
def fold(columns, size, kernel_size, dilation, padding, stride):
    """Add each column to the window that it would come from: (N, C*KH*KW, L) -> (N, C, H, W), (H, W) = size.

    Where windows overlap, their columns add up.
    """
    images, rows, positions = columns.shape
    channels = rows // (kernel_size[0] * kernel_size[1])
    padded = array_module(columns).zeros((images, channels, *padded_size(size, padding)), columns.dtype)
    out_width = conv_output_size(size[1], kernel_size[1], stride[1], padding[1], dilation[1])
    out_size = (positions // out_width, out_width)
    for i, j, window in windows(padded, kernel_size, out_size, stride, dilation):
        window += columns[:, :, i * out_width + j].reshape(window.shape)
    return crop(padded, padding)
