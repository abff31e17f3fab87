"""Processes that speak through MPI, on one machine or on several. The only file that imports mpi4py.

MPI notices a process that was killed, and ends the others. It does not notice a process that raised an exception: the
others would wait for ever. So an uncaught exception ends all processes (`abort`), and a guard thread names a wait that
takes long, and ends it at a limit.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import sys
import threading
import time
import traceback

import numpy as np

from minitensor.backend import to_numpy
from minitensor.distributed.communicator import Communicator

try:
    from mpi4py import MPI
except ImportError as error:
    raise ImportError(
        f'several processes need MPI ({error}); install it with: python -m pip install "mpi4py>=4.1" "mpich>=5.0"'
    ) from error

WARN_SECONDS = 60.0  # a wait of this length is reported
LIMIT_SECONDS = float(os.environ.get("MINITENSOR_MPI_LIMIT", 1800.0))  # and one of this length ends all processes
LEAVE_SECONDS = float(os.environ.get("MINITENSOR_MPI_LEAVE", LIMIT_SECONDS))  # process 0 still draws
TELL_SECONDS = 0.2  # mpiexec passes a message on before Abort ends it; without a wait the message can be lost
MEET_SECONDS = 0.005  # between two looks of a process that waits in `meet`
GUARD_SECONDS = 0.25  # between two looks of the guard thread


class Mpi(Communicator):
    """All processes that the launcher started.

    Gradients have a channel of their own: their sums run while backward's other calls, batch norm's, go on.
    Raises RuntimeError if the launcher started more processes than MPI sees: each would train the whole net alone.
    """

    def __init__(self, launched=None, group=None):
        """group: some of the processes (`part`); None: all of them."""
        self._comm = group or MPI.COMM_WORLD
        self.rank, self.size = self._comm.rank, self._comm.size
        if launched is not None and launched > self.size:
            raise RuntimeError(
                f"the launcher started {launched} processes, but MPI sees {self.size}: launcher and library do not "
                "belong together; use the mpiexec that stands beside this Python"
            )
        self._gradients = self._comm.Dup()
        local = self._comm.Split_type(MPI.COMM_TYPE_SHARED)
        self.local_rank, self.local_size = local.rank, local.size
        self._waiting = None  # (name of the call, when it began)
        threading.Thread(target=self._guard, daemon=True, name="mpi-guard").start()
        if group is None:  # a part leaves the report of an exception to the whole
            sys.excepthook = self._uncaught
            self._leaving = self._comm.Dup()  # the others may be in another call
            atexit.register(self._leave)

    def sum_(self, array):
        return self._in_place("sum", array, lambda host: self._comm.Allreduce(MPI.IN_PLACE, host))

    def start_sum_(self, array):
        if not isinstance(array, np.ndarray) or not array.flags.c_contiguous:
            self.sum_(array)  # not memory that MPI can reach
            return lambda: None
        request = self._gradients.Iallreduce(MPI.IN_PLACE, array)
        return lambda: self._wait("sum of gradients", request.Wait)

    def gather(self, array):
        host = np.ascontiguousarray(to_numpy(array))
        gathered = np.empty((self.size, *host.shape), host.dtype)
        self._wait("gather", lambda: self._comm.Allgather(host, gathered))
        return gathered

    def broadcast_(self, array):
        return self._in_place("broadcast", array, self._comm.Bcast)

    def from_first(self, value):
        # JSON and not mpi4py's own way of sending objects, which is pickle
        text = json.dumps(value).encode() if self.first else b""
        length = int(self.broadcast_(np.array([len(text)]))[0])
        memory = np.frombuffer(text, np.uint8).copy() if self.first else np.empty(length, np.uint8)
        return json.loads(self.broadcast_(memory).tobytes())

    def any(self, flag):
        return bool(self.sum_(np.array([bool(flag)], np.int64))[0])

    def part(self, count):
        group = self._comm.Split(0 if self.rank < count else MPI.UNDEFINED, self.rank)
        return None if group == MPI.COMM_NULL else Mpi(group=group)

    def meet(self):
        request = self._comm.Ibarrier()
        while not request.Test():  # Wait would keep a core busy
            time.sleep(MEET_SECONDS)

    def abort(self, error):
        """Print the traceback, then which process failed; end all processes."""
        lines = "".join(traceback.format_exception(error))
        self._end(f"{lines}process {self.rank} of {self.size} (machine {socket.gethostname()}): {error!r}")

    def _in_place(self, name, array, call):
        """Let `call` change the array: directly, or through a copy if MPI cannot reach its memory."""
        if isinstance(array, np.ndarray) and array.flags.c_contiguous:
            self._wait(name, lambda: call(array))
            return array
        host = np.ascontiguousarray(to_numpy(array))
        self._wait(name, lambda: call(host))
        if isinstance(array, np.ndarray):
            array[...] = host
        else:
            array.set(host)  # an array on a GPU
        return array

    def _wait(self, name, call):
        self._waiting = (name, time.monotonic())
        try:
            call()
        finally:
            self._waiting = None

    def _guard(self):
        """Watch for calls that do not come back. A thread may do so, because MPI calls release Python's global lock."""
        told = None
        while True:
            time.sleep(GUARD_SECONDS)
            waiting = self._waiting
            if waiting is None:
                continue
            name, began = waiting
            seconds = time.monotonic() - began
            who = f"process {self.rank} of {self.size} (machine {socket.gethostname()}) has waited {seconds:.0f} s"
            if seconds > LIMIT_SECONDS:
                self._end(f"{who} for the others in a {name}; all processes end now")
            if seconds > WARN_SECONDS and told is not waiting:
                told = waiting
                print(f"{who} for the others in a {name}", file=sys.stderr, flush=True)

    def _end(self, message):
        print(message, file=sys.stderr, flush=True)
        time.sleep(TELL_SECONDS)
        self._comm.Abort(1)

    def _leave(self):
        """At the end of Python: wait a moment for the others. One that left early (sys.exit) would hang them."""
        end, request = time.monotonic() + LEAVE_SECONDS, self._leaving.Ibarrier()
        while not request.Test():
            if time.monotonic() > end:
                who = f"process {self.rank} of {self.size} (machine {socket.gethostname()})"
                self._end(f"{who} ended before the others; all processes end now")
            time.sleep(MEET_SECONDS)

    def _uncaught(self, kind, error, trace):
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
        self.abort(error)
