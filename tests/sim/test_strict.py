"""The strict double itself: what it refuses, what it counts, and that it computes as NumPy does."""

import sys

import numpy as np
import pytest

from tests.sim.cupy_double import strict_cupy

HOST = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def state():
    with strict_cupy() as state:
        yield state


@pytest.fixture
def xp(state):
    return sys.modules["cupy"]


@pytest.fixture
def x(xp):
    return xp.asarray(HOST)


REFUSED = {
    "conversion": (lambda xp, x: np.asarray(x), TypeError),
    "array + NumPy": (lambda xp, x: x + HOST, TypeError),
    "NumPy + array": (lambda xp, x: HOST + x, TypeError),
    "a NumPy array among several": (lambda xp, x: xp.concatenate([x, HOST]), TypeError),
    "a NumPy index": (lambda xp, x: x[np.array([0])], TypeError),
    "a NumPy value": (lambda xp, x: x.__setitem__(0, HOST[0]), TypeError),
    "a function that CuPy lacks": (lambda xp, x: xp.insert(x, 0, 1), AttributeError),
    "an attribute that CuPy lacks": (lambda xp, x: x.ctypes, AttributeError),
    "an argument that CuPy lacks": (lambda xp, x: xp.sum(x, initial=0), TypeError),
    "a method's argument": (lambda xp, x: x.sum(where=x > 0), TypeError),
    "a ufunc's argument": (lambda xp, x: xp.add(x, x, where=x > 0), TypeError),
    "a ufunc's method": (lambda xp, x: xp.maximum.reduce(x), NotImplementedError),
    "one element written twice": (lambda xp, x: x.__setitem__(xp.asarray([0, 0]), 1.0), AssertionError),
    "comparison with a number that the dtype cannot hold": (lambda xp, x: x.astype(np.uint8) > -1, OverflowError),
    "the same by name": (lambda xp, x: xp.equal(x.astype(np.int8), 300), OverflowError),
    "a number beyond 64 bits": (lambda xp, x: x < 2**64, OverflowError),
    "adding in any order": (lambda xp, x: xp.add.at(x, xp.asarray([0, 0]), 1.0), AssertionError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(xp, x, name):
    function, error = REFUSED[name]
    with pytest.raises(error):
        function(xp, x)


WAITING = {
    "item": lambda xp, x: x[0, 0].item(),
    "float": lambda xp, x: float(x.sum()),
    "if": lambda xp, x: 1 if x.any() else 0,
    "get": lambda xp, x: x.get(),
    "mask": lambda xp, x: x[x > 2],
    "nonzero": lambda xp, x: xp.flatnonzero(x),
}


@pytest.mark.parametrize("name", WAITING)
def test_waiting_is_counted_and_can_be_forbidden(state, xp, x, name):
    WAITING[name](xp, x)
    assert state.syncs.total() == 1
    with state.syncs_forbidden(), pytest.raises(AssertionError, match="wait"):
        WAITING[name](xp, x)


COMPUTED = {
    "operators": (lambda xp, x: 2 - x**2 / (x + 1), 4),
    "views": (lambda xp, x: x.T[1:, None].reshape(2, 1, 2).transpose(1, 0, 2)[:, :, ::-1], 0),
    "a copy that a reshape needs": (lambda xp, x: x.T.reshape(-1), 1),
    "reductions": (lambda xp, x: x.sum(axis=1, keepdims=True) * x.max(), 3),
    "functions": (lambda xp, x: xp.where(x > 2, x, xp.exp(x)), 3),
    "in place": (lambda xp, x: _accumulated(xp, x), 3),
    "products": (lambda xp, x: xp.matmul(x, x.T), 1),
    "indices": (lambda xp, x: x[:, xp.asarray([2, 0])], 1),
    "a few arrays joined": (lambda xp, x: xp.concatenate([x, x, x]), 3),
    "many small arrays joined": (lambda xp, x: xp.concatenate([x] * 9), 1),
}


def _accumulated(xp, x):
    y = xp.zeros((2, 3), xp.float32)
    y[:, ::2] += x[:, ::2]
    return y


@pytest.mark.parametrize("name", COMPUTED)
def test_computes_as_numpy_and_counts_launches(state, xp, x, name):
    function, launches = COMPUTED[name]
    before = state.launches.total()
    y = function(xp, x)
    assert state.launches.total() - before == launches
    expected = function(np, HOST)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y.get(), expected)


def test_results_without_dimensions_are_arrays(xp, x):
    assert isinstance(x.sum(), xp.ndarray) and x.sum().shape == ()
    y = x[0, 1]
    y[...] = 7  # a view, where NumPy gives a number
    assert x.get()[0, 1] == 7 and y.base is x


def test_of_several_nan_any_may_be_found(xp):
    x = xp.asarray(np.array([[2, np.nan, 1, np.nan], [3, 1, 3, 0]], np.float32))
    assert x.argmax(axis=1).tolist() == [3, 0] and xp.argmin(x, axis=1, keepdims=True).tolist() == [[3], [3]]
    assert x.argmax().tolist() == 3


def test_views_know_their_base(xp, x):
    assert x[1:].base is x and x.T[0].base is x and (x + 1).base is None and x.copy().base is None


def test_fresh_memory_is_no_zero(xp):
    assert np.isnan(xp.empty((2, 2)).get()).all() and (xp.empty(3, np.uint8).get() != 0).all()


def test_transfers_are_counted(state, xp):
    y = xp.asarray(HOST)
    xp.asnumpy(y)
    xp.asarray(y)
    assert (state.uploads, state.downloads) == (1, 1)


def test_joining_many_small_arrays_uploads_lists(state, xp, x):
    before = state.uploads
    xp.concatenate([x] * 8)
    assert state.uploads == before
    xp.concatenate([x] * 9)
    assert state.uploads == before + 3


def test_arrays_of_another_device_are_refused(xp, x):
    with xp.cuda.Device(1):
        with pytest.raises(ValueError, match="array device = 0 while current = 1"):
            x + 1
        assert xp.ones(2).device.id == 1
    assert (x + 1).device.id == 0
