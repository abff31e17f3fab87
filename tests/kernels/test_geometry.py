"""Sizes of sliding windows, held against a window that is really slid, and against torch's pooling."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from hypothesis import strategies as st

from minitensor.arguments import pair
from minitensor.kernels.geometry import (
    conv_output_size,
    conv_transpose_output_size,
    extent,
    pool_output_size,
    same_padding,
    taps,
)
from tests.strategies import Window

sizes, kernels, strides = st.integers(1, 30), st.integers(1, 6), st.integers(1, 5)
paddings, dilations = st.integers(0, 8), st.integers(1, 4)


def slide(size, kernel, stride, padding, dilation):
    """The pixels under every position of a window, counted from the first pixel of the image."""
    positions, first = [], -padding
    while first + dilation * (kernel - 1) <= size + padding - 1:
        positions.append([first + dilation * tap for tap in range(kernel)])
        first += stride
    return positions


@given(sizes, kernels, strides, paddings, dilations)
def test_output_size_counts_the_positions(size, kernel, stride, padding, dilation):
    positions = slide(size, kernel, stride, padding, dilation)
    assert max(conv_output_size(size, kernel, stride, padding, dilation), 0) == len(positions)
    assert extent(kernel, dilation) == 1 + dilation * (kernel - 1)


@given(sizes, kernels, strides, paddings, dilations)
def test_transposed_convolution_restores_the_size(size, kernel, stride, padding, dilation):
    positions = conv_output_size(size, kernel, stride, padding, dilation)
    assume(positions >= 1)
    rest = Window(size, positions, kernel, stride, padding, dilation).leftover
    assert 0 <= rest < stride
    assert conv_transpose_output_size(positions, kernel, stride, padding, rest, dilation) == size
    last = slide(size, kernel, stride, padding, dilation)[-1][-1]
    assert rest == size + padding - 1 - last


@given(sizes, kernels, dilations)
def test_same_padding_keeps_the_size_and_puts_the_odd_pixel_last(size, kernel, dilation):
    before, after = same_padding(kernel, dilation)
    assert size + before + after - dilation * (kernel - 1) == size
    assert after - before in (0, 1)


@given(sizes, kernels, strides, dilations, st.booleans(), st.data())
def test_pool_output_size_equals_torch(size, kernel, stride, dilation, ceil_mode, data):
    padding = data.draw(st.integers(0, kernel // 2))
    assume(conv_output_size(size, kernel, stride, padding, dilation) >= 1)
    pooled = F.max_pool1d(torch.zeros(1, 1, size), kernel, stride, padding, dilation, ceil_mode)
    assert pool_output_size(size, kernel, stride, padding, dilation, ceil_mode) == pooled.shape[2]


@given(sizes, kernels, strides, paddings, dilations)
def test_taps_are_the_pixels_one_tap_visits(size, kernel, stride, padding, dilation):
    positions = slide(size, kernel, stride, padding, dilation)
    padded = range(-padding, size + padding)
    for tap in range(kernel if positions else 0):
        visited = padded[taps(tap * dilation, len(positions), stride)]
        assert list(visited) == [position[tap] for position in positions]


@pytest.mark.parametrize(("value", "expected"), [(3, (3, 3)), ((3, 5), (3, 5)), ([2, 1], (2, 1)), ((4,), (4, 4))])
def test_pair_of_one_or_two_numbers(value, expected):
    assert pair(value, "stride", "conv2d", minimum=1) == expected


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (0, ValueError, "conv2d: stride must be at least 1, got 0"),
        ((1, 0), ValueError, r"conv2d: stride must be at least 1, got \(1, 0\)"),
        ((1, 2, 3), ValueError, r"conv2d: stride must be one int or two \(height, width\), got \(1, 2, 3\)"),
        ((), ValueError, "conv2d: stride must be one int or two"),
        (1.5, TypeError, "conv2d: stride must be an int or a pair of ints, got 1.5"),
        ("33", TypeError, "conv2d: stride must be an int or a pair of ints"),
        (True, TypeError, "conv2d: stride must be an int or a pair of ints"),
        (None, TypeError, "conv2d: stride must be an int or a pair of ints"),
    ],
)
def test_pair_refuses_the_rest_and_says_why(value, error, message):
    with pytest.raises(error, match=message):
        pair(value, "stride", "conv2d", minimum=1)
