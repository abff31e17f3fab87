"""Powers, exponentials, logarithms, roots and absolute values, one element at a time."""

from __future__ import annotations

import numpy as np

from minitensor.arguments import check_numeric
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.ops.choose import where
from minitensor.ops.dtypes import floating, operands
from minitensor.ops.elementwise import Binary
from minitensor.ops.piecewise import piecewise
from minitensor.tensor import Tensor
from minitensor.typing import Number


class Power(Binary):
    """y = a^b, so dy/da = b a^(b-1) and dy/db = a^b log a.

    If a formula would give 0 * inf, the derivative is its limit: dy/da = 0 at b = 0, and dy/db = 0 at a = 0 for b >= 0.
    """

    uses = ((0, 1), (0, 1))

    def compute(self, a, b):
        if b.ndim == 0 and array_module(b) is np:
            b = b.item()  # NumPy knows shortcuts for the plain numbers 2, 0.5 and -1
        return a**b

    def partials(self, grad, needs):
        a, b = self.inputs
        grad_a = grad_b = None
        if needs[0]:
            grad_a = where(b == 0, 0.0, grad * (b * a ** (b - 1)))
        if needs[1]:
            grad_b = grad * where((a == 0) & (b >= 0), 0.0, a**b * log(a))
        return grad_a, grad_b


class Exp(Op):
    """y = e^x, its own derivative"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).exp(x)

    def backward(self, grad, needs):
        return grad * self.output


class Log(Op):
    """y = log x (natural), dy/dx = 1/x"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).log(x)

    def backward(self, grad, needs):
        return grad / self.inputs[0]


class Sqrt(Op):
    """y = sqrt(x), dy/dx = 1 / (2y)"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).sqrt(x)

    def backward(self, grad, needs):
        return grad / (2 * self.output)


class Abs(Op):
    """y = |x|, dy/dx = sign(x): 0 at 0, and at NaN too, as in torch"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).abs(x)

    def backward(self, grad, needs):
        x = self.inputs[0].data
        return piecewise(grad * Tensor.wrap((x > 0).astype(x.dtype) - (x < 0)), self)


def pow(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a ** b, elementwise with broadcasting. Whole numbers to negative powers raise ValueError."""
    exponent = b
    a, b = operands("pow", a, b)
    check_numeric(a, "pow")
    # A Python number costs nothing to inspect. Inspecting a Tensor on a GPU would make the program wait for it.
    negative = (b.data < 0).any if isinstance(exponent, Tensor) else lambda: exponent < 0
    if a.dtype.kind in "iu" and b.data.size and negative():
        raise ValueError("pow: integers have no integer results at negative powers; convert to floating point")
    return Power()(a, b)


def exp(x: Tensor) -> Tensor:
    """e^x"""
    return Exp()(floating(x, "exp"))


def log(x: Tensor) -> Tensor:
    """Natural logarithm: -inf at 0, NaN below."""
    return Log()(floating(x, "log"))


def sqrt(x: Tensor) -> Tensor:
    """Square root: NaN below 0."""
    return Sqrt()(floating(x, "sqrt"))


def abs(x: Tensor) -> Tensor:
    """|x|"""
    return Abs()(check_numeric(x, "abs"))
