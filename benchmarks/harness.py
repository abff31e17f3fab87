"""Fair timing: processes that take turns.

Machines are shared and their speed drifts, so only a ratio from one run means anything. For every case both sides
are prepared and warmed up, their results are compared, and then they run in turns, A B A B ..., so that a slow
minute slows both. The figure quoted is the median; its spread is printed with it.
"""

from __future__ import annotations

import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).resolve().parent.parent

# A single run shorter than this is repeated within one turn, so that the clock, the pipe and waking up do not count.
SHORTEST_TURN = 0.1

# Before a turn the other side must have come to rest: when torch has answered, its threads still spin for about 8 ms,
# waiting for more work, and take a processor from the side that is next.
SETTLE = 0.03

# A result may differ from torch's by this share of its largest value: float32 sums of up to 10^4 terms in another
# order, and Winograd's transforms, stay well below it; a wrong formula does not.
TOLERANCE = 2e-4

# What `import minitensor` asks of glibc's malloc (kernels/threads/freed_memory.py), and torch does not: to keep freed
# memory.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}


class Failed(RuntimeError):
    """A library could not do a case, or its results differ from torch's. The message says which."""


class Lacking(Failed):
    """A library has no such operation."""


class TooSlow(Failed):
    """A library needs more time for a case than was allowed. Its worker has been stopped."""


class Result(NamedTuple):
    """The outcome of one case: seconds and bytes of each side, and the error of ours against torch's."""

    case: str
    ours: float
    theirs: float
    ours_spread: float
    theirs_spread: float
    error: float | None
    ours_peak: int = 0
    theirs_peak: int = 0
    flops: int | None = None

    @property
    def ratio(self):
        """torch's time over ours: above 1, ours is faster."""
        return self.theirs / self.ours


class Worker:
    """A process that runs one library."""

    def __init__(self, library, threads, environment=()):
        # The same number for every BLAS and OpenMP that the sides may load.
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        self.library, self.threads = library, threads
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", library, str(threads)],
            cwd=ROOT,
            env=os.environ | dict.fromkeys(names, str(threads)) | dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            self.version = self._reply()["version"]
        except BaseException:
            self.close()
            raise

    def ask(self, limit=None, **request):
        """Send a request and wait for its reply; stop the worker and raise TooSlow after `limit` seconds."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._reply(limit)

    def _reply(self, limit=None):
        # Nothing is left in the buffer between requests, so that waiting for the pipe is waiting for the reply.
        if limit is not None and not select.select([self.process.stdout], [], [], limit)[0]:
            self.process.kill()
            raise TooSlow(f"takes longer than {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the worker of {self.library} ended with code {self.process.wait()}; its message stands above"
            )
        reply = json.loads(line)
        if "lacks" in reply:
            raise Lacking(reply["lacks"])
        if "failed" in reply:
            raise Failed(reply["failed"])
        return reply

    def prepare(self, suite, case, limit=None):
        """Build a case, run it once, and return what it computed; raises TooSlow after `limit` seconds."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "outputs.npz")
            self.ask(limit, prepare=[suite, case], outputs=path)
            with np.load(path) as outputs:
                return [outputs[name] for name in outputs.files]

    def time(self, repeats):
        """Mean seconds of a run over one turn."""
        return statistics.fmean(self.ask(time=repeats)["times"])

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def start(threads, torch_keeps_memory=False):
    """A worker for each side, with `minitensor` first."""
    ours = Worker("minitensor", threads)
    try:
        return ours, Worker("torch", threads, KEEP_MEMORY if torch_keeps_memory else ())
    except BaseException:
        ours.close()
        raise


def measure(workers, suite, case, turns, tolerance=TOLERANCE):
    """Run one case on both sides: compare, take turns. Raises Failed if a side cannot, or if the results differ."""
    ours, theirs = workers
    reference = theirs.prepare(suite, case)
    error = check(ours.prepare(suite, case), reference, tolerance)
    (mine, my_spread), (torchs, torch_spread) = map(median_and_spread, take_turns(workers, turns))
    peaks = [worker.ask(memory=True)["peak"] for worker in workers]
    return Result(case, mine, torchs, my_spread, torch_spread, error, *peaks)


def take_turns(workers, turns, patience=float("inf")):
    """Seconds of a run, a list for each worker: A B C A B C ...

    A worker whose single run is long leaves the round when it has used up `patience` seconds; it has one turn at least.
    """
    repeats, left = [], []
    for worker in workers:
        single = worker.time(1)
        repeats.append(max(1, round(SHORTEST_TURN / max(single, 1e-6))))
        left.append(max(1, int(min(turns, patience / max(single, SHORTEST_TURN)))))
    samples = [[] for _ in workers]
    for turn in range(turns):
        for worker, repeat, allowed, sample in zip(workers, repeats, left, samples, strict=True):
            if turn < allowed:
                time.sleep(SETTLE)
                sample.append(worker.time(repeat))
    return samples


def median_and_spread(sample):
    """The median of some times, and the width of their range as a share of it."""
    median = statistics.median(sample)
    return median, (max(sample) - min(sample)) / median


def check(outputs, reference, tolerance=TOLERANCE):
    """The largest difference as a share of the largest value, over all outputs. Raises Failed above the tolerance.

    The tolerance is a number for all outputs, or one for each. It also raises Failed if all of torch's results are
    zero: a library that computed nothing would pass.
    """
    if len(outputs) != len(reference):
        raise Failed(f"{len(outputs)} results where torch has {len(reference)}")
    if not any(torchs.any() for torchs in reference):
        raise Failed("torch's results are all zero: comparing with them says nothing")
    error = 0.0
    allowed = [tolerance] * len(outputs) if np.isscalar(tolerance) else tolerance
    for mine, torchs, most in zip(outputs, reference, allowed, strict=True):
        if mine.shape != torchs.shape:
            raise Failed(f"shapes {mine.shape} and {torchs.shape} differ")
        difference = np.abs(mine - torchs).max(initial=0.0)
        relative = float(difference / max(np.abs(torchs).max(initial=0.0), 1e-30))
        error = max(error, relative) if relative == relative else relative  # NaN stays
        if not relative <= most:
            raise Failed(f"results differ by {relative:.1e} of the largest value, {most:.0e} allowed")
    return error
