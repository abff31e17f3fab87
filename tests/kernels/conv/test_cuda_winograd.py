"""Winograd's convolution in CUDA, run on the CPU, against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitensor as mt
from minitensor.kernels import run, use_kernels
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import winograd as ours
from minitensor.kernels.conv.winograd import matrices as winograd
from minitensor.kernels.cuda.launch import source_text
from tests.cuda import ORDERS, examples, is_double, on_device, run_in_order
from tests.sim import strict

TOLERANCE = {"rtol": 1e-4, "atol": 1e-4}
ONCE = (1, 1)
VARIANT = {name: "winograd2d" for name in ("conv2d", "conv_transpose2d", "conv2d_weight")}


@pytest.fixture(autouse=True)
def with_winograd(cupy):
    with use_kernels(**VARIANT):
        yield


def ran(cupy, kernel, before):
    """That `kernel` was launched since `before`: that nothing else stood in for it."""
    return not is_double(cupy) or strict.state.launches[kernel] > before


@st.composite
def three_by_three(draw):
    """x, weight, bias, padding and groups of a convolution with a 3 x 3 kernel, of odd sizes; padding may be large."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    images, groups, channels, filters = (draw(st.integers(1, 3)) for _ in range(4))
    padding = draw(st.integers(0, 4)), draw(st.integers(0, 4))
    size = [draw(st.integers(max(1, 3 - 2 * p), 11)) for p in padding]
    x = rng.standard_normal((images, groups * channels, *size), np.float32)
    weight = rng.standard_normal((groups * filters, channels, 3, 3), np.float32)
    bias = draw(st.sampled_from([None, rng.standard_normal(groups * filters, np.float32)]))
    return x, weight, bias, padding, groups


@settings(examples, max_examples=30)
@given(three_by_three())
def test_conv2d(cupy, case):
    x, weight, bias, padding, groups = case
    options = ONCE, padding, ONCE, groups
    before = strict.state.launches["outputs"]
    y = run("conv2d", *on_device(x, weight, bias), *options)
    assert ran(cupy, "outputs", before)
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, bias, *options), **TOLERANCE)


@settings(examples, max_examples=30)
@given(three_by_three())
def test_conv_transpose2d(cupy, case):
    """The weight of case, read as (C, O/g, 3, 3): the input gradient of the convolution above."""
    x, weight, _, padding, groups = case
    out_size = reference.output_size(x, (3, 3), ONCE, padding, ONCE)
    rng = np.random.default_rng(0)
    grad = rng.standard_normal((len(x), len(weight), *out_size), np.float32)
    bias = rng.standard_normal(x.shape[1], np.float32)
    options = ONCE, padding, (0, 0), groups, ONCE
    before = strict.state.launches["outputs"]
    y = run("conv_transpose2d", *on_device(grad, weight, bias), *options)
    assert ran(cupy, "outputs", before)
    np.testing.assert_allclose(y.get(), reference.conv_transpose2d(grad, weight, bias, *options), **TOLERANCE)


@settings(examples, max_examples=30)
@given(three_by_three())
def test_conv2d_weight(cupy, case):
    x, weight, _, padding, groups = case
    out_size = reference.output_size(x, (3, 3), ONCE, padding, ONCE)
    grad = np.random.default_rng(0).standard_normal((len(x), len(weight), *out_size), np.float32)
    options = ONCE, padding, ONCE, groups
    before = strict.state.launches["weights"]
    w = run("conv2d_weight", *on_device(x, grad), (3, 3), *options)
    assert ran(cupy, "weights", before)
    expected = reference.conv2d_weight(x, grad, (3, 3), *options)
    np.testing.assert_allclose(w.get(), expected, rtol=1e-4, atol=1e-3)


def all_three(x, weight, grad):
    """Forward, input gradient and weight gradient on the GPU, with padding 1."""
    x, weight, grad = on_device(x, weight, grad)
    y = run("conv2d", x, weight, None, ONCE, ONCE, ONCE, 1)
    grad_x = run("conv_transpose2d", grad, weight, None, ONCE, ONCE, (0, 0), 1, ONCE)
    grad_weight = run("conv2d_weight", x, grad, (3, 3), ONCE, ONCE, ONCE, 1)
    return [array.get() for array in (y, grad_x, grad_weight)]


def drawn(images, channels, filters, height, width):
    rng = np.random.default_rng(1)
    shapes = (images, channels, height, width), (filters, channels, 3, 3), (images, filters, height, width)
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


@pytest.mark.parametrize("order", ORDERS)
def test_more_than_a_block_of_threads_in_every_order(cupy, monkeypatch, order):
    arrays = drawn(3, 19, 23, 13, 18)
    first = all_three(*arrays)
    run_in_order(cupy, monkeypatch, order)
    for a, b in zip(first, all_three(*arrays), strict=True):
        np.testing.assert_array_equal(a, b)
    x, weight, grad = (array.astype(np.float64) for array in arrays)
    expected = (
        reference.conv2d(x, weight, None, ONCE, ONCE, ONCE, 1),
        reference.conv_transpose2d(grad, weight, None, ONCE, ONCE, (0, 0), 1, ONCE),
        reference.conv2d_weight(x, grad, (3, 3), ONCE, ONCE, ONCE, 1),
    )
    for found, exact in zip(first, expected, strict=True):
        np.testing.assert_allclose(found, exact, rtol=0, atol=2e-5 * np.abs(exact).max())


@pytest.mark.parametrize("workspace", [1, 10_000])
def test_a_small_workspace_takes_blocks_by_turns(cupy, monkeypatch, workspace):
    arrays = drawn(5, 3, 4, 6, 7)
    whole = all_three(*arrays)
    monkeypatch.setattr(ours, "WORKSPACE_BYTES", workspace)
    before = strict.state.launches["outputs"]
    for a, b in zip(whole, all_three(*arrays), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)
    if is_double(cupy):
        assert strict.state.launches["outputs"] - before > 2


def test_rounding_with_many_channels(cupy):
    """As on the CPU: some 1e-6 of a typical output, far below TF32's 1e-3."""
    x, weight, _ = drawn(1, 256, 4, 16, 16)
    y = run("conv2d", *on_device(x, weight), None, ONCE, ONCE, ONCE, 1).get()
    exact = reference.conv2d(x.astype(np.float64), weight, None, ONCE, ONCE, ONCE, 1)
    error = (y - exact) / np.sqrt(np.mean(exact**2))
    assert np.sqrt(np.mean(error**2)) < 1e-5 and np.abs(error).max() < 1e-4


def test_the_matrices_are_those_of_the_cpu():
    code = source_text("conv/cuda/winograd.cu")
    p, q = winograd.A_T[1, 1], winograd.A_T[1, 3]
    names = {"P": p, "Q": q, "P2": p * p, "Q2": q * q}
    names |= {"AT_0": winograd.SCALED_G[0, 0], "AT_P": winograd.SCALED_G[1, 0], "AT_Q": winograd.SCALED_G[3, 0]}
    names |= {"SCALE": winograd.SCALE}
    for name in ("B_T", "SCALED_G", "A_T"):
        matrix = getattr(winograd, name)
        start = code.index("{", code.index(f"constexpr float {name}["))
        text = code[start : code.index(";", start)].replace("{", "[").replace("}", "]")
        np.testing.assert_allclose(np.array(eval(text, names), np.float32), matrix, rtol=1e-6, atol=1e-7)


def chosen(cupy, name, x_shape, other_shape, *options):
    """The kernel that runs for a call when nobody asks for one."""
    x, other = (np.zeros(shape, np.float32) for shape in (x_shape, other_shape))
    before = strict.state.launches.copy()
    with use_kernels(**dict.fromkeys(VARIANT, "auto")):
        run(name, *on_device(x, other), *options)
    launched = strict.state.launches - before
    if launched["gemm"]:
        return "winograd2d" if launched["outputs"] + launched["weights"] else "cublas"
    return "tensor_cores"


@pytest.mark.cpu_only  # the double counts launches
def test_chosen_for_deep_layers_in_full_precision(cupy):
    plain = None, ONCE, ONCE, ONCE, 1
    assert chosen(cupy, "conv2d", (2, 64, 16, 16), (64, 64, 3, 3), *plain) == "winograd2d"
    assert chosen(cupy, "conv2d", (2, 64, 16, 16), (63, 64, 3, 3), *plain) == "cublas"
    assert chosen(cupy, "conv2d", (2, 63, 16, 16), (64, 63, 3, 3), *plain) == "cublas"
    assert chosen(cupy, "conv2d", (1, 64, 16, 16), (64, 64, 3, 3), *plain) == "cublas"  # for so few pixels
    assert chosen(cupy, "conv2d", (9, 64, 5, 5), (64, 64, 3, 3), *plain) == "cublas"  # of 5 rows, 3 hang over
    for stride, dilation, groups in (((2, 2), ONCE, 1), (ONCE, (2, 2), 1), (ONCE, ONCE, 2)):
        shapes = (2, 64, 18, 18), (64, 64 // groups, 3, 3)
        assert chosen(cupy, "conv2d", *shapes, None, stride, ONCE, dilation, groups) == "cublas"
    assert chosen(cupy, "conv2d", (2, 64, 16, 16), (64, 64, 5, 5), *plain) == "cublas"
    back = None, ONCE, ONCE, (0, 0), 1, ONCE
    assert chosen(cupy, "conv_transpose2d", (2, 64, 16, 16), (64, 64, 3, 3), *back) == "winograd2d"
    weight = (3, 3), ONCE, ONCE, ONCE, 1
    assert chosen(cupy, "conv2d_weight", (2, 64, 16, 16), (2, 64, 16, 16), *weight) == "winograd2d"
    assert chosen(cupy, "conv2d_weight", (2, 64, 16, 16), (2, 32, 16, 16), *weight) == "cublas"


def test_products_are_in_fp32_whatever_is_asked_for(cupy):
    arrays = drawn(1, 8, 8, 9, 9)
    expected = all_three(*arrays)
    mt.cuda.matmul_precision("tf32")
    try:
        found = all_three(*arrays)
    finally:
        mt.cuda.matmul_precision("fp32")
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [8, 7])  # rows of whole Fours, and others
def test_relu_in_the_epilogue(cupy, width):
    x, weight, _ = drawn(2, 3, 5, 6, width)
    bias = np.linspace(-1, 1, 5, dtype=np.float32)
    x[0, 0, 0, 0] = np.nan
    y = run("conv2d", *on_device(x, weight, bias), ONCE, ONCE, ONCE, 1, relu=True).get()
    exact = np.maximum(reference.conv2d(x, weight, bias, ONCE, ONCE, ONCE, 1), 0)
    finite = np.isfinite(y)
    assert np.isnan(y[0, :, 0, 0]).all() and finite[1].all()
    np.testing.assert_allclose(y[finite], exact[finite], **TOLERANCE)


def test_float64_runs_the_shared_text(cupy):
    x, weight, _ = (array.astype(np.float64) for array in drawn(1, 2, 2, 5, 5))
    y = run("conv2d", *on_device(x, weight), None, ONCE, ONCE, ONCE, 1)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, None, ONCE, ONCE, ONCE, 1))
