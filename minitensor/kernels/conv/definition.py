"""Convolution, transposed convolution and the weight gradient, written as plainly as their formulas.

Nothing here is fast. The other kernels of this room are tested against this file, and this file against torch.
ops/conv.py explains why the three operations belong together: each is a derivative of the other two.

Shapes: x (N, C, H, W), weight (O, C/groups, KH, KW), bias (O,) or None, output (N, O, OH, OW). Pairs such as stride
and padding are (height, width). As everywhere in deep learning, convolution does not rotate the kernel;
mathematicians call this cross-correlation.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.geometry import extent, output_size, rotated_padding
from minitensor.kernels.table import register


@register("conv2d", "reference")
def conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Slide a window over x. Each output value is the sum of the window times the weight, plus the bias.

    out[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] * x[n, c, i s + a d - p, j s + b d - p]

    x is zero outside the image. With groups, the channels and the filters are divided into that many equal parts, and
    each part of the filters sees only its part of the channels.
    """
    padded = pad_zeros(x, padding, padding)
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    out = array_module(x).empty((x.shape[0], weight.shape[0], *out_size), x.dtype)
    for channels, filters in group_slices(x.shape[1], weight.shape[0], groups):
        for i, j, window in windows(padded[:, channels], weight.shape[2:], out_size, stride, dilation):
            # (N, C/g, KH, KW) . (O/g, C/g, KH, KW) -> (N, O/g)
            out[:, filters, i, j] = array_module(x).einsum("ncab,ocab->no", window, weight[filters])
    return out if bias is None else out + bias[:, None, None]


@register("conv2d_relu", "reference")
def conv2d_relu(x, weight, bias, stride, padding, dilation, groups):
    """max(conv2d(x, weight, bias), 0)"""
    return array_module(x).maximum(conv2d(x, weight, bias, stride, padding, dilation, groups), 0)


@register("conv_transpose2d", "reference")
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Multiply by the transpose of convolution's matrix. It is a convolution of x with zeros inserted:

    1. insert stride - 1 zeros between neighbouring pixels, and output_padding zeros after the last row and column;
    2. pad with dilation (kernel - 1) zeros on every side;
    3. convolve at stride 1 with the kernel rotated by 180 degrees, its input and output channels swapped;
    4. crop `padding` pixels from every side.

    weight (C, O/groups, KH, KW); out ((H-1) s - 2p + d (KH-1) + output_padding + 1, likewise the width).
    Source: Dumoulin and Visin 2016, A guide to convolution arithmetic, sections 4.1 to 4.6.
    """
    spread = insert_zeros(x, stride)
    spread = pad_zeros(spread, (0, 0), output_padding)
    border = rotated_padding(weight.shape[2:], (0, 0), dilation)
    padded = pad_zeros(spread, border, border)
    full = conv2d(padded, rotate_kernel(weight, groups), None, (1, 1), (0, 0), dilation, groups)
    out = crop(full, padding)
    return out if bias is None else out + bias[:, None, None]


@register("conv2d_weight", "reference")
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The gradient of a convolution with respect to its weight: the sum over all positions of grad times window.

    out[o, c, a, b] = sum over n, i, j of grad[n, o, i, j] * x[n, c, i s + a d - p, j s + b d - p]

    x is the input of the convolution, grad (N, O, OH, OW) the gradient of its output; out (O, C/groups, KH, KW).
    """
    padded = pad_zeros(x, padding, padding)
    out_channels = grad.shape[1]
    out = array_module(x).zeros((out_channels, x.shape[1] // groups, *kernel_size), x.dtype)
    for channels, filters in group_slices(x.shape[1], out_channels, groups):
        for i, j, window in windows(padded[:, channels], kernel_size, grad.shape[2:], stride, dilation):
            # (N, O/g) . (N, C/g, KH, KW) -> (O/g, C/g, KH, KW)
            out[filters] += array_module(x).einsum("no,ncab->ocab", grad[:, filters, i, j], window)
    return out


@register("conv2d_gradients", "reference")
def conv2d_gradients(x, weight, grad, stride, padding, output_padding, groups, dilation):
    """Both gradients of a convolution, first with respect to x, then with respect to the weight.

    grad (N, O, OH, OW) is the gradient of the output. output_padding makes the first result as large as x.
    """
    grad_x = conv_transpose2d(grad, weight, None, stride, padding, output_padding, groups, dilation)
    return grad_x, conv2d_weight(x, grad, weight.shape[2:], stride, padding, dilation, groups)


@register("conv_transpose2d_gradients", "reference")
def conv_transpose2d_gradients(x, weight, grad, stride, padding, dilation, groups):
    """Both gradients of a transposed convolution, first with respect to x, then with respect to the weight.

    grad is the gradient of the output, which was made with an output_padding below the stride.
    """
    grad_x = conv2d(grad, weight, None, stride, padding, dilation, groups)
    return grad_x, conv2d_weight(grad, x, weight.shape[2:], stride, padding, dilation, groups)


def windows(padded, kernel_size, out_size, stride, dilation):
    """For each output position (i, j) in reading order: i, j and the window there, a view (N, C, KH, KW)."""
    down, across = [extent(k, d) for k, d in zip(kernel_size, dilation, strict=True)]
    for i in range(out_size[0]):
        for j in range(out_size[1]):
            top, left = i * stride[0], j * stride[1]
            yield i, j, padded[:, :, top : top + down : dilation[0], left : left + across : dilation[1]]


def group_slices(in_channels, out_channels, groups):
    """For each group, the slice of its input channels and the slice of its output channels."""
    channels, filters = in_channels // groups, out_channels // groups
    return [(slice(g * channels, (g + 1) * channels), slice(g * filters, (g + 1) * filters)) for g in range(groups)]


def pad_zeros(x, before, after):
    """Zeros around the image: `before` (height, width) at the top and left, `after` at the bottom and right."""
    xp = array_module(x)
    images, channels, height, width = x.shape
    out = xp.zeros((images, channels, before[0] + height + after[0], before[1] + width + after[1]), x.dtype)
    out[:, :, before[0] : before[0] + height, before[1] : before[1] + width] = x
    return out


def insert_zeros(x, stride):
    """stride - 1 zeros between neighbouring pixels: n pixels become (n - 1) stride + 1."""
    xp = array_module(x)
    images, channels, height, width = x.shape
    out = xp.zeros((images, channels, (height - 1) * stride[0] + 1, (width - 1) * stride[1] + 1), x.dtype)
    out[:, :, :: stride[0], :: stride[1]] = x
    return out


def rotate_kernel(weight, groups):
    """Rotate each kernel by 180 degrees, and swap the input and output channels of each group.

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
