"""The same tests on a GPU: which of them, how they are asked for, and what stands in where there is none.

    python -m pytest                      parity with torch on the CPU; what needs a device runs on the strict double
    python -m pytest -m gpu               the same tests on CuPy; without a usable GPU they skip and say why
    python -m pytest -m gpu --gpu-double  the same again with the strict double as the GPU: checks the tests themselves

Two kinds of tests take part, and neither is written twice. Those that call `same_as_torch` (tests/parity.py) move
their arrays to the device. Those with a fixture `gpu` get the double in a usual run and the GPU in one for GPUs.
"""

import inspect
import os
import re
import sys
from contextlib import contextmanager, nullcontext

import pytest

import minitensor as mt
from tests.sim import runner
from tests.sim.cupy_double import strict_cupy

ON_CPU, ON_GPU = "cpu", "cuda"
GPU_LOST = 70  # the exit code of a process whose GPU answers nothing more


class RealGpu:
    """In place of the double's `state`: a GPU counts nothing and forbids nothing."""

    is_double = False

    def syncs_forbidden(self):
        return nullcontext()


def pytest_addoption(parser):
    parser.addoption("--gpu-double", action="store_true", help="with -m gpu: the strict double is the GPU")


def pytest_generate_tests(metafunc):
    """In a run for GPUs (-m gpu), give the tests that can run there the device; they get the mark `gpu` with it."""
    if not asks_for_gpu(metafunc.config.getoption("markexpr")):
        return
    if metafunc.definition.get_closest_marker("cpu_only"):
        return
    if "gpu" in metafunc.fixturenames or calls_parity(metafunc.function):
        metafunc.parametrize("device", [pytest.param(ON_GPU, marks=pytest.mark.gpu)], indirect=True)


def asks_for_gpu(expression):
    """True for -m "gpu" and for expressions that contain it, such as "gpu and not slow"; not for "not gpu"."""
    return re.search(r"(?<!not )\bgpu\b", expression or "") is not None


def calls_parity(function):
    """True for a test that calls `same_as_torch`, by itself, in a lambda, or by way of a function of its file."""
    hypothesis = getattr(function, "hypothesis", None)
    function = inspect.unwrap(hypothesis.inner_test if hypothesis else function)
    names = _names(function.__code__)
    helpers = [function.__globals__.get(name) for name in names]
    own = [helper for helper in helpers if getattr(helper, "__module__", None) == function.__module__]
    codes = [helper.__code__ for helper in own if inspect.isfunction(helper)]
    return "same_as_torch" in names.union(*map(_names, codes))


def _names(code):
    inner = [constant for constant in code.co_consts if inspect.iscode(constant)]
    return set(code.co_names).union(*map(_names, inner))


@contextmanager
def device_in_use(config):
    """The GPU, or the double if that was asked for; skips where there is no GPU."""
    if config.getoption("--gpu-double"):
        with strict_cupy() as state:
            yield state
        return
    reason = mt.cuda.why_not()
    if reason is not None:
        pytest.skip(reason)
    yield RealGpu()


def finish_kernels(test, xp=None, leave=os._exit):
    """Wait for the GPU, so that a kernel's fault shows in the test that launched it.

    After an illegal access the GPU answers nothing more to this process, and every further test of it would fail. So
    the process ends at once: pytest-xdist blames this test and goes on with a new process.
    """
    xp = xp or mt.backend.module_for("cuda")
    try:
        xp.cuda.Device().synchronize()
    except xp.cuda.runtime.CUDARuntimeError as error:
        print(f"{test}: the GPU is lost: {error}", file=sys.stderr, flush=True)
        leave(GPU_LOST)


@pytest.fixture(autouse=True)
def device(request):
    """The device on which this test's parity is looked at: "cpu", or "cuda" in a run for GPUs."""
    name = getattr(request, "param", ON_CPU)
    if name == ON_CPU:
        yield name
        return
    from tests import parity  # imports torch, which most tests can do without

    with device_in_use(request.config) as used:
        request.node.gpu_in_use = used
        before, parity.DEVICE = parity.DEVICE, name
        try:
            yield name
        finally:
            parity.DEVICE = before
            if not used.is_double:
                finish_kernels(request.node.nodeid)


@pytest.fixture
def gpu(request, device):
    """A GPU to compute on: the strict double's state, or a RealGpu in a run for GPUs."""
    if device == ON_GPU:
        yield request.node.gpu_in_use
        return
    with strict_cupy() as state:
        yield state


@pytest.fixture
def double():
    """The strict double's state, for tests of what only the double can count."""
    with strict_cupy() as state:
        yield state


@pytest.fixture
def other_order(gpu, monkeypatch):
    """other_order(n): from now on the double runs a kernel's warps and lanes in its n-th order; a GPU as it likes."""

    def choose(order):
        if gpu.is_double:
            monkeypatch.setattr(runner.RawModule, "order", order)

    return choose
