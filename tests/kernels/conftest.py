"""The GPU for the tests of CUDA kernels: the strict double, or in a run for GPUs the device (tests/gpu.py)."""

import pytest

from minitensor import backend


@pytest.fixture
def cupy(gpu):
    """The module that minitensor takes for CuPy during a test."""
    return backend.module_for("cuda")
