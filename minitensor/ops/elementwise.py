"""Arithmetic, one element at a time: each output element depends on one element of each input.

If shapes differ, they broadcast: an axis of size 1 is read again and again. A number that is read many times receives
the sum of the gradients of all readings. This sum is `sum_to`, the adjoint of `expand`. The other elementwise
operations are in choose.py (maximum, where, clamp), functions.py (powers, exp, log), activation.py and compare.py.
"""

from __future__ import annotations

from minitensor.arguments import check_no_bools, check_numeric
from minitensor.engine import Op
from minitensor.ops.dtypes import floating, operands
from minitensor.tensor import Tensor
from minitensor.typing import Number


class Binary(Op):
    """What operations with two operands share: gradients are summed to the shapes that the operands had before
    broadcasting.
    """

    def forward(self, a, b):
        self.shapes = a.shape, b.shape
        return self.compute(a, b)

    def backward(self, grad, needs):
        partials = self.partials(grad, needs)
        shape_a, shape_b = self.shapes
        if shape_a == shape_b:
            return partials
        return tuple(
            (g if g._data.shape == shape else g.sum_to(shape)) if need else None
            for need, g, shape in zip(needs, partials, self.shapes, strict=True)
        )


class Add(Binary):
    """y = a + b"""

    uses = ((), ())

    def compute(self, a, b):
        return a + b

    def partials(self, grad, needs):
        return grad, grad


class Subtract(Binary):
    """y = a - b"""

    uses = ((), ())

    def compute(self, a, b):
        return a - b

    def partials(self, grad, needs):
        return grad, -grad if needs[1] else None


class Multiply(Binary):
    """y = a b"""

    uses = ((1,), (0,))

    def compute(self, a, b):
        return a * b

    def partials(self, grad, needs):
        a, b = self.inputs
        return grad * b if needs[0] else None, grad * a if needs[1] else None


class Divide(Binary):
    """y = a / b, so dy/da = 1/b and dy/db = -a / b^2"""

    uses = ((1,), (0, 1))

    def compute(self, a, b):
        return a / b

    def partials(self, grad, needs):
        a, b = self.inputs
        grad_a = grad / b if needs[0] else None
        return grad_a, -grad * (a / b / b) if needs[1] else None


class Negate(Op):
    """y = -x"""

    uses = ((),)

    def forward(self, x):
        return -x

    def backward(self, grad, needs):
        return -grad


def add(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a + b, elementwise with broadcasting; True + True is True, as in torch."""
    return Add()(*operands("add", a, b))


def sub(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a - b, elementwise with broadcasting; raises TypeError if one of them is bool."""
    x, y = operands("sub", a, b)
    # otherwise both have the same dtype, which is not bool
    if x is not a or y is not b or x._data.dtype.kind == "b":
        check_no_bools("sub", a, b)
    return Subtract()(x, y)


def mul(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a * b, elementwise with broadcasting."""
    return Multiply()(*operands("mul", a, b))


def div(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a / b, elementwise with broadcasting; integers give float32."""
    a, b = operands("div", a, b, floating=True)
    return Divide()(floating(a, "div"), floating(b, "div"))


def neg(x: Tensor) -> Tensor:
    """-x"""
    return Negate()(check_numeric(x, "neg"))


def pos(x):
    """+x: x itself."""
    return check_numeric(x, "pos")
