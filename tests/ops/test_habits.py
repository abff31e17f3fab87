"""The names that people type by habit, beside torch: values, dtypes, gradients, and what is refused."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.refusals import both_refuse

DTYPES = ("float32", "float64", "int64", "int32", "uint8", "bool")


def whole(*shape, dtype="int64", seed=0):
    return np.random.default_rng(seed).integers(0, 4, shape).astype(dtype)


def same(ours, theirs):
    ours, theirs = (list(x) if isinstance(x, tuple) else [x] for x in (ours, theirs))
    assert len(ours) == len(theirs)
    for y, expected in zip(ours, theirs, strict=True):
        expected = expected.detach().numpy()
        assert y.shape == expected.shape and y.dtype == expected.dtype, (y.dtype, expected.dtype)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6)


def both(function, *arrays):
    same(*(function(m, *map(make, arrays)) for m, make in ((mt, mt.tensor), (torch, torch.tensor))))


WHOLE = {
    "sort": lambda m, x: m.sort(x, 1),
    "sort, descending and stable": lambda m, x: m.sort(
        x, dim=0, descending=True, **({} if m is mt else {"stable": True})
    ),
    "prod": lambda m, x: m.prod(x),
    "prod of rows": lambda m, x: m.prod(x, 1, keepdim=True),
    "cumsum": lambda m, x: m.cumsum(x, 1),
    "any": lambda m, x: m.any(x),
    "any of rows": lambda m, x: m.any(x, 1),
    "all": lambda m, x: x.all(),
    "all of columns": lambda m, x: x.all(0, keepdim=True),
    "split": lambda m, x: x.split(3, 1),
    "split into sizes": lambda m, x: m.split(x, [1, 0, 3, 1], dim=-1),
    "chunk": lambda m, x: x.chunk(3, 1),
    "masked_fill": lambda m, x: x.masked_fill(x > 1, True),
    "clone": lambda m, x: x.clone(),
    "view": lambda m, x: x.view(2, -1),
    "zeros_like": lambda m, x: m.zeros_like(x),
    "ones_like": lambda m, x: m.ones_like(x),
    "full_like": lambda m, x: m.full_like(x, 1),
    "float": lambda m, x: x.float(),
    "double": lambda m, x: x.double(),
    "long": lambda m, x: x.long(),
    "cpu": lambda m, x: x.cpu(),
}
NUMBERS = {
    "argmin": lambda m, x: m.argmin(x),
    "argmin of rows": lambda m, x: m.argmin(x, 1, keepdim=True),
    "topk": lambda m, x: m.sort(m.topk(x, 2)[0])[0],
    "floor_divide": lambda m, x: x // 2,
    "floor_divide of a number": lambda m, x: 7 // (x + 1),
    "remainder": lambda m, x: x % 3,
    "remainder of a number": lambda m, x: 7 % (x + 1),
    "remainder of negatives": lambda m, x: m.remainder(-x, 3),
    "sin": lambda m, x: m.sin(x),
    "cos": lambda m, x: x.cos(),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", WHOLE)
def test_every_dtype(name, dtype):
    both(WHOLE[name], whole(4, 5, dtype=dtype))


@pytest.mark.parametrize("dtype", DTYPES[:-1])
@pytest.mark.parametrize("name", NUMBERS)
def test_every_dtype_of_numbers(name, dtype):
    both(NUMBERS[name], whole(4, 5, dtype=dtype))


@pytest.mark.parametrize("name", ["sort", "prod", "cumsum", "any", "all", "argmin", "norm", "std"])
@pytest.mark.parametrize("shape", [(), (1,), (0, 3)])
def test_few_or_no_elements(name, shape):
    x = normal(*shape)
    if name in ("cumsum", "sort"):
        both(lambda m, x: getattr(m, name)(x, -1), x)
    elif name == "argmin" and x.size == 0:
        both_refuse(ValueError, ["argmin", "(0, 3)"], lambda m, x: m.argmin(x), x)
    else:
        both(lambda m, x: getattr(m, name)(x), x)


def test_nan_is_the_largest():
    x = np.array([[1.0, np.nan, -np.inf, 2.0], [np.nan, 0.0, np.nan, np.inf]])
    for descending in (False, True):
        both(lambda m, x, d=descending: m.sort(x, 1, descending=d)[0], x)
    both(lambda m, x: m.topk(x, 3)[0], x)
    both(lambda m, x: m.argmin(x, 1), x)


def test_norms_and_deviations_have_no_slope_at_zero():
    zeros = np.zeros((2, 3))
    for function in (
        lambda m, x: m.norm(x),
        lambda m, x: m.norm(x, 1),
        lambda m, x: m.std(x),
        lambda m, x: m.norm(x, dim=1),
    ):
        same_as_torch(function, zeros, order=1)


def test_the_norm_along_an_axis_of_one():
    for p, dim in itertools.product((1, 2, float("inf")), (0, (0, 1))):
        same_as_torch(lambda m, x, p=p, dim=dim: m.norm(x, p, dim), normal(1, 3), order=1)


@given(st.data())
def test_gather(data):
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    index_shape = [data.draw(st.integers(1, n if i != dim % len(shape) else 5)) for i, n in enumerate(shape)]
    index = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, shape[dim], index_shape)
    same_as_torch(lambda m, x, i: m.gather(x, dim, i) ** 2, normal(*shape), index)


@given(st.data())
def test_einsum(data):
    letters = data.draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    sizes = {letter: data.draw(st.integers(1, 3)) for letter in "abcd"}
    count = data.draw(st.integers(1, 3))
    terms = ["".join(data.draw(st.lists(st.sampled_from(letters), max_size=3))) for _ in range(count)]
    used = sorted(set("".join(terms)))
    assume(used)
    result = "".join(data.draw(st.permutations(data.draw(st.lists(st.sampled_from(used), unique=True)))))
    equation = ",".join(terms) + data.draw(st.sampled_from(["->" + result, ""]))
    arrays = [normal(*(sizes[letter] for letter in term), seed=i) for i, term in enumerate(terms)]
    same_as_torch(lambda m, *xs: m.einsum(equation, *xs), *arrays, terms=3 * 81)


def test_a_view_is_the_same_memory_and_a_clone_is_not():
    x = mt.zeros(2, 3)
    x.view(6)[1] = 5.0
    assert x.tolist() == [[0, 5, 0], [0, 0, 0]]
    with pytest.raises(ValueError, match=r"view: x of shape \(3, 2\) cannot be seen as \(6,\).*reshape"):
        x.T.view(6)
    twin = x.clone()
    twin[0, 1] = 7.0
    assert x[0, 1].item() == 5
    array = np.zeros(3)
    y = mt.from_numpy(array)
    array[1] = 2
    assert y.tolist() == [0, 2, 0] and y.dtype == mt.float64


def test_what_a_tensor_says_of_itself():
    x = mt.tensor([[1.0, 2.0]])
    assert x.numel() == mt.numel(x) == 2 and x.dim() == 2
    assert x.requires_grad_() is x and x.requires_grad and not x.requires_grad_(False).requires_grad
    assert f"{x.sum():.3f}" == "3.000" and f"{mt.tensor(7):03d}" == "007" and f"{x}" == str(x)
    with pytest.raises(TypeError, match=r"'.2f'.*shape \(1, 2\)"):
        f"{x:.2f}"


def test_spaced_and_random_numbers():
    for arguments in ((0, 1, 5), (2, -2, 4), (3, 3, 1), (0, 1, 0)):
        np.testing.assert_allclose(mt.linspace(*arguments).data, torch.linspace(*arguments).numpy(), atol=1e-6)
    assert mt.linspace(0, 1, 3).dtype == mt.float32
    mt.manual_seed(0)
    x = mt.randint(3, 7, (1000,))
    assert x.dtype == mt.int64 and set(x.tolist()) == {3, 4, 5, 6} and set(mt.randint(2, (50,)).tolist()) == {0, 1}
    assert sorted(mt.randperm(50).tolist()) == list(range(50)) and mt.randperm(50).tolist() != list(range(50))
    y = mt.zeros(20, 30, dtype=mt.float64)
    assert mt.randn_like(y).dtype == mt.float64 and abs(mt.randn_like(y).mean().item()) < 0.2
    assert mt.rand_like(y).shape == (20, 30) and 0 <= mt.rand_like(y).min().item()


def test_whole_numbers_are_not_divided_by_zero():
    for operation in (lambda m, x: x // 0, lambda m, x: x % 0, lambda m, x: 5 // x):
        both_refuse(ZeroDivisionError, ["0"], operation, np.array([1, 0]))
    same_as_torch(lambda m, x: x % 0.0, normal(3), order=0)


REFUSED = {
    "norm, p": (ValueError, ["norm", "3"], lambda m, x: m.norm(x, 3) if m is mt else m.norm(x, "three")),
    "norm, axis": (ValueError, ["norm", "dim 2"], lambda m, x: m.norm(x, 2, 2)),
    "prod, axis": (ValueError, ["prod", "dim 5"], lambda m, x: m.prod(x, 5)),
    "topk, too many": (ValueError, ["topk", "k must be", "9"], lambda m, x: m.topk(x, 9)),
    "split, sizes": (ValueError, ["split", "[1, 1]", "3"], lambda m, x: x.split([1, 1], 1)),
    "split, zero": (ValueError, ["split", "at least 1"], lambda m, x: x.split(-1, 1)),
    "chunk, zero": (ValueError, ["chunk", "0"], lambda m, x: x.chunk(0)),
    "masked_fill, mask": (TypeError, ["masked_fill", "bool"], lambda m, x: x.masked_fill(x, 1.0)),
    "einsum, sizes": (ValueError, ["einsum", "'a'"], lambda m, x: m.einsum("ab,ca->b", x, x)),
    "einsum, letters": (ValueError, ["einsum", "'abc'"], lambda m, x: m.einsum("abc->a", x)),
    "einsum, result": (ValueError, ["einsum", "z"], lambda m, x: m.einsum("ab->az", x)),
    "einsum, operands": (ValueError, ["einsum", "2 operands, got 1"], lambda m, x: m.einsum("ab,b", x)),
    "pixel_shuffle": (ValueError, ["pixel_shuffle", "(2, 3)"], lambda m, x: m.nn.functional.pixel_shuffle(x, 2)
                      if m is not mt else m.pixel_shuffle(x, 2)),
}  # fmt: skip


@pytest.mark.parametrize(("error", "words", "call"), REFUSED.values(), ids=REFUSED)
def test_calls_that_are_refused(error, words, call):
    both_refuse(error, words, lambda m, x: call(m if m is mt else torch, x), normal(2, 3))


def test_the_rest_of_what_is_refused():
    x, index = mt.zeros(2, 3), mt.tensor([[0, 5]])
    for call, error, words in (
        (lambda: x.gather(1, index), IndexError, "gather: index 5 is out of bounds"),
        (lambda: x.gather(1, mt.tensor([[-1]])), ValueError, "at least 0, got -1"),
        (lambda: x.gather(1, x), TypeError, "whole numbers"),
        (lambda: x.gather(0, mt.tensor([[0, 0, 0, 0]])), ValueError, r"index of shape \(1, 4\) does not fit"),
        (lambda: index.masked_fill(index > 1, 0.5), TypeError, "0.5 does not fit into x of dtype int64"),
        (lambda: mt.einsum("...i->i", x), ValueError, "no '...'"),
        (lambda: mt.gelu(x, approximate="fast"), ValueError, "'none' or 'tanh', got 'fast'"),
        (lambda: mt.gelu(index), TypeError, "gelu: x must be floating point"),
        (lambda: mt.binary_cross_entropy(x - 1, x), ValueError, r"probabilities in \[0, 1\], got -1.0"),
        (lambda: mt.randint(5, 5, (2,)), ValueError, "randint: low must be a whole number below high"),
        (lambda: mt.randperm(-1), ValueError, "randperm"),
        (lambda: mt.linspace(0, 1, -1), ValueError, "linspace: steps"),
        (lambda: mt.from_numpy([1]), TypeError, "from_numpy: expects a NumPy array, got list"),
    ):
        with pytest.raises(error, match=words):
            call()


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
def test_binary_cross_entropy_of_probabilities(reduction):
    x, target = np.random.default_rng(0).uniform(0, 1, (2, 3, 4))
    x[0, :2] = 0, 1  # whose logarithms are bounded
    weight = mt.tensor([1.0, 2.0, 0.0, 1.0], dtype=mt.float64)
    same_as_torch(lambda m, x, t: m.binary_cross_entropy(x, t, reduction=reduction), x[1:], target[1:], order=1)
    both(lambda m, x, t: (m if m is mt else m.nn.functional).binary_cross_entropy(x, t, reduction=reduction), x, target)
    y = mt.binary_cross_entropy(mt.Tensor(x), mt.Tensor(target), weight, reduction="none")
    np.testing.assert_allclose(
        y.data, mt.binary_cross_entropy(mt.Tensor(x), mt.Tensor(target), reduction="none").data * weight.data
    )
