"""softmax and log_softmax, held to torch up to second order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse
from tests.strategies import numbers, shapes

NAMES = ["softmax", "log_softmax"]
INF = np.inf


@given(st.sampled_from(NAMES), st.data())
def test_any_shape_and_axis(name, data):
    shape = data.draw(shapes(0, 4))
    x = data.draw(numbers(shape)) * data.draw(st.sampled_from([1.0, 30.0, 1e4]))
    dim = data.draw(st.integers(-max(1, len(shape)), max(1, len(shape)) - 1))
    same_as_torch(lambda m, x: getattr(m, name)(x, dim), x)
    same_as_torch(lambda m, x: getattr(x, name)(dim), x, order=0)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "row", [[1000.0, -1000.0, 0.0], [-INF, 0.0, 1.0], [-INF, -INF, -INF], [INF, 0.0, 1.0], [np.nan, 0.0, 1.0]], ids=str
)
def test_extreme_scores(name, row):
    """Large scores do not overflow; infinite ones give torch's NaN, and do not infect other rows."""
    same_as_torch(lambda m, x: getattr(m, name)(x, 1), np.array([row, [1.0, 2.0, 3.0]]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3)])
def test_empty(name, shape):
    for dim in range(len(shape)):
        same_as_torch(lambda m, x, dim=dim: getattr(m, name)(x, dim), np.ones(shape))


@pytest.mark.parametrize("name", NAMES)
def test_dtype_is_converted_first(name):
    for dtype in (mt.float32, mt.float64):
        y = getattr(mt, name)(mt.tensor([[1, 2, 3]]), 1, dtype=dtype)
        assert y.dtype == dtype
    x = mt.ones(2, 3, requires_grad=True)
    getattr(mt, name)(x, 1, dtype=mt.float64)[0, 0].backward()
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("error", "words", "function", "x"),
    [
        (TypeError, ["int64"], lambda f, x: f(x, 1), np.ones((2, 3), int)),
        (ValueError, ["2", "2 dimensions"], lambda f, x: f(x, 2), normal(2, 3)),
        (ValueError, ["-3"], lambda f, x: f(x, -3), normal(2, 3)),
        (ValueError, ["1"], lambda f, x: f(x, 1), np.float64(1.0)),
        (TypeError, ["1.0"], lambda f, x: f(x, 1.0), normal(2, 3)),
        (TypeError, ["(0, 1)"], lambda f, x: f(x, (0, 1)), normal(2, 3)),
    ],
    ids=["integers", "no such dim", "no such negative dim", "a scalar's dim", "dim of float", "two dims"],
)
def test_malformed_calls(name, error, words, function, x):
    both_refuse(error, [name, *words], lambda m, x: function(getattr(m, name), x), x)
