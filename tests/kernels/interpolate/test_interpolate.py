"""Interpolation matrices against torch, and every text of resample2d against its definition."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import kernel_variants, run, use_kernels
from minitensor.kernels.interpolate.matrices import MODES, adaptive_matrix, interpolation_matrix

dtypes = st.sampled_from([np.float32, np.float64])
sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
flags = st.booleans()
TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}


def image(shape, dtype, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def torch_interpolate(x, mode, align_corners, **size):
    """torch's result and its gradient for an upstream gradient of noise, which is returned too."""
    x = torch.tensor(x, requires_grad=True)
    y = F.interpolate(x, mode=mode, align_corners=None if mode.startswith("nearest") else align_corners, **size)
    grad = image(y.shape, x.detach().numpy().dtype, seed=1)
    (x_grad,) = torch.autograd.grad(y, x, torch.tensor(grad))
    return y.detach().numpy(), grad, x_grad.numpy()


@given(sizes, st.tuples(st.integers(1, 30), st.integers(1, 30)), st.sampled_from(MODES), flags, flags, dtypes)
def test_sizes_given_equal_torch(size, out_size, mode, align_corners, antialias, dtype):
    antialias = antialias and not mode.startswith("nearest")
    if antialias and out_size[1] == 1:
        return  # torch 2.13 then copies row 0 to all rows, for (1, 2).T enlarged to (1, 1.5, 2).T too
    x = image((2, 3, *size), dtype)
    y, grad, x_grad = torch_interpolate(x, mode, align_corners, size=out_size, antialias=antialias)
    matrices = [
        interpolation_matrix(n, m, mode, align_corners and mode in ("bilinear", "bicubic"), None, antialias, dtype)
        for n, m in zip(size, out_size, strict=True)
    ]
    tolerance = TOLERANCE[dtype] * 10  # torch finds positions in float32 for float32 images
    np.testing.assert_allclose(run("interpolate2d", x, *matrices), y, atol=tolerance)
    back = run("interpolate2d", grad, matrices[0].T, matrices[1].T)
    np.testing.assert_allclose(back, x_grad, atol=tolerance * 10)
    assert back.dtype == x.dtype


@given(sizes, st.tuples(st.floats(0.3, 5.0), st.floats(0.3, 5.0)), st.sampled_from(MODES), flags, flags, dtypes)
def test_factors_given_equal_torch(size, factors, mode, align_corners, antialias, dtype):
    antialias = antialias and not mode.startswith("nearest")
    align_corners = align_corners and not mode.startswith("nearest")
    out_size = [int(np.floor(n * s)) for n, s in zip(size, factors, strict=True)]
    factors = tuple(s if m else 1.0 for s, m in zip(factors, out_size, strict=True))
    out_size = [m or n for n, m in zip(size, out_size, strict=True)]
    if antialias and out_size[1] == 1:
        return  # as above
    x = image((1, 2, *size), dtype)
    y, _, _ = torch_interpolate(x, mode, align_corners, scale_factor=factors, antialias=antialias)
    matrices = [
        interpolation_matrix(n, m, mode, align_corners, s, antialias, dtype)
        for n, m, s in zip(size, out_size, factors, strict=True)
    ]
    np.testing.assert_allclose(run("interpolate2d", x, *matrices), y, atol=TOLERANCE[dtype] * 20)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_copies_the_same_pixels_as_torch_for_every_small_size(mode, dtype):
    for size in range(1, 20):
        for out_size in range(1, 45):
            x = image((1, 1, size, size), dtype)
            y = F.interpolate(torch.tensor(x), size=(out_size, out_size), mode=mode).numpy()
            matrix = interpolation_matrix(size, out_size, mode, dtype=dtype)
            np.testing.assert_array_equal(run("interpolate2d", x, matrix, matrix), y, f"{size} -> {out_size}")


@given(sizes, sizes, dtypes)
def test_adaptive_pooling_equals_torch(size, out_size, dtype):
    x = image((2, 3, *size), dtype)
    matrices = [adaptive_matrix(n, m, dtype) for n, m in zip(size, out_size, strict=True)]
    y = F.adaptive_avg_pool2d(torch.tensor(x), out_size).numpy()
    np.testing.assert_allclose(run("interpolate2d", x, *matrices), y, atol=TOLERANCE[dtype])


@given(sizes, sizes, st.sampled_from(MODES), dtypes, flags, st.integers(0, 2))
def test_every_variant_equals_the_definition(size, out_size, mode, dtype, transposed, batch):
    x = image((batch, 2, *size), dtype)
    matrices = [interpolation_matrix(n, m, mode, dtype=dtype) for n, m in zip(size, out_size, strict=True)]
    if transposed:
        x, matrices = image((batch, 2, *out_size), dtype), [matrix.T for matrix in matrices]
    check_variants(x, *matrices)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sizes", [(50, 150), (150, 50), (70, 140), (128, 64), (97, 101)])
def test_bands_of_large_matrices_equal_the_definition(sizes, mode):
    size, out_size = sizes
    matrix = interpolation_matrix(size, out_size, mode, dtype=np.float64)
    narrow = interpolation_matrix(3, 2, "bilinear", dtype=np.float64)
    check_variants(image((1, 2, size, 3), np.float64), matrix, narrow)
    check_variants(image((1, 2, out_size, 3), np.float64), matrix.T, narrow)
    check_variants(image((2, 1, 3, size), np.float64), narrow, matrix)
    check_variants(image((2, 1, 3, out_size), np.float64), narrow, matrix.T)


def check_variants(x, matrix_h, matrix_w):
    with use_kernels(interpolate2d="reference"):
        expected = run("interpolate2d", x, matrix_h, matrix_w)
    for variant in ("auto", *kernel_variants("interpolate2d")):
        with use_kernels(interpolate2d=variant):
            y = run("interpolate2d", x, matrix_h, matrix_w)
        assert y.dtype == x.dtype and y.shape == expected.shape
        np.testing.assert_allclose(y, expected, atol=TOLERANCE[x.dtype.type] * 5, err_msg=variant)


@given(sizes, sizes, st.sampled_from(MODES), flags, flags)
def test_transposed_matrices_are_the_adjoint(size, out_size, mode, align_corners, antialias):
    antialias = antialias and not mode.startswith("nearest")
    matrices = [
        interpolation_matrix(n, m, mode, align_corners, None, antialias, np.float64)
        for n, m in zip(size, out_size, strict=True)
    ]
    x, grad = image((1, 2, *size), np.float64), image((1, 2, *out_size), np.float64, seed=1)
    forward = (grad * run("interpolate2d", x, *matrices)).sum()
    back = (run("interpolate2d", grad, *(matrix.T for matrix in matrices)) * x).sum()
    np.testing.assert_allclose(forward, back, rtol=1e-12, atol=1e-12)


def test_strided_input_and_few_large_planes():
    matrix = interpolation_matrix(120, 260, "bilinear", dtype=np.float64)
    x = image((3, 240, 2, 120), np.float64).transpose(0, 2, 1, 3)[::2, :, ::2]
    expected = matrix @ x @ matrix.T
    np.testing.assert_allclose(run("interpolate2d", x, matrix, matrix), expected, atol=1e-12)


@given(st.integers(1, 20), st.integers(1, 60), st.sampled_from(MODES), flags, flags)
def test_rows_sum_to_one(size, out_size, mode, align_corners, antialias):
    antialias = antialias and not mode.startswith("nearest")
    matrix = interpolation_matrix(size, out_size, mode, align_corners, None, antialias, np.float64)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-12)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="'trilinear'"):
        interpolation_matrix(2, 4, "trilinear")
    with pytest.raises(ValueError, match="antialias needs mode bilinear or bicubic, got 'nearest'"):
        interpolation_matrix(2, 4, "nearest", antialias=True)


def test_the_cached_matrix_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        interpolation_matrix(2, 4, "bilinear")[0, 0] = 7
