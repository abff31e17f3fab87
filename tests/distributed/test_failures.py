"""Whatever happens to one process, all end soon, and the message says what happened and where."""

import time

import pytest

from tests.distributed.processes import needs_mpi, run

FAILING = "tests/distributed/failing.py"
MOST_SECONDS = 30  # a fraction of a second on a quiet machine; without a word from MPI it would never end


@needs_mpi
@pytest.mark.parametrize("way", ["exception", "exit", "kill", "stop"])
@pytest.mark.parametrize("processes", [2, 3])
def test_one_process_fails(way, processes):
    began = time.monotonic()
    code, _, stderr = run(processes, FAILING, way, MINITENSOR_MPI_LIMIT="2", MINITENSOR_MPI_LEAVE="1")
    assert code != 0
    assert time.monotonic() - began < MOST_SECONDS
    if way == "exception":
        assert stderr.index("Traceback") < stderr.index(f"process 1 of {processes} (machine ")
        assert "ValueError('a bad image')" in stderr
    if way == "exit":
        assert f"process 1 of {processes} (machine " in stderr and "ended before the others" in stderr
    if way == "stop":
        assert "for the others in a sum; all processes end now" in stderr


@needs_mpi
def test_launcher_of_another_library():
    code, _, stderr = run(1, "-c", "from minitensor.distributed import world; world()", OMPI_COMM_WORLD_SIZE="4")
    assert code != 0
    assert "the launcher started 4 processes, but MPI sees 1" in stderr
