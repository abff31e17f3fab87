"""Activation functions. Most of their derivatives need only the output, so the input is not kept."""

from __future__ import annotations

from numbers import Real

from minitensor.arguments import check_float, check_numeric
from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.kernels import run
from minitensor.ops.choose import where
from minitensor.ops.dtypes import floating
from minitensor.ops.piecewise import piecewise
from minitensor.tensor import Tensor


class Tanh(Op):
    """y = tanh x, dy/dx = 1 - y^2"""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return array_module(x).tanh(x)

    def backward(self, grad, needs):
        return grad * (1 - self.output * self.output)


class Sigmoid(Op):
    """y = 1 / (1 + e^-x), dy/dx = y (1 - y). Written with e^-|x|, which cannot overflow."""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        xp = array_module(x)
        decay = xp.exp(-xp.abs(x))  # in (0, 1]; x >= 0: 1 / (1 + e^-x), x < 0: e^x / (1 + e^x)
        return xp.where(x >= 0, xp.ones_like(decay), decay) / (1 + decay)

    def backward(self, grad, needs):
        return grad * self.output * (1 - self.output)


class Relu(Op):
    """y = max(x, 0), dy/dx = 1 where y > 0, else 0. The output decides, so the input is not kept."""

    uses = ((),)
    uses_output = True

    def forward(self, x):
        return run("relu", x)

    def backward(self, grad, needs):
        return piecewise(ReluGradient(self.output)(grad), self)


class ReluGradient(Op):
    """grad where y > 0, else 0. It is linear in grad, and its own adjoint."""

    uses = ((),)
    sums = None

    def __init__(self, y):
        self.y = y
        self.watched = (y,)

    def forward(self, grad):
        return run("relu_grad", grad, self.y.data)

    def backward(self, grad, needs):
        return ReluGradient(self.y)(grad)


class ReluBiasGradient(ReluGradient):
    """ReluGradient of images, and the gradient of a bias added before the ReLU: `sums` (O,), over all pixels."""

    def __init__(self, y, overwrite):
        super().__init__(y)
        self.overwrite = overwrite  # whether the memory of grad may be overwritten

    def forward(self, grad):
        grad_x, self.sums = run("relu_bias_grad", grad, self.y.data, self.overwrite)
        return grad_x


class LeakyRelu(Op):
    """y = x where x > 0, else slope * x"""

    uses = ((0,),)

    def __init__(self, slope):
        self.slope = slope

    def forward(self, x):
        return array_module(x).where(x > 0, x, x * x.dtype.type(self.slope))

    def backward(self, grad, needs):
        return piecewise(where(self.inputs[0].data > 0, grad, grad * self.slope), self)


def tanh(x: Tensor) -> Tensor:
    """Hyperbolic tangent."""
    return Tanh()(floating(x, "tanh"))


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e^-x)"""
    return Sigmoid()(floating(x, "sigmoid"))


def relu(x: Tensor) -> Tensor:
    """max(x, 0)"""
    return Relu()(check_numeric(x, "relu"))


def leaky_relu(x: Tensor, negative_slope: float = 0.01) -> Tensor:
    """x where x > 0, else negative_slope * x; raises TypeError for integers."""
    if not isinstance(negative_slope, Real):
        raise TypeError(f"leaky_relu: negative_slope must be a number, got {negative_slope!r}")
    return LeakyRelu(negative_slope)(check_float(x, "leaky_relu"))
