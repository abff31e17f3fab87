"""Operations that move numbers: against torch, in every memory layout, and each with its adjoint."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.strategies import broadcast_shapes, numbers, shapes


@st.composite
def reshapes(draw):
    """(array, shape of as many elements): the sides of the array, split and joined anew, perhaps one as -1."""
    shape = draw(shapes(min_side=0))
    factors = []
    for n in shape:
        split = draw(st.sampled_from([d for d in range(1, n + 1) if n % d == 0] or [1]))
        factors += [split, n // split]
    factors = draw(st.permutations(factors))
    joined = draw(st.integers(0, len(factors)))
    target = [int(np.prod(factors[:joined])), *factors[joined:]]
    if 0 not in target and draw(st.booleans()):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return draw(numbers(shape)), tuple(target)


@given(reshapes())
def test_reshape(case):
    x, shape = case
    same_as_torch(lambda m, x: m.reshape(x, shape) ** 2, x)
    same_as_torch(lambda m, x: x.reshape(*shape), x)


@given(st.data())
def test_flatten(data):
    x = data.draw(numbers(data.draw(shapes())))
    start = data.draw(st.integers(0, max(x.ndim - 1, 0)))
    end = data.draw(st.integers(start, max(x.ndim - 1, 0)))
    same_as_torch(lambda m, x: m.flatten(x, start, end) ** 2, x)
    same_as_torch(lambda m, x: x.flatten(), x)
    if x.ndim:
        same_as_torch(lambda m, x: x.flatten(start - x.ndim), x)


@given(st.data())
def test_squeeze_and_unsqueeze(data):
    x = data.draw(numbers(data.draw(shapes(max_side=2))))
    same_as_torch(lambda m, x: m.squeeze(x) ** 2, x)
    if x.ndim:
        dim = data.draw(st.integers(-x.ndim, x.ndim - 1))
        same_as_torch(lambda m, x: m.squeeze(x, dim) ** 2, x)
        same_as_torch(lambda m, x: x.squeeze((dim,)), x)
    new = data.draw(st.integers(-x.ndim - 1, x.ndim))
    same_as_torch(lambda m, x: m.unsqueeze(x, new) ** 2, x)


@given(st.data())
def test_permute_and_transpose(data):
    x = data.draw(numbers(data.draw(shapes(min_dims=1, min_side=0))))
    order = data.draw(st.permutations(range(x.ndim)))
    order = tuple(axis - x.ndim if data.draw(st.booleans()) else axis for axis in order)
    same_as_torch(lambda m, x: m.permute(x, order) ** 2, x)
    same_as_torch(lambda m, x: x.permute(*order), x)
    first, second = (data.draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2))
    same_as_torch(lambda m, x: m.transpose(x, first, second) ** 2, x)


def test_T():
    same_as_torch(lambda m, x: x.T * 2, normal(2, 3))
    assert mt.zeros(3).T.shape == (3,) and mt.zeros(()).T.shape == ()
    assert mt.zeros(2, 3, 4).T.shape == (4, 3, 2)


@given(st.data())
def test_expand(data):
    (shape,), _ = data.draw(broadcast_shapes(1))
    target = tuple(data.draw(st.integers(0, 3)) if n == 1 else n for n in shape)
    target = (*data.draw(shapes(max_dims=2)), *target)
    x = data.draw(numbers(shape))
    same_as_torch(lambda m, x: x.expand(target) * 2, x)
    kept = tuple(-1 if i >= len(target) - len(shape) and n > 1 else n for i, n in enumerate(target))
    same_as_torch(lambda m, x: x.expand(kept) ** 2, x)


@given(st.data())
def test_sum_to_is_the_adjoint_of_expand(data):
    (shape,), _ = data.draw(broadcast_shapes(1))
    target = (2, *(3 if n == 1 else n for n in shape))
    x, y = data.draw(numbers(shape)), data.draw(numbers(target))
    by_expand = (mt.Tensor(x).expand(target).data * y).sum()
    by_sum = (x * mt.Tensor(y).sum_to(shape).data).sum()
    assert by_expand == pytest.approx(by_sum, abs=1e-12)


@given(st.data())
def test_flip(data):
    x = data.draw(numbers(data.draw(shapes(min_dims=1, min_side=0))))
    axes = data.draw(st.lists(st.integers(0, x.ndim - 1), unique=True))
    axes = tuple(a - x.ndim if data.draw(st.booleans()) else a for a in axes)
    same_as_torch(lambda m, x: m.flip(x, axes) ** 2, x)
    if axes:
        same_as_torch(lambda m, x: x.flip(*axes), x)


@given(st.data())
def test_cat(data):
    shape = data.draw(shapes(min_dims=1))
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    parts = []
    for _ in range(data.draw(st.integers(1, 3))):
        part = list(shape)
        part[axis] = data.draw(st.integers(0, 3))
        parts.append(data.draw(numbers(part)))
    same_as_torch(lambda m, *parts: m.cat(parts, axis) ** 2, *parts)


@given(st.data())
def test_stack(data):
    shape = data.draw(shapes(min_side=0))
    axis = data.draw(st.integers(-len(shape) - 1, len(shape)))
    parts = [data.draw(numbers(shape)) for _ in range(data.draw(st.integers(1, 3)))]
    same_as_torch(lambda m, *parts: m.stack(parts, dim=axis) ** 2, *parts)


def test_cat_and_stack_promote():
    a, b = np.array([1, 2]), normal(2)
    same_as_torch(lambda m, a, b: m.cat([a, b]), a, b)
    same_as_torch(lambda m, a, b: m.stack((a, b, a)), a, b)
    same_as_torch(lambda m, a: m.cat([a > 1, a]), a)


def test_tensors_without_elements_or_axes_add_nothing():
    empty = np.zeros(0)
    same_as_torch(lambda m, x: m.cat([m.tensor([]), x, m.tensor([]), x], 1), normal(2, 3))
    same_as_torch(lambda m, a, b: m.cat([a, b]), empty, np.zeros(0, np.float32))
    assert mt.cat([mt.zeros(0, dtype=mt.float64), mt.ones(2, 2)]).dtype == mt.float64


def test_a_tensor_can_be_joined_with_itself():
    same_as_torch(lambda m, x: m.cat([x, x * 2, x], 1), normal(2, 3))


def test_contiguous():
    x = mt.Tensor(normal(2, 3))
    assert x.contiguous() is x
    turned = x.transpose(0, 1)
    assert not turned.data.flags.c_contiguous and turned.contiguous().data.flags.c_contiguous
    same_as_torch(lambda m, x: x.transpose(0, 1).contiguous() ** 2, normal(2, 3))


@given(st.data())
def test_one_hot(data):
    target = np.array(data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=6))).reshape(1, -1)
    same_as_torch(lambda m, t: m.one_hot(t), target)
    same_as_torch(lambda m, t: m.one_hot(t, 6), target)
    same_as_torch(lambda m, t: m.one_hot(t, num_classes=5), target[0, 0])


def test_views_share_memory_and_expanded_ones_are_read_only():
    x = mt.Tensor(normal(2, 3))
    for view in (x.reshape(6), x.permute(1, 0), x.flatten(), x.unsqueeze(0), x.flip(0), x[0]):
        assert np.shares_memory(view.data, x.data)
    assert not x.expand(2, 2, 3).data.flags.writeable
