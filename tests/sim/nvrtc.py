"""NVRTC through ctypes: NVIDIA's compiler alone turns CUDA C into machine code, with no CuPy, driver or GPU."""

from __future__ import annotations

import ctypes
import re
import sysconfig
from functools import cache
from pathlib import Path
from typing import NamedTuple

# What CuPy 14 adds to the options of every source (cupy/cuda/compiler.py): numbers too small for float32's exponent
# become 0, and a function without a mark belongs to the device.
CUPYS_OPTIONS = ("-ftz=true", "--device-as-default-execution-space")


class Compiled(NamedTuple):
    """What became of a source: an empty `error`, the size of the machine code, and the assembler's notes."""

    error: str
    code_bytes: int
    log: str

    @property
    def spills(self):
        """{kernel: bytes of registers that did not fit and went to memory}"""
        found = {}
        for name, notes in re.findall(r"Compiling entry function '(\w+)'(.*?)(?=Compiling|\Z)", self.log, re.S):
            stores, loads = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", notes).groups()
            found[name] = int(stores) + int(loads)
        return found

    @property
    def registers(self):
        """{kernel: registers a thread}"""
        pattern = r"Compiling entry function '(\w+)'.*?Used (\d+) registers"
        return {name: int(count) for name, count in re.findall(pattern, self.log, re.S)}


@cache
def library():
    """The NVRTC library of the wheel nvidia-cuda-nvrtc; None where it is not installed."""
    for folder in sorted(Path(sysconfig.get_path("purelib")).glob("nvidia/*/lib")):
        for path in sorted(folder.glob("libnvrtc.so.*")):
            for helper in sorted(folder.glob("libnvrtc-builtins.so.*")):
                ctypes.CDLL(str(helper), ctypes.RTLD_GLOBAL)
            return ctypes.CDLL(str(path))
    return None


def compile_cuda(code, architecture):
    """Compile for an architecture such as "sm_90", with the options that the launcher gives to CuPy and CuPy's own."""
    from minitensor.kernels.cuda.launch import OPTIONS

    nvrtc = library()
    program = ctypes.c_void_p()
    created = nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), b"kernel.cu", 0, None, None)
    if created != 0:
        raise RuntimeError(f"nvrtcCreateProgram failed with code {created}")
    options = [f"-arch={architecture}", "--ptxas-options=-v", *OPTIONS, *CUPYS_OPTIONS]
    texts = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
    failed = nvrtc.nvrtcCompileProgram(program, len(options), texts)
    size = ctypes.c_size_t()
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, buffer)
    log = buffer.value.decode()
    code_bytes = 0
    if not failed:
        nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size))
        code_bytes = size.value
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return Compiled(log if failed else "", code_bytes, log)
