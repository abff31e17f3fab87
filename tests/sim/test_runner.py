"""The stand-in for a GPU notices what a GPU would do wrong: races, barriers that part, arguments that misfit."""

import numpy as np
import pytest

from tests.sim.cupy_double import strict_cupy
from tests.sim.runner import RawModule
from tests.sim.strict import ndarray

CODE = """
struct Pair { int first; float second; };

extern "C" __global__ void turned(const float *x, float *y) {
  __shared__ float row[64];
  row[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = row[63 - threadIdx.x];
}
extern "C" __global__ void racy(const float *x, float *y) {
  __shared__ float row[64];
  row[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = row[63 - threadIdx.x];
}
extern "C" __global__ void parted(float *y) {
  if (threadIdx.x < 7) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  y[threadIdx.x] = 1;
}
extern "C" __global__ void summed(const float *x, float *y) {
  float sum = x[threadIdx.x];
  for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_down_sync(0xffffffffu, sum, distance);
  if (threadIdx.x % 32 == 0) y[threadIdx.x / 32] = sum;
}
extern "C" __global__ void numbered(float *y, Pair pair, int i, float f, long long l, double d) {
  y[0] = pair.first + pair.second + i + f + l + d;
}
"""
PAIR = np.dtype([("first", "int32"), ("second", "float32")])


@pytest.fixture(scope="module")
def module():
    with strict_cupy():
        yield RawModule(code=CODE)


def arrays():
    x = np.arange(64, dtype=np.float32) + 1
    return x, ndarray(x), ndarray(np.full(64, np.nan, np.float32))


@pytest.mark.parametrize("order", [0, 1, 2, 3])
def test_barriers_hold_in_every_order(module, monkeypatch, order):
    monkeypatch.setattr(RawModule, "order", order)
    x, x_device, y = arrays()
    module.get_function("turned")((1,), (64,), (x_device, y))
    np.testing.assert_array_equal(y._host, x[::-1])
    module.get_function("summed")((1,), (64,), (x_device, y))
    np.testing.assert_array_equal(y._host[:2], x.reshape(2, 32).sum(axis=1))


def test_a_missing_barrier_shows(module, monkeypatch):
    results = []
    for order in (0, 1):
        monkeypatch.setattr(RawModule, "order", order)
        x, x_device, y = arrays()
        module.get_function("racy")((1,), (64,), (x_device, y))
        results.append(np.array_equal(y._host, x[::-1]))
    assert not all(results)


def test_a_barrier_that_some_threads_miss_raises(module):
    _, _, y = arrays()
    with pytest.raises(RuntimeError, match="divergent barrier"):
        module.get_function("parted")((1,), (64,), (y,))


def test_numbers_and_structs_arrive(module):
    _, _, y = arrays()
    pair = np.array((1, 2.5), PAIR)
    numbers = np.int32(3), np.float32(4.25), np.int64(2**40), np.float64(0.5)
    module.get_function("numbered")((1,), (1,), (y, pair, *numbers))
    assert y._host[0] == np.float32(1 + 2.5 + 3 + 4.25 + 2**40 + 0.5)


WRONG = {
    "a Python int": (1, 3),
    "another integer": (1, np.int64(3)),
    "a struct of another size": (0, np.zeros((), "int64, int64")),
    "a double for a float": (2, 1.5),
}


@pytest.mark.parametrize(("place", "value"), WRONG.values(), ids=WRONG)
def test_what_misfits_is_refused(module, place, value):
    _, _, y = arrays()
    arguments = [np.array((1, 2.5), PAIR), np.int32(3), np.float32(4), np.int64(5), np.float64(6)]
    arguments[place] = value
    with pytest.raises(TypeError, match="needs a"):
        module.get_function("numbered")((1,), (1,), (y, *arguments))


def test_arrays_that_misfit_are_refused(module):
    _, x, y = arrays()
    kernel = module.get_function("turned")
    for wrong in (np.ones(64, np.float32), ndarray(np.ones(64)), 3):
        with pytest.raises(TypeError, match="needs a float32 device array"):
            kernel((1,), (64,), (wrong, y))
    with pytest.raises(TypeError, match="not contiguous"):
        kernel((1,), (64,), (x[::2], y))
    with pytest.raises(TypeError, match="3 arguments for 2"):
        kernel((1,), (64,), (x, y, y))


@pytest.mark.parametrize(("grid", "block"), [((1,), (1025,)), ((0,), (64,)), ((1, 2**16), (64,))])
def test_launches_that_no_gpu_takes_are_refused(module, grid, block):
    _, x, y = arrays()
    with pytest.raises(ValueError, match="no GPU launches"):
        module.get_function("turned")(grid, block, (x, y))
