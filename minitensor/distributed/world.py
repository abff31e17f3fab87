"""This process among the others: which Communicator it has."""

from __future__ import annotations

from functools import cache

from minitensor.distributed.communicator import Communicator, launched


@cache
def world() -> Communicator:
    """The Communicator of this process, always the same one. MPI is imported only if a launcher started the process.

    Raises ImportError if a launcher started it and mpi4py is missing, and RuntimeError if launcher and library of MPI
    do not belong together.
    """
    count = launched() or 1
    if count == 1:
        return Communicator()
    from minitensor.distributed.mpi import Mpi

    return Mpi(count)
