"""Unpooling: pooled pixels go back to where they came from, and zeros fill the rest.

An index names one pixel of a plane, row W + column. Reading there and adding there are adjoints of each other:

    PlaneGather  the values found at the indices  <->  PlaneScatter  values added at the indices
"""

from __future__ import annotations

import numpy as np

from minitensor.arguments import check_not_alone, check_tensor, pair
from minitensor.backend import array_module
from minitensor.engine import Op, check_same_device
from minitensor.kernels.arrays.scatter import gather_plane, scatter_plane
from minitensor.kernels.geometry import conv_transpose_output_size
from minitensor.ops.images import batched, check_images
from minitensor.tensor import Tensor
from minitensor.typing import Ints


class MaxUnpool2d(Op):
    """y = zeros, with each x written to the place in its plane that its index names.

    If windows overlapped, one pixel may have won twice and appear twice here, as the same number. It is written, not
    added, so y holds it once, and each of its copies gets its gradient: torch's rule.
    """

    uses = ((),)

    def __init__(self, indices, size):
        self.indices, self.size = indices, size

    def forward(self, x):
        y = array_module(x).zeros((*x.shape[:2], self.size[0] * self.size[1]), x.dtype)
        images, channels, height, width = x.shape
        flat = (images, channels, height * width)
        array_module(x).put_along_axis(y, self.indices.reshape(flat), x.reshape(flat), axis=2)
        return y.reshape(images, channels, *self.size)

    def backward(self, grad, needs):
        return PlaneGather(self.indices, self.size)(grad)


class PlaneGather(Op):
    """y = the pixels of each plane that the indices name"""

    uses = ((),)

    def __init__(self, indices, size):
        self.indices, self.size = indices, size

    def forward(self, x):
        return gather_plane(x, self.indices)

    def backward(self, grad, needs):
        return PlaneScatter(self.indices, self.size)(grad)


class PlaneScatter(Op):
    """y = zeros, with each x added at the place that its index names: the adjoint of PlaneGather."""

    uses = ((),)

    def __init__(self, indices, size):
        self.indices, self.size = indices, size

    def forward(self, x):
        return scatter_plane(x, self.indices, self.size)

    def backward(self, grad, needs):
        return PlaneGather(self.indices, self.size)(grad)


def max_unpool2d(
    x: Tensor,
    indices: Tensor,
    kernel_size: Ints,
    stride: Ints | None = None,
    padding: Ints = 0,
    output_size: Ints | None = None,
) -> Tensor:
    """Put pooled pixels back where `max_pool2d` found them, among zeros.

    x and indices (N, C, H, W) or (C, H, W); indices int64 as `max_pool2d(..., return_indices=True)` returns them. The
    output has H = (OH - 1) s - 2p + KH rows, unless `output_size` (height, width) says otherwise: pooling maps several
    sizes to one, so it may differ by less than a stride. If two indices agree, the last one is kept; on a GPU it may be
    any of them, as in torch. Raises ValueError for an index outside the output and for an output_size out of reach,
    TypeError for wrong dtypes.
    """
    x, indices = check_images(x, "max_unpool2d"), check_tensor(indices, "max_unpool2d", "indices")
    check_same_device("max_unpool2d", [x.data, indices.data])
    if indices.dtype != np.int64:
        raise TypeError(f"max_unpool2d: indices must be int64, got dtype {indices.dtype}")
    if indices.shape != x.shape:
        raise ValueError(f"max_unpool2d: x has shape {x.shape}, indices {indices.shape}: they must agree")
    size = _unpooled_size(x.shape, kernel_size, stride, padding, output_size)
    array = indices.data
    if array.size and (array.min() < 0 or array.max() >= size[0] * size[1]):
        raise ValueError(
            f"max_unpool2d: indices run from {int(array.min())} to {int(array.max())}, but the output's "
            f"{size[0]} x {size[1]} pixels are numbered 0 to {size[0] * size[1] - 1}"
        )
    op = MaxUnpool2d(array.reshape((-1, *array.shape[-3:])), size)
    op.watched = (indices,)
    return batched(x, op)


def _unpooled_size(shape, kernel_size, stride, padding, output_size):
    """(height, width) of the output: by the formula, or as asked for if it differs by less than a stride."""
    check_not_alone("max_unpool2d", kernel_size=kernel_size, stride=stride, padding=padding)
    kernel_size = pair(kernel_size, "kernel_size", "max_unpool2d", minimum=1)
    stride = kernel_size if stride is None else pair(stride, "stride", "max_unpool2d", minimum=1)
    padding = pair(padding, "padding", "max_unpool2d")
    usual = tuple(map(conv_transpose_output_size, shape[-2:], kernel_size, stride, padding))
    if output_size is None:
        if min(usual) < 1:
            raise ValueError(
                f"max_unpool2d: the output would have size {usual} (input {shape[-2:]}, "
                f"kernel_size {kernel_size}, stride {stride}, padding {padding})"
            )
        return usual
    if isinstance(output_size, (tuple, list)) and len(output_size) == 4:
        output_size = output_size[2:]  # a whole shape (N, C, H, W), as in torch
    if not isinstance(output_size, (tuple, list)) or len(output_size) != 2:
        raise ValueError(f"max_unpool2d: output_size must be (height, width), got {output_size!r}")
    size = pair(output_size, "output_size", "max_unpool2d", minimum=1)
    if any(abs(n - m) >= s for n, m, s in zip(size, usual, stride, strict=True)):
        raise ValueError(f"max_unpool2d: output_size {size} must differ from {usual} by less than the stride {stride}")
    return size
