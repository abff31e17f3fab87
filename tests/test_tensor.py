"""Tensor: what it is made from, what it tells, what it refuses."""

import copy
import pickle

import numpy as np
import pytest
import torch

import minitensor as mt
from minitensor.convert import DEFAULT_DTYPE
from tests.registry import UNARY

SOURCES = {
    "a float": 2.5,
    "an int": 3,
    "a bool": True,
    "floats": [1.0, 2.0],
    "ints": [[1, 2], [3, 4]],
    "ints and floats": [1, 2.5],
    "bools and ints": [True, 2],
    "nothing": [],
    "rows of nothing": [[], []],
    "tuples": ((1, 2), (3, 4)),
    "a float64 array": np.array([1.0, 2.0]),
    "a float32 array": np.array([1.0, 2.0], np.float32),
    "a uint8 array": np.array([1, 2], np.uint8),
    "an array of no dimensions": np.array(3.0),
    "a NumPy float64": np.float64(2.0),
    "a NumPy int32": np.int32(2),
    "a list of NumPy numbers": [np.float64(1.5), np.float64(2.5)],
    "a list of arrays": [np.array([1, 2], np.int32), np.array([3, 4], np.int32)],
    "infinities": [float("inf"), float("nan")],
}


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")  # torch on its own speed
@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_tensor_has_torchs_shape_dtype_and_values(source):
    ours, theirs = mt.tensor(source), torch.tensor(source)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert ours.shape == tuple(theirs.shape) and ours.dtype == theirs.numpy().dtype
    assert ours.is_leaf and not ours.requires_grad and ours.grad is None and ours.device == "cpu"


def test_lists_of_arrays_and_tensors():
    x = mt.tensor([mt.tensor([1.0, 2.0]), np.array([3.0, 4.0], np.float32)])
    np.testing.assert_array_equal(x.numpy(), [[1, 2], [3, 4]])
    assert x.dtype == mt.float32


def test_lists_of_float64_arrays_keep_their_precision():
    assert mt.tensor([np.array([0.1]), np.array([0.2])]).dtype == mt.float64


def test_tensor_copies_and_Tensor_wraps():
    array = np.zeros(3)
    copied, wrapped = mt.tensor(array), mt.Tensor(array)
    array[0] = 1.0
    assert copied.data[0] == 0.0 and wrapped.data is array


def test_tensor_of_a_tensor_is_a_new_leaf():
    x = mt.tensor([1.0, 2.0], requires_grad=True)
    y = mt.tensor(x * 2)
    assert y.is_leaf and not y.requires_grad
    np.testing.assert_array_equal(y.data, [2, 4])


@pytest.mark.parametrize("dtype", [mt.float32, mt.float64, mt.int32, mt.int64, mt.uint8, mt.bool_, "float32", bool])
def test_dtype_given(dtype):
    assert mt.tensor([0, 1], dtype=dtype).dtype == np.dtype(dtype)
    for make in (mt.zeros, mt.ones):
        assert make(2, dtype=dtype).dtype == np.dtype(dtype)
    assert mt.arange(2, dtype=dtype).dtype == np.dtype(dtype)


class TestMakers:
    def test_zeros_ones_full(self):
        for ours, theirs in (
            (mt.zeros(2, 3), torch.zeros(2, 3)),
            (mt.zeros((2, 3)), torch.zeros((2, 3))),
            (mt.zeros([2]), torch.zeros([2])),
            (mt.zeros(()), torch.zeros(())),
            (mt.ones(0, 3), torch.ones(0, 3)),
            (mt.full((2, 3), 1.5), torch.full((2, 3), 1.5)),
            (mt.full((2,), 7), torch.full((2,), 7)),
            (mt.full((2,), True), torch.full((2,), True)),
            (mt.full((), 2.0), torch.full((), 2.0)),
            (mt.full((2,), 7, dtype=mt.float64), torch.full((2,), 7, dtype=torch.float64)),
        ):
            np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
            assert ours.dtype == theirs.numpy().dtype and ours.shape == tuple(theirs.shape)

    @pytest.mark.parametrize(
        "arguments",
        [(5,), (2, 5), (0, 10, 3), (5, 0, -2), (0.0, 1.0, 0.25), (3.0,), (0, 1, 0.3), (1, 1), (-3,), (5, 2)],
    )
    def test_arange(self, arguments):
        try:
            expected = torch.arange(*arguments).numpy()
        except RuntimeError:
            with pytest.raises(ValueError, match="arange"):
                mt.arange(*arguments)
            return
        result = mt.arange(*arguments)
        np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)
        assert result.dtype == expected.dtype

    def test_requires_grad(self):
        assert mt.zeros(2, requires_grad=True).requires_grad
        assert mt.tensor(2.0, requires_grad=True).is_leaf


class TestRequiresGrad:
    @pytest.mark.parametrize("dtype", [mt.int64, mt.uint8, mt.bool_])
    def test_only_floats_can(self, dtype):
        with pytest.raises(TypeError, match="floating point"):
            mt.tensor([1], dtype=dtype, requires_grad=True)
        x = mt.tensor([1], dtype=dtype)
        with pytest.raises(TypeError, match="floating point"):
            x.requires_grad = True

    def test_data_of_another_kind_is_refused_where_a_gradient_is_required(self):
        x = mt.tensor([1.0], requires_grad=True)
        with pytest.raises(TypeError, match="int64"):
            x.data = np.array([1])
        assert x.dtype == mt.float32

    def test_leaves_can_be_switched_results_cannot(self):
        x = mt.tensor([1.0], requires_grad=True)
        y = x * 2
        assert y.requires_grad and not y.is_leaf
        with pytest.raises(ValueError, match="detach"):
            y.requires_grad = False
        x.requires_grad = False
        assert not (x * 2).requires_grad

    def test_detach_shares_memory_but_no_gradient(self):
        x = mt.tensor([1.0], requires_grad=True)
        y = (x * 2).detach()
        assert y.is_leaf and not y.requires_grad
        assert x.detach().data is x.data


class TestConversions:
    def test_numpy_shares_memory_and_is_read_only_in_a_graph(self):
        x = mt.zeros(2)
        x.numpy()[0] = 1.0
        assert x.data[0] == 1.0
        y = mt.zeros(2, requires_grad=True)
        with pytest.raises(ValueError, match="read-only"):
            y.numpy()[0] = 1.0
        y.data[0] = 1.0  # the array itself stays writable

    def test_numpy_functions_read_a_tensor(self):
        x = mt.tensor([[1.0, 2.0]])
        assert np.asarray(x).dtype == np.float32 and np.asarray(x).shape == (1, 2)
        assert np.array(x, dtype=np.float64).dtype == np.float64
        assert np.asarray(x) is x.data or np.shares_memory(np.asarray(x), x.data)
        assert not np.shares_memory(np.array(x), x.data)
        assert not np.asarray(mt.zeros(2, requires_grad=True)).flags.writeable
        np.testing.assert_array_equal(x, [[1, 2]])

    def test_item_and_python_numbers(self):
        x = mt.tensor([[2.5]])
        assert (x.item(), float(x), int(x)) == (2.5, 2.5, 2)
        assert [10, 20, 30][mt.tensor(1)] == 20
        with pytest.raises(ValueError, match=r"\(2,\)"):
            mt.zeros(2).item()
        with pytest.raises(TypeError, match="float32"):
            [1, 2][mt.tensor(1.0)]

    def test_bool(self):
        assert mt.tensor(2.0) and not mt.tensor([[0]])
        with pytest.raises(ValueError, match="neither true nor false"):
            bool(mt.zeros(2))

    def test_len_and_iteration(self):
        x = mt.tensor([[1.0, 2.0], [3.0, 4.0]])
        assert len(x) == 2 and [row.tolist() for row in x] == [[1, 2], [3, 4]]
        with pytest.raises(TypeError, match="0 dimensions"):
            len(mt.tensor(1.0))
        with pytest.raises(TypeError, match="0 dimensions"):
            list(mt.tensor(1.0))

    def test_iteration_carries_gradients(self):
        x = mt.tensor([1.0, 2.0], requires_grad=True)
        first, second = x
        (first * 3 + second).backward()
        assert x.grad.tolist() == [3, 1]

    def test_repr(self):
        assert repr(mt.tensor([1.0, 2.0])) == "tensor([1., 2.])"
        assert repr(mt.tensor(1)) == "tensor(1, dtype=int64)"
        x = mt.tensor([1.0], requires_grad=True)
        assert repr(x) == "tensor([1.], requires_grad=True)"
        assert repr(x * 2) == "tensor([2.], made by Multiply)"
        assert len(repr(mt.zeros(1000, 1000))) < 1000

    def test_to(self):
        x = mt.tensor([1.0], requires_grad=True)
        assert x.to(mt.float32) is x and x.to("cpu") is x
        y = x.to(mt.float64)
        assert y.dtype == mt.float64
        y.backward()
        assert x.grad.dtype == mt.float32
        assert not x.to(mt.int64).requires_grad

    def test_tensors_are_keys_by_identity(self):
        x, y = mt.zeros(2), mt.zeros(2)
        assert {x: 1, y: 2}[y] == 2 and len({x, y, x}) == 2

    def test_a_leaf_can_be_copied_deeply(self):
        x = mt.tensor([1.0, 2.0], requires_grad=True)
        twin = copy.deepcopy(x)
        with mt.no_grad():
            twin[0] = 5.0
        assert x.tolist() == [1, 2] and twin.requires_grad and twin.is_leaf

    def test_a_result_is_not_copied_with_its_graph(self):
        y = mt.tensor([1.0, 2.0], requires_grad=True) * 2
        for copied in (copy.copy, copy.deepcopy, pickle.dumps):
            with pytest.raises(RuntimeError, match="Multiply.*detach"):
                copied(y)
        assert copy.deepcopy(y.detach()).tolist() == [2.0, 4.0]
        assert pickle.loads(pickle.dumps(mt.tensor([1.0], requires_grad=True))).requires_grad


class TestData:
    def test_data_keeps_its_shape_and_is_an_array(self):
        x = mt.zeros(2)
        with pytest.raises(ValueError, match=r"\(2,\).*\(3,\)"):
            x.data = np.zeros(3)
        with pytest.raises(TypeError, match="list"):
            x.data = [1.0, 2.0]
        x.data = mt.ones(2)
        assert x.tolist() == [1, 1]

    def test_a_step_of_descent_on_a_number(self):
        w = mt.tensor(3.0, requires_grad=True)
        (w * w).backward()
        w.data = w.data - 0.5 * w.grad.data
        assert w.item() == 0.0 and w.shape == () and w.dtype == mt.float32


class TestOperators:
    def test_operators_are_attached(self):
        a, b = mt.tensor([4.0, 9.0]), mt.tensor([2.0, 3.0])
        for result, expected in (
            (a + b, [6, 12]), (a - b, [2, 6]), (a * b, [8, 27]), (a / b, [2, 3]), (a**b, [16, 729]),
            (1 + a, [5, 10]), (1 - a, [-3, -8]), (2 * a, [8, 18]), (36 / a, [9, 4]), (2**b, [4, 8]),
            (-a, [-4, -9]), (abs(-a), [4, 9]), (a @ b, 35), (a == 4, [True, False]), (a != 4, [False, True]),
            (a < b, [False, False]), (a <= 4, [True, False]), (5 > a, [True, False]), (a >= 9, [False, True]),
            ((a > 5) & (b > 5), [False, False]), ((a > 5) | (b < 3), [True, True]),
            ((a > 5) ^ (b > 2), [False, False]), (~(a > 5), [True, False]),
        ):  # fmt: skip
            np.testing.assert_array_equal(result.numpy(), expected)

    @pytest.mark.parametrize("array", [np.array([1.0, 2.0], np.float32), np.float32(2.0), np.float64(2.0)])
    def test_arrays_and_numpy_numbers_on_the_left(self, array):
        x = mt.tensor([4.0, 8.0], requires_grad=True)
        for result, expected in (
            (array + x, array + x.data),
            (array - x, array - x.data),
            (array * x, array * x.data),
            (array / x, array / x.data),
            (array**x, array**x.data),
            (array < x, array < x.data),
        ):
            assert isinstance(result, mt.Tensor)
            np.testing.assert_allclose(result.numpy(), expected, rtol=1e-6)

    def test_numpy_float64_numbers_do_not_widen(self):
        assert (np.float64(2.0) * mt.ones(2)).dtype == DEFAULT_DTYPE
        assert (mt.ones(2) * np.float64(2.0)).dtype == DEFAULT_DTYPE

    def test_every_listed_method_exists(self):
        names = "softmax log_softmax logsumexp sum mean var max min"
        names += " argmax reshape transpose permute flatten squeeze unsqueeze expand flip where maximum minimum"
        names += " clamp pad numpy item detach to backward"
        missing = [name for name in [*names.split(), *UNARY] if not callable(getattr(mt.Tensor, name, None))]
        assert not missing

    def test_unknown_names_raise(self):
        with pytest.raises(AttributeError):
            getattr(mt.zeros(2), "grda")  # noqa: B009
        with pytest.raises(AttributeError):
            mt.zeros(2).gard = 1


def test_float_subtypes_and_foreign_types_are_refused_by_name():
    for source in ("text", None, [None], 1 + 2j, [[1], ["a"]], object(), {1: 2}, [2**70]):
        with pytest.raises(TypeError, match="tensor"):
            mt.tensor(source)
    with pytest.raises(ValueError, match="different lengths"):
        mt.tensor([[1, 2], [3]])


def test_arange_of_numpy_floats_is_floating():
    x = mt.arange(np.float32(0.5), 3)
    assert x.dtype == mt.float32 and x.tolist() == [0.5, 1.5, 2.5]


def test_a_tensor_is_no_shape():
    with pytest.raises(TypeError, match="zeros: a shape is made of whole numbers"):
        mt.zeros(mt.tensor([2, 3]))
