"""The backend: devices by name, and every branch of the probe for CUDA, with a CuPy made up for the purpose."""

import sys

import numpy as np
import pytest

import minitensor as mt
from minitensor import backend
from tests.sim.cupy_double import build, strict_cupy

# What operations take beside x, given on the CPU while x is on a GPU.
SIDE_ARGUMENTS = {
    "target": lambda x: mt.cross_entropy(x, mt.zeros(2, 4, 4, dtype=mt.int64)),
    "weight": lambda x: mt.nll_loss(x, mt.zeros(2, 4, 4, dtype=mt.int64, device="cuda"), weight=mt.ones(3)),
    "running_mean": lambda x: mt.batch_norm(x, mt.zeros(3), mt.ones(3)),
    "indices": lambda x: mt.max_unpool2d(x, mt.zeros(2, 3, 4, 4, dtype=mt.int64), 2),
    "index": lambda x: x[mt.tensor([0, 1])],
    "mask": lambda x: x[mt.ones(2, dtype=mt.bool_)],
    "condition": lambda x: mt.where(mt.ones(4, dtype=mt.bool_), x, 0.0),
    "bits": lambda x: (x > 0) & mt.ones(4, dtype=mt.bool_),
    "value": lambda x: x.__setitem__(0, mt.ones(3, 4, 4)),
}


def fails(error):
    def raise_it(*args, **kwargs):
        raise error

    return raise_it


def broken_cupy(count=2, count_error=None, compile_error=None, multiply_error=None, factor=1):
    """A CuPy that breaks in one of the ways in which CuPy is known to break."""
    cupy = build()
    cupy.cuda.runtime.getDeviceCount = fails(count_error) if count_error else lambda: count
    ones = cupy.ones

    class Ones(cupy.ndarray):
        """What the probe adds to, to compile a kernel, and multiplies by, to call cuBLAS."""

        __slots__ = ()

        def __add__(self, other):
            if compile_error:
                raise compile_error
            return Ones(self._host + other)

        def __matmul__(self, other):
            if multiply_error:
                raise multiply_error
            return Ones(factor * (self._host @ other._host))

    cupy.ones = lambda *args, **kwargs: Ones(ones(*args, **kwargs)._host)
    return cupy


@pytest.fixture
def probe(monkeypatch):
    """Call with a module (or None, for one that is not there) to begin anew with it as CuPy."""

    def begin(cupy):
        monkeypatch.setattr(backend, "_cupy", None)
        monkeypatch.setattr(backend, "_reason", None)
        monkeypatch.setattr(backend, "_device_count", 0)
        monkeypatch.setitem(sys.modules, "cupy", cupy)

    return begin


NO_DRIVER = RuntimeError("cudaErrorInsufficientDriver: CUDA driver version is insufficient\n for CUDA runtime version")

BROKEN = {
    "not installed": (None, ["CuPy is not installed", "pip install"]),
    "no driver": (
        broken_cupy(count_error=NO_DRIVER),
        ["no usable CUDA driver", "RuntimeError: cudaErrorInsufficientDriver", "insufficient for CUDA runtime"],
    ),
    "no device": (broken_cupy(count=0), ["no device", "CUDA_VISIBLE_DEVICES"]),
    "no compiler": (
        broken_cupy(compile_error=RuntimeError("libnvrtc.so.12 not found")),
        ["cannot compile", "NVRTC", "libnvrtc.so.12", "pip install"],
    ),
    "no headers": (broken_cupy(compile_error=ImportError("no cuda_fp16.h")), ["cannot compile", "cuda_fp16.h"]),
    "no cuBLAS": (
        broken_cupy(multiply_error=ImportError("libcublas.so.12: cannot open shared object file")),
        ["cannot multiply", "cuBLAS", "libcublas.so.12", "pip install"],
    ),
    "a device that computes wrongly": (broken_cupy(factor=2), ["computes wrongly", "16", "32"]),
}


@pytest.mark.parametrize(("cupy", "words"), BROKEN.values(), ids=BROKEN)
class TestBroken:
    def test_the_reason_is_told_in_one_line(self, probe, cupy, words):
        probe(cupy)
        assert not mt.cuda.is_available()
        reason = mt.cuda.why_not()
        assert "\n" not in reason and all(word in reason for word in words)

    def test_asking_for_the_device_raises_with_the_reason(self, probe, cupy, words):
        probe(cupy)
        for ask in (lambda: mt.zeros(2, device="cuda"), lambda: mt.zeros(2).to("cuda:0")):
            with pytest.raises(RuntimeError, match="cuda") as caught:
                ask()
            assert all(word in str(caught.value) for word in words)

    def test_the_cpu_works_on(self, probe, cupy, words):
        probe(cupy)
        mt.cuda.why_not()
        assert (mt.ones(2).to("cpu") + 1).tolist() == [2, 2]
        assert backend.array_module(np.ones(2)) is np and backend.is_array(np.ones(2))


def test_a_cupy_that_fails_at_its_import(probe, monkeypatch, tmp_path):
    (tmp_path / "cupy.py").write_text("raise ImportError('libcudart.so.12:\\n cannot open shared object file')")
    probe(None)
    monkeypatch.delitem(sys.modules, "cupy")
    monkeypatch.syspath_prepend(tmp_path)
    reason = mt.cuda.why_not()
    assert "cannot be imported" in reason and "libcudart.so.12: cannot open" in reason and "pip install" in reason


def test_the_probe_runs_once(probe):
    calls = []
    cupy = broken_cupy()
    cupy.cuda.runtime.getDeviceCount = lambda: calls.append(1) or 2
    probe(cupy)
    assert mt.cuda.is_available() and mt.cuda.is_available() and mt.cuda.why_not() is None
    assert calls == [1]


def test_nothing_is_probed_before_it_is_asked_for(probe):
    probe(None)
    mt.ones(2).exp()
    assert backend._reason is None


class TestWorking:
    @pytest.fixture(autouse=True)
    def working(self):
        with strict_cupy() as state:
            self.state = state
            yield

    def test_tensors_know_where_they_live(self):
        x = mt.ones(2, device="cuda:1")
        assert x.device == "cuda:1" and mt.ones(2).device == "cpu"
        assert mt.ones(2, device="cuda").device == "cuda:0"
        assert "cuda:1" in repr(x)

    def test_moving_there_and_back(self):
        x = mt.tensor([1.0, 2.0], requires_grad=True)
        y = x.to("cuda")
        assert y.device == "cuda:0" and y.to("cuda:0") is y
        z = y.to("cpu")
        assert type(z.data) is np.ndarray and type(y.numpy()) is np.ndarray
        (z * 3).sum().backward()
        assert x.grad.tolist() == [3, 3] and x.grad.device == "cpu"

    def test_each_device_computes_on_its_own_arrays(self):
        first, second = (mt.full((2, 2), 3.0, device=f"cuda:{i}", requires_grad=True) for i in range(2))
        for x in (first, second, first):
            x.grad = None
            ((x @ x).relu() * 2).sum().backward()
            assert x.grad.device == x.device and x.grad.tolist() == [[24, 24], [24, 24]]
        assert (first > 2).device == "cuda:0" and (second[:, 0] + 1).device == "cuda:1"

    def test_devices_do_not_mix(self):
        x, y = mt.ones(2), mt.ones(2, device="cuda")
        for operation in (mt.add, mt.maximum, mt.matmul, mt.eq, lambda a, b: mt.cat([a, b])):
            with pytest.raises(ValueError, match="one device, got cpu, cuda:0"):
                operation(x, y)
        with pytest.raises(ValueError, match="one device, got cuda:1, cuda:0"):
            mt.add(mt.ones(2, device="cuda:1"), y)

    @pytest.mark.parametrize("name", SIDE_ARGUMENTS)
    def test_arguments_beside_x_do_not_mix_either(self, name):
        x = mt.ones(2, 3, 4, 4, device="cuda")
        with pytest.raises(ValueError, match="one device, got (cuda:0, cpu|cpu, cuda:0)"):
            SIDE_ARGUMENTS[name](x)

    def test_gradients_given_must_live_with_their_output(self):
        x = mt.ones(2, requires_grad=True)
        with pytest.raises(ValueError, match="cuda:0.*cpu"):
            (x * 2).backward(mt.ones(2, device="cuda"))

    def test_devices_that_do_not_exist(self):
        for ask in (lambda: mt.ones(2).to("cuda:7"), lambda: mt.rand(2, device="cuda:7")):
            with pytest.raises(ValueError, match="'cuda:7' does not exist: there are 2 CUDA devices, cuda:0 to cuda:1"):
                ask()

    def test_a_full_memory_is_told_with_what_was_asked_for_and_what_is_free(self):
        x = mt.ones(64, 64, device="cuda")
        self.state.free_bytes = 10_000
        words = "too little memory: Out of memory allocating 16,384 bytes.*0 MB of 0 MB are free on cuda:0"
        for name, ask in {
            r"Multiply of \(64, 64\) and \(\)": lambda: x * 2,
            r"zeros of shape \(64, 64\)": lambda: mt.zeros(64, 64, device="cuda"),
            r"moving an array of shape \(64, 64\) to cuda:0": lambda: mt.ones(64, 64).to("cuda"),
        }.items():
            with pytest.raises(MemoryError, match=f"{name}: the GPU has {words}"):
                ask()


@pytest.mark.parametrize(("name", "expected"), [("cpu", "cpu"), ("cuda", "cuda:0"), ("cuda:3", "cuda:3")])
def test_device_names(name, expected):
    assert backend.parse_device(name) == expected


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:-1", "cuda:x", "CPU", "", "cuda:0 "])
def test_names_of_no_device(name):
    with pytest.raises(ValueError, match="device"):
        backend.parse_device(name)


@pytest.mark.parametrize("name", [0, None, np.float32, ("cuda", 0)])
def test_devices_are_strings(name):
    with pytest.raises(TypeError, match="device"):
        backend.parse_device(name)
