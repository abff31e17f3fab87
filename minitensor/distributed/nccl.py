"""Sums of arrays that lie on GPUs, by NCCL; everything else goes through MPI.

NCCL adds the gradients of all GPUs without a copy to the host. It has no way of starting processes and none of telling
small things: MPI does that (mpi.py). Each process has one GPU, the one with its number on the machine.

Two processes on one GPU would hang in NCCL. Then there is no Nccl, and MPI sums host copies (`on_gpus`).
NCCL between two GPUs has never run for this project: none of its machines had two. What is tested is the calls, against
a stand-in that sums over MPI.
"""

from __future__ import annotations

from importlib import import_module

from minitensor.backend import array_module, module_for
from minitensor.distributed.communicator import Communicator

TYPES = {"float32": "NCCL_FLOAT32", "float64": "NCCL_FLOAT64", "int64": "NCCL_INT64"}


def on_gpus(world, count):
    """The Communicator for arrays on GPUs: `world` itself if there is only one process, or fewer GPUs than processes.

    count: the GPUs of this machine. Raises ImportError if NCCL is missing.
    """
    if world.size == 1 or world.any(world.local_size > count):
        return world
    return Nccl(world)


class Nccl(Communicator):
    """The processes of `world`, each on the GPU with its number on the machine."""

    def __init__(self, world):
        self._world = world
        self.rank, self.size = world.rank, world.size
        self.local_rank, self.local_size = world.local_rank, world.local_size
        self._cupy = module_for(f"cuda:{world.local_rank}")  # makes this GPU the current one, before NCCL begins
        self._nccl = import_module("cupy.cuda.nccl")
        # The identifier says who belongs together: 128 bytes, or numbers of either sign before CuPy 14.
        identifier = self._nccl.get_unique_id() if world.first else None
        kind = world.from_first(type(identifier).__name__)
        numbers = world.from_first(list(identifier) if world.first else None)
        identifier = bytes(numbers) if kind == "bytes" else tuple(numbers)
        self._group = self._nccl.NcclCommunicator(self.size, identifier, self.rank)
        # Sums of gradients have a stream of their own: they run while the other stream goes on with backward.
        self._stream = self._cupy.cuda.Stream(non_blocking=True)

    def sum_(self, array):
        if not self._takes(array):
            return self._world.sum_(array)
        self._add(array, self._cupy.cuda.get_current_stream())
        return array

    def start_sum_(self, array):
        if not self._takes(array):
            return self._world.start_sum_(array)
        current = self._cupy.cuda.get_current_stream()
        self._stream.wait_event(current.record())  # the gradients must be written before they are added
        self._add(array, self._stream)
        done = self._stream.record()
        return lambda: current.wait_event(done)  # the CPU does not wait, only what follows on the GPU

    def _takes(self, array):
        return array_module(array) is self._cupy and array.flags.c_contiguous and array.dtype.name in TYPES

    def _add(self, array, stream):
        kind = getattr(self._nccl, TYPES[array.dtype.name])
        pointer = array.data.ptr
        self._group.allReduce(pointer, pointer, array.size, kind, self._nccl.NCCL_SUM, stream.ptr)

    def gather(self, array):
        return self._world.gather(array)

    def broadcast_(self, array):
        return self._world.broadcast_(array)

    def from_first(self, value):
        return self._world.from_first(value)

    def any(self, flag):
        return self._world.any(flag)

    def abort(self, error):
        return self._world.abort(error)
