"""Every CUDA source becomes machine code for two generations of GPUs, with all numbers in registers."""

import re

import pytest

from minitensor.kernels.cuda.launch import KERNELS, NUMBERS, parameters_of, source_text
from tests.sim import nvrtc

SOURCES = sorted(str(path.relative_to(KERNELS)) for path in KERNELS.rglob("*.cu"))
needs_nvrtc = pytest.mark.skipif(
    nvrtc.library() is None, reason="NVRTC is not installed: pip install nvidia-cuda-nvrtc"
)


@needs_nvrtc
@pytest.mark.parametrize("architecture", ["sm_80", "sm_90"])
@pytest.mark.parametrize("source", SOURCES)
def test_compiles_without_spills(source, architecture):
    code = source_text(source)
    compiled = nvrtc.compile_cuda(code, architecture)
    assert not compiled.error
    assert compiled.code_bytes > 0
    assert compiled.spills == dict.fromkeys(parameters_of(code), 0)
    assert "warning" not in compiled.log


@needs_nvrtc
def test_errors_and_spills_are_seen():
    wrong = nvrtc.compile_cuda("__global__ void f(float *x) { x[0] = undeclared_name; }", "sm_90")
    assert "undeclared_name" in wrong.error
    hungry = """extern "C" __global__ void __launch_bounds__(1024) hungry(const float *x, float *y) {
      float kept[128];
      #pragma unroll
      for (int i = 0; i < 128; i++) kept[i] = x[i * 1024 + threadIdx.x];
      __syncthreads();
      float sum = 0;
      for (int turn = 0; turn < 9; turn++)
        #pragma unroll
        for (int i = 0; i < 128; i++) { kept[i] = kept[i] * kept[(i * 7 + 3) % 128] + sum; sum += kept[i]; }
      y[threadIdx.x] = sum;
    }"""
    assert nvrtc.compile_cuda(hungry, "sm_90").spills["hungry"] > 0


@pytest.mark.parametrize("source", SOURCES)
def test_every_kernel_has_a_signature_that_is_understood(source):
    code = source_text(source)
    parameters = parameters_of(code)
    assert set(parameters) == set(re.findall(r"__global__ void[^;{]*?(\w+)\([^)]*\)\s*{", code))
    structs = set(re.findall(r"struct (\w+) {", code))
    for arguments in parameters.values():
        for parameter in arguments:
            assert parameter.type in NUMBERS or parameter.type in structs
            assert parameter.dtype is not None or not parameter.is_pointer


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_opens_with_its_story(source):
    opening = (KERNELS / source).read_text(encoding="utf-8").split("#include")[0].split('extern "C"')[0]
    assert "// Threads." in opening and "// Memory." in opening


@pytest.mark.parametrize("source", SOURCES)
def test_results_do_not_depend_on_the_order_of_atomics(source):
    code = re.sub(r"//[^\n]*", "", source_text(source))
    assert "atomic" not in code
