"""Cross entropy in CUDA, run on the CPU, against the definition: weights, smoothing, ignored pixels, wrong classes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run
from minitensor.kernels.cross_entropy.definition import cross_entropy_grad_reference, cross_entropy_reference
from tests.cuda import examples, on_device

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


@st.composite
def cases(draw):
    classes = draw(st.integers(1, 7))
    pixels = (draw(st.integers(1, 3)), *draw(st.lists(st.integers(1, 9), max_size=2)))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    logits = (5 * rng.standard_normal((pixels[0], classes, *pixels[1:]))).astype(np.float32)
    ignore_index = draw(st.sampled_from([-100, 0, 255]))
    target = rng.integers(0, classes, pixels)
    target[rng.random(pixels) < draw(st.sampled_from([0, 0.3, 1]))] = ignore_index
    class_weight = rng.random(classes).astype(np.float32) if draw(st.booleans()) else None
    pixel_weight = rng.random(pixels).astype(np.float32) if draw(st.booleans()) else None
    return logits, target, class_weight, pixel_weight, ignore_index, draw(st.sampled_from([0.0, 0.1, 1.0]))


@examples
@given(cases(), st.booleans())
def test_losses_and_gradient(cupy, case, shared):
    logits, target, class_weight, pixel_weight, *options = case
    expected = cross_entropy_reference(*case)
    arrays = on_device(logits, target, class_weight, pixel_weight)
    losses, total_weight, log_normaliser = run("cross_entropy", *arrays, *options)
    np.testing.assert_allclose(losses.get(), expected[0], **TOLERANCE)
    np.testing.assert_allclose(total_weight.get(), expected[1], **TOLERANCE)
    np.testing.assert_allclose(log_normaliser.get(), expected[2], **TOLERANCE)
    assert total_weight.shape == ()

    rng = np.random.default_rng(0)
    grad = rng.standard_normal(() if shared else target.shape).astype(np.float32)
    on = cupy.asarray(grad)
    grad_logits = run("cross_entropy_grad", on, arrays[0], log_normaliser, *arrays[1:], *options)
    wanted = cross_entropy_grad_reference(grad, logits, expected[2], *case[1:])
    np.testing.assert_allclose(grad_logits.get(), wanted, **TOLERANCE)
    if shared:  # the same number, spread over the pixels without a copy
        spread = run(
            "cross_entropy_grad", cupy.broadcast_to(on, target.shape), arrays[0], log_normaliser,
            *arrays[1:], *options,
        )  # fmt: skip
        np.testing.assert_array_equal(spread.get(), grad_logits.get())


def test_ignored_pixels_may_hold_anything(cupy):
    logits = np.array([[[np.nan, np.inf, 1.0], [0.0, 0.0, 2.0]]], np.float32)
    target = np.array([[9, 9, 1]])
    losses, total, normaliser = run("cross_entropy", *on_device(logits, target), None, None, 9)
    assert losses.get()[0, :2].tolist() == [0, 0] and total.get() == 1
    (grad,) = on_device(np.ones((1, 3), np.float32))
    grad = run("cross_entropy_grad", grad, *on_device(logits), normaliser, *on_device(target), None, None, 9)
    assert np.all(grad.get()[:, :, :2] == 0) and np.all(np.isfinite(grad.get()))


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_a_target_that_is_no_class_makes_nan(cupy, wrong):
    logits = np.random.default_rng(1).standard_normal((1, 3, 4)).astype(np.float32)
    target = np.array([[0, wrong, 2, 1]])
    losses, total, _ = run("cross_entropy", *on_device(logits, target))
    assert np.isnan(losses.get()).tolist() == [[False, True, False, False]] and np.isnan(total.get())


def test_bytes_are_classes_too(cupy):
    logits = np.random.default_rng(2).standard_normal((2, 3, 4)).astype(np.float32)
    target = np.random.default_rng(2).integers(0, 3, (2, 4)).astype(np.uint8)
    losses, _, _ = run("cross_entropy", *on_device(logits, target))
    np.testing.assert_allclose(losses.get(), cross_entropy_reference(logits, target)[0], **TOLERANCE)
