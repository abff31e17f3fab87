"""The definitions: convolution and its two partners, and `unfold` and `fold`, written as plainly as their formulas.

Nothing here is fast, everything here is meant: the other kernels are tested against this file, and this file
against torch. Why the three convolutions belong together is told in ops/conv.py. The two operations that give both
gradients at once have no definition but this: one after the other, each by the kernel chosen for it.

Shapes: x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O,) or None, output (N, O, OH, OW). Pairs such as
stride and padding are (height, width). Convolution here is what deep learning calls by that name: the kernel
is not turned (mathematicians call it cross-correlation).
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.geometry import conv_output_size, extent, output_size
from minitensor.kernels.table import register, run


@register("conv2d", "reference")
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Slide a window over x; every output number is the sum of the window times the weight.

    out[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] * x[n, c, i s + a d - p, j s + b d - p]

    with x zero outside the image. With groups, channels fall into that many equal parts: the o-th part of the
    output sees the o-th part of the input only. With relu, what a layer does next is done here: max(out, 0).
    """
    padded = pad_zeros(x, padding, padding)
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    out = array_module(x).empty((x.shape[0], weight.shape[0], *out_size), x.dtype)
    for channels, filters in group_slices(x.shape[1], weight.shape[0], groups):
        for i, j, window in windows(padded[:, channels], weight.shape[2:], out_size, stride, dilation):
            # (N, C/g, KH, KW) . (O/g, C/g, KH, KW) -> (N, O/g)
            out[:, filters, i, j] = array_module(x).einsum("ncab,ocab->no", window, weight[filters])
    out = out if bias is None else out + bias[:, None, None]
    return array_module(x).maximum(out, 0) if relu else out


@register("conv_transpose2d", "reference")
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """The transpose of convolution's matrix, as a convolution of a spread-out input.

    1. insert stride - 1 zeros between neighbours, and output_padding zeros after the last row and column;
    2. pad with dilation (kernel - 1) zeros on every side;
    3. convolve, stride 1, with the kernel turned by 180 degrees, input and output channels swapped;
    4. crop `padding` from every side.

    weight (C, O/groups, KH, KW); out ((H-1) s - 2p + d (KH-1) + output_padding + 1, likewise the width).
    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic, sections 4.1 to 4.6.
    """
    spread = insert_zeros(x, stride)
    spread = pad_zeros(spread, (0, 0), output_padding)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    padded = pad_zeros(spread, reach, reach)
    full = conv2d(padded, turn_kernel(weight, groups), None, (1, 1), (0, 0), dilation, groups)
    out = crop(full, padding)
    return out if bias is None else out + bias[:, None, None]


@register("conv2d_weight", "reference")
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The gradient of a convolution by its weight: the sum over all positions of grad times window.

    out[o, c, a, b] = sum over n, i, j of grad[n, o, i, j] * x[n, c, i s + a d - p, j s + b d - p]

    x is the convolution's input, grad (N, O, OH, OW) the gradient of its output; out (O, C/groups, KH, KW).
    """
    padded = pad_zeros(x, padding, padding)
    out_channels = grad.shape[1]
    out = array_module(x).zeros((out_channels, x.shape[1] // groups, *kernel_size), x.dtype)
    for channels, filters in group_slices(x.shape[1], out_channels, groups):
        for i, j, window in windows(padded[:, channels], kernel_size, grad.shape[2:], stride, dilation):
            # (N, O/g) . (N, C/g, KH, KW) -> (O/g, C/g, KH, KW)
            out[filters] += array_module(x).einsum("no,ncab->ocab", grad[:, filters, i, j], window)
    return out


# The kernels that these two run hold BLAS at one thread, so they need not (products=False).
@register("conv2d_gradients", "reference", products=False)
def conv2d_gradients(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """The gradients of a convolution by x and by its weight, one after the other.

    x and weight are what it was computed from, grad (N, O, OH, OW) is the gradient of its output. output_padding is
    what makes the first of the two as large as x.
    """
    grad_x = run("conv_transpose2d", grad, weight, None, stride, padding, output_padding, groups, dilation)
    return grad_x, run("conv2d_weight", x, grad, weight.shape[2:], stride, padding, dilation, groups)


@register("conv_transpose2d_gradients", "reference", products=False)
def conv_transpose2d_gradients(x, weight, grad, stride, padding, dilation, groups):
    """The gradients of a transposed convolution by x and by its weight, one after the other.

    x and weight are what it was computed from, grad is the gradient of its output, whose output_padding is below the
    stride.
    """
    grad_x = run("conv2d", grad, weight, None, stride, padding, dilation, groups)
    return grad_x, run("conv2d_weight", grad, x, weight.shape[2:], stride, padding, dilation, groups)


@register("unfold", "reference")
def unfold(x, kernel_size, dilation, padding, stride):
    """Write every window of x as a column.

    (N, C, H, W) -> (N, C*KH*KW, L), where the L = OH*OW positions of the window come in reading order.
    """
    padded = pad_zeros(x, padding, padding)
    out_height, out_width = output_size(x, kernel_size, stride, padding, dilation)
    rows = x.shape[1] * kernel_size[0] * kernel_size[1]
    columns = array_module(x).empty((x.shape[0], rows, out_height * out_width), x.dtype)
    for i, j, window in windows(padded, kernel_size, (out_height, out_width), stride, dilation):
        columns[:, :, i * out_width + j] = window.reshape(x.shape[0], rows)
    return columns


@register("fold", "reference")
def fold(columns, size, kernel_size, dilation, padding, stride):
    """`unfold` read backwards: add every column to the window it would come from.

    columns (N, C*KH*KW, L) -> (N, C, H, W), (H, W) = size. Where windows overlap, their columns add
    up.
    """
    images, rows, positions = columns.shape
    height, width = size
    channels = rows // (kernel_size[0] * kernel_size[1])
    sizes = [n + 2 * pad for n, pad in zip(size, padding, strict=True)]
    padded = array_module(columns).zeros((images, channels, *sizes), columns.dtype)
    out_width = conv_output_size(width, kernel_size[1], stride[1], padding[1], dilation[1])
    out_size = (positions // out_width, out_width)
    for i, j, window in windows(padded, kernel_size, out_size, stride, dilation):
        window += columns[:, :, i * out_width + j].reshape(window.shape)
    return crop(padded, padding)


def windows(padded, kernel_size, out_size, stride, dilation):
    """For every output position in reading order: i, j and the view (N, C, KH, KW) of the window there."""
    down, across = [extent(k, d) for k, d in zip(kernel_size, dilation, strict=True)]
    for i in range(out_size[0]):
        for j in range(out_size[1]):
            top, left = i * stride[0], j * stride[1]
            yield i, j, padded[:, :, top : top + down : dilation[0], left : left + across : dilation[1]]


def group_slices(in_channels, out_channels, groups):
    """The slices of input and output channels of every group."""
    channels, filters = in_channels // groups, out_channels // groups
    return [
        (slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters))
        for g in range(groups)
    ]


def pad_zeros(x, before, after):
    """Zeros around the image: `before` (height, width) at the top and left, `after` at the far ends."""
    xp = array_module(x)
    images, channels, height, width = x.shape
    out = xp.zeros((images, channels, before[0] + height + after[0], before[1] + width + after[1]), x.dtype)
    out[:, :, before[0] : before[0] + height, before[1] : before[1] + width] = x
    return out


def insert_zeros(x, stride):
    """stride - 1 zeros between neighbours: n pixels become (n - 1) stride + 1."""
    xp = array_module(x)
    images, channels, height, width = x.shape
    out = xp.zeros((images, channels, (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1), x.dtype)
    out[:, :, :: stride[0], :: stride[1]] = x
    return out


def turn_kernel(weight, groups):
    """Turn every kernel by 180 degrees and swap the input and output channels of each group.

    weight (C, O/g, KH, KW) of a transposed convolution -> (O, C/g, KH, KW) of a convolution.
    """
    channels, filters, *kernel_size = weight.shape
    # (g, C/g, O/g, KH, KW) -> (g, O/g, C/g, KH, KW) -> (O, C/g, KH, KW)
    parts = weight.reshape(groups, channels // groups, filters, *kernel_size)
    swapped = parts.swapaxes(1, 2).reshape(groups * filters, channels // groups, *kernel_size)
    return swapped[:, :, ::-1, ::-1]


def crop(x, border):
    """The image without `border` (height, width) pixels on every side."""
    return x[:, :, border[0] : x.shape[2] - border[0], border[1] : x.shape[3] - border[1]]
