"""Batch normalisation and ReLU's gradient in CUDA, run on the CPU, against their definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run
from minitensor.kernels.batch_norm import cuda as normalize
from minitensor.kernels.batch_norm.definition import Running, batch_norm_grad_reference, batch_norm_reference
from minitensor.kernels.relu.definition import relu_grad_reference
from tests.cuda import ORDERS, examples, is_double, on_device, run_in_order
from tests.sim import strict

EPS = 1e-5
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}
images = st.tuples(st.integers(1, 3), st.integers(1, 5), st.integers(2, 9), st.integers(1, 40))


def check(x, grad, mean, variance, weight, bias, training):
    """Forward and backward on the double against the formula in float64."""
    exact = [None if a is None else a.astype(np.float64) for a in (x, mean, variance, weight, bias)]
    expected = batch_norm_reference(*exact, EPS)
    y, used_mean, used_variance = run("batch_norm", *on_device(x, mean, variance, weight, bias), EPS)
    for ours, theirs in zip((y, used_mean, used_variance), expected, strict=True):
        np.testing.assert_allclose(ours.get(), theirs, **TOLERANCE)
        assert ours.dtype == np.float32
    grads = run("batch_norm_grad", *on_device(grad, x), used_mean, used_variance, *on_device(weight), EPS, training)
    exact = grad.astype(np.float64), exact[0], *expected[1:], exact[3]
    for ours, theirs in zip(grads, batch_norm_grad_reference(*exact, EPS, training), strict=True):
        np.testing.assert_allclose(ours.get(), theirs, rtol=2e-4, atol=2e-4)
    return y, grads


@examples
@given(images, st.booleans(), st.booleans(), st.integers(0, 99))
def test_forward_and_backward(cupy, shape, affine, training, seed):
    rng = np.random.default_rng(seed)

    def draw(*size):
        return (rng.standard_normal(size) + 0.5).astype(np.float32)

    x, grad, channels = draw(*shape), draw(*shape), shape[1]
    weight, bias = (draw(channels), draw(channels)) if affine else (None, None)
    mean, variance = (None, None) if training else (draw(channels), np.square(draw(channels)) + np.float32(0.1))
    check(x, grad, mean, variance, weight, bias, training)


@pytest.mark.parametrize("order", ORDERS)
def test_many_runs_in_every_order_of_threads(cupy, monkeypatch, order):
    # runs of 64 pixels, so that a channel has many, of which the last is short
    monkeypatch.setattr(normalize, "RUN", 64)
    monkeypatch.setattr(normalize, "BLOCKS", 14)
    results = []
    for turn in (0, order):
        run_in_order(cupy, monkeypatch, turn)
        rng = np.random.default_rng(1)
        x, grad = (rng.standard_normal((3, 2, 9, 37)).astype(np.float32) for _ in range(2))
        y, grads = check(x, grad, None, None, None, None, True)
        results.append([array.get() for array in (y, *grads)])
    for first, second in zip(*results, strict=True):
        np.testing.assert_array_equal(first, second)


def test_pixels_far_from_zero_keep_their_variance(cupy):
    rng = np.random.default_rng(2)
    x = (10_000 + rng.standard_normal((2, 3, 40, 50))).astype(np.float32)
    _, mean, variance = run("batch_norm", *on_device(x), None, None, None, None, EPS)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean.get(), exact.mean(axis=(0, 2, 3)), rtol=1e-7)
    np.testing.assert_allclose(variance.get(), exact.var(axis=(0, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("first", [0.0, np.inf, np.nan])
def test_a_bad_pixel_spoils_its_channel_alone(cupy, first):
    x = np.random.default_rng(3).standard_normal((2, 2, 6, 6)).astype(np.float32)
    x[0, 0, 0, 0] = first
    with np.errstate(invalid="ignore"):
        expected = batch_norm_reference(x, None, None, None, None, EPS)
    y, _, variance = run("batch_norm", *on_device(x), None, None, None, None, EPS)
    np.testing.assert_allclose(y.get()[:, 1], expected[0][:, 1], **TOLERANCE)
    np.testing.assert_allclose(variance.get(), expected[2], **TOLERANCE)


def test_vectors_run_the_shared_text(cupy):
    x = np.random.default_rng(4).standard_normal((8, 3)).astype(np.float32)
    y, _, _ = run("batch_norm", *on_device(x), None, None, None, None, EPS)
    np.testing.assert_allclose(y.get(), batch_norm_reference(x, None, None, None, None, EPS)[0], **TOLERANCE)


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("counted", [True, False])
def test_running_statistics(cupy, step, counted):
    rng = np.random.default_rng(6)
    x = rng.standard_normal((2, 300, 3, 5)).astype(np.float32)
    vectors = [rng.random(300 * step).astype(np.float32) for _ in range(2)]
    batches = np.array(7) if counted else None
    moved = [vector[::step] for vector in on_device(*vectors)]  # with gaps, the shared text runs
    count = cupy.asarray(batches) if counted else None
    before = strict.state.launches["mean_and_variance"]
    _, mean, variance = run(
        "batch_norm", *on_device(x), None, None, None, None, EPS, Running(*moved, count, 0.1, 30 / 29)
    )
    assert strict.state.launches["mean_and_variance"] - before == (is_double(cupy) and step == 1)
    expected = Running(*(vector[::step].copy() for vector in vectors), batches, 0.1, 30 / 29)
    expected.move(mean.get(), variance.get())
    for array, vector in zip(moved, expected, strict=False):
        np.testing.assert_allclose(array.get(), vector, rtol=1e-6)
    assert not counted or count.get() == batches == 8


def test_given_statistics_move_nothing(cupy):
    x, mean, variance = np.ones((2, 3, 4, 4), np.float32), np.zeros(3, np.float32), np.ones(3, np.float32)
    on = on_device(mean, variance)
    running = Running(*on_device(mean, variance), None, 0.5, 2.0)
    run("batch_norm", *on_device(x), *on, None, None, EPS, running)
    assert not running.mean.get().any() and (running.variance.get() == 1).all()


@pytest.mark.parametrize("shape", [(1,), (7, 5), (2, 3, 17, 19), (0, 3)])
def test_relu_grad(cupy, shape):
    rng = np.random.default_rng(5)
    grad, y = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    if y.size > 3:
        y.flat[:3] = np.nan, 0.0, -0.0
    result = run("relu_grad", *on_device(grad, y))
    np.testing.assert_array_equal(result.get(), relu_grad_reference(grad, y))
