"""--processes N: start the same command again, in N processes under MPI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import minitensor as mt
from minitensor.distributed.communicator import launched
from nets.training import pace
from nets.training.recipes import is_summed

OPTION = "--processes"
MEASURE_SECONDS = 90.0  # a measurement of this length has gone wrong, or its net is too large for it
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


def restart(processes, arguments, config):
    """Replace this process by N processes that run `python -m nets` with the same arguments; returns only for N = 1.

    config: () -> the Config of the training, which is asked for only if processes is "auto" (`fastest_count`). The
    environment's own mpiexec starts them: another one may not fit the library. Raises ValueError if it is missing.
    """
    if launched():
        raise ValueError(f"{OPTION}: a launcher has started {launched()} processes already; leave {OPTION} out")
    mpiexec = str(_mpiexec()) if processes != 1 else None
    count = fastest_count(mpiexec, config()) if processes == "auto" else processes
    if count == 1:
        return
    command = [mpiexec, "-n", str(count), sys.executable, "-m", "nets", *without_option(arguments)]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # Windows has no way for one program to become another
        sys.exit(subprocess.call(command))
    os.execv(command[0], command)


def fastest_count(mpiexec, config):
    """The number of processes that trains `config` fastest here, as measured (nets/training/pace.py); printed.

    On GPUs, one process for each. 1 if nothing could be measured.
    """
    cores = mt.get_num_threads()
    if is_summed(config):  # one process computes a sum (recipes.check_alone)
        return 1
    if config.device != "cpu":
        return min(mt.cuda.device_count(), config.batch)
    most = max(pace.ways(cores, config.batch))
    if most == 1:
        return 1
    command = [mpiexec, "-n", str(most), sys.executable, "-m", "nets.training.pace"]
    try:
        done = subprocess.run(
            command, input=json.dumps(config.as_dict()), capture_output=True, text=True, timeout=MEASURE_SECONDS
        )
        seconds = {int(count): taken for count, taken in json.loads(done.stdout).items()}
    except (subprocess.TimeoutExpired, ValueError):
        print(f"{OPTION} auto could not measure; takes 1")
        return 1
    print(pace.in_words(seconds, cores))
    return pace.fastest(seconds)


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
