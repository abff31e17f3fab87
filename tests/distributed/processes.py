"""Start real processes under MPI: the environment's own mpiexec, as the product does."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MPIEXEC = Path(sys.executable).parent / "mpiexec"
WAIT_SECONDS = 120  # longer than any of these tests takes on a busy machine

needs_mpi = pytest.mark.skipif(
    find_spec("mpi4py") is None or not MPIEXEC.is_file(),
    reason='mpi4py or its mpiexec is missing: python -m pip install -e ".[mpi]"',
)


def environment(**more):
    """One thread a process: the machine that runs tests has few cores."""
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | more


def start(processes, *arguments, **more):
    """Begin `python ARGUMENTS` in so many processes."""
    command = [str(MPIEXEC), "-n", str(processes), sys.executable, *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """(exit code, stdout, stderr) of a started command."""
    try:
        stdout, stderr = process.communicate(timeout=WAIT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, stdout, stderr


def run(processes, *arguments, **more):
    """Run it to the end."""
    return finish(start(processes, *arguments, **more))
