"""The backend: devices by name, and every branch of the probe for CUDA, with a CuPy made up for the purpose."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import minitensor as mt
from minitensor import backend


class DeviceArray(np.ndarray):
    """What the made-up CuPy calls its arrays: a NumPy array that says it lives on a GPU."""

    number = 0

    @property
    def device(self):
        return SimpleNamespace(id=self.number)


class Device:
    """`with Device(1):` makes arrays on the second GPU."""

    current = 0

    def __init__(self, number):
        self.number = number

    def __enter__(self):
        self.before, Device.current = Device.current, self.number

    def __exit__(self, *error):
        Device.current = self.before


def on_device(array):
    result = np.array(array).view(DeviceArray)
    result.number = Device.current
    return result


def made_up_cupy(count=2, count_error=None, compute_error=None):
    """A module that behaves as CuPy does: working, or broken in one of the ways CuPy is known to break."""

    def get_device_count():
        if count_error:
            raise count_error
        return count

    def ones(shape, dtype):
        if compute_error:
            raise compute_error
        return on_device(np.ones(shape, dtype))

    return SimpleNamespace(
        ndarray=DeviceArray,
        ones=ones,
        zeros=lambda shape, dtype: on_device(np.zeros(shape, dtype)),
        asarray=on_device,
        asnumpy=lambda array: np.array(array.view(np.ndarray)),
        cuda=SimpleNamespace(runtime=SimpleNamespace(getDeviceCount=get_device_count), Device=Device),
    )


@pytest.fixture
def probe(monkeypatch):
    """Call with a module (or None, for one that cannot be imported) to begin anew with it as CuPy."""

    def begin(cupy):
        monkeypatch.setattr(backend, "_cupy", None)
        monkeypatch.setattr(backend, "_reason", None)
        monkeypatch.setitem(sys.modules, "cupy", cupy)

    return begin


BROKEN = {
    "not installed": (None, ["CuPy cannot be imported", "pip install"]),
    "no driver": (
        made_up_cupy(count_error=RuntimeError("cudaErrorInsufficientDriver:\n driver too old")),
        ["no usable CUDA driver", "RuntimeError: cudaErrorInsufficientDriver: driver too old"],
    ),
    "no device": (made_up_cupy(count=0), ["no device"]),
    "no compiler": (
        made_up_cupy(compute_error=RuntimeError("libnvrtc.so.12 not found")),
        ["cannot compute", "libnvrtc.so.12", "pip install"],
    ),
    "no headers": (made_up_cupy(compute_error=ImportError("libcublas")), ["cannot compute", "libcublas"]),
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


def test_the_probe_runs_once(probe):
    calls = []
    cupy = made_up_cupy()
    count = cupy.cuda.runtime.getDeviceCount
    cupy.cuda.runtime.getDeviceCount = lambda: calls.append(1) or count()
    probe(cupy)
    assert mt.cuda.is_available() and mt.cuda.is_available() and mt.cuda.why_not() is None
    assert calls == [1]


def test_nothing_is_probed_before_it_is_asked_for(probe):
    probe(None)
    mt.ones(2).exp()
    assert backend._reason is None


class TestWorking:
    @pytest.fixture(autouse=True)
    def working(self, probe):
        probe(made_up_cupy(count=2))

    def test_tensors_know_where_they_live(self):
        x = mt.ones(2, device="cuda:1")
        assert x.device == "cuda:1" and mt.ones(2).device == "cpu"
        assert mt.ones(2, device="cuda").device == "cuda:0"
        assert "cuda:1" in repr(x)

    def test_moving_there_and_back(self):
        x = mt.tensor([1.0, 2.0], requires_grad=True)
        y = x.to("cuda")
        assert type(y.data) is DeviceArray and y.to("cuda:0") is y
        z = y.to("cpu")
        assert type(z.data) is np.ndarray and type(y.numpy()) is np.ndarray
        (z * 3).sum().backward()
        assert x.grad.tolist() == [3, 3] and x.grad.device == "cpu"

    def test_devices_do_not_mix(self):
        x, y = mt.ones(2), mt.ones(2, device="cuda")
        for operation in (mt.add, mt.maximum, mt.matmul, mt.eq, lambda a, b: mt.cat([a, b])):
            with pytest.raises(ValueError, match="one device, got cpu, cuda:0"):
                operation(x, y)

    def test_gradients_given_must_live_with_their_output(self):
        x = mt.ones(2, requires_grad=True)
        with pytest.raises(ValueError, match="cuda:0.*cpu"):
            (x * 2).backward(mt.ones(2, device="cuda"))

    def test_devices_that_do_not_exist(self):
        with pytest.raises(ValueError, match="2 CUDA devices"):
            mt.ones(2).to("cuda:7")


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
