"""Pooling and unpooling as differentiable operations, held to torch up to second order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse
from tests.strategies import numbers, windows

image = normal(2, 3, 6, 7)


@st.composite
def pooling(draw, max_dilation=3, min_batch=1):
    """(x, settings): a window and images on which it fits; torch wants the padding within half the kernel."""
    axis = windows(max_dilation=max_dilation, max_padding=lambda kernel, dilation: kernel // 2)
    height, width = draw(axis), draw(axis)
    size, _, kernel_size, stride, padding, dilation = zip(height, width, strict=True)
    # Both taps of a dilated window may fall outside a small image. torch then writes outside of its memory.
    size = [max(n, d * (k - 1) + 1) if d > 1 else n for n, k, d in zip(size, kernel_size, dilation, strict=True)]
    x = draw(numbers((draw(st.integers(min_batch, 2)), draw(st.integers(1, 3)), *size)))
    settings = dict(kernel_size=kernel_size, stride=stride, padding=padding, ceil_mode=draw(st.booleans()))
    return x, settings | (dict(dilation=dilation) if max_dilation > 1 else {})


@given(pooling(min_batch=0))
def test_max_pool2d_and_its_indices(case):
    x, settings = case
    same_as_torch(lambda m, x: m.max_pool2d(x, **settings, return_indices=True), x)


@given(pooling())
def test_values_alone_are_the_same_values(case):
    x, settings = case
    expected, _ = mt.max_pool2d(mt.Tensor(x), **settings, return_indices=True)
    np.testing.assert_array_equal(mt.max_pool2d(mt.Tensor(x), **settings).data, expected.data)


@given(pooling(), st.data())
def test_ties_and_nan_go_where_torch_sends_them(case, data):
    x, settings = case
    x = np.round(x)
    marked = np.random.default_rng(data.draw(st.integers(0, 99))).random(x.shape)
    x = np.where(marked < 0.1, np.nan, np.where(marked > 0.8, -np.inf, x))
    same_as_torch(lambda m, x: m.max_pool2d(x, **settings, return_indices=True), x)


@given(pooling(max_dilation=1, min_batch=0), st.booleans(), st.sampled_from([None, 1, 3, -2]))
def test_avg_pool2d(case, count_include_pad, divisor):
    x, settings = case
    settings = settings | dict(count_include_pad=count_include_pad, divisor_override=divisor)
    same_as_torch(lambda m, x: m.avg_pool2d(x, **settings), x)


@given(st.data())
def test_adaptive_avg_pool2d(data):
    side, wanted = st.integers(1, 7), st.one_of(st.none(), st.integers(1, 9))
    x = data.draw(numbers((data.draw(st.integers(0, 2)), 2, data.draw(side), data.draw(side))))
    output_size = data.draw(st.one_of(st.integers(1, 5), st.tuples(wanted, wanted)))
    same_as_torch(lambda m, x: m.adaptive_avg_pool2d(x, output_size), x)


@given(pooling(max_dilation=1), st.data())
def test_max_unpool2d_puts_back_what_max_pool2d_took(case, data):
    """Overlapping windows too: a pixel that won twice comes back once."""
    x, settings = case
    settings["ceil_mode"] = False
    height, width = x.shape[2:]

    def there_and_back(m, x):
        values, indices = m.max_pool2d(x, **settings, return_indices=True)
        window = {name: settings[name] for name in ("kernel_size", "stride", "padding")}
        return m.max_unpool2d(values, indices, **window, output_size=(height, width))

    stride = settings["stride"]
    _, _, oh, ow = mt.max_pool2d(mt.Tensor(x), **settings).shape
    usual = [
        (o - 1) * s - 2 * p + k
        for o, s, p, k in zip((oh, ow), stride, settings["padding"], settings["kernel_size"], strict=True)
    ]
    if all(abs(n - m) < s for n, m, s in zip((height, width), usual, stride, strict=True)):
        same_as_torch(there_and_back, x)


@pytest.mark.parametrize("output_size", [None, (5, 7), [4, 6], (2, 3, 5, 6)])
def test_max_unpool2d_with_output_size(output_size):
    indices = np.random.default_rng(0).permuted(np.tile(np.arange(24), (2, 3, 1)), axis=2)[:, :, :6]
    indices = indices.reshape(2, 3, 2, 3)
    same_as_torch(
        lambda m, x, indices: m.max_unpool2d(x, indices, 2, output_size=output_size), normal(2, 3, 2, 3), indices
    )
    same_as_torch(lambda m, x, indices: m.max_unpool2d(x[0], indices[0], 2), normal(2, 3, 2, 3), indices)


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.max_pool2d(x[0], 2, return_indices=True),
        lambda m, x: m.max_pool2d(x, (3,), stride=()),
        lambda m, x: m.max_pool2d(x, 5, 3, 2, ceil_mode=True),
        lambda m, x: m.max_pool2d(x, (7, 8), 9, ceil_mode=True),  # one window, larger than the image
        lambda m, x: m.max_pool2d(x.permute(0, 1, 3, 2), (1, 2)),
        lambda m, x: m.avg_pool2d(x[0], 2),
        lambda m, x: m.avg_pool2d(x, (7, 8), 9, ceil_mode=True),
        lambda m, x: m.avg_pool2d(x, 8, padding=4),
        lambda m, x: m.adaptive_avg_pool2d(x[0], (2, None)),
        lambda m, x: m.adaptive_avg_pool2d(x, [1, 1]),
    ],
)
def test_corners(function):
    same_as_torch(function, image)


def test_an_output_of_no_pixels():
    same_as_torch(lambda m, x: m.adaptive_avg_pool2d(x, 0), image, order=0)


def test_the_indices_are_not_computed_unless_needed():
    with mt.use_kernels(max_pool2d_values="reference"):
        y = mt.max_pool2d(mt.Tensor(image), 2)
    assert not y.requires_grad and y.dtype == np.float64


MALFORMED = {
    "unpool, one number in a tuple": (
        ValueError,
        ["max_unpool2d", "stride", "(2,)"],
        lambda m, x, i: m.max_unpool2d(x, i, 2, (2,)),
        image,
        np.zeros(image.shape, np.int64),
    ),
    "integers": (TypeError, ["avg_pool2d", "int64"], lambda m, x: m.adaptive_avg_pool2d(x, 2), image.astype(int)),
    "no image": (ValueError, ["max_pool2d", "(6, 7)"], lambda m, x: m.max_pool2d(x, 2), image[0, 0]),
    "no channels": (ValueError, ["max_pool2d", "(2, 0, 6, 7)"], lambda m, x: m.max_pool2d(x, 2), image[:, :0]),
    "no rows": (ValueError, ["avg_pool2d", "(2, 3, 0, 7)"], lambda m, x: m.avg_pool2d(x, 2), image[:, :, :0]),
    "kernel of 0": (ValueError, ["max_pool2d", "kernel_size", "0"], lambda m, x: m.max_pool2d(x, 0), image),
    "kernel of three": (ValueError, ["kernel_size", "(2, 2, 2)"], lambda m, x: m.max_pool2d(x, (2, 2, 2)), image),
    "kernel of float": (TypeError, ["kernel_size", "2.0"], lambda m, x: m.avg_pool2d(x, 2.0), image),
    "stride of 0": (ValueError, ["max_pool2d", "stride", "0"], lambda m, x: m.max_pool2d(x, 2, 0), image),
    "dilation of 0": (ValueError, ["dilation", "0"], lambda m, x: m.max_pool2d(x, 2, dilation=0), image),
    "negative padding": (ValueError, ["padding", "-1"], lambda m, x: m.max_pool2d(x, 2, padding=-1), image),
    "padding, max": (
        ValueError,
        ["max_pool2d", "(2, 0)", "(3, 2)"],
        lambda m, x: m.max_pool2d(x, (3, 2), padding=(2, 0), dilation=2),
        image,
    ),
    "padding, avg": (ValueError, ["avg_pool2d", "(2, 2)"], lambda m, x: m.avg_pool2d(x, 3, padding=2), image),
    "kernel too large": (ValueError, ["(0, 1)", "(7, 2)"], lambda m, x: m.max_pool2d(x, (7, 2), 7), image),
    "reach too large": (ValueError, ["avg_pool2d", "(8, 8)"], lambda m, x: m.avg_pool2d(x, 8), image),
    "divisor of 0": (ValueError, ["divisor", "0"], lambda m, x: m.avg_pool2d(x, 2, divisor_override=0), image),
    "divisor of float": (TypeError, ["2.5"], lambda m, x: m.avg_pool2d(x, 2, divisor_override=2.5), image),
    "output of three": (ValueError, ["(1, 2, 3)"], lambda m, x: m.adaptive_avg_pool2d(x, (1, 2, 3)), image),
    "output of one": (ValueError, ["[2]"], lambda m, x: m.adaptive_avg_pool2d(x, [2]), image),
    "negative output": (ValueError, ["output_size", "-1"], lambda m, x: m.adaptive_avg_pool2d(x, -1), image),
    "int32 indices": (
        TypeError,
        ["max_unpool2d", "int32"],
        lambda m, x, i: m.max_unpool2d(x, i, 2),
        image,
        np.zeros((2, 3, 6, 7), np.int32),
    ),
    "index outside": (
        ValueError,
        ["max_unpool2d", "168", "12 x 14", "167"],
        lambda m, x, i: m.max_unpool2d(x, i, 2),
        image,
        np.full((2, 3, 6, 7), 168),
    ),
    "negative index": (
        ValueError,
        ["max_unpool2d", "-1"],
        lambda m, x, i: m.max_unpool2d(x, i, 2),
        image,
        np.full((2, 3, 6, 7), -1),
    ),
    "indices of another shape": (
        ValueError,
        ["(2, 3, 6, 7)", "(2, 3, 6, 6)"],
        lambda m, x, i: m.max_unpool2d(x, i, 2),
        image,
        np.zeros((2, 3, 6, 6), int),
    ),
    "unpooled size out of reach": (
        ValueError,
        ["(14, 14)", "(12, 14)", "(2, 2)"],
        lambda m, x, i: m.max_unpool2d(x, i, 2, output_size=(14, 14)),
        image,
        np.zeros((2, 3, 6, 7), int),
    ),
    "unpooled size of three": (
        ValueError,
        ["(3, 12, 14)"],
        lambda m, x, i: m.max_unpool2d(x, i, 2, output_size=(3, 12, 14)),
        image,
        np.zeros((2, 3, 6, 7), int),
    ),
    "padding beyond the unpooled image": (
        ValueError,
        ["(-2, 0)"],
        lambda m, x, i: m.max_unpool2d(x, i, 2, padding=7),
        image,
        np.zeros((2, 3, 6, 7), int),
    ),
}


@pytest.mark.parametrize(
    ("error", "words", "function", "arrays"), [(*c[:3], c[3:]) for c in MALFORMED.values()], ids=MALFORMED
)
def test_malformed_calls(error, words, function, arrays):
    both_refuse(error, words, function, *arrays)


def test_integers_are_refused_where_torch_would_pool_them():
    for pool in (mt.max_pool2d, mt.avg_pool2d):
        with pytest.raises(TypeError, match=f"{pool.__name__}.*int64"):
            pool(mt.arange(16).reshape(1, 1, 4, 4), 2)
