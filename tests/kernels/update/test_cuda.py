"""The optimizers' steps in CUDA, run on the CPU, against the chain of array operations, several steps in a row."""

import itertools

import numpy as np
import pytest

from minitensor.kernels import run
from minitensor.kernels.update.definition import places
from tests.cuda import ORDERS, is_double, on_device, run_in_order
from tests.sim import strict

TOLERANCE = {"rtol": 1e-5, "atol": 1e-6}


def steps_on_both(operation, states, settings_of, count=1003):
    """Run three steps on the CPU and on the double, and compare all arrays after each."""
    rng = np.random.default_rng(0)
    here = [rng.standard_normal(count).astype(np.float32)]
    here += [None if start is None else np.full(count, start, np.float32) for start in states]
    there = on_device(*here)
    for step in range(3):
        grad = rng.standard_normal(count).astype(np.float32)
        run(operation, here[0], grad, *here[1:], *settings_of(step))
        run(operation, there[0], *on_device(grad), *there[1:], *settings_of(step))
        for expected, array in zip(here, there, strict=True):
            if expected is not None:
                np.testing.assert_allclose(array.get(), expected, **TOLERANCE)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize(("fresh", "weight_decay"), list(itertools.product([1, 0.5], [0, 0.1])))
def test_sgd(cupy, momentum, nesterov, fresh, weight_decay):
    # what the velocity holds before the first step must not matter
    velocity = np.nan if momentum else None
    steps_on_both(
        "sgd_update",
        [velocity],
        lambda step: (0.1, momentum, fresh, weight_decay, nesterov, bool(momentum) and step == 0),
    )


@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize(("weight_decay", "decoupled"), [(0, False), (0.1, False), (0.1, True), (0, True)])
def test_adam(cupy, amsgrad, weight_decay, decoupled):
    betas = (0.9, 0.999)

    def settings(step):
        corrections = 1 - betas[0] ** (step + 1), np.sqrt(1 - betas[1] ** (step + 1))
        return 1e-2, betas, 1e-8, weight_decay, decoupled, *corrections

    steps_on_both("adam_update", [0, 0, 0 if amsgrad else None], settings)


def test_a_transposed_gradient_runs_the_shared_text(cupy):
    param, grad = (np.random.default_rng(seed).standard_normal((5, 7)).astype(np.float32) for seed in (1, 2))
    there, turned = on_device(param, grad.T)
    run("sgd_update", there, turned.T, None, 0.5, 0, 1, 0, False, False)
    np.testing.assert_allclose(there.get(), param - np.float32(0.5) * grad, **TOLERANCE)


SIZES = {
    "one": [5],
    "some empty": [0, 3, 0, 0, 7, 0],
    "more than a list holds": [1 + i % 3 for i in range(300)],
    "more than a block of threads": [700, 1, 900],
}


@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_join(cupy, monkeypatch, sizes, order):
    run_in_order(cupy, monkeypatch, order)
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(size, np.float32) for size in sizes]
    slices, length = places(arrays)
    expected = np.zeros(length, np.float32)
    for place, array in zip(slices, arrays, strict=True):
        assert place.start % 4 == 0  # four numbers are 16 bytes
        expected[place] = array
    flat = cupy.full(length, np.nan, np.float32)
    before = strict.state.launches["flatten"]
    run("flatten", flat, on_device(*arrays))
    np.testing.assert_array_equal(flat.get(), expected)
    assert strict.state.launches["flatten"] - before == is_double(cupy) * -(-len(sizes) // 128)


def test_places_leave_as_little_as_they_can_between_arrays():
    float32, float64 = [np.zeros(n, np.float32) for n in (4, 5, 1)], [np.zeros(n) for n in (2, 3, 1)]
    assert places(float32) == ([slice(0, 4), slice(4, 9), slice(12, 13)], 16)
    assert places(float64) == ([slice(0, 2), slice(2, 5), slice(6, 7)], 8)


def test_join_of_any_shapes_layouts_and_dtypes(cupy):
    rng = np.random.default_rng(1)
    arrays = [rng.standard_normal(shape) for shape in ((3, 4), (), (2, 1, 5))]
    arrays[0] = arrays[0].T
    for dtype in (np.float32, np.float64):
        typed = [array.astype(dtype) for array in arrays]
        slices, length = places(typed)
        flat = cupy.empty(length, dtype)
        run("flatten", flat, [array if i else array.T for i, array in enumerate(on_device(typed[0].T, *typed[1:]))])
        for place, array in zip(slices, typed, strict=True):
            np.testing.assert_array_equal(flat[place].get(), array.reshape(-1))
