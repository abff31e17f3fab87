"""Operations that choose, element by element, which number to pass on. The gradient goes to the chosen one."""

from __future__ import annotations

from numbers import Real

import numpy as np

from minitensor.arguments import broadcast_shape, check_tensor
from minitensor.backend import array_module, fitting
from minitensor.engine import Op
from minitensor.ops.dtypes import cast, number_like, operands, result_dtype
from minitensor.ops.elementwise import Binary
from minitensor.tensor import Tensor
from minitensor.typing import Number


class MaxOfTwo(Binary):
    """What maximum and minimum share: the winner takes the gradient; equal operands take half each, as in torch."""

    uses = ((0, 1), (0, 1))

    def partials(self, grad, needs):
        a, b = (x.data for x in self.inputs)
        xp = array_module(a)
        half = xp.where(a == b, 0.5, 1.0).astype(a.dtype)
        # NaN compares false with everything, so a NaN operand passes the gradient on to both.
        a_loses, b_loses = self.losers(a, b)
        return (
            grad * Tensor.wrap(xp.where(a_loses, xp.zeros_like(half), half)),
            grad * Tensor.wrap(xp.where(b_loses, xp.zeros_like(half), half)),
        )


class Maximum(MaxOfTwo):
    """y = max(a, b); NaN wins"""

    def compute(self, a, b):
        return array_module(a).maximum(a, b)

    def losers(self, a, b):
        return a < b, b < a


class Minimum(MaxOfTwo):
    """y = min(a, b); NaN wins"""

    def compute(self, a, b):
        return array_module(a).minimum(a, b)

    def losers(self, a, b):
        return a > b, b > a


class Where(Op):
    """y = a where the condition holds, else b. The gradient goes the same way back."""

    uses = ((), (0,), (0,))

    def forward(self, condition, a, b):
        self.shapes = a.shape, b.shape
        return array_module(a).where(condition, a, b)

    def backward(self, grad, needs):
        condition, *_ = self.inputs
        zero = _zero_like(grad)
        return (
            None,
            Where()(condition, grad, zero).sum_to(self.shapes[0]) if needs[1] else None,
            Where()(condition, zero, grad).sum_to(self.shapes[1]) if needs[2] else None,
        )


def _zero_like(x):
    """0 as a Tensor of no dimensions, of x's dtype, on x's device."""
    return Tensor.wrap(array_module(x.data).zeros((), x.dtype))


class Clamp(Op):
    """y = x, limited to an interval. The gradient passes where x lies in the interval, bounds included."""

    uses = ((0,),)

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        xp = array_module(x)
        if self.low is not None:
            x = xp.maximum(x, _within_dtype(self.low, x.dtype))
        if self.high is not None:
            x = xp.minimum(x, _within_dtype(self.high, x.dtype))
        return x

    def backward(self, grad, needs):
        x = self.inputs[0].data
        inside = array_module(x).ones(x.shape, bool)
        if self.low is not None:
            inside &= x >= _within_dtype(self.low, x.dtype)
        if self.high is not None:
            inside &= x <= _within_dtype(self.high, x.dtype)
        return where(inside, grad, 0.0)


class ClampBetween(Op):
    """y = min(max(x, low), high), with bounds for each element. NaN in x or in a bound gives NaN.

    The gradient goes to x inside and on the bounds; to `low` where x < low < high; to `high` where x > high or
    low > high. NaN gets none. The inputs are x and the bounds that are given.
    """

    def __init__(self, has_low, has_high):
        self.has_low, self.has_high = has_low, has_high

    def _bounds(self, bounds):
        return bounds[0] if self.has_low else None, bounds[-1] if self.has_high else None

    def forward(self, x, *bounds):
        self.shapes = [array.shape for array in (x, *bounds)]
        self.uses = (tuple(range(len(self.shapes))),) * len(self.shapes)
        low, high = self._bounds(bounds)
        if low is not None:
            x = array_module(x).maximum(x, low)
        return x if high is None else array_module(x).minimum(x, high)

    def backward(self, grad, needs):
        x, *bounds = (t.data for t in self.inputs)
        low, high = self._bounds(bounds)
        if high is None:
            passed = [x >= low, x < low]
        elif low is None:
            passed = [x <= high, x > high]
        else:
            passed = [(x >= low) & (x <= high), (x < low) & (low < high), (x > high) | (high < low)]
        return tuple(
            where(mask, grad, 0.0).sum_to(shape) if need else None
            for need, mask, shape in zip(needs, passed, self.shapes, strict=True)
        )


def _within_dtype(bound, dtype):
    """A number as `dtype` can hold it: for unsigned integers a bound of -1 acts like 0."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        bound = min(max(bound, limits.min), limits.max)
    return fitting(bound, dtype)[()]


def maximum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The larger of two, elementwise with broadcasting; NaN wins."""
    return Maximum()(*operands("maximum", a, b))


def minimum(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """The smaller of two, elementwise with broadcasting; NaN wins."""
    return Minimum()(*operands("minimum", a, b))


def where(condition: Tensor, a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a where `condition` (a bool Tensor or array) holds, else b; all three broadcast."""
    if getattr(condition, "dtype", None) != np.bool_:
        got = getattr(condition, "dtype", type(condition).__name__)
        raise TypeError(f"where: the condition must be a bool tensor, got {got}")
    condition = condition if isinstance(condition, Tensor) else Tensor(condition)
    if not isinstance(a, Tensor) and not isinstance(b, Tensor) and isinstance(a, Real) and isinstance(b, Real):
        dtype = result_dtype(a, b)
        a, b = (number_like(value, dtype, condition) for value in (a, b))
    a, b = operands("where", a, b)
    broadcast_shape("where", condition.shape, a.shape, b.shape)
    return Where()(condition, a, b)


def clamp(x: Tensor, min: Tensor | Number | None = None, max: Tensor | Number | None = None) -> Tensor:
    """x limited to between `min` and `max`: two numbers, or two Tensors that broadcast; one of them may be None.

    If a Tensor is the bound that limits x, the gradient goes to the bound. Raises TypeError for bools.
    """
    x = check_tensor(x, "clamp")
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    of_tensors = isinstance(min, Tensor) or isinstance(max, Tensor)
    for name, bound in (("min", min), ("max", max)):
        if bound is not None and not isinstance(bound, Tensor if of_tensors else Real):
            wanted = "a Tensor, as the other bound is one" if of_tensors else "a number or a Tensor"
            raise TypeError(f"clamp: {name} must be {wanted}, got {type(bound).__name__}")
    bounds = [bound for bound in (min, max) if bound is not None]
    dtype = result_dtype(x, *bounds)
    if dtype.kind == "b":
        raise TypeError("clamp: bools are no numbers; convert with .to(mt.int64)")
    if not of_tensors:
        return Clamp(min, max)(cast(x, dtype))
    broadcast_shape("clamp", x.shape, *(bound.shape for bound in bounds))
    return ClampBetween(min is not None, max is not None)(*(cast(t, dtype) for t in (x, *bounds)))
