"""Functions made of straight pieces (relu, abs, max pooling): their second derivative is 0, but it exists.

The gradient of relu(x).sum() is 0 or 1. Nothing in its computation depends on x, so no graph would be recorded, and a
penalty on this gradient could not be differentiated. Torch gives zeros there. So a recorded gradient of such a function
is made to depend on x, with derivative 0.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.engine import Op
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor


class WithZeroSlope(Op):
    """y = grad, as a function of grad and of x, which it does not depend on: dy/dx = 0."""

    uses = ((), ())

    def forward(self, grad, x):
        return grad

    def backward(self, grad, needs):
        return grad, grad * 0 if needs[1] else None


def piecewise(grad: Tensor, op: Op) -> Tensor:
    """The gradient of the first input of `op`, as it is; or, if it would be a recorded constant, with slope 0 in x.

    Call it in `Op.backward`. It costs nothing if no graph is recorded or if grad is part of a graph already.
    """
    if grad.requires_grad or not is_grad_enabled():
        return grad
    x = op.parents[0]
    if isinstance(x, Op):
        # x itself was not kept. Its place in the graph is enough: the numbers are never read.
        nothing = array_module(grad.data).zeros((), grad.dtype)
        x = Tensor.wrap(array_module(grad.data).broadcast_to(nothing, grad.shape), x)
    return WithZeroSlope()(grad, x)
