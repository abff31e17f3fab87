"""sum_over: NumPy's sum over any axes, with no more rounding than pairwise summation has; add_to, a sum in place."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels.arrays.summation import add_to, sum_over
from tests.strategies import lay_out


@given(st.data())
def test_it_is_the_sum(data):
    sizes = st.sampled_from([0, 1, 2, 127, 128, 129, 300])
    shape = tuple(data.draw(st.lists(sizes, min_size=0, max_size=3)))
    axes = tuple(data.draw(st.sets(st.integers(0, max(len(shape) - 1, 0)), max_size=len(shape))))
    if int(np.prod(shape)) > 10**6:
        shape = tuple(min(n, 100) for n in shape)
    layout = data.draw(st.sampled_from(["contiguous", "transposed", "flipped"]))
    # whole numbers: every order of summation gives the same
    x = lay_out(np.random.default_rng(0).integers(-9, 10, shape).astype(np.float32), layout)
    total = sum_over(x, axes)
    np.testing.assert_array_equal(total, x.sum(axis=axes, keepdims=True))
    assert total.dtype == np.float32


@pytest.mark.parametrize(("shape", "axes"), [((100_000, 3), (0,)), ((64, 16, 128, 3), (0, 2)), ((3, 5000, 2), (1,))])
def test_rows_are_not_added_one_after_the_other(shape, axes):
    """Of n positive numbers: one after the other errs by some n / 4 roundings, in pieces by a few hundred at most."""
    x = np.random.default_rng(0).random(shape, np.float32)
    exact = x.sum(axis=axes, keepdims=True, dtype=np.float64)
    assert (np.abs(sum_over(x, axes) / exact - 1) < 4 * np.finfo(np.float32).eps).all()


@pytest.mark.parametrize("shape", [(), (0, 3), (5,), (1, 3, 1500, 900), (3, 2, 1400, 700), (1, 1, 1, 5_000_000)])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "flipped"])
def test_add_to_is_the_sum_in_place(shape, layout):
    rng = np.random.default_rng(0)
    array = lay_out(rng.integers(-9, 10, shape).astype(np.float32), layout)
    start = rng.integers(-9, 10, shape).astype(np.float32)
    total = start.copy()
    add_to(total, array)
    np.testing.assert_array_equal(total, start + array)
