"""The names that people type by habit, beside torch on drawn shapes, axes and memory layouts, to second order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.parity import normal, same_as_torch
from tests.strategies import axes_of, broadcast_shapes, distinct, numbers, shapes

ELEMENTWISE = {
    "gelu": lambda m, x: m.gelu(x),
    "gelu, by tanh": lambda m, x: m.gelu(x, approximate="tanh"),
    "silu": lambda m, x: m.silu(x),
    "softplus": lambda m, x: m.softplus(x, beta=1.5, threshold=1.0),
    "softplus, smooth part": lambda m, x: m.softplus(x),
    "remainder, of a number": lambda m, x: m.remainder(x, 0.7),
}
PAIRS = {
    "remainder": lambda m, a, b: m.remainder(a, b * b + 0.5),
    "masked_fill": lambda m, a, b: m.where(b > 0, a, a).masked_fill(b > 0, 2.0) ** 2,
    "l1_loss": lambda m, a, b: m.l1_loss(a, b, reduction="none") ** 2,
    "smooth_l1_loss": lambda m, a, b: m.smooth_l1_loss(a, b, beta=0.7, reduction="none"),
}
ALONG = {
    "cumsum": lambda m, x, dim: m.cumsum(x, dim) ** 2,
    "prod": lambda m, x, dim: m.prod(x, dim, keepdim=True),
    "sort": lambda m, x, dim: m.sort(x, dim),
    "sort, descending": lambda m, x, dim: m.sort(x, dim, descending=True)[0] ** 2,
    "topk": lambda m, x, dim: m.topk(x, x.shape[dim], dim)[0] ** 2,
    "argmin": lambda m, x, dim: m.argmin(x, dim),
    "split": lambda m, x, dim: [part**2 for part in m.split(x, 2, dim)],
    "chunk": lambda m, x, dim: [part**2 for part in m.chunk(x, 3, dim)],
}


@pytest.mark.parametrize("name", ELEMENTWISE)
@given(st.data())
def test_elementwise(name, data):
    same_as_torch(ELEMENTWISE[name], data.draw(numbers(data.draw(shapes(min_side=0)))))


@given(st.data())
def test_floor_divide(data):
    """Values alone: it is constant between its steps, and torch refuses to differentiate it."""
    (first, second), _ = data.draw(broadcast_shapes())
    a, b = data.draw(numbers(first)), data.draw(numbers(second))
    same_as_torch(lambda m, a, b: a // (b * b + 0.5), a, b, order=0)


@pytest.mark.parametrize("name", PAIRS)
@given(st.data())
def test_pairs(name, data):
    """Broadcasting as far as torch does it without a warning: the losses take equal shapes."""
    (first, second), result = data.draw(broadcast_shapes())
    if name == "masked_fill":
        first = result  # torch: the mask broadcasts to x, not x to the mask
    elif name.endswith("loss"):
        first = second = result
    same_as_torch(PAIRS[name], data.draw(numbers(first)), data.draw(numbers(second)))


@pytest.mark.parametrize("name", ALONG)
@given(st.data())
def test_along_an_axis(name, data):
    """`distinct` has no ties: which of two equal numbers is first is each library's own choice.

    A product of one number has no second derivative; torch has rounding errors of size 1e-16 there.
    """
    shape = data.draw(shapes(min_dims=1, min_side=2 if name == "prod" else 1))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    same_as_torch(lambda m, x: ALONG[name](m, x, dim), distinct(*shape))


@pytest.mark.parametrize("p", [1, 2, float("inf")])
@given(st.data())
def test_norm(p, data):
    """The second derivative divides by the norm's third power, and the numbers are as small as 0.025."""
    shape = data.draw(shapes())
    dim, keepdim = data.draw(axes_of(len(shape))), data.draw(st.booleans())
    same_as_torch(lambda m, x: m.norm(x, p, dim, keepdim), distinct(*shape), terms=10**3)


@given(st.data())
def test_std(data):
    """Axes of at least two numbers: of one, or of equal ones, the deviation is 0 and has no slope.

    A second derivative divides by the third power of a deviation as small as 0.05: that magnifies rounding.
    """
    shape = data.draw(shapes(min_dims=1, min_side=2))
    dim, correction = data.draw(axes_of(len(shape))), data.draw(st.integers(0, 1))
    std = lambda m, x: m.std(x, dim, correction=correction, keepdim=True)  # noqa: E731
    same_as_torch(std, distinct(*shape), dtypes=[np.float64], terms=10**4)
    same_as_torch(std, distinct(*shape), dtypes=[np.float32], terms=10**3, order=1)


@given(st.data())
def test_layer_norm(data):
    """As group_norm: at least three numbers are normalised together, and their derivatives magnify rounding."""
    shape = (*data.draw(shapes(max_dims=2)), data.draw(st.integers(3, 5)))
    last = shape[-data.draw(st.integers(1, len(shape))) :]
    x = data.draw(numbers(shape, ("contiguous", "transposed", "every other", "flipped")))
    weight, bias = (data.draw(numbers(last)) for _ in range(2))
    same_as_torch(lambda m, x, *a: m.layer_norm(x, last, *a), x, weight, bias, dtypes=[np.float64], terms=10**5)
    same_as_torch(
        lambda m, x, *a: m.layer_norm(x, last, *a), x, weight, bias, dtypes=[np.float32], order=1, terms=10**4
    )


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@given(st.data())
def test_binary_cross_entropy(reduction, data):
    """Probabilities away from 0 and 1: there torch adds 1e-12 to a denominator of its gradient."""
    shape = data.draw(shapes())
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x, target, weight = rng.uniform(0.05, 0.95, (3, *shape))
    same_as_torch(
        lambda m, x, t, w: m.binary_cross_entropy(x, t, w, reduction=reduction), x, target, weight, order=1,
        grads=(True, False, False),
    )  # fmt: skip


@given(st.data())
def test_pixel_shuffle(data):
    factor, channels, height, width = (data.draw(st.integers(1, 3)) for _ in range(4))
    x = data.draw(numbers((*data.draw(shapes(0, 2)), channels * factor**2, height, width)))
    same_as_torch(lambda m, x: m.pixel_shuffle(x, factor) ** 2, x)


@given(st.data())
def test_sums_of_products(data):
    """einsum of two matrices with a common index, in any order of the letters."""
    rows, inner, columns = (data.draw(st.integers(1, 4)) for _ in range(3))
    first, second = data.draw(st.sampled_from([("ij", "jk"), ("ji", "jk"), ("ij", "kj"), ("ji", "kj")]))
    sizes = dict(i=rows, j=inner, k=columns)
    a, b = (normal(*(sizes[letter] for letter in term), seed=seed) for seed, term in enumerate((first, second)))
    same_as_torch(lambda m, a, b: m.einsum(f"{first},{second}->ki", a, b) ** 2, a, b)
