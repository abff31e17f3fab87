"""Second derivatives through all_reduce and synchronised batch norm. Each process writes OUT-RANK.npy.

mpiexec -n N python tests/distributed/second.py OUT
"""

import sys

import numpy as np

import minitensor as mt
from minitensor.distributed import world
from minitensor.ops.all_reduce import all_reduce

IMAGES, CHANNELS, SIDE = 6, 2, 3


def derivatives(communicator):
    """(d/dx, d/dw) of the squared length of the gradient of L = sum(y^3), y = batch norm of x, times sum(w x)^2."""
    rng = np.random.default_rng(3)
    whole = rng.normal(2, 1, (IMAGES, CHANNELS, SIDE, SIDE))
    mine = communicator.share(IMAGES)
    x = mt.tensor(whole[mine.start : mine.stop], requires_grad=True)
    weight = mt.tensor(rng.normal(1, 0.2, CHANNELS), requires_grad=True)
    bias = mt.zeros(CHANNELS, dtype=mt.float64)
    y = mt.batch_norm(x, None, None, weight, bias, True, over=communicator)
    total = all_reduce((x * x).sum(), communicator)
    loss = (y * y * y * x).sum() * total
    (grad,) = mt.grad(loss, x, create_graph=True)
    by_x, by_weight = mt.grad((grad * grad).sum(), (x, weight))
    return by_x.numpy(), communicator.sum_(by_weight.numpy().copy())


if __name__ == "__main__":
    by_x, by_weight = derivatives(world())
    np.savez(f"{sys.argv[1]}-{world().rank}.npz", x=by_x, weight=by_weight)
