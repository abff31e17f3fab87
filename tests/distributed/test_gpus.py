"""Nccl against a stand-in, in two real processes, on the GPU's double; and the sums of MPI by host copies."""

from tests.distributed.processes import needs_mpi, run


@needs_mpi
def test_sums_on_gpus():
    code, stdout, stderr = run(2, "tests/distributed/gpus.py")
    assert code == 0, stderr
    assert stdout.count("fine") == 2
