"""scatter_add: sorted and in doubling steps, against one addition after the other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor import use_kernels
from minitensor.kernels import run


@given(st.integers(0, 40), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_sorted_adds_up_what_falls_on_one_place(count, size, seed):
    rng = np.random.default_rng(seed)
    x, places = rng.standard_normal(count), rng.integers(0, size, count)
    with use_kernels(scatter_add="sorted"):
        y = run("scatter_add", x, places, size)
    expected = run("scatter_add", x, places, size)
    np.testing.assert_allclose(y, expected, atol=1e-13)
    assert y.dtype == x.dtype and y.shape == (size,)


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_infinity_and_nan_reach_their_own_place_only(value):
    with use_kernels(scatter_add="sorted"):
        y = run("scatter_add", np.array([1.0, value, 2.0, 4.0]), np.array([1, 2, 1, 3]), 5)
    np.testing.assert_array_equal(y, [0, 3, value, 4, 0])


def test_whole_numbers_stay_exact():
    x = np.full(100, 2**53 + 1)
    with use_kernels(scatter_add="sorted"):
        assert run("scatter_add", x, np.zeros(100, np.int64), 1)[0] == 100 * (2**53 + 1)
