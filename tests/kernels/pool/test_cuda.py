"""Max pooling in CUDA, run on the CPU, against the definition: every window, ties, NaN, infinities, empty batches."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from minitensor.kernels import run
from minitensor.kernels.geometry import extent
from minitensor.kernels.pool import definition as reference_pool
from tests.cuda import examples, on_device


@st.composite
def pooling(draw):
    """An image of small whole numbers and a window that fits it: (x, settings)."""

    def both(numbers):
        return draw(st.tuples(numbers, numbers))

    kernel, stride, dilation = both(st.integers(1, 4)), both(st.integers(1, 4)), both(st.integers(1, 2))
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(extent(k, d) + draw(st.integers(0, 7)) for k, d in zip(kernel, dilation, strict=True))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    x = rng.integers(-3, 4, (draw(st.integers(0, 3)), draw(st.integers(1, 3)), *size)).astype(np.float32)
    for special in draw(st.lists(st.sampled_from([np.nan, -np.inf, np.inf]), max_size=2)):
        x[rng.random(x.shape) < 0.2] = special
    return x, (kernel, stride, padding, dilation, draw(st.booleans()))


@examples
@given(pooling())
def test_values_and_taps(cupy, case):
    x, window = case
    values, taps = run("max_pool2d", *on_device(x), *window)
    expected, expected_taps = reference_pool.max_pool2d_reference(x, *window)
    np.testing.assert_array_equal(values.get(), expected)
    np.testing.assert_array_equal(taps.get(), expected_taps)
    np.testing.assert_array_equal(run("max_pool2d_values", *on_device(x), *window).get(), expected)
    assert values.dtype == np.float32 and taps.dtype == np.uint8


@examples
@given(pooling())
def test_gradient_and_its_adjoint(cupy, case):
    x, window = case
    _, taps = reference_pool.max_pool2d_reference(x, *window)
    grad = np.random.default_rng(0).integers(-5, 6, taps.shape).astype(np.float32)
    size = x.shape[2:]
    grad_x = run("max_pool2d_grad", *on_device(grad, taps), size, *window)
    expected = reference_pool.max_pool2d_grad_reference(grad, taps, size, *window)
    np.testing.assert_array_equal(grad_x.get(), expected)
    image = np.random.default_rng(1).integers(-5, 6, x.shape).astype(np.float32)
    gathered = run("max_pool2d_gather", *on_device(image, taps), *window)
    np.testing.assert_array_equal(gathered.get(), reference_pool.max_pool2d_gather_reference(image, taps, *window))


def test_windows_of_more_than_256_taps_run_the_shared_text(cupy):
    x = np.random.default_rng(2).standard_normal((1, 2, 40, 40)).astype(np.float32)
    window = ((20, 20), (20, 20), (0, 0))
    values, taps = run("max_pool2d", *on_device(x), *window)
    np.testing.assert_array_equal(values.get(), reference_pool.max_pool2d_reference(x, *window)[0])
    assert taps.dtype == np.uint32
