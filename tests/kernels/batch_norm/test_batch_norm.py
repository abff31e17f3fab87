"""Batch normalisation: the tiles against the formula and torch, and its accuracy far from zero."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run, use_kernels

TOLERANCE = {np.float32: 5e-5, np.float64: 1e-10}
EPS = 1e-5
shapes = st.one_of(
    st.tuples(st.integers(2, 5), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(2, 6)),
    st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(2, 6), st.integers(1, 6)),
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(2, 3), st.integers(1, 3), st.integers(1, 3)),
)


@given(shapes, st.sampled_from([np.float32, np.float64]), st.booleans(), st.booleans(), st.integers(0, 99))
def test_both_texts_equal_torch_forward_and_backward(shape, dtype, affine, training, seed):
    rng = np.random.default_rng(seed)

    def draw(*size):
        return (rng.standard_normal(size) + 0.5).astype(dtype)

    x, grad, channels = draw(*shape), draw(*shape), shape[1]
    weight, bias = (draw(channels), draw(channels)) if affine else (None, None)
    mean, variance = (None, None) if training else (draw(channels), np.square(draw(channels)) + dtype(0.1))
    tx, tw, tb = (None if a is None else torch.tensor(a, requires_grad=True) for a in (x, weight, bias))
    running = [None if a is None else torch.tensor(a) for a in (mean, variance)]
    ty = F.batch_norm(tx, *running, tw, tb, training, 0.1, EPS)
    ty.backward(torch.tensor(grad))
    for variant in ("reference", "tiles"):
        with use_kernels(batch_norm=variant, batch_norm_grad=variant):
            y, used_mean, used_variance = run("batch_norm", x, mean, variance, weight, bias, EPS)
            grads = run("batch_norm_grad", grad, x, used_mean, used_variance, weight, EPS, training)
        axes = (0, *range(2, x.ndim))
        if training:
            np.testing.assert_allclose(used_mean, x.mean(axis=axes), atol=TOLERANCE[dtype])
            np.testing.assert_allclose(used_variance, x.var(axis=axes), atol=TOLERANCE[dtype])
        # A channel that is nearly constant divides the rounding of its mean by its small deviation.
        deviation = np.sqrt(used_variance.min() + EPS)
        tolerance = {"atol": TOLERANCE[dtype] * max(1, 1 / deviation**2), "rtol": TOLERANCE[dtype]}
        np.testing.assert_allclose(y, ty.detach().numpy(), **tolerance)
        np.testing.assert_allclose(grads[0], tx.grad.numpy(), **tolerance)
        if affine:
            np.testing.assert_allclose(grads[1], tw.grad.numpy(), **tolerance)
            np.testing.assert_allclose(grads[2], tb.grad.numpy(), **tolerance)
        assert all(array.dtype == dtype for array in (y, used_mean, used_variance, *grads))


def test_many_channels_are_cut_into_tiles_and_strides_do_not_matter():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 60, 62, 41)).astype(np.float32).transpose(0, 3, 1, 2)
    grad = rng.standard_normal((3, 41, 60, 124)).astype(np.float32)[..., ::2]
    weight, bias = rng.standard_normal((2, 41)).astype(np.float32)
    y, mean, variance = run("batch_norm", x, None, None, weight, bias, EPS)
    grads = run("batch_norm_grad", grad, x, mean, variance, weight, EPS, True)
    with use_kernels(batch_norm="reference", batch_norm_grad="reference"):
        plain_y, *_ = run("batch_norm", x, None, None, weight, bias, EPS)
        plain_grads = run("batch_norm_grad", grad, x, mean, variance, weight, EPS, True)
    np.testing.assert_allclose(y, plain_y, atol=1e-5)
    for ours, plain in zip(grads, plain_grads, strict=True):
        np.testing.assert_allclose(ours, plain, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("mean", [0.0, 100.0, 10_000.0])
def test_a_large_mean_costs_no_more_accuracy_than_torch(mean):
    x = np.random.default_rng(0).normal(mean, 1.0, (4, 3, 64, 64)).astype(np.float32)
    exact = x.astype(np.float64)
    centred = exact - exact.mean(axis=(0, 2, 3), keepdims=True)
    exact_y = centred / np.sqrt(np.square(centred).mean(axis=(0, 2, 3), keepdims=True) + EPS)
    torch_y = F.batch_norm(torch.tensor(x), None, None, training=True, eps=EPS).numpy()
    y, _, variance = run("batch_norm", x, None, None, None, None, EPS)
    torch_error, error = np.abs(torch_y - exact_y).max(), np.abs(y - exact_y).max()
    assert error <= 2 * torch_error + 1e-6
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2, 3)), rtol=1e-5)
