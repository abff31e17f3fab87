"""Fair timing: two processes that take turns.

Machines are shared and their speed drifts, so only a ratio from one run means anything. For every case both sides
are prepared and warmed up, their results are compared, and then they run in turns, A B A B ..., so that a slow
minute slows both. The figure quoted is the median; its spread is printed with it.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

# A single run shorter than this is repeated within one turn, so that the clock and the pipe do not count.
SHORTEST_TURN = 0.02


class Result(NamedTuple):
    """The outcome of one case: seconds and bytes of each side, and the error of ours against torch's."""

    case: str
    ours: float
    theirs: float
    ours_spread: float
    theirs_spread: float
    error: float
    ours_peak: int
    theirs_peak: int

    @property
    def ratio(self):
        """torch's time over ours: above 1, ours is faster."""
        return self.theirs / self.ours


class Worker:
    """A process that runs one library."""

    def __init__(self, library, threads):
        # One text sets the threads for every BLAS and OpenMP that the two sides may load.
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, str(threads)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._reply()["version"]

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._reply()

    def _reply(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the worker ended with code {self.process.wait()}; its message stands above")
        return json.loads(line)

    def time(self, repeats):
        """Mean seconds of a run over one turn."""
        return statistics.fmean(self.ask(time=repeats)["times"])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(suite, case, threads, turns, tolerance, fresh):
    """Run one case on both sides. `fresh` workers make the peak memory that of the case alone."""
    ours, theirs = fresh if isinstance(fresh, tuple) else start(threads)
    try:
        error = _compare(ours, theirs, suite, case, tolerance)
        repeats = [max(1, round(SHORTEST_TURN / max(worker.time(1), 1e-6))) for worker in (ours, theirs)]
        samples = [], []
        for _ in range(turns):
            for worker, repeat, sample in zip((ours, theirs), repeats, samples, strict=True):
                sample.append(worker.time(repeat))
        peaks = [worker.ask(peak=True)["peak"] for worker in (ours, theirs)]
    finally:
        if not isinstance(fresh, tuple):
            ours.close()
            theirs.close()
    medians = [statistics.median(sample) for sample in samples]
    spreads = [(max(sample) - min(sample)) / median for sample, median in zip(samples, medians, strict=True)]
    return Result(case, *medians, *spreads, error, *peaks)


def start(threads):
    """A worker for each side, with `minitensor` first."""
    return Worker("minitensor", threads), Worker("torch", threads)


def _compare(ours, theirs, suite, case, tolerance):
    """Prepare a case on both sides and return the largest relative error; raise where it exceeds the tolerance."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{name}.npz") for name in ("ours", "theirs")]
        for worker, path in zip((ours, theirs), paths, strict=True):
            worker.ask(prepare=[suite, case], outputs=path)
        with np.load(paths[0]) as mine, np.load(paths[1]) as reference:
            error = 0.0
            for name in reference.files:
                if mine[name].shape != reference[name].shape:
                    raise RuntimeError(
                        f"{case}: shapes {mine[name].shape} and {reference[name].shape} differ"
                    )
                difference = np.abs(mine[name] - reference[name]).max(initial=0.0)
                error = max(error, float(difference / max(np.abs(reference[name]).max(initial=0.0), 1e-30)))
    if not error <= tolerance:
        raise RuntimeError(
            f"{case}: results differ by {error:.1e} of the largest value, {tolerance:.0e} allowed"
        )
    return error


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
    return {
        "processor": model,
        "cores": cores,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "gemm_gflops": round(gemm_peak(), 1),
    }


def gemm_peak(size=1536, repeats=5):
    """Measured sgemm speed in GFLOP/s: the roof under which every direct convolution works."""
    import time

    a, b = (np.random.default_rng(seed).standard_normal((size, size), np.float32) for seed in (0, 1))
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        a @ b
        times.append(time.perf_counter() - begin)
    return 2 * size**3 / min(times) / 1e9
