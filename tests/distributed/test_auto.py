"""--processes auto takes what measures fastest."""

import subprocess
import sys

import pytest

from nets.training import pace
from tests.distributed.processes import ROOT, environment, needs_mpi


@pytest.mark.parametrize(
    "cores, batch, expected", [(2, 4, [1, 2]), (8, 6, [1, 2, 4]), (6, 6, [1, 2, 3, 6]), (2, 1, [1])]
)
def test_ways_never_need_more_images_than_the_batch_has(cores, batch, expected):
    assert pace.ways(cores, batch) == expected


def test_more_processes_must_be_worth_it():
    assert pace.fastest({1: 0.100, 2: 0.080, 4: 0.090}) == 2
    assert pace.fastest({1: 0.100, 2: 0.099}) == 1
    assert "1 process x 4 threads 100 ms, 4 processes x 1 thread 80 ms; takes 4" in pace.in_words({1: 0.1, 4: 0.08}, 4)


@needs_mpi
def test_the_measurement_decides(tmp_path):
    command = [sys.executable, "-m", "nets", "train", "--processes", "auto", "--data", "cells", "--steps", "1"]
    small = ["--base", "2", "--depth", "2", "--crop", "16", "--batch", "2", "--out", str(tmp_path / "run")]
    two_cores = environment(OMP_NUM_THREADS="2", OPENBLAS_NUM_THREADS="2")
    done = subprocess.run([*command, *small], cwd=ROOT, env=two_cores, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    line = done.stdout.splitlines()[0]
    assert "1 process x 2 threads" in line and "2 processes x 1 thread" in line
    assert ("2 processes share each batch" in done.stdout) == line.endswith("takes 2")
