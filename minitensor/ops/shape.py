"""Operations that move numbers and compute nothing. Each has an adjoint that moves the gradient back:

reshape <-> reshape          permute <-> the inverse permutation          flip <-> flip
expand  <-> sum_to           cat <-> slices (join.py)         getitem <-> scatter into zeros (indexing.py)
"""

from __future__ import annotations

import math
from typing import Any

from minitensor.arguments import check_tensor, shape_argument
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.kernels.arrays.summation import sum_over
from minitensor.tensor import Tensor
from minitensor.typing import Axes


def normalize_axis(axis, ndim, operation):
    """-1 -> ndim - 1; raises ValueError outside [-ndim, ndim)."""
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"{operation}: dim must be an int, got {axis!r}")
    axis = axis.__index__()
    limit = max(ndim, 1)  # a tensor of no dimensions accepts dim 0 and -1, as in torch
    if not -limit <= axis < limit:
        raise ValueError(f"{operation}: dim {axis} is out of range for a tensor of {ndim} dimensions")
    return axis % limit


def normalize_axes(axes, ndim, operation):
    """None, 2, -1 or (0, -1) -> a tuple of distinct axes in [0, ndim); None means all of them."""
    if axes is None or (isinstance(axes, (tuple, list)) and len(axes) == 0):
        return tuple(range(ndim))
    axes = axes if isinstance(axes, (tuple, list)) else (axes,)
    normalized = tuple(normalize_axis(axis, ndim, operation) for axis in axes)
    if len(set(normalized)) < len(normalized):
        raise ValueError(f"{operation}: dim {tuple(axes)} names one axis twice")
    return normalized if ndim else ()


class Reshape(Op):
    """y = the same numbers, in the same order, under another shape"""

    uses = ((),)

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.original = x.shape
        return x.reshape(self.shape)

    def backward(self, grad, needs):
        return Reshape(self.original)(grad)


class Permute(Op):
    """y[i_p0, i_p1, ...] = x[i_0, i_1, ...]: axis k of y is axis p_k of x. It is a view: no number moves."""

    uses = ((),)

    def __init__(self, order):
        self.order = order

    def forward(self, x):
        return x.transpose(self.order)

    def backward(self, grad, needs):
        inverse = tuple(self.order.index(axis) for axis in range(len(self.order)))
        return Permute(inverse)(grad)


class Expand(Op):
    """y = x with its size-1 axes (and new leading axes) read again and again. It is a view with stride 0."""

    uses = ((),)

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.original = x.shape
        return array_module(x).broadcast_to(x, self.shape)

    def backward(self, grad, needs):
        return SumTo(self.original)(grad)


class SumTo(Op):
    """y = x summed over the axes in which `shape` is 1 or missing: the adjoint of Expand."""

    uses = ((),)

    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.original = x.shape
        extra = x.ndim - len(self.shape)
        repeated = tuple(
            axis for axis in range(x.ndim) if axis < extra or (self.shape[axis - extra] == 1 and x.shape[axis] != 1)
        )
        # (N, C, H, W) summed over (0, 2, 3) -> (1, C, 1, 1) -> the wanted shape, e.g. (C, 1, 1)
        return sum_over(x, repeated).reshape(self.shape)

    def backward(self, grad, needs):
        return Expand(self.original)(grad)


class Flip(Op):
    """y = x read backwards along some axes; its own inverse"""

    uses = ((),)

    def __init__(self, axes):
        self.axes = axes

    def forward(self, x):
        return array_module(x).flip(x, self.axes)

    def backward(self, grad, needs):
        return Flip(self.axes)(grad)


def reshape(x: Tensor, shape: Any = (), *more: int) -> Tensor:
    """The same elements under another shape, (2, 3) or 2, 3. One size may be -1: it follows from the others."""
    x = check_tensor(x, "reshape")
    shape = shape_argument((shape, *more), "reshape")
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or min(shape, default=0) < -1:
        raise ValueError(f"reshape: at most one size may be -1 and none less, got {shape}")
    if -1 in shape:
        if known == 0 or x.size % known:
            raise ValueError(f"reshape: {x.size} elements of shape {x.shape} do not divide into {shape}")
        shape = tuple(x.size // known if n == -1 else n for n in shape)
    elif known != x.size:
        raise ValueError(f"reshape: shape {x.shape} has {x.size} elements, {shape} has {known}")
    return Reshape(shape)(x)


def flatten(x: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Axes start_dim to end_dim, both included, joined into one."""
    x = check_tensor(x, "flatten")
    start, end = (normalize_axis(axis, x.ndim, "flatten") for axis in (start_dim, end_dim))
    if x.ndim == 0:
        return reshape(x, 1)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    return Reshape((*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))(x)


def squeeze(x: Tensor, dim: Axes = None) -> Tensor:
    """Without the axes of size 1: all of them, or the named ones. A named axis of another size stays."""
    x = check_tensor(x, "squeeze")
    none_named = isinstance(dim, (tuple, list)) and len(dim) == 0
    axes = () if none_named else normalize_axes(dim, x.ndim, "squeeze")
    return Reshape(tuple(n for axis, n in enumerate(x.shape) if axis not in axes or n != 1))(x)


def unsqueeze(x: Tensor, dim: int) -> Tensor:
    """With a new axis of size 1 at position `dim` of the result."""
    x = check_tensor(x, "unsqueeze")
    axis = normalize_axis(dim, x.ndim + 1, "unsqueeze")
    return Reshape((*x.shape[:axis], 1, *x.shape[axis:]))(x)


def permute(x: Tensor, dims: Any = (), *more: int) -> Tensor:
    """Axes in another order: permute(x, (0, 2, 1)) or permute(x, 0, 2, 1)."""
    x = check_tensor(x, "permute")
    dims = shape_argument((dims, *more), "permute")
    if len(dims) != x.ndim:
        raise ValueError(f"permute: {x.ndim} dimensions need {x.ndim} axes, got {dims}")
    return Permute(normalize_axes(dims, x.ndim, "permute"))(x)


def transpose(x: Tensor, dim0: int, dim1: int) -> Tensor:
    """Two axes exchanged."""
    x = check_tensor(x, "transpose")
    first, second = (normalize_axis(axis, x.ndim, "transpose") for axis in (dim0, dim1))
    order = list(range(x.ndim))
    if order:
        order[first], order[second] = second, first
    return Permute(tuple(order))(x)


def expand(x: Tensor, size: Any = (), *more: int) -> Tensor:
    """Axes of size 1 repeated to the given sizes, without a copy; -1 keeps an axis as it is."""
    x = check_tensor(x, "expand")
    shape = shape_argument((size, *more), "expand")
    extra = len(shape) - x.ndim
    if extra < 0:
        raise ValueError(f"expand: shape {shape} has fewer dimensions than the tensor's {x.shape}")
    target = []
    for axis, size in enumerate(shape):
        own = x.shape[axis - extra] if axis >= extra else 1
        if size < -1 or (size == -1 and axis < extra) or (size not in (-1, own) and own != 1):
            raise ValueError(f"expand: shape {x.shape} cannot be expanded to {shape}: see axis {axis}")
        target.append(own if size == -1 else size)
    return Expand(tuple(target))(x)


def sum_to(x: Tensor, shape: Any) -> Tensor:
    """x summed down to `shape`, which broadcasts to x's: the adjoint of `expand`."""
    x = check_tensor(x, "sum_to")
    shape = shape_argument((shape,), "sum_to")
    if len(shape) > x.ndim or any(own not in (1, n) for own, n in zip(shape[::-1], x.shape[::-1], strict=False)):
        raise ValueError(f"sum_to: shape {shape} does not broadcast to {x.shape}")
    return x if x.shape == shape else SumTo(shape)(x)


def flip(x: Tensor, dims: Any, *more: int) -> Tensor:
    """x read backwards along some axes: flip(x, 0), flip(x, (0, 1)) or flip(x, 0, 1)."""
    x = check_tensor(x, "flip")
    dims = shape_argument((dims, *more), "flip")
    return Flip(normalize_axes(dims, x.ndim, "flip"))(x) if dims else x


def contiguous(x: Tensor) -> Tensor:
    """x itself if its memory is in row-major order, else a copy in this order."""
    x = check_tensor(x, "contiguous")
    return x if x.data.flags.c_contiguous else Contiguous()(x)


class Contiguous(Op):
    """y = x, copied into row-major order"""

    uses = ((),)

    def forward(self, x):
        return array_module(x).ascontiguousarray(x)

    def backward(self, grad, needs):
        return grad
