"""The sum over all processes, as an operation: its gradient is the same sum."""

from __future__ import annotations

from minitensor.arguments import check_float
from minitensor.engine import Op, owned
from minitensor.tensor import Tensor


class AllReduce(Op):
    """y = x_0 + x_1 + ... over the processes; every process has its own x_r, and gets the same y.

    The objective is the sum of all processes' losses, L = sum_s L_s(y). So dL/dx_r = sum_s dL_s/dy: the gradients of
    all processes are summed, which is this very operation. It is recorded like any other, so it has derivatives of
    any order.
    """

    uses = ((),)

    def __init__(self, world):
        self.world = world

    def forward(self, x):
        return self.world.sum_(x.copy())

    def backward(self, grad, needs):
        return owned(AllReduce(self.world)(grad))


def all_reduce(x: Tensor, world) -> Tensor:
    """The sum of x over all processes of the Communicator `world`; x must have one shape and dtype everywhere.

    All processes must take part, in forward and in backward. Raises TypeError for whole numbers.
    """
    return AllReduce(world)(check_float(x, "all_reduce"))
