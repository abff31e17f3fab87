"""Elementwise operations: each output element depends on one element of each input.

Where shapes differ they broadcast: a size-1 axis is read again and again. Reading one number many times means, in
backward, summing the gradients of all its readings: that is `sum_to`, the adjoint of `expand`.
"""

from __future__ import annotations

from numbers import Real

import numpy as np

from minitensor.backend import array_module
from minitensor.engine import Op, check_same_device
from minitensor.kernels import run
from minitensor.ops.dtypes import (
    broadcast_shape,
    cast,
    check_number,
    check_tensor,
    floating,
    number_like,
    operands,
    result_dtype,
)
from minitensor.tensor import Tensor


class Binary(Op):
    """What two-operand operations share: gradients are summed back to the shapes before broadcasting."""

    def forward(self, a, b):
        self.shapes = a.shape, b.shape
        return self.compute(a, b)

    def backward(self, grad):
        partials = zip(self.needs, self.partials(grad), self.shapes, strict=True)
        return tuple(
            (g if g._data.shape == shape else g.sum_to(shape)) if need else None
            for need, g, shape in partials
        )


class Add(Binary):
    """y = a + b"""

    uses = ((), ())

    def compute(self, a, b):
        return a + b

    def partials(self, grad):
        return grad, grad


class Subtract(Binary):
    """y = a - b"""

    uses = ((), ())

    def compute(self, a, b):
        return a - b

    def partials(self, grad):
        return grad, -grad if self.needs[1] else None


class Multiply(Binary):
    """y = a b"""

    uses = ((1,), (0,))

    def compute(self, a, b):
        return a * b

    def partials(self, grad):
        a, b = self.inputs
        return grad * b if self.needs[0] else None, grad * a if self.needs[1] else None


class Divide(Binary):
    """y = a / b, so dy/da = 1/b and dy/db = -a / b^2"""

    uses = ((1,), (0, 1))

    def compute(self, a, b):
        return a / b

    def partials(self, grad):
        a, b = self.inputs
        grad_a = grad / b
        return grad_a, -grad_a * (a / b) if self.needs[1] else None


class Power(Binary):
    """y = a^b, so dy/da = b a^(b-1) and dy/db = a^b log a.

    Both are limits where a formula would say 0 * inf: dy/da = 0 at b = 0, and dy/db = 0 at a = 0 for b >= 0.
    """

    uses = ((0, 1), (0, 1))

    def compute(self, a, b):
        if b.ndim == 0 and array_module(b) is np:
            b = b.item()  # NumPy knows shortcuts for the plain numbers 2, 0.5 and -1
        return a**b

    def partials(self, grad):
        a, b = self.inputs
        grad_a = grad_b = None
        if self.needs[0]:
            grad_a = where(b == 0, 0.0, grad * (b * a ** (b - 1)))
        if self.needs[1]:
            grad_b = grad * where((a == 0) & (b >= 0), 0.0, a**b * log(a))
        return grad_a, grad_b


class Extremum(Binary):
    """What maximum and minimum share: the winner takes the gradient, equal operands half each, as in torch."""

    uses = ((0, 1), (0, 1))

    def partials(self, grad):
        a, b = (x.data for x in self.inputs)
        xp = array_module(a)
        half = xp.where(a == b, 0.5, 1.0).astype(a.dtype)
        # NaN compares false with everything, so a NaN operand passes the gradient on to both.
        a_loses, b_loses = self.losers(a, b)
        return (
            grad * Tensor.wrap(xp.where(a_loses, xp.zeros_like(half), half)),
            grad * Tensor.wrap(xp.where(b_loses, xp.zeros_like(half), half)),
        )


class Maximum(Extremum):
    """y = max(a, b); NaN wins"""

    def compute(self, a, b):
        return array_module(a).maximum(a, b)

    def losers(self, a, b):
        return a < b, b < a


class Minimum(Extremum):
    """y = min(a, b); NaN wins"""

    def compute(self, a, b):
        return array_module(a).minimum(a, b)

    def losers(self, a, b):
        return a > b, b > a


class Where(Op):
    """y = a where the condition holds, else b. The gradient takes the same way back."""

    uses = ((), (0,), (0,))

    def forward(self, condition, a, b):
        self.shapes = a.shape, b.shape
        return array_module(a).where(condition, a, b)

    def backward(self, grad):
        condition, *_ = self.inputs
        zero = _zero_like(grad)
        return (
            None,
            Where()(condition, grad, zero).sum_to(self.shapes[0]) if self.needs[1] else None,
            Where()(condition, zero, grad).sum_to(self.shapes[1]) if self.needs[2] else None,
        )


def _zero_like(x):
    """0 as a Tensor of no dimensions, of x's dtype, on x's device."""
    return Tensor.wrap(array_module(x.data).zeros((), x.dtype))


class Negate(Op):
    """y = -x"""

    uses = ((),)

    def forward(self, x):
        return -x

    def backward(self, grad):
        return -grad


class Exp(Op):
    """y = e^x, its own derivative"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).exp(x)

    def backward(self, grad):
        return grad * self.output


class Log(Op):
    """y = log x (natural), dy/dx = 1/x"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).log(x)

    def backward(self, grad):
        return grad / self.inputs[0]


class Sqrt(Op):
    """y = sqrt(x), dy/dx = 1 / (2y)"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).sqrt(x)

    def backward(self, grad):
        return grad / (2 * self.output)


class Abs(Op):
    """y = |x|, dy/dx = sign(x): 0 at 0, and at NaN too, as in torch"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).abs(x)

    def backward(self, grad):
        x = self.inputs[0].data
        return grad * Tensor.wrap((x > 0).astype(x.dtype) - (x < 0))


class Tanh(Op):
    """y = tanh x, dy/dx = 1 - y^2"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).tanh(x)

    def backward(self, grad):
        return grad * (1 - self.output * self.output)


class Sigmoid(Op):
    """y = 1 / (1 + e^-x), dy/dx = y (1 - y). Written with e^-|x|, which cannot overflow."""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        xp = array_module(x)
        decay = xp.exp(-xp.abs(x))  # in (0, 1]; x >= 0: 1 / (1 + e^-x), x < 0: e^x / (1 + e^x)
        return xp.where(x >= 0, xp.ones_like(decay), decay) / (1 + decay)

    def backward(self, grad):
        return grad * self.output * (1 - self.output)


class Relu(Op):
    """y = max(x, 0), dy/dx = 1 where y > 0, else 0. The output tells both, so the input is not kept."""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return run("relu", x)

    def backward(self, grad):
        return ReluGradient(self.output.data)(grad)


class ReluGradient(Op):
    """grad where y > 0, else 0: linear in grad, and its own adjoint"""

    uses = ((),)

    def __init__(self, y):
        self.y = y

    def forward(self, grad):
        return run("relu_grad", grad, self.y)

    def backward(self, grad):
        return ReluGradient(self.y)(grad)


class LeakyRelu(Op):
    """y = x where x > 0, else slope * x"""

    uses = ((0,),)

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        return array_module(x).where(x > 0, x, x * x.dtype.type(self.slope))

    def backward(self, grad):
        return where(self.inputs[0].data > 0, grad, grad * self.slope)


class Clamp(Op):
    """y = x held between two numbers; the gradient passes where x lies between them, bounds included."""

    uses = ((0,),)

    def __init__(self, low, high):
        self.low, self.high = low, high

    def forward(self, x):
        xp = array_module(x)
        if self.low is not None:
            x = xp.maximum(x, x.dtype.type(self.low))
        if self.high is not None:
            x = xp.minimum(x, x.dtype.type(self.high))
        return x

    def backward(self, grad):
        x = self.inputs[0].data
        inside = array_module(x).ones(x.shape, bool)
        if self.low is not None:
            inside &= x >= self.low
        if self.high is not None:
            inside &= x <= self.high
        return where(inside, grad, 0.0)


def add(a, b):
    """a + b, elementwise with broadcasting; True + True is True, as in torch."""
    return Add()(*operands("add", a, b))


def sub(a, b):
    """a - b, elementwise with broadcasting."""
    a, b = operands("sub", a, b)
    return Subtract()(check_number(a, "sub"), b)


def mul(a, b):
    """a * b, elementwise with broadcasting."""
    return Multiply()(*operands("mul", a, b))


def div(a, b):
    """a / b, elementwise with broadcasting; integers give float32."""
    a, b = operands("div", a, b)
    return Divide()(floating(a, "div"), floating(b, "div"))


def pow(a, b):
    """a ** b, elementwise with broadcasting; whole numbers to negative powers raise ValueError."""
    a, b = operands("pow", a, b)
    check_number(a, "pow")
    if a.dtype.kind in "iu" and b.data.size and (b.data < 0).any():
        raise ValueError(
            "pow: integers have no integer results at negative powers; convert to floating point"
        )
    return Power()(a, b)


def maximum(a, b):
    """The larger of two, elementwise with broadcasting; NaN wins."""
    return Maximum()(*operands("maximum", a, b))


def minimum(a, b):
    """The smaller of two, elementwise with broadcasting; NaN wins."""
    return Minimum()(*operands("minimum", a, b))


def where(condition, a, b):
    """a where `condition` (a bool Tensor or array) holds, else b; all three broadcast."""
    if getattr(condition, "dtype", None) != np.bool_:
        got = getattr(condition, "dtype", type(condition).__name__)
        raise TypeError(f"where: the condition must be a bool tensor, got {got}")
    condition = condition if isinstance(condition, Tensor) else Tensor(condition)
    if (
        not isinstance(a, Tensor)
        and not isinstance(b, Tensor)
        and isinstance(a, Real)
        and isinstance(b, Real)
    ):
        dtype = result_dtype(a, b)
        a, b = (number_like(value, dtype, condition) for value in (a, b))
    a, b = operands("where", a, b)
    broadcast_shape("where", condition.shape, a.shape, b.shape)
    return Where()(condition, a, b)


def neg(x):
    """-x"""
    return Negate()(check_number(x, "neg"))


def exp(x):
    """e^x"""
    return Exp()(floating(x, "exp"))


def log(x):
    """Natural logarithm: -inf at 0, NaN below."""
    return Log()(floating(x, "log"))


def sqrt(x):
    """Square root: NaN below 0."""
    return Sqrt()(floating(x, "sqrt"))


def abs(x):
    """|x|"""
    return Abs()(check_number(x, "abs"))


def tanh(x):
    """Hyperbolic tangent."""
    return Tanh()(floating(x, "tanh"))


def sigmoid(x):
    """1 / (1 + e^-x)"""
    return Sigmoid()(floating(x, "sigmoid"))


def relu(x):
    """max(x, 0)"""
    return Relu()(check_number(x, "relu"))


def leaky_relu(x, negative_slope=0.01):
    """x where x > 0, else negative_slope * x."""
    return LeakyRelu(negative_slope)(floating(x, "leaky_relu"))


def clamp(x, min=None, max=None):
    """x held between `min` and `max`, two numbers of which one may be None."""
    x = check_tensor(x, "clamp")
    if min is None and max is None:
        raise ValueError("clamp: give min, max or both")
    for name, bound in (("min", min), ("max", max)):
        if bound is not None and not isinstance(bound, Real):
            raise TypeError(f"clamp: {name} must be a number, got {type(bound).__name__}")
    bounds = [bound for bound in (min, max) if bound is not None]
    return Clamp(min, max)(cast(x, result_dtype(x, *bounds)))


def _comparison(name, symbol):
    def compare(a, b):
        if isinstance(a, Tensor) and isinstance(b, int):
            result = symbol(a.data, b)  # of uint8 with -1, too, which no uint8 could hold
        else:
            a, b = operands(name, a, b)
            check_same_device(name, [a.data, b.data])
            result = symbol(a.data, b.data)
        return Tensor.wrap(np.asarray(result) if isinstance(result, np.generic) else result)

    compare.__name__ = name
    compare.__doc__ = (
        f"Elementwise comparison `{name}` with broadcasting: a bool Tensor, which has no gradient."
    )
    return compare


eq = _comparison("eq", lambda a, b: a == b)
ne = _comparison("ne", lambda a, b: a != b)
lt = _comparison("lt", lambda a, b: a < b)
le = _comparison("le", lambda a, b: a <= b)
gt = _comparison("gt", lambda a, b: a > b)
ge = _comparison("ge", lambda a, b: a >= b)


def _logical(name, symbol):
    def combine(a, b):
        a, b = (value.data if isinstance(value, Tensor) else value for value in (a, b))
        for value in (a, b):
            kind = getattr(value, "dtype", np.asarray(value).dtype).kind
            if kind not in "biu":
                raise TypeError(f"{name}: operands must be bool or integer tensors, got kind {kind!r}")
        broadcast_shape(name, np.shape(a), np.shape(b))
        result = symbol(a, b)
        return Tensor.wrap(np.asarray(result) if isinstance(result, np.generic) else result)

    combine.__name__ = name
    combine.__doc__ = f"Elementwise {name} of bool or integer tensors, with broadcasting."
    return combine


bitwise_and = _logical("bitwise_and", lambda a, b: a & b)
bitwise_or = _logical("bitwise_or", lambda a, b: a | b)
bitwise_xor = _logical("bitwise_xor", lambda a, b: a ^ b)


def bitwise_not(x):
    """~x: negation of bools, bitwise complement of integers."""
    x = check_tensor(x, "bitwise_not")
    if x.dtype.kind not in "biu":
        raise TypeError(f"bitwise_not: x must be bool or integer, got dtype {x.dtype}")
    return Tensor.wrap(~x.data)


def isnan(x):
    """True where x is NaN."""
    x = check_tensor(x, "isnan")
    return Tensor.wrap(array_module(x.data).isnan(x.data))
