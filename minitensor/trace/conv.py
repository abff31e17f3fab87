"""Convolution and transposed convolution in stages, by the helpers of minitensor/kernels/conv/definition.py."""

from __future__ import annotations

import numpy as np

from minitensor.arguments import pair
from minitensor.kernels.conv import definition
from minitensor.kernels.geometry import conv_transpose_output_size, output_size, rotated_padding
from minitensor.trace.stages import CROPPED, INPUT, KERNEL, OUTPUT, PADDING, PRODUCT, ZERO, Stage, Trace, kinds_of


def trace_conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1) -> Trace:
    """The stages input, kernel, padded, output of `conv2d`. Arrays (N, C, H, W) and (O, C/groups, KH, KW)."""
    operation = "trace_conv2d"
    x, weight = _images(operation, "x", x), _images(operation, "weight", weight)
    stride, dilation = (pair(v, n, operation, minimum=1) for v, n in ((stride, "stride"), (dilation, "dilation")))
    padding = pair(padding, "padding", operation)
    _check_groups(operation, x.shape[1], weight.shape[0], groups, weight.shape[1] * groups)
    size = output_size(x, weight.shape[2:], stride, padding, dilation)
    if min(size) < 1:
        raise ValueError(f"{operation}: the kernel {weight.shape[2:]} does not fit into the image {x.shape[2:]}")
    padded = definition.pad_zeros(x, padding, padding)
    out = definition.conv2d(x, weight, bias, stride, padding, dilation, groups)
    kh, kw = weight.shape[2:]
    return Trace(
        f"conv2d: {_size(x)} by a kernel {kh}x{kw}, {_said(stride, padding, dilation, groups)} -> {_size(out)}",
        (
            Stage("input", x, "the image", "x", kinds_of(x, INPUT)),
            Stage("kernel", weight, "the kernel, as it is: it is not rotated", "w", kinds_of(weight, KERNEL)),
            Stage("padded", padded, _padding_words(padding), "x, 0 outside",
                  _with_padding(kinds_of(x, INPUT), padding)),
            Stage(
                "output", out, "slide the kernel over the image; each cell is the sum of window times kernel",
                "y[i,j] = sum over a,b of w[a,b] x[i s + a d - p, j s + b d - p]", kinds_of(out, OUTPUT),
                _products(padded, weight, out, stride, dilation, groups),
            ),
        ),
    )  # fmt: skip


def trace_conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1) -> Trace:
    """The stages input, kernel, zeros inserted, padded, rotated kernel, full, output of `conv_transpose2d`.

    Arrays x (N, C, H, W) and weight (C, O/groups, KH, KW).
    """
    operation = "trace_conv_transpose2d"
    x, weight = _images(operation, "x", x), _images(operation, "weight", weight)
    stride, dilation = (pair(v, n, operation, minimum=1) for v, n in ((stride, "stride"), (dilation, "dilation")))
    padding, output_padding = pair(padding, "padding", operation), pair(output_padding, "output_padding", operation)
    _check_groups(operation, x.shape[1], weight.shape[0], groups, x.shape[1])
    if any(o >= max(s, d) for o, s, d in zip(output_padding, stride, dilation, strict=True)):
        raise ValueError(f"{operation}: output_padding {output_padding} must be below the stride or the dilation")
    sizes = x.shape[2:], weight.shape[2:], stride, padding, output_padding, dilation
    size = [conv_transpose_output_size(*numbers) for numbers in zip(*sizes, strict=True)]
    if min(size) < 1:
        raise ValueError(f"{operation}: the output would have size {size}")
    border = rotated_padding(weight.shape[2:], (0, 0), dilation)
    # The same helpers as in definition.conv_transpose2d, in the same order; `kinds` goes through them too.
    spread = definition.pad_zeros(definition.insert_zeros(x, stride), (0, 0), output_padding)
    padded = definition.pad_zeros(spread, border, border)
    kernel = definition.rotate_kernel(weight, groups)
    full = definition.conv2d(padded, kernel, None, (1, 1), (0, 0), dilation, groups)
    out = definition.conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation)
    spread_kinds = definition.pad_zeros(definition.insert_zeros(_marks(x), stride), (0, 0), output_padding)
    spread_kinds = np.where(spread_kinds == 1, INPUT, ZERO).astype(np.uint8)
    full_kinds = kinds_of(full, CROPPED)
    definition.crop(full_kinds, padding)[...] = PRODUCT
    kh, kw = weight.shape[2:]
    return Trace(
        f"conv_transpose2d: {_size(x)} by a kernel {kh}x{kw}, {_said(stride, padding, dilation, groups)}"
        f"{f', output_padding {_two(output_padding)}' if any(output_padding) else ''} -> {_size(out)}",
        (
            Stage("input", x, "the image", "x", kinds_of(x, INPUT)),
            Stage("kernel", weight, "the kernel", "w", kinds_of(weight, KERNEL)),
            Stage(
                "zeros inserted", spread,
                "stride - 1 zeros between neighbouring pixels, output_padding zeros after the last row and column",
                "z[i s, j s] = x[i, j], 0 elsewhere", spread_kinds,
            ),
            Stage(
                "padded", padded, f"d (k - 1) = {_two(border)} zeros on every side: every pixel meets every tap",
                "z, 0 outside", _with_padding(spread_kinds, border),
            ),
            Stage(
                "rotated kernel", kernel, "the kernel, rotated by 180 degrees", "w'[a, b] = w[KH-1-a, KW-1-b]",
                kinds_of(kernel, KERNEL),
            ),
            Stage(
                "full", full, "a convolution at stride 1 with the rotated kernel",
                "f[i,j] = sum over a,b of w'[a,b] z[i + a d, j + b d]", full_kinds,
                _products(padded, kernel, full, (1, 1), dilation, groups),
            ),
            Stage(
                "output", out, f"crop {_two(padding)} from every side{'' if bias is None else ', add the bias'}",
                "y[i,j] = f[i + p, j + p]", kinds_of(out, OUTPUT),
            ),
        ),
    )  # fmt: skip


def _images(operation, name, array):
    """Numbers as (N, C, H, W): two axes are one image of one channel."""
    array = np.asarray(array)
    array = array if array.dtype.kind == "f" else array.astype(np.float64)
    if array.ndim == 2:
        array = array[None, None]
    if array.ndim != 4 or 0 in array.shape:
        raise ValueError(f"{operation}: {name} must be (H, W) or have four axes, none of them empty; got {array.shape}")
    return array


def _check_groups(operation, channels, filters, groups, wanted):
    if groups < 1 or channels % groups or filters % groups or channels != wanted:
        raise ValueError(f"{operation}: {channels} channels and {filters} filters do not fit groups={groups}")


def _marks(x):
    return np.ones(x.shape, np.uint8)


def _with_padding(kinds, border):
    """The kinds with a border of PADDING around them."""
    out = definition.pad_zeros(kinds, border, border)
    inside = definition.pad_zeros(_marks(kinds), border, border)
    out[inside == 0] = PADDING
    return out


def _products(padded, weight, out, stride, dilation, groups):
    """{(i, j): [(pixel, tap), ...]} of the first filter of the first image: the products of each cell, in order."""
    channels, _ = definition.group_slices(padded.shape[1], len(weight), groups)[0]
    cells = definition.windows(padded[:1, channels], weight.shape[2:], out.shape[2:], stride, dilation)
    return {
        (i, j): list(zip(window[0].ravel().tolist(), weight[0].ravel().tolist(), strict=True)) for i, j, window in cells
    }


def _padding_words(padding):
    return f"{_two(padding)} zeros on every side" if any(padding) else "no zeros are added"


def _said(stride, padding, dilation, groups):
    parts = [f"stride {_two(stride)}", f"padding {_two(padding)}"]
    parts += [f"dilation {_two(dilation)}"] * (dilation != (1, 1)) + [f"groups {groups}"] * (groups != 1)
    return ", ".join(parts)


def _two(numbers):
    return str(numbers[0]) if numbers[0] == numbers[1] else f"{numbers[0]}x{numbers[1]}"


def _size(array):
    return f"{array.shape[2]}x{array.shape[3]}"
