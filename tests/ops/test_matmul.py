"""matmul and linear against torch: rows, columns, batches that broadcast, empty products, any memory layout."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.strategies import broadcast_shapes, numbers


@st.composite
def factors(draw, min_side=1):
    """Two arrays that can be multiplied; either may be a single row or column."""
    m, k, p = (draw(st.integers(min_side, 4)) for _ in range(3))
    (first, second), _ = draw(broadcast_shapes(2, max_dims=2))
    a, b = (*first, m, k), (*second, k, p)
    a = (k,) if draw(st.integers(0, 4)) == 0 else a
    b = (k,) if draw(st.integers(0, 4)) == 0 else b
    return draw(numbers(a)), draw(numbers(b))


@given(factors())
def test_matmul(case):
    same_as_torch(lambda m, a, b: m.matmul(a, b), *case)
    same_as_torch(lambda m, a, b: a @ b, *case, order=0)


@given(factors(min_side=0))
def test_empty_products(case):
    same_as_torch(lambda m, a, b: a @ b, *case, order=1)


def test_a_matrix_by_itself():
    same_as_torch(lambda m, a: a @ a @ a.transpose(0, 1), normal(3, 3))


def test_whole_numbers():
    a = np.arange(6).reshape(2, 3)
    same_as_torch(lambda m, a: a @ a.transpose(0, 1), a)


@given(st.data())
def test_linear(data):
    n_in, n_out = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 4))
    batch = data.draw(st.lists(st.integers(0, 3), max_size=2))
    x, weight, bias = (data.draw(numbers(s)) for s in ((*batch, n_in), (n_out, n_in), (n_out,)))
    same_as_torch(lambda m, x, w, b: m.linear(x, w, b), x, weight, bias)
    same_as_torch(lambda m, x, w: m.linear(x, w), x, weight)


def test_linear_of_whole_numbers():
    same_as_torch(
        lambda m, x, w: m.linear(x, w, m.tensor([1, 2], device=x.device)),
        np.arange(6).reshape(2, 3),
        np.eye(2, 3, dtype=int),
    )


@pytest.mark.parametrize(("a", "b"), [((8, 5000), (5000, 16)), ((2, 1, 4, 1100), (3, 1100, 5)), ((1030,), (1030, 2))])
def test_long_products_of_few_results(a, b):
    """They are summed in pieces; the last may be shorter."""
    same_as_torch(lambda m, a, b: a @ b, normal(*a), normal(*b, seed=1), order=1)


def test_linear_with_a_single_row_of_weights():
    same_as_torch(lambda m, x, w: m.linear(x, w), normal(2, 3), normal(3))


@pytest.mark.parametrize("side", [64, 200])
def test_large_products_keep_the_bound(side):
    same_as_torch(lambda m, a, b: a @ b, normal(side, side), normal(side, side, seed=1), order=1, terms=side)


def test_transposed_operands_are_not_copied_by_backward():
    """A view is enough for BLAS: backward of a product makes two products and two views, no other operation."""
    made = []
    a, b = (mt.Tensor(normal(3, 3, seed=s), requires_grad=True) for s in (0, 1))
    for g in mt.grad((a @ b).sum(), [a, b], create_graph=True):
        node = g.node
        made.append(type(node).__name__)
    assert made == ["MatMul", "MatMul"]
