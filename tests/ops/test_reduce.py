"""Reductions against torch: any axes, empty axes, ties, infinities, NaN."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.strategies import axes_of, distinct, numbers, shapes

pytestmark = pytest.mark.filterwarnings("ignore:var.*degrees of freedom")  # torch's own


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
@given(st.data())
def test_over_any_axes(name, data):
    x = data.draw(numbers(data.draw(shapes())))
    dim, keepdim = data.draw(axes_of(x.ndim)), data.draw(st.booleans())
    if dim is None and name == "logsumexp":
        dim = tuple(range(x.ndim)) or 0
    same_as_torch(lambda m, x: getattr(m, name)(x, dim, keepdim=keepdim), x)
    same_as_torch(lambda m, x: getattr(x, name)(dim, keepdim), x, order=0)


@given(st.data())
def test_var(data):
    x = data.draw(numbers(data.draw(shapes())))
    dim, correction = data.draw(axes_of(x.ndim)), data.draw(st.integers(0, 1))
    same_as_torch(lambda m, x: m.var(x, dim, correction=correction, keepdim=True), x, order=1)
    axes = range(x.ndim) if dim is None else np.atleast_1d(dim)
    if np.prod([x.shape[axis] for axis in axes]) > 1:
        same_as_torch(lambda m, x: m.var(x, dim, correction=correction), x)


@pytest.mark.parametrize(("shape", "correction"), [((1,), 1), ((2,), 2), ((0,), 0), ((2, 0), 1), ((2, 3), 2)])
def test_var_with_no_freedom_left(shape, correction):
    same_as_torch(lambda m, x: m.var(x, 0, correction=correction), normal(*shape), order=0)


@pytest.mark.parametrize("values", [[2.0], [2.0, 3.0], [2.0, 2.0]])
def test_gradients_of_a_variance_of_all_with_no_freedom_left(values):
    """NaN at the mean, infinite elsewhere, and constant: torch's choice."""
    for correction in (len(values), len(values) + 1):
        same_as_torch(lambda m, x, c=correction: m.var(x, correction=c), np.array(values))
        same_as_torch(lambda m, x, c=correction: m.var(x, 0, correction=c), np.array(values), order=1)


def test_no_correction_is_the_usual_one():
    same_as_torch(lambda m, x: m.var(x, correction=None) + x.var(0, correction=None), normal(3, 2))


@pytest.mark.parametrize("name", ["max", "min"])
@given(st.data())
def test_extremes_of_all(name, data):
    x = data.draw(numbers(data.draw(shapes())))  # the broadcast layout gives ties
    same_as_torch(lambda m, x: getattr(m, name)(x), x)


@pytest.mark.parametrize("name", ["max", "min"])
@given(st.data())
def test_extremes_and_their_places_along_an_axis(name, data):
    shape = data.draw(shapes(min_dims=1))
    dim, keepdim = data.draw(st.integers(-len(shape), len(shape) - 1)), data.draw(st.booleans())
    same_as_torch(lambda m, x: getattr(m, name)(x, dim, keepdim), distinct(*shape))


@pytest.mark.parametrize("name", ["max", "min"])
def test_ties(name):
    x = np.array([[1.0, 3.0, 3.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    same_as_torch(lambda m, x: getattr(m, name)(x), x)  # shared evenly
    same_as_torch(lambda m, x: getattr(m, name)(x, 1), x)  # the first takes all


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_wins(name):
    x = np.array([[1.0, np.nan, 3.0, np.nan], [np.inf, -np.inf, 0.0, 1.0]])
    same_as_torch(lambda m, x: getattr(m, name)(x), x, order=1)
    same_as_torch(lambda m, x: getattr(m, name)(x, 1), x, order=1)
    same_as_torch(lambda m, x: m.argmax(x), x)


@pytest.mark.parametrize("name", ["max", "min"])
def test_the_first_nan_wins(name):
    """Threads of a GPU compare positions 0 and 4, 1 and 5 of eight first, and so may meet a later NaN before."""
    x = np.arange(24.0).reshape(3, 8)
    x[0, [1, 4]] = x[1, [0, 3, 7]] = np.nan
    for dim in (0, 1):
        same_as_torch(lambda m, x, dim=dim: getattr(m, name)(x, dim), x, order=1)
    same_as_torch(lambda m, x: (m.argmax(x), m.argmax(x, 1), m.argmax(m.permute(x, (1, 0)))), x)


def test_max_over_several_axes_is_torchs_amax():
    same_as_torch(lambda m, x: m.max(x, (0, 2)), distinct(2, 3, 4), torch_function=lambda m, x: m.amax(x, (0, 2)))


@given(st.data())
def test_argmax(data):
    shape = data.draw(shapes(min_dims=1))
    x, keepdim = distinct(*shape), data.draw(st.booleans())
    dim = data.draw(st.one_of(st.none(), st.integers(-len(shape), len(shape) - 1)))
    same_as_torch(lambda m, x: m.argmax(x, dim, keepdim), x)


def test_argmax_takes_the_first_of_equals():
    x = mt.tensor([[1.0, 2.0, 2.0], [2.0, 0.0, 2.0]])
    assert x.argmax().item() == 1 and x.argmax(1).tolist() == [1, 0] and x.argmax(0).tolist() == [1, 0, 0]


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "logsumexp", "argmax", "var"])
def test_tensors_of_no_dimensions(name):
    x = np.array(2.5)
    if name != "logsumexp":
        same_as_torch(lambda m, x: getattr(m, name)(x), x, order=1)
    if name != "var":
        same_as_torch(lambda m, x: getattr(m, name)(x, -1), x, order=1)
        same_as_torch(lambda m, x: getattr(m, name)(x, 0, keepdim=True), x, order=1)


@pytest.mark.parametrize("name", ["sum", "mean", "logsumexp"])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_empty_tensors(name, shape):
    for dim in range(len(shape)):
        same_as_torch(lambda m, x, dim=dim: getattr(m, name)(x, dim), np.zeros(shape), order=1)
    if name != "logsumexp":
        same_as_torch(lambda m, x: getattr(m, name)(x), np.zeros(shape), order=1)


@pytest.mark.parametrize("name", ["max", "min", "argmax"])
def test_extremes_of_nothing_are_refused_and_beside_nothing_are_not(name):
    with pytest.raises(ValueError, match=name):
        getattr(mt, name)(mt.zeros(0, 3))
    with pytest.raises(ValueError, match=rf"{name}.*\(0, 3\)"):
        getattr(mt, name)(mt.zeros(0, 3), 0)
    same_as_torch(lambda m, x: getattr(m, name)(x, 1), np.zeros((0, 3)), order=1)


def test_logsumexp_does_not_overflow():
    x = np.array([[1000.0, 1000.0], [-1000.0, -1000.0], [-np.inf, -np.inf], [np.inf, 0.0], [-np.inf, 1.0]])
    same_as_torch(lambda m, x: m.logsumexp(x, 1), x, order=1)
    same_as_torch(lambda m, x: m.logsumexp(x, 1), x[:2], terms=1000)  # exp multiplies the rounding of 1000


def test_sum_of_whole_numbers_is_wide():
    x = np.full(1000, 200, np.uint8)
    same_as_torch(lambda m, x: m.sum(x), x)
    same_as_torch(lambda m, x: m.sum(x > 3, 0), x)
    same_as_torch(lambda m, x: m.sum(x, dtype=m.float64), x.astype(np.float64))


def test_mean_of_whole_numbers_is_refused():
    with pytest.raises(TypeError, match="mean.*int64"):
        mt.tensor([1, 2]).mean()
    same_as_torch(lambda m, x: m.mean(x, dtype=m.float64), np.array([1, 2]))
    same_as_torch(lambda m, x: m.mean(x > 1, 0, dtype=m.float32), np.array([1, 2]))


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_an_empty_tuple_of_axes_means_all(name):
    same_as_torch(lambda m, x: getattr(m, name)(x, ()), normal(2, 3))


def test_numpys_and_torchs_spelling_of_axes():
    x = mt.Tensor(normal(2, 3, 4))
    np.testing.assert_array_equal(x.sum((0, 2)).data, x.sum([0, -1]).data)
    np.testing.assert_array_equal(x.mean(dim=1, keepdim=True).data, x.data.mean(1, keepdims=True))
