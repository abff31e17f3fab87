"""Softmax and its logarithm. Both derivatives need only the output:

p = softmax(z):      dp_c/dz_k = p_c ([c = k] - p_k)    a gradient g gives p_c (g_c - sum over k of g_k p_k)
l = log_softmax(z):  dl_c/dz_k = [c = k] - p_k          a gradient g gives g_c - p_c sum over k of g_k
"""

from __future__ import annotations

from minitensor.arguments import check_dtype, check_float, check_tensor
from minitensor.engine import Op
from minitensor.kernels import run
from minitensor.ops.dtypes import cast
from minitensor.ops.shape import normalize_axis, reshape
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


class Softmax(Op):
    """p_c = e^z_c / sum over k of e^z_k"""

    uses = ((),)
    uses_output = True

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return run("softmax", x, self.axis)

    def backward(self, grad, needs):
        p = self.output
        weighted = grad * p
        return weighted - p * weighted.sum(self.axis, keepdim=True)


class LogSoftmax(Op):
    """l_c = z_c - log(sum over k of e^z_k)"""

    uses = ((),)
    uses_output = True

    def __init__(self, axis):
        self.axis = axis

    def forward(self, x):
        return run("log_softmax", x, self.axis)

    def backward(self, grad, needs):
        return grad - self.output.exp() * grad.sum(self.axis, keepdim=True)


def softmax(x: Tensor, dim: int, dtype: DtypeLike = None) -> Tensor:
    """e^z_c / sum over k of e^z_k along `dim`: positive numbers that sum to 1. Does not overflow.

    With `dtype`, x is converted first. Raises TypeError for integers, ValueError for a `dim` out of range.
    """
    return _along("softmax", Softmax, x, dim, dtype)


def log_softmax(x: Tensor, dim: int, dtype: DtypeLike = None) -> Tensor:
    """The logarithm of softmax, z_c - log(sum over k of e^z_k). It is exact where softmax itself would round to 0.

    With `dtype`, x is converted first. Raises TypeError for integers, ValueError for a `dim` out of range.
    """
    return _along("log_softmax", LogSoftmax, x, dim, dtype)


def _along(operation, op, x, dim, dtype):
    x = check_tensor(x, operation)
    if dtype is not None:
        x = cast(x, check_dtype(dtype, operation))
    x = check_float(x, operation)
    axis = normalize_axis(dim, x.ndim, operation)
    if x.ndim == 0:
        return reshape(op(0)(reshape(x, 1)), ())
    return op(axis)(x)
