"""`unfold` and `fold` on a GPU, by the kernels that the convolutions use (conv/cuda/columns.cu)."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.cuda.by_columns import fill_columns, fold_into
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import window
from minitensor.kernels.geometry import axes_output_size, output_size


@register_cuda("unfold", "cuda", supports=is_float32)
def unfold(x, kernel_size, dilation, padding, stride):
    """Write each window of x as a column: (N, C, H, W) -> (N, C*KH*KW, L)."""
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    geometry = window(x.shape[1], x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    rows, positions = x.shape[1] * kernel_size[0] * kernel_size[1], out_size[0] * out_size[1]
    columns = array_module(x).empty((len(x), rows, positions), x.dtype)
    fill_columns(columns, x, geometry, positions, rows * positions)
    return columns


@register_cuda("fold", "cuda", supports=is_float32)
def fold(columns, size, kernel_size, dilation, padding, stride):
    """Add each column to its window: (N, C*KH*KW, L) -> (N, C, H, W), where overlapping windows add up."""
    xp = array_module(columns)
    channels = columns.shape[1] // (kernel_size[0] * kernel_size[1])
    positions = axes_output_size(size, kernel_size, stride, padding, dilation)
    geometry = window(channels, size, positions, kernel_size, stride, padding, dilation)
    x = xp.empty((len(columns), channels, *size), columns.dtype)
    fold_into(x, xp.ascontiguousarray(columns), None, geometry)
    return x
