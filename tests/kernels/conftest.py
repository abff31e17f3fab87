"""The strict double in CuPy's place, for the tests of CUDA kernels."""

import sys

import pytest

from tests.sim.cupy_double import strict_cupy


@pytest.fixture(scope="module")
def cupy():
    """The module that minitensor takes for CuPy while the tests of this file run."""
    with strict_cupy():
        yield sys.modules["cupy"]
