"""Reductions: many elements in, one out. `dim` is one axis, several axes, or None for all; `keepdim` keeps them as size
1.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from minitensor.arguments import check_dtype, check_flag, check_float, check_numeric, check_tensor
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.kernels.arrays.summation import sum_over
from minitensor.ops.choose import maximum, minimum, where
from minitensor.ops.dtypes import cast, floating
from minitensor.ops.shape import Expand, Reshape, normalize_axes, normalize_axis, reshape
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor
from minitensor.typing import Axes, DtypeLike, Ints


def _dropped(x, axes, keepdim):
    """x, which was reduced with its axes kept, without these axes unless `keepdim`."""
    if keepdim:
        return x
    drop = Reshape(tuple([n for axis, n in enumerate(x.shape) if axis not in axes]))
    if x.node is not None:
        drop.title = x.node.called  # the user called sum, not reshape
    return drop(x)


class Sum(Op):
    """y = sum of x over `axes`, kept as size 1. Each element has derivative 1, so the gradient is repeated."""

    uses = ((),)

    def __init__(self, axes):
        self.axes = axes

    def forward(self, x):
        self.shape = x.shape
        return sum_over(x, self.axes)

    def backward(self, grad, needs):
        return Expand(self.shape)(grad)


class PrecomputedSum(Sum):
    """A Sum whose value the kernel that made x has already computed. forward only returns it. (For a bias, see
    conv.py.)
    """

    def __init__(self, axes, total):
        super().__init__(axes)
        self.total = total

    def forward(self, x):
        self.shape = x.shape
        return self.total


class Mean(Sum):
    """y = sum of x over `axes` / count. Each element has derivative 1 / count."""

    def __init__(self, axes, count):
        super().__init__(axes)
        self.count = count

    def forward(self, x):
        return super().forward(x) / self.count  # 0 / 0 is NaN, the mean of nothing

    def backward(self, grad, needs):
        # Divide before expanding, while the gradient is small. If count is 0, x and its gradient are empty.
        share = grad / self.count if self.count else grad
        return super().backward(share, needs)


class Variance(Op):
    """y = sum over `axes` of (x - mean)^2 / freedom, kept as size 1, so dy/dx = 2 (x - mean) / freedom.

    The mean also depends on x, but this adds nothing to the derivative: the term is multiplied by sum(x - mean) = 0. If
    freedom (count - correction) is not positive, the variance is undefined. Then we return what torch returns: for a
    variance over all elements (`whole`), NaN where x equals the mean and infinity elsewhere, as constants.
    """

    uses = ((0,),)

    def __init__(self, axes, count, correction, whole):
        self.axes, self.count, self.whole = axes, count, whole
        self.freedom = count - correction

    def forward(self, x):
        deviation = x - sum_over(x, self.axes) / self.count
        total = sum_over(deviation * deviation, self.axes)
        return total / (self.freedom if self.freedom > 0 else 0)  # by 0: NaN or infinity, as in torch

    def backward(self, grad, needs):
        (x,) = self.inputs
        mean = Mean(self.axes, self.count)(x)
        if self.whole and self.freedom <= 0:
            return grad * where(x == mean, math.nan, math.inf).to(x.dtype)
        slope = 2 / self.freedom if self.freedom else math.inf
        return grad * slope * (x - mean)


class LogSumExp(Op):
    """y = log(sum over `axes` of e^x), kept as size 1, so dy/dx = e^(x - y), the softmax of x.

    Computed as log(sum of e^(x - m)) + m with m = max x, so that no exponential overflows.
    """

    uses = ((0,),)
    uses_output = True

    def __init__(self, axes):
        self.axes = axes

    def forward(self, x):
        xp = array_module(x)
        if 0 in x.shape:
            return xp.log(xp.exp(x).sum(axis=self.axes, keepdims=True))
        shift = x.max(axis=self.axes, keepdims=True)
        # inf - inf would be NaN, so if the largest element is infinite, the shift is 0
        shift = xp.where(xp.isinf(shift), xp.zeros_like(shift), shift)
        return xp.log(sum_over(xp.exp(x - shift), self.axes)) + shift

    def backward(self, grad, needs):
        (x,) = self.inputs
        return grad * (x - self.output).exp()


class MaxOverAxes(Op):
    """y = the largest (or smallest) element over `axes`, kept as size 1. Equal elements share the gradient evenly."""

    uses = ((0,),)
    uses_output = True

    def __init__(self, axes, name):
        self.axes, self.name = axes, name

    def forward(self, x):
        return getattr(x, self.name)(axis=self.axes, keepdims=True)

    def backward(self, grad, needs):
        x, y = self.inputs[0].data, self._kept_output
        ties = ((x == y) | ((x != x) & (y != y))).astype(x.dtype)  # NaN equals nothing, not even itself
        return grad * Tensor.wrap(ties / ties.sum(axis=self.axes, keepdims=True))


class Pick(Op):
    """y = x at one index along `axis` for each position of the other axes, kept as size 1.

    Its adjoint is `Place`, which puts a gradient at this index and zeros elsewhere.
    """

    uses = ((1,), ())

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x, index):
        self.size = x.shape[self.axis]
        return array_module(x).take_along_axis(x, index, self.axis)

    def backward(self, grad, needs):
        return Place(self.axis, self.size)(grad, self.inputs[1]), None


class Place(Op):
    """y = zeros, with x at one index along `axis`: the adjoint of `Pick`."""

    uses = ((1,), ())

    def __init__(self, axis, size):
        self.axis, self.size = axis, size

    def forward(self, x, index):
        xp = array_module(x)
        shape = list(x.shape)
        shape[self.axis] = self.size
        y = xp.zeros(shape, x.dtype)
        xp.put_along_axis(y, index, x, self.axis)
        return y

    def backward(self, grad, needs):
        return Pick(self.axis)(grad, self.inputs[1]), None


def sum(x: Tensor, dim: Axes = None, keepdim: bool = False, dtype: DtypeLike = None) -> Tensor:
    """Sum over `dim`. Whole numbers and bools are summed as int64, or in `dtype`.

    Raises TypeError for a `dtype` of whole numbers if a gradient is wanted.
    """
    x = check_tensor(x, "sum")
    check_flag("sum", keepdim=keepdim)
    if dtype is not None or x.dtype.kind != "f":
        dtype = check_dtype(np.int64 if dtype is None else dtype, "sum")
        if dtype.kind != "f" and x.requires_grad and is_grad_enabled():
            raise TypeError(f"sum: x requires a gradient, and none flows through dtype {dtype}")
        x = cast(x, dtype)
    axes = normalize_axes(dim, x.ndim, "sum")
    return _dropped(Sum(axes)(x), axes, keepdim)


def mean(x: Tensor, dim: Axes = None, keepdim: bool = False, dtype: DtypeLike = None) -> Tensor:
    """Arithmetic mean over `dim`; of no elements, NaN. Raises TypeError for whole numbers without a `dtype`."""
    x = check_tensor(x, "mean")
    check_flag("mean", keepdim=keepdim)
    x = check_float(x if dtype is None else cast(x, check_dtype(dtype, "mean")), "mean")
    axes = normalize_axes(dim, x.ndim, "mean")
    count = math.prod(x.shape[axis] for axis in axes)
    return _dropped(Mean(axes, count)(x), axes, keepdim)


def var(x: Tensor, dim: Axes = None, correction: int = 1, keepdim: bool = False) -> Tensor:
    """Variance over `dim`: sum of (x - mean)^2 / (count - correction); correction 1, the same as None, is unbiased."""
    return variance("var", x, dim, correction, keepdim)


def variance(operation, x, dim, correction, keepdim):
    """`var`, with the name of the operation that errors are to have."""
    x = check_float(x, operation)
    check_flag(operation, keepdim=keepdim)
    correction = 1 if correction is None else correction
    if isinstance(correction, bool) or not isinstance(correction, Real):
        raise TypeError(f"{operation}: correction must be a number, got {correction!r}")
    axes = normalize_axes(dim, x.ndim, operation)
    count = math.prod(x.shape[axis] for axis in axes)
    whole = dim is None or x.ndim == 0
    return _dropped(Variance(axes, count, correction, whole)(x), axes, keepdim)


class ValuesAndIndices(NamedTuple):
    """What max and min along an axis return: the values, and their places."""

    values: Tensor
    indices: Tensor


def _extreme(operation, name, x, dim, keepdim):
    x = check_tensor(x, operation)
    check_flag(operation, keepdim=keepdim)
    if isinstance(dim, Tensor):
        if keepdim:
            raise ValueError(f"{operation}: keepdim goes with a dim; with another tensor it is {operation}imum")
        return (maximum if name == "max" else minimum)(x, dim)
    if dim is None or isinstance(dim, (tuple, list)):
        axes = normalize_axes(dim, x.ndim, operation)
        if math.prod(x.shape[axis] for axis in axes) == 0:
            raise ValueError(f"{operation}: shape {x.shape} has no elements along dim {axes}")
        return _dropped(MaxOverAxes(axes, name)(x), axes, keepdim)
    axis = normalize_axis(dim, x.ndim, operation)
    index = Tensor.wrap(_arg_extreme(operation, f"arg{name}", x, axis))
    values = Pick(axis)(x, index) if x.ndim else x
    return ValuesAndIndices(*(_dropped(y, (axis,), keepdim or x.ndim == 0) for y in (values, index)))


def _arg_extreme(operation, name, x, axis):
    """Index of the first largest (or smallest) element along `axis`, kept as size 1, int64."""
    if x.ndim and x.shape[axis] == 0:
        raise ValueError(f"{operation}: shape {x.shape} has no elements along dim {axis}")
    array = x.data.astype(np.uint8) if x.dtype.kind == "b" else x.data
    if x.ndim == 0:
        return array_module(array).zeros((), np.int64)
    index = getattr(array, name)(axis=axis, keepdims=True)
    xp = array_module(array)
    if xp is not np and array.dtype.kind == "f":
        # A GPU compares in the order of a tree, and so finds any one of several NaN, not the first. Of equal numbers,
        # such as the 1s that mark NaN, it finds the first.
        is_nan = xp.isnan(array).astype(np.uint8)
        index = xp.where(is_nan.any(axis=axis, keepdims=True), is_nan.argmax(axis=axis, keepdims=True), index)
    return index.astype(np.int64)


def max(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The largest element of all, or (values, indices) along one axis. NaN wins. max(x, other) is `maximum`.

    Without `dim`, equal elements share the gradient evenly. Along an axis, the first of them takes all of it.
    """
    return _extreme("max", "max", x, dim, keepdim)


def min(x: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest element of all, or (values, indices) along one axis. NaN wins. min(x, other) is `minimum`."""
    return _extreme("min", "min", x, dim, keepdim)


def argmax(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first largest element, along one axis or in the flattened tensor. Raises TypeError for bools."""
    x = check_numeric(x, "argmax")
    check_flag("argmax", keepdim=keepdim)
    if dim is None:
        flat = reshape(x, -1) if x.size else x.data.reshape(0)
        index = reshape(Tensor.wrap(_arg_extreme("argmax", "argmax", check_tensor(flat, "argmax"), 0)), ())
        return reshape(index, (1,) * x.ndim) if keepdim else index
    axis = normalize_axis(dim, x.ndim, "argmax")
    return _dropped(Tensor.wrap(_arg_extreme("argmax", "argmax", x, axis)), (axis,), keepdim or x.ndim == 0)


def logsumexp(x: Tensor, dim: Ints, keepdim: bool = False) -> Tensor:
    """log(sum(exp(x))) over `dim`, computed so that nothing overflows."""
    x = floating(x, "logsumexp")
    check_flag("logsumexp", keepdim=keepdim)
    if dim is None or (isinstance(dim, (tuple, list)) and len(dim) == 0 and x.ndim):
        raise TypeError(f"logsumexp: dim must name one axis or several, got {dim!r} (x shape {x.shape})")
    axes = normalize_axes(dim, x.ndim, "logsumexp")
    return _dropped(LogSumExp(axes)(x), axes, keepdim)
