"""Smooth relatives of ReLU: GELU, SiLU (also called swish) and softplus."""

from __future__ import annotations

import math

from minitensor.arguments import check_float, check_real
from minitensor.backend import special_functions
from minitensor.engine import Op
from minitensor.ops.activation import sigmoid, tanh
from minitensor.ops.choose import where
from minitensor.ops.loss import LogSigmoid
from minitensor.tensor import Tensor

# of the approximation of GELU by tanh (Hendrycks and Gimpel 2016, arXiv 1606.08415)
CUBIC = 0.044715


class Erf(Op):
    """y = 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, so dy/dx = 2 / sqrt(pi) e^(-x^2)"""

    uses = ((0,),)

    def forward(self, x):
        return special_functions(x).erf(x)

    def backward(self, grad, needs):
        (x,) = self.inputs
        return grad * (2 / math.sqrt(math.pi)) * (-x * x).exp()


def gelu(x: Tensor, approximate: str = "none") -> Tensor:
    """x times the probability that a normal number is below x, x (1 + erf(x / sqrt 2)) / 2; or an approximation of it.

    Source: Hendrycks and Gimpel 2016 (arXiv 1606.08415). Raises TypeError for integers.
    """
    x = check_float(x, "gelu")
    if approximate == "tanh":
        return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + CUBIC * x * x * x)))
    if approximate != "none":
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    return 0.5 * x * (1 + Erf()(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x). Raises TypeError for integers."""
    x = check_float(x, "silu")
    return x * sigmoid(x)


def softplus(x: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + e^(beta x)) / beta, and x itself where beta x > threshold. Raises TypeError for integers."""
    check_real("softplus", "beta", beta)
    check_real("softplus", "threshold", threshold)
    x = check_float(x, "softplus")
    return where(x * beta > threshold, x, -LogSigmoid()(x * -beta) / beta)
