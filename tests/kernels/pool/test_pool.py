"""Pooling: every text against its definition and torch, and each gradient as an adjoint."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run, use_kernels
from minitensor.kernels.arrays.scatter import gather_plane, scatter_plane
from minitensor.kernels.geometry import extent

dtypes = st.sampled_from([np.float32, np.float64])


@st.composite
def pooling(draw, dilations=(1, 2)):
    """A geometry first, then an image that fits it: (x, (kernel_size, stride, padding, dilation, ceil_mode))."""

    def both(numbers):
        return draw(st.tuples(numbers, numbers))

    kernel, stride = both(st.integers(1, 4)), both(st.integers(1, 4))
    dilation = both(st.sampled_from(dilations))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(extent(k, d) + draw(st.integers(0, 7)) for k, d in zip(kernel, dilation, strict=True))
    shape = (draw(st.integers(0, 3)), draw(st.integers(1, 3)), *size)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    # Small whole numbers: ties are the rule, and sums are exact.
    x = rng.integers(-3, 4, shape).astype(draw(dtypes))
    for special in draw(st.lists(st.sampled_from([np.nan, -np.inf, np.inf]), max_size=2)):
        x[rng.random(shape) < 0.2] = special
    if draw(st.booleans()):
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    return x, (kernel, stride, padding, dilation, draw(st.booleans()))


def torch_max_pool(x, window):
    # torch refuses an empty batch only in some versions; NaN-safe comparison is the caller's.
    values, indices = F.max_pool2d(torch.tensor(np.ascontiguousarray(x)), *window, return_indices=True)
    return values.numpy(), indices.numpy()


@given(pooling())
def test_max_pool_equals_torch_and_the_definition(case):
    x, window = case
    values, taps = run("max_pool2d", x, *window)
    with use_kernels(max_pool2d="reference", max_pool2d_values="reference"):
        plain_values, plain_taps = run("max_pool2d", x, *window)
        np.testing.assert_array_equal(run("max_pool2d_values", x, *window), plain_values)
    np.testing.assert_array_equal(values, plain_values)
    np.testing.assert_array_equal(taps, plain_taps)
    np.testing.assert_array_equal(run("max_pool2d_values", x, *window), values)
    assert values.dtype == x.dtype and taps.dtype == np.uint8
    if len(x):
        torch_values, torch_indices = torch_max_pool(x, window)
        indices = run("max_pool2d_indices", taps, x.shape[2:], *window)
        np.testing.assert_array_equal(values, torch_values)
        np.testing.assert_array_equal(indices, torch_indices)
        assert indices.dtype == np.int64


@given(pooling())
def test_max_pool_gradient_equals_torch_and_the_definition(case):
    x, window = case
    x = np.random.default_rng(1).permuted(np.arange(x.size, dtype=x.dtype)).reshape(x.shape)
    values, taps = run("max_pool2d", x, *window)
    grad = np.random.default_rng(0).integers(-9, 10, values.shape).astype(x.dtype)
    x_grad = run("max_pool2d_grad", grad, taps, x.shape[2:], *window)
    with use_kernels(max_pool2d_grad="reference", max_pool2d_gather="reference"):
        np.testing.assert_array_equal(run("max_pool2d_grad", grad, taps, x.shape[2:], *window), x_grad)
        np.testing.assert_array_equal(run("max_pool2d_gather", x, taps, *window), values)
    np.testing.assert_array_equal(run("max_pool2d_gather", x, taps, *window), values)
    assert x_grad.dtype == x.dtype
    indices = run("max_pool2d_indices", taps, x.shape[2:], *window)
    np.testing.assert_array_equal(scatter_plane(grad, indices, x.shape[2:]), x_grad)
    np.testing.assert_array_equal(gather_plane(x, indices), values)
    if len(x):
        tensor = torch.tensor(x, requires_grad=True)
        F.max_pool2d(tensor, *window).backward(torch.tensor(grad))
        np.testing.assert_array_equal(x_grad, tensor.grad.numpy())


@given(pooling())
def test_max_pool_gradient_and_gather_are_adjoint(case):
    x, window = case
    x = np.random.default_rng(0).standard_normal(x.shape)
    values, taps = run("max_pool2d", x, *window)
    grad = np.random.default_rng(1).standard_normal(values.shape)
    other = np.random.default_rng(2).standard_normal(x.shape)
    left = (grad * run("max_pool2d_gather", other, taps, *window)).sum()
    right = (run("max_pool2d_grad", grad, taps, x.shape[2:], *window) * other).sum()
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


def test_an_infinite_gradient_reaches_only_the_winner():
    x = np.arange(4.0).reshape(1, 1, 2, 2)
    window = (2, 2), (2, 2), (0, 0)
    _, taps = run("max_pool2d", x, *window)
    x_grad = run("max_pool2d_grad", np.full((1, 1, 1, 1), np.inf), taps, (2, 2), *window)
    np.testing.assert_array_equal(x_grad, [[[[0, 0], [0, np.inf]]]])


@pytest.mark.parametrize("nans", [0.0, 0.05])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("ceil_mode", [False, True])
@pytest.mark.parametrize("size", [(6, 8), (7, 9), (5, 4)])
def test_ties_infinities_and_nans_in_windows_of_four(size, padding, ceil_mode, nans):
    rng = np.random.default_rng(0)
    x = rng.choice([0.0, 1.0, -np.inf, np.inf, np.nan], (40, 3, *size), p=[0.4, 0.2, 0.35 - nans, 0.05, nans])
    x[0] = -np.inf
    window = (2, 2), (2, 2), (padding, padding), (1, 1), ceil_mode
    values, taps = run("max_pool2d", x, *window)
    torch_values, torch_indices = torch_max_pool(x, window)
    np.testing.assert_array_equal(values, torch_values)
    np.testing.assert_array_equal(run("max_pool2d_indices", taps, size, *window), torch_indices)


def test_windows_of_more_than_256_taps():
    x = np.random.default_rng(0).standard_normal((1, 2, 40, 41)).astype(np.float32)
    window = (20, 20), (7, 7), (10, 10), (1, 1), True
    values, taps = run("max_pool2d", x, *window)
    torch_values, torch_indices = torch_max_pool(x, window)
    np.testing.assert_array_equal(values, torch_values)
    np.testing.assert_array_equal(run("max_pool2d_indices", taps, x.shape[2:], *window), torch_indices)


def test_many_planes_are_cut_into_tiles():
    x = np.random.default_rng(0).standard_normal((3, 17, 130, 134)).astype(np.float32)
    for window in [((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1))]:
        values, taps = run("max_pool2d", x, *window)
        torch_values, torch_indices = torch_max_pool(x, window)
        np.testing.assert_array_equal(values, torch_values)
        np.testing.assert_array_equal(run("max_pool2d_values", x, *window), torch_values)
        indices = run("max_pool2d_indices", taps, x.shape[2:], *window)
        np.testing.assert_array_equal(indices, torch_indices)
        back = run("max_pool2d_grad", values, taps, x.shape[2:], *window)
        np.testing.assert_allclose(back, scatter_plane(values, indices, x.shape[2:]), atol=1e-6)


@given(pooling(dilations=(1,)), st.booleans(), st.sampled_from([None, 1, 5]))
def test_avg_pool_and_its_gradient_equal_torch_and_the_definition(case, count_include_pad, divisor_override):
    x, (kernel, stride, padding, _, ceil_mode) = case
    x = np.random.default_rng(1).standard_normal(x.shape).astype(x.dtype)
    window = (kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    tolerance = 1e-5 if x.dtype == np.float32 else 1e-12
    y = run("avg_pool2d", x, *window)
    grad = np.random.default_rng(0).standard_normal(y.shape).astype(x.dtype)
    x_grad = run("avg_pool2d_grad", grad, x.shape[2:], *window)
    assert y.dtype == x_grad.dtype == x.dtype
    with use_kernels(avg_pool2d="reference", avg_pool2d_grad="reference"):
        np.testing.assert_allclose(run("avg_pool2d", x, *window), y, atol=tolerance)
        np.testing.assert_allclose(run("avg_pool2d_grad", grad, x.shape[2:], *window), x_grad, atol=tolerance)
    np.testing.assert_allclose((grad * y).sum(), (x_grad * x).sum(), atol=tolerance * 100)
    if len(x):
        tensor = torch.tensor(x, requires_grad=True)
        expected = F.avg_pool2d(tensor, *window)
        expected.backward(torch.tensor(grad))
        np.testing.assert_allclose(y, expected.detach().numpy(), atol=tolerance)
        np.testing.assert_allclose(x_grad, tensor.grad.numpy(), atol=tolerance)
