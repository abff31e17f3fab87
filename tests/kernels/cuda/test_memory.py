"""No CUDA kernel reads or writes beyond the end of an array: their tests again, under AddressSanitizer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KERNEL_TESTS = Path(__file__).resolve().parent.parent
ROOT = KERNEL_TESTS.parent.parent
FILES = [
    path
    for path in sorted(KERNEL_TESTS.rglob("test_*.py"))
    if path != Path(__file__).resolve() and "from tests.cuda import" in path.read_text(encoding="utf-8")
]

OUTSIDE = """
import numpy as np
from tests.sim.cupy_double import strict_cupy
from tests.sim.runner import RawModule
from tests.sim.strict import ndarray

CODE = 'extern "C" __global__ void shift(float *y, int by) { __syncthreads(); y[threadIdx.x + by] = 1; }'
with strict_cupy():
    kernel, y = RawModule(code=CODE).get_function("shift"), ndarray(np.zeros(300, np.float32))
    kernel((1,), (30,), (y, np.int32(270)))
    print("the last number is written")
    kernel((1,), (30,), (y, np.int32(271)))
"""


def sanitizer():
    """The path of g++'s AddressSanitizer, or None."""
    try:
        done = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True)
    except FileNotFoundError:
        return None
    path = done.stdout.strip()
    return path if os.path.isabs(path) else None  # g++ repeats the name of a file that it does not have


def run_sanitized(*arguments):
    environment = os.environ | {"LD_PRELOAD": sanitizer(), "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True)


needs_sanitizer = pytest.mark.skipif(sanitizer() is None, reason="g++ has no AddressSanitizer (libasan)")


@needs_sanitizer
def test_a_write_beyond_the_end_is_seen():
    done = run_sanitized("-c", OUTSIDE)
    assert "the last number is written" in done.stdout
    assert done.returncode != 0 and "heap-buffer-overflow" in done.stderr


@needs_sanitizer
def test_kernels_stay_inside_their_arrays():
    done = run_sanitized("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *map(str, FILES))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert " passed" in done.stdout
