"""The machine that a figure belongs to: its processor, its versions, its memory, and its roof."""

from __future__ import annotations

import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

KIB = 1024
GEMM_SIZE = 1536  # a product this large runs at the machine's full speed, and takes a twentieth of a second
GEMM_REPEATS = 7


def machine():
    """What a figure depends on: processor, cores, versions."""
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {"processor": model, "cores": cores, "python": platform.python_version(), "numpy": np.__version__}


def gemm_peak(size=GEMM_SIZE, repeats=GEMM_REPEATS):
    """Measured sgemm speed in GFLOP/s: no direct convolution can be faster.

    The best of some runs, on as many threads as BLAS has: this is what the machine can do, not what it does on average.
    """
    a, b = (np.random.default_rng(seed).standard_normal((size, size), np.float32) for seed in (0, 1))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / min(times) / 1e9


def memory():
    """(bytes of memory that this process holds now, the most it has ever held).

    Linux's VmHWM and not ru_maxrss, which a process inherits from the one that started it: a small case in a worker
    would show its parent's peak.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if ":" in line)
        return tuple(int(fields[name].split()[0]) * KIB for name in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        peak *= 1 if platform.system() == "Darwin" else KIB  # macOS counts bytes
        return peak, peak
