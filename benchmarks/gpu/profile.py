"""A train step taken apart: its time and peak of memory, then which kernels it is made of, ours and torch's.

All timing comes first. Tracing comes last, because CUDA's tracer slows whatever runs after it was attached.
"""

from __future__ import annotations

import gc
import json
import os
import tempfile

from benchmarks import nets_cases
from benchmarks.gpu import cases
from benchmarks.gpu.layers import PRECISIONS

SHOWN, KEPT = 12, 40  # kernels that are printed, and those that are written
WARM_UPS, STEPS, TURNS = 2, 5, 3
NAME_WIDTH = 60  # of a kernel's name in a printed row


def sides_of(xp):
    """Our side and torch's, where torch has the GPU too."""
    from benchmarks.gpu.sides import MiniTensorOnGpu, TorchOnGpu

    ours = MiniTensorOnGpu(xp)
    try:
        import torch
    except ImportError:
        return [ours]
    return [ours, TorchOnGpu(ours)] if torch.cuda.is_available() else [ours]


def measure_cases(sides, options, lines):
    """The train steps whose name contains --only; without it the first alone."""
    names = [name for name in cases.trained() if options.only in name]
    for name in names if options.only else names[:1]:
        measure(sides, lines, name)


def measure(sides, lines, case=None):
    """Time the train step of `case` on each side in each precision, then trace them."""
    case = case or cases.trained()[0]
    steps = {}
    for side in sides:
        with lines.guarded("step", side=side.name):
            steps[side] = nets_cases.build(side, case, known=cases.NETS)
            for precision in PRECISIONS:
                if not lines.time_is_up():
                    time_step(lines, side, steps[side], case, precision)
    _trace(steps, case, lines, SHOWN)


def trace(sides, case, lines, shown=SHOWN):
    """Trace the train step of `case` without timing it."""
    steps = {side: nets_cases.build(side, case, known=cases.NETS) for side in sides}
    _trace(steps, case, lines, shown)


def _trace(steps, case, lines, shown):
    sides = list(steps)
    for precision in PRECISIONS:
        for side, step in steps.items():
            if not lines.time_is_up():
                with lines.guarded("profile", side=side.name, precision=precision):
                    side.set_precision(precision)
                    step()  # what this precision compiles or tries belongs to no step
                    trace_step(lines, side, step, case, precision, shown)
    step = None
    steps.clear()
    gc.collect()
    for side in sides:
        side.set_precision("fp32")
        side.free()


def time_step(lines, side, step, case, precision):
    """The least of some turns: ms of a step; and the most memory in use at once."""
    side.set_precision(precision)
    side.milliseconds(step, WARM_UPS)
    ms = min(side.milliseconds(step, STEPS) for _ in range(TURNS))
    peak = side.peak_bytes(step) >> 20
    lines.say(
        "step", f"step {side.name:10} {precision} {ms:8.2f} ms  peak {peak} MB",
        case=case, side=side.name, precision=precision, ms=round(ms, 3), peak_MB=peak,
    )  # fmt: skip


def trace_step(lines, side, step, case, precision, shown):
    """Kernels by time, as CUDA's own tracing sees them."""
    rows = kernels_of(step)
    launches, busy = sum(count for _, count, _ in rows), sum(ms for _, _, ms in rows)
    text = [f"kernels {side.name} {precision}: {launches} launches, {busy:.2f} ms of kernels"]
    text += [f"  {ms:8.3f} ms {count:4} x {name[:NAME_WIDTH]}" for name, count, ms in rows[:shown]]
    lines.say(
        "profile", "\n".join(text), case=case, side=side.name, precision=precision,
        launches=launches, busy_ms=round(busy, 3), kernels=[list(row) for row in rows[:KEPT]],
    )  # fmt: skip


def kernels_of(step):
    """[(kernel, launches, milliseconds)] of one step of either side, the longest first, through torch's profiler.

    The trace is read as a file, because it says of each event what it is: a kernel, a copy, a call on the CPU.
    """
    import torch

    activities = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as traced:
        step()
        torch.cuda.synchronize()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        traced.export_chrome_trace(path)
        with open(path, encoding="utf-8") as file:
            return by_time(json.load(file)["traceEvents"])


def by_time(events):
    """The kernels among the events of a trace, those of one name added up; a trace counts in microseconds."""
    rows = {}
    for event in events:
        if event.get("cat") == "kernel":
            count, ms = rows.get(event["name"], (0, 0.0))
            rows[event["name"]] = count + 1, ms + event["dur"] / 1e3
    return sorted(((name, count, round(ms, 4)) for name, (count, ms) in rows.items()), key=lambda row: -row[2])
