"""x[...] and x[...] = v against torch: ints, slices, None, Ellipsis, masks and whole-number tensors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minitensor as mt
from tests.parity import normal, same_as_torch
from tests.strategies import numbers, shapes


@st.composite
def basic_indices(draw):
    """(array, index of ints, slices, None and Ellipsis)"""
    shape = draw(shapes(min_dims=1))
    parts = []
    for n in shape[: draw(st.integers(0, len(shape)))]:
        start, stop = (draw(st.one_of(st.none(), st.integers(-n - 1, n + 1))) for _ in range(2))
        part = st.one_of(st.integers(-n, n - 1), st.just(slice(start, stop, draw(st.integers(1, 3)))))
        parts.append(draw(part))
    for _ in range(draw(st.integers(0, 2))):
        parts.insert(draw(st.integers(0, len(parts))), None)
    if draw(st.booleans()):
        parts.append(Ellipsis)
    index = parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)
    return draw(numbers(shape)), index


@given(basic_indices())
def test_basic_indices(case):
    x, index = case
    same_as_torch(lambda m, x: x[index] * 2, x)


@given(basic_indices(), st.data())
def test_assignment(case, data):
    x, index = case
    ours, theirs = mt.tensor(x), torch_tensor(x)
    shape = ours[index].shape
    for value in (1.5, data.draw(numbers(shape))):
        ours[index] = mt.Tensor(value) if isinstance(value, np.ndarray) else value
        theirs[index] = torch_tensor(value) if isinstance(value, np.ndarray) else value
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def torch_tensor(array):
    import torch

    return torch.tensor(np.array(array))


ADVANCED = {
    "a list": lambda m: [2, 0, 2],
    "a tensor": lambda m: m.tensor([2, 0, 2]),
    "a table": lambda m: m.tensor([[2, 0], [-1, 2]]),
    "a pair of lists": lambda m: ([0, 2, 0], [1, 1, 1]),
    "a list after a slice": lambda m: (slice(None), [1, 0, 1]),
    "a list after an ellipsis": lambda m: (..., [1, 3, 1]),
    "lists apart": lambda m: ([0, 1], slice(None), [3, 3]),
    "an int, a slice and a list": lambda m: (1, slice(1, 3), [4, 0, 1]),
    "a list, a slice and an int": lambda m: ([0, 2], slice(None), -1),
    "an int and a mask apart": lambda m: (0, ..., m.tensor([True, False, True, True, False])),
    "a number in a tensor and a list apart": lambda m: (m.tensor(2), slice(None), m.tensor([0, 0, 3])),
    "lists around an ellipsis that stands for no axis": lambda m: ([0, 1], None, [3, 3], ..., [1, 0]),
    "a mask and a list around an idle ellipsis": lambda m: (m.tensor(np.arange(12).reshape(3, 4) == 5), ..., [2]),
    "lists side by side": lambda m: (slice(None), [0, 1], [3, 3]),
    "a list and an int": lambda m: ([0, 1], 2),
    "lists that broadcast": lambda m: (m.tensor([[0], [2]]), m.tensor([1, 0, 1])),
    "a list and None": lambda m: (None, [0, 1, 1]),
    "an empty list": lambda m: [],
    "a mask of rows": lambda m: m.tensor([True, False, True]),
    "a mask of elements": lambda m: m.tensor(np.arange(12).reshape(3, 4) % 3 == 0),
    "a mask of nothing": lambda m: m.tensor([False, False, False]),
    "a mask after a slice": lambda m: (slice(1, None), m.tensor([True, False, True, True])),
    "a list of bools": lambda m: [True, False, True],
    "a tensor of no dimensions": lambda m: m.tensor(1),
    "int32": lambda m: m.tensor([1, 0], dtype=m.int32),
}


@pytest.mark.parametrize("name", ADVANCED)
def test_advanced_indices(name):
    same_as_torch(lambda m, x: x[beside(x, ADVANCED[name](adapter(m)))] * 2, normal(3, 4, 5))


@pytest.mark.parametrize("name", ADVANCED)
def test_leading_axes_of_1_in_a_value_do_not_count(name):
    """x[mask] = values of shape (1, n), x[0] = [2.0]"""
    x = normal(3, 4, 5)
    ours, theirs = mt.tensor(x), torch_tensor(x)
    value = normal(1, 1, *ours[ADVANCED[name](adapter(mt))].shape)
    ours[ADVANCED[name](adapter(mt))] = mt.Tensor(value)
    theirs[ADVANCED[name](adapter(None))] = torch_tensor(value)
    ours[0, 1, 2], theirs[0, 1, 2] = mt.tensor([2.0]), torch_tensor([2.0])
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def beside(x, index):
    """The index with its tensors on x's device."""
    if isinstance(index, tuple):
        return tuple(beside(x, part) for part in index)
    return index.to(x.device) if hasattr(index, "device") else index


@pytest.mark.parametrize("name", ADVANCED)
def test_advanced_assignment(name):
    x = normal(3, 4, 5)
    ours, theirs = mt.tensor(x), torch_tensor(x)
    ours[ADVANCED[name](adapter(mt))] = 7.0
    theirs[ADVANCED[name](adapter(None))] = 7.0
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def adapter(m):
    import torch

    return mt if m is mt else torch


def test_an_element_read_twice_receives_both_gradients():
    x = mt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x[[0, 0, 2]].sum().backward()
    assert x.grad.tolist() == [2, 0, 1]


def test_numpy_arrays_and_numbers_as_indices():
    x = mt.Tensor(normal(3, 4))
    np.testing.assert_array_equal(x[np.array([2, 0])].data, x.data[[2, 0]])
    np.testing.assert_array_equal(x[np.int64(1)].data, x.data[1])
    np.testing.assert_array_equal(x[x > 0].data, x.data[x.data > 0])


def test_steps_backwards_are_refused():
    with pytest.raises(ValueError, match="flip"):
        mt.zeros(3)[::-1]


def test_indices_out_of_range_name_the_shape():
    for index in (3, (0, 5), [7], (0, 0, 0)):
        with pytest.raises(IndexError, match=r"\(3, 4\)"):
            mt.zeros(3, 4)[index]
        with pytest.raises(IndexError, match=r"\(3, 4\)"):
            mt.zeros(3, 4)[index] = 1.0


def test_indices_of_other_types_are_refused():
    for index in (1.5, "a", mt.tensor([1.0]), np.array([1.5]), [0.5], {1}):
        with pytest.raises(TypeError, match="index"):
            mt.zeros(3)[index]
        with pytest.raises(TypeError, match="index"):
            mt.zeros(3)[index] = 1.0


def test_values_that_do_not_fit_are_refused():
    x = mt.zeros(3, 4)
    with pytest.raises(ValueError, match=r"\(2,\).*\(3, 4\)"):
        x[0] = mt.ones(2)
    with pytest.raises(TypeError, match="str"):
        x[0] = "text"
    with pytest.raises((TypeError, ValueError)):
        x.expand(2, 3, 4)[0] = 1.0
    assert (x.data == 0).all() and x._version[0] == 0


def test_assignment_counts_as_an_edit():
    x = mt.zeros(3)
    x[0] = 1.0
    x[x == 0] = mt.tensor(2.0)
    assert x.tolist() == [1, 2, 2] and x._version[0] == 2
