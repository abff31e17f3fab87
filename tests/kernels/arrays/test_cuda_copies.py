"""What a GPU's kernels spare: copies of slices, columns of single pixels, and columns made twice."""

import numpy as np
import pytest

from minitensor.kernels import run, use_kernels
from minitensor.kernels.arrays.concatenate import concatenate
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import by_columns as convolution
from minitensor.kernels.conv.cuda import winograd as winograd2d
from minitensor.kernels.cuda.gemm import parts_of_sum
from minitensor.kernels.cuda.launch import image_runs
from minitensor.kernels.relu.definition import relu_bias_grad_reference
from minitensor.kernels.unfold import definition as unfold_definition
from tests.cuda import is_double, on_device
from tests.sim import strict

ONCE, NONE = (1, 1), (0, 0)
TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}


def drawn(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape, np.float32)


def launched(cupy, kernel, before):
    """How often the double launched `kernel` since `before`; None on a GPU, which does not count."""
    return strict.state.launches[kernel] - before if is_double(cupy) else None


SLICES = {"first channels": (slice(0, 3), 8), "last channels": (slice(3, 7), 8), "odd rows": (slice(2, 5), 7)}


@pytest.mark.parametrize(("channels", "width"), SLICES.values(), ids=SLICES)
def test_a_slice_of_channels_is_read_where_it_lies(cupy, channels, width):
    whole, y = drawn(3, 7, 5, width), np.maximum(drawn(3, 7, 5, width), 0)[:, channels]
    expected, sums = relu_bias_grad_reference(whole[:, channels], y)
    on_gpu, y = on_device(whole, y)
    grad_x, grad_bias = run("relu_bias_grad", on_gpu[:, channels], y, True)
    np.testing.assert_array_equal(grad_x.get(), expected)
    np.testing.assert_allclose(grad_bias.get(), sums, **TOLERANCE)
    np.testing.assert_array_equal(on_gpu.get(), whole)  # a slice is not overwritten: others may read the rest
    columns = run("unfold", on_gpu[:, channels], (2, 3), ONCE, ONCE, ONCE)
    expected = unfold_definition.unfold(whole[:, channels], (2, 3), ONCE, ONCE, ONCE)
    np.testing.assert_array_equal(columns.get(), expected)


def test_images_whose_numbers_do_not_lie_in_a_row_are_copied(cupy):
    (x,) = on_device(drawn(2, 3, 4, 5))
    memory, step = image_runs(x.transpose(0, 1, 3, 2))
    assert (memory.shape, step) == ((2, 3, 5, 4), 60)
    memory, step = image_runs(x[:, 1:])
    assert (memory.shape, step) == ((100,), 60)
    assert image_runs(x[:0])[1] == 0


@pytest.mark.parametrize("sizes", [(4, 8), (3, 5), (1, 2, 3)])
@pytest.mark.parametrize("width", [4, 5])
def test_joined_channels(cupy, monkeypatch, sizes, width):
    monkeypatch.setattr("minitensor.kernels.arrays.concatenate.SERIAL_BYTES", 0)
    arrays = [drawn(2, size, 3, width) for size in sizes]
    before = strict.state.launches["copy_runs"]
    joined = concatenate(on_device(*arrays), 1)
    assert launched(cupy, "copy_runs", before) in (None, len(sizes))
    np.testing.assert_array_equal(joined.get(), np.concatenate(arrays, 1))
    (other,) = on_device(drawn(2, 3, 3, width).astype(np.float64))
    np.testing.assert_array_equal(concatenate([other, other], 1).get(), np.concatenate([other.get()] * 2, 1))


@pytest.mark.parametrize("overwrite", [False, True])
def test_the_mask_and_its_sums_in_one_launch(cupy, overwrite):
    grad, y = drawn(2, 3, 17, 19), np.maximum(drawn(2, 3, 19, 17).reshape(2, 3, 17, 19), 0)
    y[0, 0, 0, :2] = np.nan, 0
    expected, sums = relu_bias_grad_reference(grad, y)
    on_gpu, y = on_device(grad, y)
    before = strict.state.launches["relu_bias_grad"]
    grad_x, grad_bias = run("relu_bias_grad", on_gpu, y, overwrite)
    assert launched(cupy, "relu_bias_grad", before) in (None, 1)
    assert (grad_x is on_gpu) == overwrite
    np.testing.assert_array_equal(grad_x.get(), expected)
    np.testing.assert_allclose(grad_bias.get(), sums, **TOLERANCE)


@pytest.mark.parametrize("bias", [None, "drawn"])
@pytest.mark.parametrize("relu", [False, True])
def test_one_pixel_kernels_make_no_columns(cupy, bias, relu):
    x, weight = drawn(3, 4, 5, 6), drawn(7, 4, 1, 1)
    bias = None if bias is None else drawn(7)
    before = strict.state.launches["unfold"] + strict.state.launches["fold"]
    with use_kernels(conv2d="cublas", conv_transpose2d="cublas", conv2d_weight="cublas"):
        y = run("conv2d", *on_device(x, weight, bias), ONCE, NONE, ONCE, 1, relu=relu)
        back = run("conv_transpose2d", *on_device(x, weight.swapaxes(0, 1), bias), ONCE, NONE, NONE, 1, ONCE)
        grad = drawn(3, 7, 5, 6)
        w = run("conv2d_weight", *on_device(x, grad), ONCE, ONCE, NONE, ONCE, 1)
    if is_double(cupy):
        assert strict.state.launches["unfold"] + strict.state.launches["fold"] == before
    expected = reference.conv2d(x, weight, bias, ONCE, NONE, ONCE, 1)
    np.testing.assert_allclose(back.get(), expected, **TOLERANCE)
    np.testing.assert_allclose(y.get(), np.maximum(expected, 0) if relu else expected, **TOLERANCE)
    np.testing.assert_allclose(w.get(), reference.conv2d_weight(x, grad, ONCE, ONCE, NONE, ONCE, 1), **TOLERANCE)


@pytest.mark.parametrize("workspace", [1, 1 << 29])
@pytest.mark.parametrize("kernel", [2, 3])
def test_both_gradients_of_a_transposed_convolution_from_one_set_of_columns(cupy, monkeypatch, workspace, kernel):
    monkeypatch.setattr(convolution, "WORKSPACE_BYTES", workspace)
    x, weight = drawn(3, 5, 7, 6), drawn(5, 2, kernel, kernel)
    joined = drawn(3, 4, 14 + kernel - 2, 12 + kernel - 2)
    settings = (2, 2), NONE, ONCE, 1
    before = strict.state.launches["unfold"]
    on_gpu = on_device(x, weight, joined)
    grad_x, grad_weight = run("conv_transpose2d_gradients", *on_gpu[:2], on_gpu[2][:, 2:], *settings)
    assert launched(cupy, "unfold", before) in (None, 3 if workspace == 1 else 1)
    expected = reference.conv_transpose2d_gradients(x, weight, joined[:, 2:], *settings)
    np.testing.assert_allclose(grad_x.get(), expected[0], **TOLERANCE)
    np.testing.assert_allclose(grad_weight.get(), expected[1], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_winograds_weight_gradient_in_parts(cupy, monkeypatch, parts):
    monkeypatch.setattr(winograd2d, "parts_of_sum", lambda *sizes: parts)
    x, grad = drawn(2, 6, 9, 11), drawn(2, 4, 9, 11)
    with use_kernels(conv2d_weight="winograd2d"):
        weight = run("conv2d_weight", *on_device(x, grad), (3, 3), ONCE, ONCE, ONCE, 2)
    expected = reference.conv2d_weight(x, grad, (3, 3), ONCE, ONCE, ONCE, 2)
    np.testing.assert_allclose(weight.get(), expected, rtol=1e-4, atol=1e-3)


def test_a_sum_is_cut_only_where_products_are_few_and_long():
    assert parts_of_sum(36, 64, 64, 65536) == 29
    assert parts_of_sum(36, 64, 64, 2048) == 2
    assert parts_of_sum(36, 512, 512, 65536) == 1
    assert parts_of_sum(36, 64, 64, 5) == 1


@pytest.mark.parametrize("workspace", [1, 1 << 29])
@pytest.mark.parametrize("parts", [2, 3, 7])
def test_a_weight_gradient_of_few_products_and_long_sums_in_parts(cupy, monkeypatch, parts, workspace):
    monkeypatch.setattr(convolution, "parts_of_sum", lambda *sizes: parts)
    monkeypatch.setattr(convolution, "WORKSPACE_BYTES", workspace)
    x, grad = drawn(3, 2, 9, 11), drawn(3, 4, 9, 11)
    with use_kernels(conv2d_weight="cublas"):
        weight = run("conv2d_weight", *on_device(x, grad), (3, 3), ONCE, ONCE, ONCE, 1)
    expected = reference.conv2d_weight(x, grad, (3, 3), ONCE, ONCE, ONCE, 1)
    np.testing.assert_allclose(weight.get(), expected, rtol=1e-4, atol=1e-3)
