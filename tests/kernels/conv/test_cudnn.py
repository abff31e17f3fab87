"""cuDNN as a variant: what it is asked for, through a stand-in that computes by the definition; on a GPU, itself."""

import ctypes
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings

import minitensor as mt
from minitensor.kernels import run, use_kernels
from minitensor.kernels.conv import definition as reference
from minitensor.kernels.conv.cuda import cudnn as ours
from minitensor.kernels.geometry import conv_transpose_output_size
from tests.cuda import examples, is_double, on_device
from tests.strategies import convolutions, transposed_convolutions

VARIANT = {name: "cudnn" for name in ("conv2d", "conv_transpose2d", "conv2d_weight")}
FLOAT, NOTES = "float", ("NONDETERMINISTIC", "DOWN_CONVERT_INPUTS", "TENSOR_CORE")
ALLOWED = {"fp32": 1e-5, "tf32": 2e-3}  # relative errors, in the Frobenius norm


class Tensor:
    def __init__(self, uid=None, dim=None, stride=None):
        self.uid, self.dim, self.stride, self.is_output = uid, dim, stride, False

    def set_uid(self, uid):
        self.uid = uid
        return self

    def set_output(self, value):
        self.is_output = value
        return self

    def set_data_type(self, kind):
        assert kind == FLOAT
        return self

    def set_dim(self, dim):
        self.dim = dim
        return self

    def set_stride(self, stride):
        self.stride = stride
        return self


class Graph:
    """Records one convolution and computes it on the host, by the definition, at the addresses that it is given."""

    built, asked = 0, []

    def __init__(self, **types):
        assert types.pop("handle") == "handle" and set(types.values()) == {FLOAT}
        self.steps = []

    def tensor(self, dim, stride, data_type, uid):
        assert data_type == FLOAT
        return Tensor(uid, dim, stride)

    def _record(self, operation, first, second, pre_padding, post_padding, stride, dilation):
        assert pre_padding == post_padding
        self.operation, self.given, self.result = operation, (first, second), Tensor()
        self.settings = tuple(stride), tuple(pre_padding), tuple(dilation)
        return self.result

    def conv_fprop(self, image, weight, **options):
        return self._record("conv_fprop", image, weight, **options)

    def conv_dgrad(self, loss, filter, **options):
        return self._record("conv_dgrad", loss, filter, **options)

    def conv_wgrad(self, image, loss, **options):
        return self._record("conv_wgrad", image, loss, **options)

    def validate(self):
        self.steps.append("validate")

    def build_operation_graph(self):
        self.steps.append("build_operation_graph")

    def create_execution_plans(self, heuristics):
        assert heuristics == ["A", "FALLBACK"]
        self.steps.append("create_execution_plans")

    def deselect_numeric_notes(self, notes):
        assert self.steps[-1] == "create_execution_plans"  # the filter needs plans to be there
        Graph.asked.append(set(notes))

    def check_support(self):
        assert self.result.is_output

    def build_plans(self):
        Graph.built += 1

    def get_workspace_size(self):
        return 24

    def execute(self, addresses, workspace, handle):
        assert workspace and handle == "handle" and len(addresses) == 3
        assert all(address % ours.ALIGNMENT == 0 for address in addresses.values())
        first, second = (_array(addresses[t.uid], t) for t in self.given)
        made = _array(addresses[self.result.uid], self.result)
        stride, padding, dilation = self.settings
        if self.operation == "conv_fprop":
            groups = first.shape[1] // second.shape[1]
            made[...] = reference.conv2d(first, second, None, stride, padding, dilation, groups)
        elif self.operation == "conv_dgrad":
            groups = made.shape[1] // second.shape[1]
            axes = zip(first.shape[2:], second.shape[2:], stride, padding, (0, 0), dilation, strict=True)
            least = [conv_transpose_output_size(*axis) for axis in axes]
            extra = tuple(np.subtract(made.shape[2:], least).tolist())
            made[...] = reference.conv_transpose2d(first, second, None, stride, padding, extra, groups, dilation)
        else:
            groups = first.shape[1] // made.shape[1]
            size = tuple(made.shape[2:])
            made[...] = reference.conv2d_weight(first, second, size, stride, padding, dilation, groups)


def _array(address, tensor):
    """The contiguous float32 array of a tensor's sizes at an address."""
    count = int(np.prod(tensor.dim))
    expected = np.cumprod([1, *tensor.dim[:0:-1]])[::-1].tolist()
    assert tensor.stride == expected
    return np.frombuffer((ctypes.c_float * count).from_address(address), np.float32).reshape(tensor.dim)


def stand_in():
    """A module with the names of cuDNN's frontend that the variant uses."""
    return SimpleNamespace(
        backend_version=lambda: 92000,
        create_handle=lambda: "handle",
        set_stream=lambda handle, stream: None,
        pygraph=Graph,
        data_type=SimpleNamespace(FLOAT=FLOAT),
        heur_mode=SimpleNamespace(A="A", FALLBACK="FALLBACK"),
        numerical_note=SimpleNamespace(**{name: name for name in NOTES}),
    )


def forget():
    for kept in (ours.library, ours._handle, ours._plan):
        kept.cache_clear()


@pytest.fixture(autouse=True)
def with_cudnn(cupy, monkeypatch):
    """The stand-in on the double; on a GPU cuDNN itself, where it is installed."""
    forget()
    if is_double(cupy):
        monkeypatch.setitem(sys.modules, "cudnn", stand_in())
        monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: SimpleNamespace(ptr=0), raising=False)
    else:
        pytest.importorskip("cudnn")
    with use_kernels(**VARIANT):
        yield
    forget()


def check(found, exact, precision="fp32"):
    error = np.linalg.norm(found.get() - exact) / max(np.linalg.norm(exact), 1e-30)
    assert found.shape == exact.shape and error < ALLOWED[precision]


@settings(examples, max_examples=15)
@given(convolutions())
def test_conv2d_and_its_weight_gradient(cupy, case):
    x, weight, bias = (None if a is None else a.astype(np.float32) for a in (case.x, case.weight, case.bias))
    options = tuple(case.settings.values())
    expected = reference.conv2d(x, weight, bias, *options)
    check(run("conv2d", *on_device(x, weight, bias), *options), expected)
    check(run("conv2d", *on_device(x, weight, bias), *options, relu=True), np.maximum(expected, 0))
    grad = np.random.default_rng(0).standard_normal(expected.shape, np.float32)
    weight_grad = run("conv2d_weight", *on_device(x, grad), weight.shape[2:], *options)
    check(weight_grad, reference.conv2d_weight(x, grad, weight.shape[2:], *options))


@settings(examples, max_examples=15)
@given(transposed_convolutions())
def test_conv_transpose2d(cupy, case):
    x, weight, bias = (None if a is None else a.astype(np.float32) for a in (case.x, case.weight, case.bias))
    options = [case.settings[k] for k in ("stride", "padding", "output_padding", "groups", "dilation")]
    y = run("conv_transpose2d", *on_device(x, weight, bias), *options)
    check(y, reference.conv_transpose2d(x, weight, bias, *options))


@pytest.mark.parametrize("precision", ALLOWED)
def test_the_same_bits_twice_in_both_precisions(cupy, precision):
    rng = np.random.default_rng(0)
    x, weight = (rng.standard_normal((2, 16, 12, 12), np.float32), rng.standard_normal((8, 16, 3, 3), np.float32))
    options = (1, 1), (1, 1), (1, 1), 1
    mt.cuda.matmul_precision(precision)
    try:
        first, again = (run("conv2d", *on_device(x, weight), None, *options) for _ in range(2))
    finally:
        mt.cuda.matmul_precision("fp32")
    np.testing.assert_array_equal(first.get(), again.get())
    check(first, reference.conv2d(x.astype(np.float64), weight, None, *options), precision)


def test_arrays_that_begin_anywhere(cupy):
    """A parameter may lie in the memory of others, behind one of an odd number of elements."""
    rng = np.random.default_rng(0)
    x, weight = rng.standard_normal((2, 3, 5, 5), np.float32), rng.standard_normal((4, 3, 3, 3), np.float32)
    memory = cupy.zeros(1 + weight.size, np.float32)
    inside = memory[1:].reshape(weight.shape)
    inside[...] = on_device(weight)[0]
    assert inside.data.ptr % ours.ALIGNMENT
    settings = (1, 1), (1, 1), (1, 1), 1
    check(run("conv2d", *on_device(x), inside, None, *settings), reference.conv2d(x, weight, None, *settings))


@pytest.mark.cpu_only  # the stand-in counts
def test_a_plan_is_built_once_for_each_precision(cupy):
    x, weight = on_device(np.ones((1, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32))
    options = None, (1, 1), (1, 1), (1, 1), 1
    before, Graph.asked = Graph.built, []
    for precision in ("fp32", "fp32", "tf32", "tf32"):
        mt.cuda.matmul_precision(precision)
        run("conv2d", x, weight, *options)
    mt.cuda.matmul_precision("fp32")
    assert Graph.built - before == 2
    assert Graph.asked == [set(NOTES), set(NOTES[:2])]


@pytest.mark.cpu_only
def test_a_missing_library_is_said_once_and_another_kernel_runs(cupy, monkeypatch):
    monkeypatch.setitem(sys.modules, "cudnn", None)
    forget()
    x, weight = np.ones((1, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32)
    options = (1, 1), (1, 1), (1, 1), 1
    with pytest.warns(UserWarning, match="pip install nvidia-cudnn-frontend") as warned:
        for _ in range(2):
            y = run("conv2d", *on_device(x, weight), None, *options)
    assert len(warned) == 1
    check(y, reference.conv2d(x, weight, None, *options))


@pytest.mark.cpu_only
def test_no_rule_chooses_it(cupy):
    x, weight = on_device(np.ones((1, 2, 5, 5), np.float32), np.ones((3, 2, 3, 3), np.float32))
    before = Graph.built
    with use_kernels(**dict.fromkeys(VARIANT, "auto")):
        run("conv2d", x, weight, None, (1, 1), (1, 1), (1, 1), 1)
    assert Graph.built == before


@pytest.mark.cpu_only
def test_float64_is_left_to_other_kernels(cupy):
    x, weight = on_device(np.ones((1, 2, 5, 5)), np.ones((3, 2, 3, 3)))
    before = Graph.built
    y = run("conv2d", x, weight, None, (1, 1), (1, 1), (1, 1), 1)
    assert y.dtype == np.float64 and Graph.built == before
