"""The properties of a right answer to exercise 02."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS)
def test_x_is_left_alone(answer, seed):
    x = np.random.default_rng(seed).normal(size=(2, 3))
    before = x.copy()
    answer.numerical_gradient(np.sum, x)
    assert np.array_equal(x, before), "x has changed: work on a copy, or move it back after each difference"


@given(seed=SEEDS)
def test_each_element_has_its_own_slope(answer, seed):
    rng = np.random.default_rng(seed)
    slopes, x = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))
    found = answer.numerical_gradient(lambda x: (slopes * x).sum(), x)
    assert found.shape == x.shape, f"the gradient has the shape of x: {x.shape}, you return {found.shape}"
    assert not np.allclose(found, 2 * slopes, atol=1e-6), (
        "your gradient is twice too large: x + h and x - h are 2 h apart, so divide by 2 h"
    )
    assert np.allclose(found, slopes, atol=1e-6), (
        f"f = sum(slopes * x) has the gradient {slopes.round(2).tolist()}, you return {found.round(2).tolist()}. "
        "Move one element at a time; the others stay."
    )


@given(seed=SEEDS)
def test_parabolas_are_exact(answer, seed):
    x = np.random.default_rng(seed).normal(size=4)
    found = answer.numerical_gradient(lambda x: (x * x).sum(), x, h=0.1)
    assert np.allclose(found, 2 * x, atol=1e-9), (
        "for x^2 a central difference is exact even with h = 0.1, because the errors above and below cancel: "
        f"2 x = {(2 * x).round(3).tolist()}, you return {found.round(3).tolist()}. Is it a one-sided difference?"
    )
