"""N processes with parts of a batch compute what one process computes with all of it."""

import numpy as np
import pytest

from minitensor.distributed import Communicator
from tests.distributed import second, steps
from tests.distributed.processes import needs_mpi, run

STEPS = "tests/distributed/steps.py"
FLOAT32 = 2e-3  # ten steps of SGD: rounding grows from step to step; the order of the images differs by as much


@needs_mpi
@pytest.mark.parametrize("processes, images", [(2, 8), (2, 5), (3, 5), (3, 3)])
@pytest.mark.parametrize("optimizer, error", [("sgd", 1e-13), ("adamw", 1e-11)])
def test_ten_steps(tmp_path, processes, images, optimizer, error):
    """Equal and unequal parts; the weights, and batch norm's running statistics, of every process."""
    expected = steps.train(Communicator(), optimizer, images, np.float64)
    code, _, stderr = run(processes, STEPS, tmp_path / "out", optimizer, images, "float64")
    assert code == 0, stderr
    got = [np.load(tmp_path / f"out-{rank}.npy") for rank in range(processes)]
    for other in got[1:]:
        assert other.tobytes() == got[0].tobytes()
    assert np.abs(got[0] - expected).max() <= error


@needs_mpi
def test_twice_the_same_bits_in_float32(tmp_path):
    expected = steps.train(Communicator(), "sgd", 5, np.float32)
    results = []
    for name in ("a", "b"):
        code, _, stderr = run(2, STEPS, tmp_path / name, "sgd", 5, "float32")
        assert code == 0, stderr
        results += [np.load(tmp_path / f"{name}-{rank}.npy") for rank in range(2)]
    assert len({result.tobytes() for result in results}) == 1
    assert np.sqrt(np.mean((results[0] - expected) ** 2)) <= FLOAT32


@needs_mpi
@pytest.mark.parametrize("processes", [2, 3])
def test_second_derivatives(tmp_path, processes):
    by_x, by_weight = second.derivatives(Communicator())
    code, _, stderr = run(processes, "tests/distributed/second.py", tmp_path / "out")
    assert code == 0, stderr
    got = [np.load(tmp_path / f"out-{rank}.npz") for rank in range(processes)]
    np.testing.assert_allclose(np.concatenate([part["x"] for part in got]), by_x, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(got[0]["weight"], by_weight, rtol=1e-11, atol=1e-9)
