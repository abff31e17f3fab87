"""--processes N: start the same command again, in N processes under MPI."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from minitensor.distributed.communicator import launched

OPTION = "--processes"
INSTALL = 'python -m pip install "mpi4py>=4.1" "mpich>=5.0"'


def count_of(text):
    """A converter for argparse: a whole number above 0, or "auto"."""
    if text == "auto":
        return text
    count = int(text)
    if count < 1:
        raise ValueError
    return count


count_of.__name__ = "whole number above 0 (or auto)"


def restart(processes, arguments, batch):
    """Replace this process by N processes that run `python -m nets` with the same arguments; returns only for N = 1.

    The environment's own mpiexec starts them: another one may not fit the library. Raises ValueError if it is missing.
    """
    if launched():
        raise ValueError(f"{OPTION}: a launcher has started {launched()} processes already; leave {OPTION} out")
    count = min(_cores(), batch) if processes == "auto" else processes
    if count == 1:
        return
    command = [str(_mpiexec()), "-n", str(count), sys.executable, "-m", "nets", *without_option(arguments)]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # Windows has no way for one program to become another
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def without_option(arguments):
    """The arguments without --processes and its number."""
    kept, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument == OPTION:
            skip = True
        elif not argument.startswith(f"{OPTION}="):
            kept.append(argument)
    return kept


def _mpiexec():
    path = Path(sys.executable).parent / ("mpiexec.exe" if os.name == "nt" else "mpiexec")
    if find_spec("mpi4py") is None or not path.is_file():
        raise ValueError(f"{OPTION} needs MPI in this environment: {INSTALL}")
    return path


def _cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
