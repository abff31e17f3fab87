"""What the processes of a training can tell each other.

Every method that speaks to others is a *collective*: all processes must call it, in the same order, with arrays of the
same shape and dtype. If one process leaves out a call, the others wait for it.
"""

from __future__ import annotations

import os

# A launcher says in the environment how many processes it started: mpich and Intel MPI, Open MPI, Slurm's srun.
LAUNCHER_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


class Communicator:
    """A process that is alone: rank 0 of 1. Nothing is sent, and every method returns what it was given.

    rank, size     the number of this process, and the number of processes
    local_size     the number of processes on this machine, which share its cores
    """

    rank = 0
    size = 1
    local_rank = 0
    local_size = 1

    @property
    def first(self):
        """Whether this is process 0: the one that decides, writes files and prints."""
        return self.rank == 0

    def share(self, count):
        """The part of `count` things that belongs to this process: a range. Sizes differ by at most one.

        Process r of N takes [count r / N, count (r + 1) / N), rounded down.
        """
        return range(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def sum_(self, array):
        """Replace `array` by the sum of the arrays of all processes, in place; returns it."""
        return array

    def start_sum_(self, array):
        """Begin `sum_` and return a function that waits until it is done. Until then, `array` must not be used."""
        return lambda: None

    def gather(self, array):
        """The arrays of all processes, stacked in the order of ranks: (size, *array.shape)."""
        return array[None]

    def broadcast_(self, array):
        """Replace `array` by the array of process 0, in place; returns it."""
        return array

    def from_first(self, value):
        """The value of process 0: anything that JSON can hold. What the others pass is not looked at."""
        return value

    def any(self, flag):
        """Whether `flag` is true in any process."""
        return bool(flag)

    def part(self, count):
        """The Communicator of the first `count` processes; None in the others. All must call it."""
        return self

    def meet(self):
        """Wait until all processes are here. Unlike in any other call, one that waits leaves its core to others."""

    def abort(self, error):
        """End all processes because of an exception in this one. A process that is alone raises it."""
        raise error


def launched():
    """The number of processes that a launcher says it started; None without a launcher."""
    sizes = [int(os.environ[name]) for name in LAUNCHER_SIZES if os.environ.get(name, "").isdigit()]
    return max(sizes, default=None)
