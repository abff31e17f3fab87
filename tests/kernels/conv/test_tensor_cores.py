"""The tensor-core convolution, run on the CPU lane by lane, against the definition with factors rounded to TF32."""

import numpy as np
import pytest
from hypothesis import given, settings

import minitensor as mt
from minitensor.kernels import run, use_kernels
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import rules as conv_rules
from minitensor.kernels.conv.cuda import tensor_cores
from tests.cuda import ORDERS, examples, is_double, on_device, run_in_order
from tests.sim import strict
from tests.sim.cublas import tf32
from tests.strategies import convolutions, transposed_convolutions

TOLERANCE = {"rtol": 1e-5, "atol": 1e-5}
VARIANT = {name: "tensor_cores" for name in ("conv2d", "conv_transpose2d", "conv2d_weight")}


@pytest.fixture(autouse=True)
def in_tf32(cupy):
    mt.cuda.matmul_precision("tf32")
    with use_kernels(**VARIANT):
        yield
    mt.cuda.matmul_precision("fp32")


def rounded(*arrays):
    """float32 numbers that TF32 holds exactly: what is left to differ is the order of sums."""
    return [tf32(array.astype(np.float32)) for array in arrays]


@settings(examples, max_examples=15)
@given(convolutions())
def test_conv2d(cupy, case):
    x, weight, bias = rounded(case.x, case.weight, case.bias)
    options = tuple(case.settings.values())
    y = run("conv2d", *on_device(x, weight, bias), *options)
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, bias, *options), **TOLERANCE)


@settings(examples, max_examples=15)
@given(transposed_convolutions())
def test_conv_transpose2d(cupy, case):
    x, weight, bias = rounded(case.x, case.weight, case.bias)
    options = [case.settings[k] for k in ("stride", "padding", "output_padding", "groups", "dilation")]
    options[0] = (1, 1)
    options[2] = (0, 0)
    out_size = reference.conv_transpose2d(x, weight, None, *options).shape[2:]
    if min(out_size) < 1:
        return
    y = run("conv_transpose2d", *on_device(x, weight, bias), *options)
    np.testing.assert_allclose(y.get(), reference.conv_transpose2d(x, weight, bias, *options), **TOLERANCE)


@settings(examples, max_examples=15)
@given(convolutions())
def test_conv2d_weight(cupy, case):
    x, weight = rounded(case.x, case.weight)
    options = tuple(case.settings.values())
    out_shape = reference.conv2d(x, weight, None, *options).shape
    (grad,) = rounded(np.random.default_rng(0).standard_normal(out_shape))
    w = run("conv2d_weight", *on_device(x, grad), weight.shape[2:], *options)
    expected = reference.conv2d_weight(x, grad, weight.shape[2:], *options)
    np.testing.assert_allclose(w.get(), expected, **TOLERANCE)


SHAPES = {
    "more than a tile of everything": ((2, 19, 9, 11), (67, 19, 3, 3), (1, 1), (1, 1)),
    "exactly tiles": ((2, 16, 8, 8), (64, 16, 3, 3), (1, 1), (1, 1)),
    "strided and dilated": ((3, 5, 13, 12), (9, 5, 3, 2), (2, 1), (1, 2)),
}


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_large_shapes_in_every_order_of_threads(cupy, monkeypatch, shapes, order):
    run_in_order(cupy, monkeypatch, order)
    x_shape, weight_shape, stride, dilation = shapes
    rng = np.random.default_rng(0)
    x, weight = rounded(rng.standard_normal(x_shape), rng.standard_normal(weight_shape))
    options = stride, (1, 1), dilation, 1
    before = strict.state.launches["convolve"]
    y = run("conv2d", *on_device(x, weight), None, *options)
    assert strict.state.launches["convolve"] == before + is_double(cupy)
    np.testing.assert_allclose(y.get(), reference.conv2d(x, weight, None, *options), rtol=1e-5, atol=2e-4)


@pytest.mark.parametrize("shapes", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("order", ORDERS)
def test_large_weight_gradients_in_every_order_of_threads(cupy, monkeypatch, shapes, order):
    monkeypatch.setattr(tensor_cores, "LEAST_STEPS", 2)  # several parts, the last one short
    monkeypatch.setattr(tensor_cores, "WEIGHT_BLOCKS", 20)
    run_in_order(cupy, monkeypatch, order)
    x_shape, weight_shape, stride, dilation = shapes
    rng = np.random.default_rng(0)
    (x,) = rounded(rng.standard_normal(x_shape))
    options = stride, (1, 1), dilation, 1
    out_size = reference.output_size(x, weight_shape[2:], stride, (1, 1), dilation)
    (grad,) = rounded(rng.standard_normal((len(x), weight_shape[0], *out_size)))
    before = strict.state.launches["weight_gradient"]
    w = run("conv2d_weight", *on_device(x, grad), weight_shape[2:], *options)
    assert strict.state.launches["weight_gradient"] == before + is_double(cupy)
    expected = reference.conv2d_weight(x, grad, weight_shape[2:], *options)
    np.testing.assert_allclose(w.get(), expected, rtol=1e-5, atol=5e-4)


def test_factors_are_rounded(cupy):
    rng = np.random.default_rng(1)
    x, weight = (rng.standard_normal((1, 16, 6, 6)).astype(np.float32) for _ in range(2))
    options = (1, 1), (2, 2), (1, 1), 1
    y = run("conv2d", *on_device(x, weight), None, *options).get()
    exact = reference.conv2d(x, weight, None, *options)
    in_tf32 = reference.conv2d(tf32(x), tf32(weight), None, *options)
    np.testing.assert_allclose(y, in_tf32, rtol=1e-5, atol=1e-5)
    error = np.linalg.norm(y - exact) / np.linalg.norm(exact)
    assert 1e-5 < error < 1e-3


# a kernel that each variant launches
KERNELS = {"gemm": "cublas", "convolve": "tensor_cores", "weight_gradient": "tensor_cores"}
KERNELS |= {"convolve3x3": "three_by_three", "weight_gradient3x3": "three_by_three"}


def chosen(cupy, name, x_shape, weight_shape, *options):
    """The kernel that runs for a call when nobody asks for one."""
    x, weight = (np.zeros(shape, np.float32) for shape in (x_shape, weight_shape))
    before = strict.state.launches.copy()
    with use_kernels(**dict.fromkeys(VARIANT, "auto")):
        run(name, *on_device(x, weight), *options)
    launched = strict.state.launches - before
    return next(variant for kernel, variant in KERNELS.items() if launched[kernel])


@pytest.mark.cpu_only  # the double counts launches
def test_chosen_in_tf32_only(cupy):
    plain = None, (1, 1), (1, 1), (1, 1), 1
    back = None, (1, 1), (1, 1), (0, 0), 1, (1, 1)
    strided = None, (2, 2), (0, 0), (0, 0), 1, (1, 1)
    pointwise = None, (1, 1), (0, 0), (1, 1), 1
    assert chosen(cupy, "conv2d", (132, 8, 6, 6), (64, 8, 3, 3), *plain) == "three_by_three"
    assert chosen(cupy, "conv2d", (1, 16, 6, 6), (64, 16, 5, 5), *plain) == "tensor_cores"
    assert chosen(cupy, "conv2d", (1, 16, 6, 6), (129, 16, 5, 5), *plain) == "cublas"
    assert chosen(cupy, "conv2d", (1, 3, 6, 6), (64, 3, 5, 5), *plain) == "cublas"
    assert chosen(cupy, "conv2d", (1, 16, 6, 6), (64, 16, 1, 1), *pointwise) == "cublas"
    apart = None, (2, 2), (0, 0), (1, 1), 1
    assert chosen(cupy, "conv2d", (1, 16, 6, 6), (64, 16, 2, 2), *apart) == "cublas"  # windows that do not overlap
    assert chosen(cupy, "conv_transpose2d", (132, 8, 6, 6), (8, 64, 3, 3), *back) == "three_by_three"
    assert chosen(cupy, "conv_transpose2d", (1, 16, 6, 6), (16, 64, 5, 5), *back) == "tensor_cores"
    assert chosen(cupy, "conv_transpose2d", (1, 16, 6, 6), (16, 64, 2, 2), *strided) == "cublas"
    weight = (1, 1), (1, 1), (1, 1), 1
    assert chosen(cupy, "conv2d_weight", (1, 16, 6, 6), (1, 64, 6, 6), (3, 3), *weight) == "three_by_three"
    assert chosen(cupy, "conv2d_weight", (1, 16, 6, 6), (1, 512, 6, 6), (3, 3), *weight) == "cublas"
    assert chosen(cupy, "conv2d_weight", (1, 16, 8, 8), (1, 64, 6, 6), (5, 5), *weight) == "tensor_cores"
    assert chosen(cupy, "conv2d_weight", (1, 16, 8, 8), (1, 129, 6, 6), (5, 5), *weight) == "cublas"
    mt.cuda.matmul_precision("fp32")
    assert chosen(cupy, "conv2d_weight", (1, 16, 6, 6), (1, 64, 6, 6), (3, 3), *weight) == "cublas"
    assert chosen(cupy, "conv2d", (1, 16, 6, 6), (64, 16, 3, 3), *plain) == "cublas"


@pytest.mark.parametrize(
    ("images", "filters", "channels", "side", "faster"),
    [
        (16, 64, 64, 256, "three_by_three"),
        (16, 256, 256, 64, "three_by_three"),
        (16, 512, 1024, 32, "cublas"),  # many products for each column
        (1, 512, 512, 88, "cublas"),  # 288 blocks: a second round for the last 24
        (1, 512, 512, 32, "cublas"),  # 32 blocks for 132 multiprocessors
        (1, 128, 128, 128, "three_by_three"),
        (1, 64, 64, 698, "three_by_three"),
    ],
)
def test_the_estimate_agrees_with_what_was_measured(images, filters, channels, side, faster):
    """The layers of docs/results-gpu.md whose two times lie more than a tenth apart."""
    assert conv_rules._three_by_three_or_cublas(images, filters, channels, (side, side)) == faster
