"""conv2d and its relatives as users call them. Arguments are checked here; the calculus is in conv.py."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral

from minitensor.arguments import check_float, check_same_dtype, pair, shape_argument
from minitensor.kernels.geometry import conv_output_size, conv_transpose_output_size, output_size, same_padding
from minitensor.ops.conv import Conv2d, Conv2dRelu, Conv2dWeight, ConvTranspose2d
from minitensor.ops.images import batched
from minitensor.ops.pad import pad
from minitensor.tensor import Tensor
from minitensor.typing import Ints


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (in the field's sense: correlation) of images with kernels.

    x (N, C, H, W) or (C, H, W), weight (O, C/groups, KH, KW), bias (O,) -> (N, O, OH, OW) with
    OH = floor((H + 2p - d(KH-1) - 1) / s) + 1. stride, padding and dilation are an int or (height, width); padding may
    be "valid" (none) or "same" (OH = H; stride 1 only; an odd total puts its extra row below and right).
    Raises TypeError for integer tensors or mixed dtypes, ValueError for shapes that do not fit.
    """
    return _convolved("conv2d", Conv2d, x, weight, bias, stride, padding, dilation, groups)


def conv2d_relu(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """relu(conv2d(...)) with the same arguments, in one pass over the output if the kernels can do it."""
    return _convolved("conv2d_relu", Conv2dRelu, x, weight, bias, stride, padding, dilation, groups)


def _convolved(operation, kind, x, weight, bias, stride, padding, dilation, groups):
    """Check the arguments of an operation and run its Op: Conv2d, or an Op derived from it."""
    x, weight, bias = _checked(operation, x, weight, bias)
    stride = pair(stride, "stride", operation, minimum=1)
    dilation = pair(dilation, "dilation", operation, minimum=1)
    groups = _check_groups(operation, groups)
    _check_channels(operation, x, weight, groups, expected=weight.shape[1] * groups)
    if weight.shape[0] % groups:
        raise ValueError(f"{operation}: {weight.shape[0]} output channels do not divide into groups={groups}")
    _check_bias(operation, bias, weight, weight.shape[0])
    if isinstance(padding, str):
        x, padding = _named_padding(operation, x, weight, padding, stride, dilation)
    padding = pair(padding, "padding", operation)
    for name, n, k, s, p, d in zip(
        ("height", "width"), x.shape[-2:], weight.shape[2:], stride, padding, dilation, strict=True
    ):
        if conv_output_size(n, k, s, p, d) < 1:
            raise ValueError(
                f"{operation}: {name} {n} with padding {p} is smaller than the kernel's extent {d * (k - 1) + 1} "
                f"(kernel {k}, dilation {d})"
            )
    return batched(x, lambda images: _apply(kind(stride, padding, dilation, groups), images, weight, bias))


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Ints = 1,
    padding: Ints = 0,
    output_padding: Ints = 0,
    groups: int = 1,
    dilation: Ints = 1,
) -> Tensor:
    """Transposed convolution: the adjoint of `conv2d` with the same weight, stride, padding, dilation and groups.

    x (N, C, H, W) or (C, H, W), weight (C, O/groups, KH, KW), bias (O,) -> (N, O, OH, OW) with
    OH = (H-1)s - 2p + d(KH-1) + output_padding + 1. It is NOT an inverse: it restores the size, not the values.
    `output_padding` < max(stride, dilation) chooses among the sizes that conv2d maps to H.
    Computed as: insert s-1 zeros between pixels, pad by d(k-1), correlate with the rotated kernel, crop p
    (see kernels/conv/definition.py). Raises TypeError and ValueError as `conv2d` does.
    """
    x, weight, bias = _checked("conv_transpose2d", x, weight, bias)
    stride = pair(stride, "stride", "conv_transpose2d", minimum=1)
    padding = pair(padding, "padding", "conv_transpose2d")
    output_padding = pair(output_padding, "output_padding", "conv_transpose2d")
    dilation = pair(dilation, "dilation", "conv_transpose2d", minimum=1)
    groups = _check_groups("conv_transpose2d", groups)
    _check_channels("conv_transpose2d", x, weight, groups, expected=weight.shape[0])
    if weight.shape[0] % groups:
        raise ValueError(f"conv_transpose2d: {weight.shape[0]} input channels do not divide into groups={groups}")
    _check_bias("conv_transpose2d", bias, weight, weight.shape[1] * groups)
    for name, n, k, s, p, extra, d in zip(
        ("height", "width"), x.shape[-2:], weight.shape[2:], stride, padding, output_padding, dilation, strict=True
    ):
        if extra >= max(s, d):
            raise ValueError(
                f"conv_transpose2d: output_padding {extra} must be smaller than stride {s} or dilation {d}"
            )
        size = conv_transpose_output_size(n, k, s, p, extra, d)
        if size < 1:
            raise ValueError(
                f"conv_transpose2d: the output's {name} would be {size}: ({n} - 1) * {s} - 2 * {p} "
                f"+ {d} * ({k} - 1) + {extra} + 1"
            )
    op = ConvTranspose2d(stride, padding, output_padding, groups, dilation)
    return batched(x, lambda images: _apply(op, images, weight, bias))


def conv2d_weight(
    x: Tensor,
    weight_shape: Sequence[int],
    grad: Tensor,
    stride: Ints = 1,
    padding: Ints = 0,
    dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:
    """The gradient of <grad, conv2d(x, weight)> with respect to weight, as `torch.nn.grad.conv2d_weight`.

    x (N, C, H, W), grad (N, O, OH, OW), weight_shape (O, C/groups, KH, KW) -> a tensor of weight_shape.
    """
    operation = "conv2d_weight"
    x, grad = check_float(x, operation), check_float(grad, operation, "grad")
    check_same_dtype(operation, x=x, grad=grad)
    weight_shape = shape_argument((weight_shape,), operation)
    if x.ndim != 4 or grad.ndim != 4 or len(weight_shape) != 4:
        raise ValueError(
            f"{operation}: x, grad and weight_shape must have 4 dimensions, got {x.shape}, {grad.shape}, {weight_shape}"
        )
    stride = pair(stride, "stride", operation, minimum=1)
    padding = pair(padding, "padding", operation)
    dilation = pair(dilation, "dilation", operation, minimum=1)
    groups = _check_groups(operation, groups)
    out_size = output_size(x, weight_shape[2:], stride, padding, dilation)
    fits = (x.shape[0], weight_shape[0], *out_size) == grad.shape and weight_shape[0] % groups == 0
    if not fits or x.shape[1] != weight_shape[1] * groups:
        raise ValueError(
            f"{operation}: x {x.shape} and weight {weight_shape} with groups={groups} give an output of shape "
            f"{(x.shape[0], weight_shape[0], *out_size)}, grad has {grad.shape}"
        )
    return Conv2dWeight(weight_shape[2:], stride, padding, dilation, groups)(x, grad)


def _checked(operation, x, weight, bias):
    """The operands as floating point Tensors of one dtype with the right number of dimensions."""
    x, weight = check_float(x, operation), check_float(weight, operation, "weight")
    if bias is not None:
        bias = check_float(bias, operation, "bias")
    check_same_dtype(operation, x=x, weight=weight, bias=bias)
    if x.ndim not in (3, 4):
        raise ValueError(f"{operation}: x must be (N, C, H, W) or (C, H, W), got shape {x.shape}")
    if weight.ndim != 4 or 0 in weight.shape:
        raise ValueError(f"{operation}: weight must have 4 dimensions, none of size 0, got shape {weight.shape}")
    return x, weight, bias


def _check_groups(operation, groups):
    if isinstance(groups, bool) or not isinstance(groups, Integral):
        raise TypeError(f"{operation}: groups must be an int, got {groups!r}")
    if groups < 1:
        raise ValueError(f"{operation}: groups must be at least 1, got {groups}")
    return int(groups)


def _check_channels(operation, x, weight, groups, expected):
    if x.shape[-3] != expected:
        raise ValueError(
            f"{operation}: x has {x.shape[-3]} channels, weight expects {expected} "
            f"(weight shape {weight.shape}, groups={groups})"
        )


def _check_bias(operation, bias, weight, channels):
    if bias is not None and bias.shape != (channels,):
        raise ValueError(
            f"{operation}: bias must have shape ({channels},), got {bias.shape} (weight shape {weight.shape})"
        )


def _named_padding(operation, x, weight, padding, stride, dilation):
    """ "valid" and "same" as numbers. If "same" is uneven, x with the odd row and column already added."""
    if padding == "valid":
        return x, 0
    if padding != "same":
        raise ValueError(f'{operation}: padding must be "same", "valid" or numbers, got {padding!r}')
    if stride != (1, 1):
        raise ValueError(f'{operation}: padding="same" keeps the size only at stride 1, got stride {stride}')
    (top, bottom), (left, right) = map(same_padding, weight.shape[2:], dilation)
    return pad(x, (0, right - left, 0, bottom - top)), (top, left)


def _apply(op, x, weight, bias):
    return op(x, weight) if bias is None else op(x, weight, bias)
