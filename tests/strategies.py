"""Hypothesis draws the geometry first, and then the sizes that fit it, so that no draw is thrown away.

Odd corners are then common instead of lucky: strides beyond the kernel, non-square everything, padding beyond the
kernel's reach, rows that no window sees, axes of size 1, memory in any layout.
"""

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st

LAYOUTS = ("contiguous", "transposed", "every other", "flipped", "broadcast")


def lay_out(array, layout):
    """The same shape in another memory layout (for "broadcast" the numbers repeat along the first axis)."""
    if array.ndim == 0 or layout == "contiguous":
        return array
    if layout == "transposed":
        return np.ascontiguousarray(array.T).T
    if layout == "every other":
        return np.repeat(array, 2, axis=-1)[..., ::2]
    if layout == "flipped":
        return np.ascontiguousarray(array[..., ::-1])[..., ::-1]
    return np.broadcast_to(array[:1], array.shape) if len(array) else array  # read-only, stride 0


@st.composite
def numbers(draw, shape, layouts=LAYOUTS):
    """A float64 array of `shape`, normally distributed, in any memory layout; no two elements are equal."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return lay_out(rng.standard_normal(shape), draw(st.sampled_from(layouts)))


def distinct(*shape, seed=0, gap=0.1):
    """Numbers that lie `gap` apart in random order, none near 0: no tie to break, safe for differences."""
    size = int(np.prod(shape))
    ranks = np.random.default_rng([seed, *shape]).permutation(size)
    return ((ranks - size / 2 + 0.25) * gap).reshape(shape)


def shapes(min_dims=0, max_dims=4, max_side=4, min_side=1):
    """Shapes of few dimensions and small sides, size 1 often among them."""
    side = st.integers(min_side, max_side)
    return st.lists(side, min_size=min_dims, max_size=max_dims).map(tuple)


@st.composite
def broadcast_shapes(draw, count=2, max_dims=4):
    """(shapes, result): `count` shapes that broadcast to `result`, some with missing or size-1 axes."""
    result = draw(shapes(0, max_dims))
    drawn = []
    for _ in range(count):
        kept = result[draw(st.integers(0, len(result))) :]
        drawn.append(tuple(n if draw(st.booleans()) else 1 for n in kept))
    return drawn, np.broadcast_shapes(*drawn)


def axes_of(ndim):
    """A `dim` argument for a reduction: None, one axis, or several, negative ones too."""
    if ndim == 0:
        return st.none()
    axis = st.integers(-ndim, ndim - 1)
    several = st.lists(axis, min_size=1, max_size=ndim, unique_by=lambda a: a % ndim).map(tuple)
    return st.one_of(st.none(), axis, several)


class Window(NamedTuple):
    """A sliding window on one axis, and a size of that axis on which it fits."""

    size: int
    positions: int
    kernel: int
    stride: int
    padding: int
    dilation: int

    @property
    def leftover(self):
        """Pixels at the far end that no window reaches: the output_padding with which a transposed convolution
        restores `size`."""
        return (self.size + 2 * self.padding - self.dilation * (self.kernel - 1) - 1) % self.stride


@st.composite
def windows(draw, max_positions=4, max_kernel=4, max_stride=4, max_dilation=3, max_padding=None):
    """A window; `max_padding`, a function of (kernel, dilation), bounds the padding (pooling: half the extent)."""
    kernel = draw(st.integers(1, max_kernel))
    stride = draw(st.integers(1, max_stride))
    dilation = draw(st.integers(1, max_dilation))
    reach = dilation * (kernel - 1)
    most = reach + 2 if max_padding is None else max_padding(kernel, dilation)
    padding = draw(st.integers(0, most))
    positions = draw(st.integers(1, max_positions))
    leftover = draw(st.integers(0, stride - 1))
    size = max(1, (positions - 1) * stride + reach + 1 - 2 * padding + leftover)
    positions = (size + 2 * padding - reach - 1) // stride + 1
    return Window(size, positions, kernel, stride, padding, dilation)


class Conv(NamedTuple):
    """Arrays and settings of one convolution; for a transposed one, `output_padding` too."""

    x: np.ndarray
    weight: np.ndarray
    bias: np.ndarray
    settings: dict  # keyword arguments: stride, padding, dilation, groups (and output_padding)


@st.composite
def convolutions(draw, layouts=LAYOUTS):
    """conv2d of any geometry."""
    height, width = draw(windows()), draw(windows())
    groups, channels, filters = (draw(st.integers(1, 3)) for _ in range(3))
    _, _, kernel, stride, padding, dilation = zip(height, width, strict=True)
    x = draw(numbers((draw(st.integers(1, 2)), groups * channels, height.size, width.size), layouts))
    weight = draw(numbers((groups * filters, channels, *kernel), layouts))
    bias = draw(numbers((groups * filters,), layouts))
    return Conv(x, weight, bias, dict(stride=stride, padding=padding, dilation=dilation, groups=groups))


@st.composite
def transposed_convolutions(draw, layouts=LAYOUTS):
    """conv_transpose2d of any geometry, with every output_padding that torch takes: below stride or dilation."""
    height, width = draw(windows()), draw(windows())
    groups, channels, filters = (draw(st.integers(1, 3)) for _ in range(3))
    _, positions, kernel, stride, padding, dilation = zip(height, width, strict=True)
    output_padding = []
    for window in (height, width):
        smallest = (window.positions - 1) * window.stride - 2 * window.padding
        smallest += window.dilation * (window.kernel - 1) + 1
        most = max(window.stride, window.dilation) - 1
        output_padding.append(draw(st.integers(min(max(0, 1 - smallest), most), most)))
    x = draw(numbers((draw(st.integers(1, 2)), groups * channels, *positions), layouts))
    weight = draw(numbers((groups * channels, filters, *kernel), layouts))
    bias = draw(numbers((groups * filters,), layouts))
    settings = dict(
        stride=stride, padding=padding, output_padding=tuple(output_padding), groups=groups, dilation=dilation
    )
    return Conv(x, weight, bias, settings)
