"""CUDA C on the CPU: a stand-in for cupy.RawModule that compiles with g++ and runs cuda_cpu.h's fibers.

Arguments are held to the C signature more strictly than CuPy does it: CuPy passes whatever bytes it is given, so
that a Python float becomes a double and a float64 array is read as float32. Here that raises.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pytest

from minitensor.kernels.cuda.launch import parameters_of
from tests.sim import strict

HERE = Path(__file__).resolve().parent
COMPILER = ["g++", "-std=c++20", "-O1", "-march=native", "-shared", "-fPIC", "-fno-strict-aliasing", "-w"]
if "libasan" in os.environ.get("LD_PRELOAD", ""):  # AddressSanitizer must be there before Python is
    COMPILER.append("-fsanitize=address")
MOST_THREADS = 1024  # in a block, on every GPU so far
MOST_BLOCKS = (2**31 - 1, 2**16 - 1, 2**16 - 1)


class RawModule:
    """The kernels of one CUDA source, compiled for the CPU once and kept in the folder for temporary files."""

    order = 0  # the order of warps and lanes of the launches that follow, for all modules

    def __init__(self, *, code, options=()):
        self.parameters = parameters_of(code)
        self.has_barriers = bool(re.search(r"__sync(threads|warp)|__shfl|mma_", code))
        self.library = ctypes.CDLL(str(_compiled(_translated(code, self.parameters))))
        self.library.sim_error.restype = ctypes.c_char_p

    def get_function(self, name):
        return RawKernel(self, name)


class RawKernel:
    def __init__(self, module, name):
        self.module, self.name, self.parameters = module, name, module.parameters[name]
        self.function = getattr(module.library, f"{name}__launch")
        self.function.restype = None

    def __call__(self, grid, block, args, *, shared_mem=0):
        if shared_mem:
            raise ValueError(f"{self.name}: the runner gives kernels static shared memory only")
        grid, block = (tuple((*sizes, 1, 1)[:3]) for sizes in (grid, block))
        too_many = any(n > most for n, most in zip(grid, MOST_BLOCKS, strict=True))
        if min(*grid, *block) < 1 or np.prod(block) > MOST_THREADS or too_many:
            raise ValueError(f"{self.name}: no GPU launches grid {grid} of blocks {block}")
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name}: {len(args)} arguments for {len(self.parameters)} parameters")
        passed = [self._pass(value, p) for value, p in zip(args, self.parameters, strict=True)]
        triple = ctypes.c_int * 3
        flags = int(self.module.has_barriers) | RawModule.order << 1
        strict.state.launch(self.name, [value for value in args if isinstance(value, strict.ndarray)])
        self.function(triple(*grid), triple(*block), flags, *passed)
        if message := self.module.library.sim_error():
            raise RuntimeError(f"{self.name}: {message.decode()}")

    def _pass(self, value, parameter):
        """The argument as an address (arrays and structs) or a number for ctypes; raises TypeError if it misfits."""
        where = f"{self.name}.{parameter.name}"
        if parameter.is_pointer:
            if value is None:
                return ctypes.c_void_p(None)
            if not isinstance(value, strict.ndarray) or value.dtype != parameter.dtype:
                raise TypeError(f"{where}: needs a {parameter.dtype} device array, got {_told(value)}")
            if not value.flags.c_contiguous:
                raise TypeError(f"{where}: the array is not contiguous")
            return ctypes.c_void_p(value.data.ptr)
        if parameter.dtype is None:  # a struct, passed by value as CuPy does: a NumPy array of one element
            size = getattr(self.module.library, f"sizeof_{parameter.type}")()
            if type(value) is not np.ndarray or value.size != 1 or value.nbytes != size:
                raise TypeError(f"{where}: needs a struct of {size} bytes, got {_told(value)}")
            return ctypes.c_void_p(value.ctypes.data)
        if type(value) is not parameter.dtype.type:
            raise TypeError(f"{where}: needs a {parameter.dtype} number, got {_told(value)}")
        return np.ctypeslib.as_ctypes_type(parameter.dtype)(value.item())


def _told(value):
    return f"{type(value).__name__} {getattr(value, 'dtype', '')}".strip()


def _translated(code, parameters):
    """The CUDA source as C++, with a function `NAME__launch` for each kernel that ctypes can call."""
    text = [
        '#include "cuda_cpu.h"\n#line 1 "kernel.cu"\n',
        re.sub(r'extern\s+"C"\s+__global__', "__global__", code),
        '\nextern "C" const char *sim_error() { return sim::error[0] ? sim::error : nullptr; }\n',
    ]
    structs = set()
    for name, arguments in parameters.items():
        declared, passed = ["const int *grid_", "const int *block_", "int flags_"], []
        for p in arguments:
            is_struct = p.dtype is None and not p.is_pointer
            structs |= {p.type} if is_struct else set()
            declared.append(f"{p.type} {'*' if p.is_pointer or is_struct else ''}{p.name}")
            passed.append(f"{'*' if is_struct else ''}{p.name}")
        text.append(
            f'extern "C" void {name}__launch({", ".join(declared)}) {{\n'
            f"  sim::launch(grid_, block_, flags_, [&] {{ {name}({', '.join(passed)}); }});\n}}\n"
        )
    text += [f'extern "C" int sizeof_{struct}() {{ return sizeof({struct}); }}\n' for struct in sorted(structs)]
    return "".join(text)


def why_not():
    """Why this machine cannot run CUDA C on its processor, or None."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return f"the CPU runner switches between fibers in x86-64 assembly, this is {platform.machine()}"
    if shutil.which(COMPILER[0]) is None:
        return f"the CPU runner compiles CUDA C with {COMPILER[0]}, which is not on this machine"
    return None


def _compiled(text):
    """The path of the shared library; compiled unless the same text was before. Skips the test where it cannot be."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    key = hashlib.sha256((text + (HERE / "cuda_cpu.h").read_text() + repr(COMPILER)).encode()).hexdigest()[:20]
    path = Path(tempfile.gettempdir()) / f"minitensor-sim-{os.getuid()}" / f"{key}.so"
    if path.exists():
        return path
    path.parent.mkdir(mode=0o700, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}")
    command = [*COMPILER, "-I", str(HERE), "-x", "c++", "-", "-o", str(partial)]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"g++ does not take the CUDA source:\n{done.stderr[:4000]}")
    os.replace(partial, path)
    return path
