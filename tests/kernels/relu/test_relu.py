"""ReLU and its gradient: the tiled kernels against the plain ones, where it is easy and where it is not."""

from __future__ import annotations

import numpy as np
import pytest

from minitensor.kernels.arrays.masking import keep
from minitensor.kernels.relu import definition, tiles
from minitensor.kernels.table import kernel_variants, run, use_kernels

LARGE = (3, 7, 297, 303)  # above SERIAL_BYTES in float32, and no multiple of a tile


def _numbers(shape, dtype, seed):
    x = np.random.default_rng(seed).standard_normal(shape).astype(dtype)
    x.reshape(-1)[:6] = [np.nan, np.inf, -np.inf, 0.0, -0.0, np.finfo(dtype).tiny]
    return x


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [LARGE, (6,), (2, 3)])
def test_tiles_equal_the_definition(shape, dtype):
    x, grad = _numbers(shape, dtype, 0), _numbers(shape, dtype, 1)
    grad.reshape(-1)[:6] = [1, 2, 3, np.inf, np.nan, 4]
    with np.errstate(all="ignore"):
        y = definition.relu_reference(x)
        np.testing.assert_array_equal(tiles.relu(x), y)
        np.testing.assert_array_equal(tiles.relu_grad(grad, y), definition.relu_grad_reference(grad, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [LARGE, (2, 3, 5, 7)])
def test_the_gradient_of_a_bias_is_the_sum_of_that_of_relu(shape, dtype):
    rng = np.random.default_rng(4)
    y, grad = (np.maximum(rng.standard_normal(shape), 0).astype(dtype), rng.standard_normal(shape).astype(dtype))
    expected, sums = definition.relu_bias_grad_reference(grad, y)
    grad_x, grad_bias = tiles.relu_bias_grad(grad, y)
    np.testing.assert_array_equal(grad_x, expected)
    scale = np.abs(expected).sum(axis=(0, 2, 3)).max()
    np.testing.assert_allclose(grad_bias, sums, rtol=0, atol=8 * np.finfo(dtype).eps * scale)
    in_place, again = tiles.relu_bias_grad(grad, y, overwrite=True)
    assert in_place is grad
    np.testing.assert_array_equal(in_place, expected)
    np.testing.assert_array_equal(again, grad_bias)


def test_a_gradient_that_is_infinite_or_nan_is_dropped_where_the_output_is_zero():
    grad = np.full(LARGE, np.inf, np.float32)
    grad[0] = np.nan
    np.testing.assert_array_equal(run("relu_grad", grad, np.zeros(LARGE, np.float32)), 0)


def test_views_in_any_order_give_the_same():
    x = _numbers(LARGE, np.float32, 2).transpose(0, 2, 3, 1)[:, ::2]
    assert not x.flags.c_contiguous
    np.testing.assert_array_equal(run("relu", x), np.maximum(x, 0))


def test_use_kernels_reaches_both():
    x = _numbers(LARGE, np.float32, 3)
    for variant in ("reference", "tiles"):
        with use_kernels(relu=variant, relu_grad=variant):
            y = run("relu", x)
            np.testing.assert_array_equal(run("relu_grad", x, y), np.where(y <= 0, 0, x))


def test_keep_makes_zeros_of_what_is_not_finite_too():
    values, mask = np.array([1.5, np.inf, np.nan, -2.0]), np.array([True, False, False, True])
    np.testing.assert_array_equal(keep(values, mask), [1.5, 0, 0, -2.0])


@pytest.mark.parametrize("variant", kernel_variants("relu"))
def test_nothing_stays_nothing(variant):
    nothing = np.empty((0, 3), np.float32)
    with use_kernels(relu=variant, relu_grad=variant):
        assert run("relu", nothing).shape == run("relu_grad", nothing, nothing).shape == (0, 3)
