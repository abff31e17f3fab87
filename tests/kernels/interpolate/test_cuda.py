"""Interpolation in CUDA, run on the CPU, against its definition: the matrices of all modes and their transposes."""

import numpy as np
import pytest

from minitensor.kernels import run
from minitensor.kernels.interpolate.definition import interpolate2d_definition
from minitensor.kernels.interpolate.matrices import adaptive_matrix, interpolation_matrix
from tests.cuda import on_device

SIZES = [((5, 7), (10, 14)), ((6, 9), (4, 20)), ((1, 8), (3, 1)), ((11, 4), (11, 9))]
KINDS = {
    "bilinear": lambda n, m: interpolation_matrix(n, m, "bilinear"),
    "bilinear, corners": lambda n, m: interpolation_matrix(n, m, "bilinear", align_corners=True),
    "bilinear, antialias": lambda n, m: interpolation_matrix(n, m, "bilinear", antialias=True),
    "bicubic": lambda n, m: interpolation_matrix(n, m, "bicubic"),
    "nearest": lambda n, m: interpolation_matrix(n, m, "nearest"),
    "adaptive mean": adaptive_matrix,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("size", "out_size"), SIZES)
def test_forward_and_gradient(cupy, kind, size, out_size):
    matrices = [KINDS[kind](n, m) for n, m in zip(size, out_size, strict=True)]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, *size)).astype(np.float32)
    on = [cupy.asarray(matrix) for matrix in matrices]
    y = run("interpolate2d", *on_device(x), *on)
    np.testing.assert_allclose(y.get(), interpolate2d_definition(x, *matrices), rtol=1e-5, atol=1e-5)
    grad = rng.standard_normal(y.shape).astype(np.float32)
    back = run("interpolate2d", *on_device(grad), *(matrix.T for matrix in on))
    expected = interpolate2d_definition(grad, *(matrix.T for matrix in matrices))
    np.testing.assert_allclose(back.get(), expected, rtol=1e-5, atol=1e-5)


def test_rows_of_zeros_and_gaps(cupy):
    matrix = np.array([[0, 0, 0, 0], [0, 2, 0, 3], [1, 0, 0, 0], [0, 0, 0, 0]], np.float32)
    x = np.random.default_rng(1).standard_normal((1, 2, 4, 4)).astype(np.float32)
    x[0, 0, 2, 2] = np.inf  # in no row's sum, though inside a band
    y = run("interpolate2d", *on_device(x, matrix, matrix))
    np.testing.assert_allclose(y.get(), interpolate2d_definition(x, matrix, matrix), rtol=1e-6)
    assert np.all(np.isfinite(y.get()))
