"""Data-parallel training: several processes, each with a part of the batch, compute what one process would compute.

    world = minitensor.distributed.world()     this process among the others; alone unless a launcher started it
    synchronise(net, world)                    batch norm sees the whole batch (layers/norm.py)
    gradients = Gradients(parameters, world)   backward, then the sum over all processes

communicator.py says what processes can tell each other, and mpi.py does it. Gradients are summed, never averaged: see
gradients.py.
"""

from minitensor.distributed.communicator import Communicator
from minitensor.distributed.gradients import Gradients
from minitensor.distributed.world import world

__all__ = ["Communicator", "Gradients", "world"]
