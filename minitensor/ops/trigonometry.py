"""Sine and cosine, one element at a time."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.ops.dtypes import floating
from minitensor.tensor import Tensor


class Sin(Op):
    """y = sin x, dy/dx = cos x"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).sin(x)

    def backward(self, grad, needs):
        return grad * Cos()(self.inputs[0])


class Cos(Op):
    """y = cos x, dy/dx = -sin x"""

    uses = ((0,),)

    def forward(self, x):
        return array_module(x).cos(x)

    def backward(self, grad, needs):
        return -grad * Sin()(self.inputs[0])


def sin(x: Tensor) -> Tensor:
    """Sine of radians."""
    return Sin()(floating(x, "sin"))


def cos(x: Tensor) -> Tensor:
    """Cosine of radians."""
    return Cos()(floating(x, "cos"))
