"""Methods of Tensor that people type by habit: other names, and casts to the usual dtypes."""

from __future__ import annotations

from typing import Any

import numpy as np

from minitensor.arguments import check_tensor, shape_argument
from minitensor.engine import Op
from minitensor.ops.move import to
from minitensor.ops.shape import reshape
from minitensor.tensor import Tensor


class Clone(Op):
    """y = a copy of x"""

    uses = ((),)

    def forward(self, x):
        return x.copy()

    def backward(self, grad, needs):
        return grad


def clone(x: Tensor) -> Tensor:
    """A copy with memory of its own, through which the gradient flows. x.detach().clone() is one outside the graph."""
    return Clone()(check_tensor(x, "clone"))


def view(x: Tensor, *shape: Any) -> Tensor:
    """x in another shape, in the same memory. Raises ValueError if that is impossible; reshape then makes a copy."""
    y = reshape(x, shape_argument(shape, "view"))
    if y.size and not np.shares_memory(x.data, y.data) if isinstance(x.data, np.ndarray) else y.data.base is None:
        raise ValueError(f"view: x of shape {x.shape} cannot be seen as {y.shape} without a copy; use reshape")
    return y


def numel(x: Tensor) -> int:
    """The number of elements, the same as x.size."""
    return check_tensor(x, "numel").size


def dim(x: Tensor) -> int:
    """The number of axes, the same as x.ndim."""
    return x.ndim


def float(x: Tensor) -> Tensor:
    """x as float32."""
    return to(x, "float32")


def double(x: Tensor) -> Tensor:
    """x as float64."""
    return to(x, "float64")


def long(x: Tensor) -> Tensor:
    """x as int64."""
    return to(x, "int64")


def cpu(x: Tensor) -> Tensor:
    """x on the CPU; x itself if it is there."""
    return to(x, device="cpu")


def requires_grad_(x: Tensor, requires_grad: bool = True) -> Tensor:
    """Let gradients flow to x, or no more; returns x."""
    x.requires_grad = requires_grad
    return x


def formatted(x: Tensor, spec: str) -> str:
    """f"{loss:.3f}": a tensor of one element is formatted as its number. Without a format, it is printed as ever."""
    if not spec:
        return str(x)
    if x.size != 1:
        raise TypeError(f"format {spec!r}: only a tensor of one element is a number, this one has shape {x.shape}")
    return format(x.item(), spec)
