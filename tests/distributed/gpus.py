"""Sums by Nccl on the GPU's double, with a stand-in for NCCL that sums over MPI. Run under mpiexec; prints "fine".

The stand-in checks what NCCL would be given: pointers, counts, dtypes and streams. It needs the same calls everywhere.
"""

import ctypes
import sys
from types import ModuleType

import numpy as np

import minitensor as mt
from minitensor.distributed import Gradients, world
from tests.sim.cupy_double import strict_cupy

CALLS = []
DTYPES = {1: np.float32, 2: np.float64, 3: np.int64}


class Group:
    """NcclCommunicator."""

    def __init__(self, size, identifier, rank):
        assert identifier == bytes(range(128)) and (size, rank) == (world().size, world().rank)

    def allReduce(self, source, target, count, kind, operation, stream):
        assert source == target and operation == 7 and stream is not None
        memory = np.ctypeslib.as_array((ctypes.c_byte * (count * np.dtype(DTYPES[kind]).itemsize)).from_address(source))
        world().sum_(memory.view(DTYPES[kind]))
        CALLS.append((count, kind, stream))


def stand_in():
    nccl = ModuleType("cupy.cuda.nccl")
    nccl.NCCL_FLOAT32, nccl.NCCL_FLOAT64, nccl.NCCL_INT64, nccl.NCCL_SUM = 1, 2, 3, 7
    nccl.get_unique_id = lambda: bytes(range(128))
    nccl.NcclCommunicator = Group
    return nccl


class Stream:
    """A stream of which only the order of calls counts."""

    made = 0

    def __init__(self, non_blocking=False):
        Stream.made += 1
        self.ptr = Stream.made
        self.waits, self.records = 0, 0

    def record(self):
        self.records += 1
        return self

    def wait_event(self, event):
        self.waits += 1


def main():
    with strict_cupy():
        cupy = sys.modules["cupy"]
        current = Stream()
        cupy.cuda.Stream, cupy.cuda.get_current_stream = Stream, lambda: current
        sys.modules["cupy.cuda.nccl"] = stand_in()
        from minitensor.distributed.nccl import Nccl, on_gpus

        assert on_gpus(world(), 1) is world()  # two processes, one GPU: host copies
        here = on_gpus(world(), 2)
        assert isinstance(here, Nccl) and here.size == world().size
        device = f"cuda:{here.local_rank}"
        for dtype in ("float32", "float64", "int64"):
            x = mt.full((5,), here.rank + 1, dtype=dtype, device=device)
            assert here.sum_(x.data) is x.data and x.cpu().tolist() == [3] * 5
        assert len(CALLS) == 3 and {call[2] for call in CALLS} == {current.ptr}
        assert here.sum_(np.ones(2)).tolist() == [2, 2] and here.any(here.rank == 1) and here.from_first(here.rank) == 0
        assert len(CALLS) == 3  # host arrays and small things went through MPI
        # (4, 3) numbers, in two pieces of different dtype
        weights = [
            mt.full((3,), 2.0, device=device, requires_grad=True),
            mt.full((4,), 3.0, dtype=mt.float64, device=device, requires_grad=True),
        ]
        gradients = Gradients(weights, here)
        loss = (weights[0] * (here.rank + 1)).sum() + (weights[1].to(mt.float32) * weights[1].to(mt.float32)).sum()
        gradients.backward(loss)
        assert weights[0].grad.cpu().tolist() == [3] * 3 and weights[1].grad.cpu().tolist() == [12] * 4
        assert [call[:2] for call in CALLS[3:]] == [(4, 2), (3, 1)] and {call[2] for call in CALLS[3:]} == {
            here._stream.ptr
        }
        assert here._stream.waits == 2 and here._stream.records == 2 and current.records == 2 and current.waits == 2
    print("fine")


if __name__ == "__main__":
    main()
