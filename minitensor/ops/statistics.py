"""Sums of other kinds: norms, the standard deviation, products, running sums, and whether any or all are true."""

from __future__ import annotations

import math
from numbers import Real

from minitensor.arguments import check_flag, check_float, check_tensor
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.ops.choose import where
from minitensor.ops.dtypes import cast
from minitensor.ops.functions import abs, sqrt
from minitensor.ops.indexing import getitem
from minitensor.ops.join import cat
from minitensor.ops.reduce import MaxOverAxes, _dropped, sum, variance
from minitensor.ops.shape import flip, normalize_axes, normalize_axis, reshape
from minitensor.tensor import Tensor
from minitensor.typing import Axes


def _root(x):
    """sqrt(x), whose derivative at 0 is taken as 0, as torch does for norms. (That of sqrt is infinite.)"""
    zero = x == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, x)))


def norm(x: Tensor, p: float | str = "fro", dim: Axes = None, keepdim: bool = False) -> Tensor:
    """The p-norm of the elements over `dim`: (sum |x|^p)^(1/p) for p = 1 and 2 ("fro"), max |x| for p = inf.

    At 0 the derivative is 0. Raises ValueError for another p: write (x.abs() ** p).sum() ** (1 / p).
    """
    x = check_float(x, "norm")
    check_flag("norm", keepdim=keepdim)
    axes = normalize_axes(dim, x.ndim, "norm")
    if p in ("fro", 2):
        return _root(sum(x * x, axes, keepdim)) if axes or x.ndim == 0 else abs(x)
    if p == 1:
        return sum(abs(x), axes, keepdim) if axes or x.ndim == 0 else abs(x)
    if p == math.inf:
        if math.prod(x.shape[axis] for axis in axes) == 0:
            raise ValueError(f"norm: shape {x.shape} has no elements along dim {axes}")
        return _dropped(MaxOverAxes(axes, "max")(abs(x)), axes, keepdim)
    known = isinstance(p, Real) and not isinstance(p, bool)
    raise (ValueError if known else TypeError)(
        f"norm: p must be 1, 2, 'fro' or inf, got {p!r}; for another p write (x.abs() ** p).sum() ** (1 / p)"
    )


def std(x: Tensor, dim: Axes = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """The standard deviation over `dim`, sqrt(var). Where it is 0 its derivative is taken as 0."""
    return _root(variance("std", x, dim, correction, keepdim))


def prod(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """The product over one axis, or of all elements. Whole numbers and bools are multiplied as int64.

    Halves are multiplied with each other, again and again: log2(n) multiplications, and right gradients also if some
    elements are 0.
    """
    x = check_tensor(x, "prod")
    check_flag("prod", keepdim=keepdim)
    if x.dtype.kind != "f":
        x = cast(x, "int64")
    if dim is None:
        y = prod(reshape(x, x.size), 0)
        return reshape(y, (1,) * x.ndim) if keepdim else y
    axis = normalize_axis(dim, x.ndim, "prod")
    if x.ndim == 0:
        return x * 1
    if x.shape[axis] == 0:
        shape = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        return _dropped(Tensor.wrap(array_module(x.data).ones(shape, x.dtype)), (axis,), keepdim)
    y, before = x, (slice(None),) * axis
    while y.shape[axis] > 1:
        half = y.shape[axis] // 2
        halves = getitem(y, (*before, slice(half))) * getitem(y, (*before, slice(half, 2 * half)))
        rest = getitem(y, (*before, slice(2 * half, None)))
        y = cat([halves, rest], axis) if rest.size else halves
    return _dropped(y, (axis,), keepdim) if y is not x else _dropped(x * 1, (axis,), keepdim)


class RunningSum(Op):
    """y_i = x_0 + ... + x_i along `axis`. x_i is part of y_i and all after it, so its gradient is their sum."""

    uses = ((),)

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return array_module(x).cumsum(x, axis=self.axis, dtype=x.dtype)

    def backward(self, grad, needs):
        return flip(RunningSum(self.axis)(flip(grad, self.axis)), self.axis)


def cumsum(x: Tensor, dim: int) -> Tensor:
    """y_i = x_0 + ... + x_i along `dim`. Whole numbers and bools are summed as int64."""
    x = check_tensor(x, "cumsum")
    axis = normalize_axis(dim, x.ndim, "cumsum")
    if x.dtype.kind != "f":
        x = cast(x, "int64")
    return RunningSum(axis)(x) if x.ndim else x * 1


def _truth(operation, x, dim, keepdim):
    x = check_tensor(x, operation)
    check_flag(operation, keepdim=keepdim)
    axes = normalize_axes(dim, x.ndim, operation)
    # uint8 stays uint8, as in torch; all other dtypes become bool
    found = getattr(x.data != 0, operation)(axis=axes, keepdims=keepdim)
    xp = array_module(x.data)
    return Tensor.wrap(xp.asarray(found).astype("uint8" if x.dtype == "uint8" else "bool"))


def any(x: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    """Whether any element over `dim` is not 0."""
    return _truth("any", x, dim, keepdim)


def all(x: Tensor, dim: Axes = None, keepdim: bool = False) -> Tensor:
    """Whether all elements over `dim` are not 0; True for none."""
    return _truth("all", x, dim, keepdim)
