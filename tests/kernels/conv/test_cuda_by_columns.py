"""Convolutions in CUDA, run on the CPU: unfold, fold and the products, against the definitions."""

import numpy as np
import pytest
from hypothesis import given

import minitensor as mt
from minitensor.kernels import run
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import by_columns as convolution
from minitensor.kernels.unfold import definition as unfold_definition
from tests.cuda import ORDERS, examples, on_device, run_in_order
from tests.sim import cublas
from tests.strategies import convolutions, transposed_convolutions

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}


def as_float32(*arrays):
    return [None if array is None else array.astype(np.float32) for array in arrays]


@examples
@given(convolutions())
def test_conv2d(cupy, case):
    x, weight, bias = as_float32(case.x, case.weight, case.bias)
    settings = tuple(case.settings.values())
    for b in (None, bias):
        y = run("conv2d", *on_device(x, weight, b), *settings)
        np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, b, *settings), **TOLERANCE)


@examples
@given(convolutions())
def test_conv2d_weight(cupy, case):
    x, weight = as_float32(case.x, case.weight)
    settings = tuple(case.settings.values())
    grad = np.random.default_rng(0).standard_normal(reference.conv2d(x, weight, None, *settings).shape, np.float32)
    w = run("conv2d_weight", *on_device(x, grad), weight.shape[2:], *settings)
    expected = reference.conv2d_weight(x, grad, weight.shape[2:], *settings)
    np.testing.assert_allclose(w.get(), expected, **TOLERANCE)


@examples
@given(transposed_convolutions())
def test_conv_transpose2d(cupy, case):
    x, weight, bias = as_float32(case.x, case.weight, case.bias)
    settings = [case.settings[k] for k in ("stride", "padding", "output_padding", "groups", "dilation")]
    for b in (None, bias):
        y = run("conv_transpose2d", *on_device(x, weight, b), *settings)
        np.testing.assert_allclose(y.get(), reference.conv_transpose2d(x, weight, b, *settings), **TOLERANCE)


@examples
@given(convolutions())
def test_unfold_and_fold(cupy, case):
    (x,) = as_float32(case.x)
    stride, padding, dilation, _ = case.settings.values()
    window = (case.weight.shape[2:], dilation, padding, stride)
    expected = unfold_definition.unfold(x, *window)
    columns = run("unfold", *on_device(x), *window)
    np.testing.assert_array_equal(columns.get(), expected)
    image = run("fold", columns, x.shape[2:], *window)
    np.testing.assert_allclose(image.get(), unfold_definition.fold(expected, x.shape[2:], *window), **TOLERANCE)


@pytest.mark.parametrize("workspace", [1, 3000, 6000])
def test_a_small_workspace_takes_images_by_turns(cupy, monkeypatch, workspace):
    monkeypatch.setattr(convolution, "WORKSPACE_BYTES", workspace)
    rng = np.random.default_rng(1)
    x, weight = rng.standard_normal((5, 3, 6, 7), np.float32), rng.standard_normal((4, 3, 3, 3), np.float32)
    settings = ((1, 1), (1, 1), (1, 1), 1)
    expected = reference.conv2d(x, weight, None, *settings)
    on = on_device(x, weight)
    np.testing.assert_allclose(run("conv2d", *on, None, *settings).get(), expected, **TOLERANCE)
    grad_x = run("conv_transpose2d", *on_device(expected, weight), None, (1, 1), (1, 1), (0, 0), 1, (1, 1))
    np.testing.assert_allclose(
        grad_x.get(),
        reference.conv_transpose2d(expected, weight, None, (1, 1), (1, 1), (0, 0), 1, (1, 1)),
        rtol=1e-4,
        atol=1e-4,
    )
    w = run("conv2d_weight", *on_device(x, expected), (3, 3), *settings)
    np.testing.assert_allclose(w.get(), reference.conv2d_weight(x, expected, (3, 3), *settings), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("order", ORDERS)
def test_unfold_in_every_order_of_threads(cupy, monkeypatch, order):
    run_in_order(cupy, monkeypatch, order)
    x = np.random.default_rng(2).standard_normal((2, 3, 9, 11), np.float32)
    window = ((3, 2), (1, 2), (1, 1), (2, 1))
    columns = run("unfold", *on_device(x), *window)
    np.testing.assert_array_equal(columns.get(), unfold_definition.unfold(x, *window))


@pytest.mark.cpu_only  # the double's cuBLAS notes its calls
def test_precision_is_told_to_cublas(cupy):
    x, weight = (np.random.default_rng(3).standard_normal((2, 2, 4, 4), np.float32) for _ in range(2))
    before = mt.cuda.matmul_precision()
    try:
        for precision, compute_type in (("tf32", cublas.TF32), ("fp32", cublas.FP32)):
            assert mt.cuda.matmul_precision(precision) == precision
            run("conv2d", *on_device(x, weight), None, (1, 1), (0, 0), (1, 1), 1)
            assert cublas.log[-1][-1] == compute_type
    finally:
        mt.cuda.matmul_precision(before)
    assert before == "fp32"
    with pytest.raises(ValueError, match="'bf16'"):
        mt.cuda.matmul_precision("bf16")


def test_float64_runs_the_shared_text(cupy):
    x, weight = (np.random.default_rng(4).standard_normal((2, 2, 5, 5)) for _ in range(2))
    settings = ((1, 1), (1, 1), (1, 1), 1)
    y = run("conv2d", *on_device(x, weight), None, *settings)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, None, *settings))
