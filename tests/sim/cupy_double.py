"""The module around strict.py's arrays: what `import cupy` finds, with two devices, memory and streams made up.

with strict_cupy() as state:           # minitensor takes it for CuPy
    x = mt.ones(2, 3, device="cuda")
    with state.syncs_forbidden():
        ...
    print(state.launches.total())
"""

import sys
import time
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace

import numpy as np
from scipy import special

from minitensor import backend
from tests.sim import cublas, runner, strict
from tests.sim.state import OutOfMemoryError
from tests.sim.strict import CATALOGUE, POISON, call_function, compute, ndarray, state

DEVICES = 2


class Device:
    """`with Device(1):` makes the second device the current one."""

    def __init__(self, device=None):
        self.id = state.current if device is None else device
        self.before = []

    def __enter__(self):
        self.before.append(state.current)
        state.current = self.id

    def __exit__(self, *error):
        state.current = self.before.pop()

    def use(self):
        state.current = self.id

    def synchronize(self):
        state.sync("Device.synchronize")

    @property
    def mem_info(self):
        return state.free_bytes, state.free_bytes


class Event:
    """A note of the time. On the double a kernel has ended when its launch returns, so the CPU's clock serves."""

    def record(self):
        self.seconds = time.perf_counter()

    def synchronize(self):
        state.sync("Event.synchronize")


class Ufunc:
    """A ufunc: no `where=`, and only those methods that CuPy has for it."""

    METHODS = {"at": ("add",), "reduceat": ("add",), "reduce": ("add", "multiply"), "accumulate": ("add", "multiply")}

    def __init__(self, name):
        self.name, self.function = name, getattr(np, name)

    def __call__(self, *args, **kwargs):
        return compute(self.function, self.name, args, kwargs)

    def __getattr__(self, method):
        if self.name not in self.METHODS.get(method, ()):
            raise NotImplementedError(f"`{self.name}.{method}` is not supported yet")
        if method == "at":
            raise AssertionError("add.at adds in an order that differs from run to run on a GPU")
        return lambda *args, **kw: compute(getattr(self.function, method), f"{self.name}.{method}", args, kw)


class Module(ModuleType):
    """Functions by name, as CuPy has them; dtypes and constants as NumPy has them."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name in CATALOGUE["ufuncs"]:
            return Ufunc(name)
        if name in CATALOGUE["functions"]:
            return lambda *args, **kwargs: call_function(name, args, kwargs)
        value = getattr(np, name)
        if callable(value) and not isinstance(value, type):
            raise AttributeError(f"CuPy has no function {name}")
        return value


def _array(value, dtype=None, copy=True):
    """An array on the current device; what comes from the host is transferred."""
    if isinstance(value, ndarray):
        if not copy and (dtype is None or value.dtype == dtype) and value.device.id == state.current:
            return value
        with Device(value.device.id):
            state.launch("copy", [value])
        return ndarray(np.array(value._host, dtype=dtype))
    state.uploads += 1
    return ndarray(np.array(strict.plain(value) if isinstance(value, list) else value, dtype=dtype))


def _poisoned(shape, dtype):
    array = np.empty(shape, dtype)
    array.fill(np.nan if array.dtype.kind == "f" else POISON)
    return array


def _filled(name):
    """A function that makes arrays from nothing."""

    def make(*args, **kwargs):
        state.launch(name, [])
        return ndarray(getattr(np, name)(*map(strict.plain, args), **kwargs))

    return make


def build():
    """The module itself."""
    cupy = Module("cupy")
    cupy.ndarray = ndarray
    cupy.__version__ = "14.2.0"
    cupy.array = lambda obj, dtype=None, copy=True: _array(obj, dtype, copy)
    cupy.asarray = lambda a, dtype=None: _array(a, dtype, copy=False)
    cupy.asnumpy = lambda a: a.get() if isinstance(a, ndarray) else np.asarray(a)
    cupy.from_dlpack = _shared
    cupy.empty = lambda shape, dtype=np.float64, order="C": ndarray(_poisoned(shape, dtype))
    cupy.empty_like = lambda a, dtype=None: ndarray(_poisoned(a.shape, dtype or a.dtype))
    for name in ("zeros", "ones", "full", "arange", "eye", "linspace"):
        setattr(cupy, name, _filled(name))
    cupy.RawModule = runner.RawModule
    strides = np.lib.stride_tricks
    cupy.lib = SimpleNamespace(
        stride_tricks=SimpleNamespace(
            as_strided=_strided,
            sliding_window_view=lambda x, window_shape, axis=None: strict.wrap(
                strides.sliding_window_view(x._host, window_shape, axis), "sliding_window_view", (x,)
            ),
        )
    )
    cupy.cuda = SimpleNamespace(
        Device=Device,
        Event=Event,
        get_elapsed_time=lambda begin, end: 1e3 * (end.seconds - begin.seconds),
        cublas=cublas,
        device=SimpleNamespace(get_cublas_handle=lambda: cublas.HANDLE),
        memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
        runtime=SimpleNamespace(
            getDeviceCount=lambda: DEVICES, memGetInfo=lambda: (state.free_bytes, state.free_bytes)
        ),
    )
    cupy.get_default_memory_pool = lambda: SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: None)
    cupy.random = SimpleNamespace(standard_normal=_normals)
    return cupy


def _normals(size, dtype):
    state.launch("standard_normal", [])
    return ndarray(np.random.default_rng(0).standard_normal(size, dtype))


def _shared(source):
    """What DLPack hands over, taken for memory of the current device: NumPy reads it, told that it is the CPU's."""
    as_host = SimpleNamespace(__dlpack__=source.__dlpack__, __dlpack_device__=lambda: (1, 0))
    return ndarray(np.from_dlpack(as_host))


def _strided(x, shape, strides):
    # NumPy's own as_strided hides whose memory it is behind an object of its own
    view = np.lib.stride_tricks.as_strided(x._host, shape, strides)
    return ndarray(view, x if x.base is None else x.base)


SPECIAL = "cupyx.scipy.special"  # where CuPy has erf


@contextmanager
def strict_cupy():
    """Let minitensor take the double for CuPy within the block; yields strict.py's `state`, counting from 0."""
    before = backend._cupy, backend._reason, backend._device_count
    known = {name: sys.modules.get(name) for name in ("cupy", SPECIAL)}
    backend._cupy = backend._reason = None
    sys.modules["cupy"] = build()
    sys.modules[SPECIAL] = SimpleNamespace(erf=lambda x: strict.wrap(special.erf(x._host), "erf", (x,)))
    state.reset()
    try:
        reason = backend.cuda.why_not()
        if reason is not None:
            raise AssertionError(f"the double fails the probe: {reason}")
        state.reset()
        yield state
    finally:
        backend._cupy, backend._reason, backend._device_count = before
        for name, module in known.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module
