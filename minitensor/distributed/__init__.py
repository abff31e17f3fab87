"""Data-parallel training: several processes, each with a part of the batch, compute what one process would compute.

    world = minitensor.distributed.world()     this process among the others; alone unless a launcher started it
    synchronise(net, world)                    batch norm sees the whole batch (layers/norm.py)
    gradients = Gradients(parameters, world)   backward, then the sum over all processes

communicator.py says what processes can tell each other; mpi.py and nccl.py do it. docs/many-processes.md explains why
gradients are summed and what a sum over a network costs.
"""

from minitensor.distributed.communicator import Communicator, world
from minitensor.distributed.gradients import Gradients

__all__ = ["Communicator", "Gradients", "world"]
