"""The suite `profile`: where the time of a train step goes, in one process and on this machine.

A line for each kernel that the step calls, the dearest first. All figures are milliseconds of one step:

calls       how often the step calls it
wall        by the clock, while the caller waits for it
processor   of all threads together; wall x threads, if no thread ever waits
products    of the processor's time: matrix products over channels
transforms  matrix products with an inner length of at most 6: Winograd's transforms
passes      the rest of the processor's time: NumPy's passes over memory, and the Python between them

Below the table: what the step does outside kernels (the engine, layers, the optimizer's Python), and the time in which
threads wait: threads x wall - processor. Waiting is the end of a call, when one thread has finished before the other,
and everything that only the caller does.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections import Counter, defaultdict
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from benchmarks import nets_cases
from benchmarks.machine import machine
from benchmarks.output import facts_line, say, write_json

# --net NAME -> the case of `benchmarks nets`
NETS = {
    "small": "small padded U-Net 4x1x256x256: train step",
    "norm": "batch norm U-Net base 16 4x1x128x128: train step",
    "main": "main job's U-Net base 12 4x1x128x128: train step",
    "paper": "paper U-Net 1x1x572x572: train step",
    "fcn": "FCN-8s width 0.25 2x3x256x256: train step",
    "small-inference": "small padded U-Net 4x1x256x256: inference",
}
LONGEST_TRANSFORM = 6  # the points of Winograd's transforms: a product over more is one over channels or pixels
WARM = 2  # steps before anything is counted


class Line(NamedTuple):
    """One kernel's share of a step: seconds, and how often it was called."""

    kernel: str
    calls: float
    wall: float
    processor: float
    products: float
    transforms: float

    @property
    def passes(self):
        """Processor time outside products: passes over memory, and Python."""
        return max(0.0, self.processor - self.products - self.transforms)


class _Clocks:
    """Adds up the time of every kernel and every matrix product while it is installed."""

    def __init__(self):
        self.calls, self.wall, self.processor = Counter(), defaultdict(float), defaultdict(float)
        self.products, self.transforms = defaultdict(float), defaultdict(float)
        self.caller = threading.get_ident()
        self.current = None  # the innermost kernel that the caller is in
        self.inner = [0.0, 0.0]  # wall and processor time of the kernels that it has called so far
        self.lock = threading.Lock()

    def timed(self, name, function):
        """The kernel, with its wall and processor time taken when the caller itself runs it.

        What a kernel spends in other kernels is counted there, and not here.
        """

        def run(*args, **params):
            if threading.get_ident() != self.caller:
                return function(*args, **params)
            outer, self.current = self.current, name
            inner_before, self.inner = self.inner, [0.0, 0.0]
            wall, processor = time.perf_counter(), time.process_time()
            try:
                return function(*args, **params)
            finally:
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                self.calls[name] += 1
                self.wall[name] += wall - self.inner[0]
                self.processor[name] += processor - self.inner[1]
                self.inner = [inner_before[0] + wall, inner_before[1] + processor]
                self.current = outer

        return run

    def product(self, matmul):
        """np.matmul, its time in this thread added to that of the current kernel."""

        def run(a, b, *args, **params):
            begin = time.thread_time()
            try:
                return matmul(a, b, *args, **params)
            finally:
                used = time.thread_time() - begin
                kind = self.transforms if np.shape(a)[-1] <= LONGEST_TRANSFORM else self.products
                with self.lock:
                    kind[self.current] += used

        return run


@contextmanager
def _installed(clocks):
    """Every kernel of the table, and np.matmul, with a clock around it."""
    from minitensor.kernels import table

    before, matmul = {}, np.matmul
    for key, kernels in table._kernels.items():
        before[key] = kernels
        table._kernels[key] = {
            variant: kernel._replace(run=clocks.timed(f"{key[0]} {variant}", kernel.run))
            for variant, kernel in kernels.items()
        }
    np.matmul = clocks.product(matmul)
    try:
        yield
    finally:
        np.matmul = matmul
        table._kernels.update(before)


class Profile(NamedTuple):
    """Seconds of one step: `plain` by the clock without any clocks inside; wall and processor with them; the Lines."""

    plain: float
    wall: float
    processor: float
    lines: tuple[Line, ...]


def profile(step, steps):
    """The Profile of a function without arguments, the mean of `steps` calls."""
    for _ in range(WARM):
        step()
    plain = statistics.median(_seconds(step) for _ in range(steps))
    clocks = _Clocks()
    with _installed(clocks):
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        wall, processor = time.perf_counter() - wall, time.process_time() - processor
    lines = [
        Line(
            name,
            clocks.calls[name] / steps,
            *(part[name] / steps for part in (clocks.wall, clocks.processor, clocks.products, clocks.transforms)),
        )
        for name in clocks.calls
    ]
    lines.sort(key=lambda line: -line.wall)
    return Profile(plain, wall / steps, processor / steps, tuple(lines))


def _seconds(step):
    begin = time.perf_counter()
    step()
    return time.perf_counter() - begin


def main(options):
    """Measure and print; the exit code is 0."""
    from benchmarks.libraries import MiniTensor

    library = MiniTensor(options.threads)
    facts = machine() | {"minitensor": library.version, "threads": options.threads}
    say(facts_line(facts))
    case = NETS[options.net]
    found = profile(nets_cases.build(library, case), 3 if options.quick else 10)
    say(f"{case}\n")
    for text in table(found, options.threads):
        say(text)
    if options.json:
        lines = [line._asdict() for line in found.lines]
        write_json(
            options.json, {"suite": "profile", "machine": facts, "case": case} | found._asdict() | {"lines": lines}
        )
    return 0


COLUMNS = ("wall", "processor", "products", "transforms", "passes")


def table(found, threads):
    """The lines to print."""
    width = max(len(line.kernel) for line in found.lines)
    yield f"{'ms of a step':{width}}  calls  {'  '.join(f'{name:>10}' for name in COLUMNS)}   share"
    for line in found.lines:
        times = "  ".join(f"{1e3 * getattr(line, name):10.2f}" for name in COLUMNS)
        yield f"{line.kernel:{width}}  {line.calls:5.0f}  {times}  {line.wall / found.wall:6.1%}"
    sums = [sum(getattr(line, name) for line in found.lines) for name in COLUMNS]
    calls = sum(line.calls for line in found.lines)
    times = "  ".join(f"{1e3 * total:10.2f}" for total in sums)
    yield f"{'all kernels':{width}}  {calls:5.0f}  {times}  {sums[0] / found.wall:6.1%}"
    outside = found.wall - sums[0]
    waiting = threads * found.wall - found.processor
    yield ""
    yield f"a step: {1e3 * found.plain:.1f} ms ({1e3 * found.wall:.1f} with these clocks)"
    yield f"outside kernels (engine, layers, optimizer): {1e3 * outside:.1f} ms, {outside / found.wall:.1%}"
    yield (
        f"threads wait {1e3 * waiting:.1f} of {threads} x {1e3 * found.wall:.1f} ms, "
        f"{waiting / (threads * found.wall):.1%}"
    )
