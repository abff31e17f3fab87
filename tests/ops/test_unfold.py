"""unfold and fold, held to torch up to second order and to each other."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse
from tests.strategies import numbers, windows

image = normal(2, 3, 6, 7)
columns = normal(2, 27, 20)


@st.composite
def unfolding(draw):
    """(size, positions, settings) of windows with any stride, padding and dilation."""
    height, width = draw(windows()), draw(windows())
    size, positions, kernel_size, stride, padding, dilation = zip(height, width, strict=True)
    return size, positions, dict(kernel_size=kernel_size, dilation=dilation, padding=padding, stride=stride)


@given(unfolding(), st.data())
def test_unfold(case, data):
    size, _, settings = case
    x = data.draw(numbers((data.draw(st.integers(0, 2)), data.draw(st.integers(1, 3)), *size)))
    same_as_torch(lambda m, x: m.unfold(x, **settings), x)


@given(unfolding(), st.data())
def test_fold(case, data):
    size, positions, settings = case
    rows = data.draw(st.integers(1, 3)) * np.prod(settings["kernel_size"])
    x = data.draw(numbers((data.draw(st.integers(0, 2)), int(rows), int(np.prod(positions)))))
    same_as_torch(lambda m, x: m.fold(x, size, **settings), x)


def test_one_image():
    same_as_torch(lambda m, x: m.unfold(x[0], 3), image)
    same_as_torch(lambda m, x: m.fold(x[0], (6, 7), 3), columns)


def test_fold_is_unfold_read_backwards():
    """<g, unfold(x)> = <fold(g), x>, exactly, in whole numbers."""
    rng = np.random.default_rng(0)
    x, g = rng.integers(-5, 6, (2, 3, 6, 7)).astype(float), rng.integers(-5, 6, (2, 12, 20)).astype(float)
    settings = dict(kernel_size=2, padding=1, stride=(2, 1), dilation=(1, 4))
    unfolded, folded = mt.unfold(mt.Tensor(x), **settings), mt.fold(mt.Tensor(g), (6, 7), **settings)
    assert (unfolded.data * g).sum() == (folded.data * x).sum() != 0


def test_convolution_is_a_product_with_the_columns():
    weight = mt.Tensor(normal(4, 3, 3, 3))
    product = weight.reshape(4, 27) @ mt.unfold(mt.Tensor(image), 3)
    expected = mt.conv2d(mt.Tensor(image), weight)
    np.testing.assert_allclose(product.data.reshape(expected.shape), expected.data, atol=1e-12)


MALFORMED = {
    "unfold of integers": (TypeError, ["unfold", "int64"], lambda m, x: m.unfold(x, 3), image.astype(int)),
    "no channels": (ValueError, ["unfold", "(2, 0, 6, 7)"], lambda m, x: m.unfold(x, 3), image[:, :0]),
    "no image": (ValueError, ["unfold", "(7,)"], lambda m, x: m.unfold(x, 3), image[0, 0, 0]),
    "kernel too large": (ValueError, ["unfold", "(9, 9)", "(2, 3, 6, 7)"], lambda m, x: m.unfold(x, 9), image),
    "dilated too far": (ValueError, ["dilation (3, 3)"], lambda m, x: m.unfold(x, 3, 3), image),
    "negative padding": (ValueError, ["padding", "-1"], lambda m, x: m.unfold(x, 3, padding=-1), image),
    "stride of 0": (ValueError, ["stride", "0"], lambda m, x: m.unfold(x, 3, stride=0), image),
    "kernel of 0": (ValueError, ["kernel_size", "0"], lambda m, x: m.unfold(x, 0), image),
    "kernel of float": (TypeError, ["kernel_size", "3.0"], lambda m, x: m.unfold(x, 3.0), image),
    "fold of integers": (TypeError, ["fold", "int64"], lambda m, x: m.fold(x, (6, 7), 3), columns.astype(int)),
    "fold of images": (ValueError, ["fold", "(2, 3, 6, 7)"], lambda m, x: m.fold(x, (6, 7), 3), image),
    "rows": (ValueError, ["26", "9"], lambda m, x: m.fold(x, (6, 7), 3), columns[:, :26]),
    "no rows at all": (ValueError, ["(2, 0, 20)"], lambda m, x: m.fold(x, (6, 7), 3), columns[:, :0]),
    "columns": (ValueError, ["20 columns", "(4, 6)", "(6, 8)"], lambda m, x: m.fold(x, (6, 8), 3), columns),
    "image too small": (ValueError, ["(2, 2)"], lambda m, x: m.fold(x, (2, 2), 3), columns),
    "size of one": (ValueError, ["fold", "output_size", "(6,)"], lambda m, x: m.fold(x, (6,), 3), columns),
    "image of no size": (ValueError, ["output_size", "(0, 7)"], lambda m, x: m.fold(x, (0, 7), 3), columns),
}


@pytest.mark.parametrize(("error", "words", "function", "x"), MALFORMED.values(), ids=MALFORMED)
def test_malformed_calls(error, words, function, x):
    both_refuse(error, words, function, x)
