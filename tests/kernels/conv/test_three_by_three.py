"""The 3 x 3 convolutions on tensor cores, run on the CPU lane by lane, against the definition with factors in TF32."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minitensor as mt
from minitensor.kernels import run, use_kernels
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import three_by_three
from tests.cuda import ORDERS, examples, is_double, on_device, run_in_order
from tests.sim import strict
from tests.sim.cublas import tf32

ONCE = (1, 1)
TOLERANCE = {"rtol": 1e-5, "atol": 1e-4}  # of sums of up to 40 * 9 products of about 1
VARIANT = {name: "three_by_three" for name in ("conv2d", "conv_transpose2d", "conv2d_weight")}


@pytest.fixture(autouse=True)
def in_tf32(cupy):
    mt.cuda.matmul_precision("tf32")
    with use_kernels(**VARIANT):
        yield
    mt.cuda.matmul_precision("fp32")


def drawn(rng, *shape):
    """float32 numbers that TF32 holds exactly: what is left to differ is the order of sums."""
    return tf32(rng.standard_normal(shape).astype(np.float32))


class launches:
    """Within the block, kernel `name` is launched `count` times; only the double can count them."""

    def __init__(self, cupy, name, count=1):
        self.expected, self.name = count * is_double(cupy), name

    def __enter__(self):
        self.before = strict.state.launches[self.name]

    def __exit__(self, kind, *error):
        assert kind or strict.state.launches[self.name] == self.before + self.expected


@st.composite
def three_by_three_calls(draw):
    """rng, x, weight, bias and padding: one tile or several in each direction, padding up to more than the kernel."""
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    images, channels, filters = draw(st.integers(1, 2)), draw(st.integers(1, 20)), draw(st.integers(1, 70))
    padding = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    size = [draw(st.integers(max(1, 3 - 2 * p), 20)) for p in padding]
    x, weight = drawn(rng, images, channels, *size), drawn(rng, filters, channels, 3, 3)
    bias = draw(st.sampled_from([None, drawn(rng, filters)]))
    return rng, x, weight, bias, padding


@settings(examples, max_examples=12)
@given(three_by_three_calls(), st.booleans())
def test_conv2d(cupy, case, relu):
    _, x, weight, bias, padding = case
    with launches(cupy, "convolve3x3"):
        y = run("conv2d", *on_device(x, weight, bias), ONCE, padding, ONCE, 1, relu=relu)
    expected = reference.conv2d(x, weight, bias, ONCE, padding, ONCE, 1)
    np.testing.assert_allclose(y.get(), np.maximum(expected, 0) if relu else expected, **TOLERANCE)


@settings(examples, max_examples=12)
@given(three_by_three_calls())
def test_conv_transpose2d(cupy, case):
    rng, x, weight, bias, padding = case
    padding = tuple(min(p, 2) for p in padding)
    out_size = [n + 2 - 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    if min(out_size) < 1:
        return
    back = weight.swapaxes(0, 1)  # (C, O, 3, 3), not contiguous
    options = ONCE, padding, (0, 0), 1, ONCE
    with launches(cupy, "convolve3x3"):
        y = run("conv_transpose2d", *on_device(x, back, bias), *options)
    np.testing.assert_allclose(y.get(), reference.conv_transpose2d(x, back, bias, *options), **TOLERANCE)


@settings(examples, max_examples=12)
@given(three_by_three_calls())
def test_conv2d_weight(cupy, case):
    rng, x, weight, _, padding = case
    out_size = reference.output_size(x, (3, 3), ONCE, padding, ONCE)
    grad = drawn(rng, len(x), len(weight), *out_size)
    with launches(cupy, "weight_gradient3x3"):
        w = run("conv2d_weight", *on_device(x, grad), (3, 3), ONCE, padding, ONCE, 1)
    expected = reference.conv2d_weight(x, grad, (3, 3), ONCE, padding, ONCE, 1)
    np.testing.assert_allclose(w.get(), expected, rtol=1e-5, atol=1e-3)


SHAPES = {  # x, weight, padding
    "more than a tile of everything": ((2, 19, 17, 33), (67, 19, 3, 3), ONCE),
    "exactly tiles": ((2, 16, 16, 16), (64, 16, 3, 3), ONCE),
    "a single output": ((1, 3, 1, 1), (2, 3, 3, 3), ONCE),
    "more channels than a block of the weight gradient": ((1, 40, 9, 9), (5, 40, 3, 3), (0, 2)),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_large_shapes_in_every_order_of_threads(cupy, monkeypatch, shapes, order):
    monkeypatch.setattr(three_by_three, "WEIGHT_BLOCKS", 6)  # several parts, the last one short
    run_in_order(cupy, monkeypatch, order)
    x_shape, weight_shape, padding = shapes
    rng = np.random.default_rng(0)
    x, weight = drawn(rng, *x_shape), drawn(rng, *weight_shape)
    expected = reference.conv2d(x, weight, None, ONCE, padding, ONCE, 1)
    grad = drawn(rng, *expected.shape)
    y = run("conv2d", *on_device(x, weight), None, ONCE, padding, ONCE, 1)
    np.testing.assert_allclose(y.get(), expected, rtol=1e-5, atol=2e-4)
    w = run("conv2d_weight", *on_device(x, grad), (3, 3), ONCE, padding, ONCE, 1)
    expected = reference.conv2d_weight(x, grad, (3, 3), ONCE, padding, ONCE, 1)
    np.testing.assert_allclose(w.get(), expected, rtol=1e-5, atol=1e-3)


def test_factors_are_rounded(cupy):
    rng = np.random.default_rng(1)
    x, weight = (rng.standard_normal((1, 16, 8, 8), np.float32), rng.standard_normal((16, 16, 3, 3), np.float32))
    y = run("conv2d", *on_device(x, weight), None, ONCE, ONCE, ONCE, 1).get()
    exact = reference.conv2d(x, weight, None, ONCE, ONCE, ONCE, 1)
    np.testing.assert_allclose(y, reference.conv2d(tf32(x), tf32(weight), None, ONCE, ONCE, ONCE, 1), **TOLERANCE)
    assert 1e-5 < np.linalg.norm(y - exact) / np.linalg.norm(exact) < 1e-3


@pytest.mark.parametrize("change", [{"stride": (2, 1)}, {"dilation": (1, 2)}, {"groups": 2}, {"kernel": (3, 1)}])
def test_other_calls_are_left_to_other_kernels(cupy, change):
    call = {"kernel": (3, 3), "stride": ONCE, "dilation": ONCE, "groups": 1} | change
    rng = np.random.default_rng(0)
    x, weight = drawn(rng, 1, 4, 9, 9), drawn(rng, 4, 4 // call["groups"], *call["kernel"])
    options = call["stride"], ONCE, call["dilation"], call["groups"]
    with launches(cupy, "convolve3x3", 0):
        y = run("conv2d", *on_device(x, weight), None, *options)
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, None, *options), **TOLERANCE)
