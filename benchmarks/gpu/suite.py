"""Both sides on one GPU, case by case, FP32 against FP32 and TF32 against TF32.

Steps run in a row without synchronising, after a warm-up; the two sides take turns, A B A B ..., and the median turn
counts. Results are compared before anything is timed: of a train step the loss and the gradients of the first and of
the last layer, which an update with a small learning rate would hide. Tracing comes last, because CUDA's tracer slows
whatever runs after it was attached.
"""

from __future__ import annotations

import gc
import statistics

import numpy as np

from benchmarks.gpu import cases, profile
from benchmarks.gpu.layers import PRECISIONS
from minitensor.backend import array_module

# |found - true| / |true| in the Frobenius norm, true being torch's in float64. A train step chains a hundred products
# and as many kinks of ReLU, across which rounding carries some values; so where torch's own error is larger than
# these, ours may be up to TIMES_TORCHS of it.
TOLERANCES = {"fp32": 1e-4, "tf32": 5e-3}
TIMES_TORCHS = 2
TURN_MILLISECONDS = 400  # a turn repeats its step until it takes about so long, but
MOST_STEPS = 20  # no more often than this
TURNS, QUICK_TURNS = 5, 2
MEBIBYTE = 2**20


def measure_all(sides, truth, options, lines, identity, known=()):
    """The facts of all cases, those of `known` from an earlier run first; what no time was left for is named.

    `identity` says what the figures belong to (GPU, code); it is part of each line, so that --resume can tell.
    """
    results = list(known)
    done = {(fact["case"], fact["precision"]) for fact in known}
    print(f"\n{'':50} {'':4}  {'ours ms':>9}  {'torch ms':>9}  {'ratio':>5}  {'error':>7} {'torch':>7}  peak MB")
    for name, build in cases.builders().items():
        wanted = [precision for precision in PRECISIONS if (name, precision) not in done]
        if options.only not in name or not wanted:
            continue
        if lines.time_is_up():
            lines.say("left out", f"left out for lack of time: {name}", case=name)
            continue
        with lines.guarded("case", case=name):
            _measure_case(sides, truth, name, build, wanted, options, lines, identity, results)
        gc.collect()
        for side in sides:
            side.free()
    return results


def _measure_case(sides, truth, name, build, precisions, options, lines, identity, results):
    """Both precisions are compared while the weights are as they began, then timed."""
    exact = exactly(truth, build, len(precisions))
    for side in sides:  # before anything runs, because cuDNN keeps the algorithm that it took first
        side.set_precision(precisions[0])
    steps = [build(side) for side in sides]
    errors = {
        precision: differences(sides, steps, precision, expected)
        for precision, expected in zip(precisions, exact, strict=True)
    }
    exact = None
    for precision in precisions:
        ours, theirs = errors[precision]
        result = {"case": name, "precision": precision, "error": ours, "torch_error": theirs}
        result |= measure(sides, steps, precision, QUICK_TURNS if options.quick else TURNS, lines)
        allowed = max(TOLERANCES[precision], TIMES_TORCHS * theirs)
        if not ours <= allowed:
            result["failed"] = f"differs from the truth by {ours:.1e}, {allowed:.0e} allowed"
            lines.failures += 1
        results.append(result)
        lines.say("case", row(result), **result, **identity)


def exactly(truth, build, count):
    """The results of `count` steps in float64: each train step begins where the one before has led."""
    truth.set_precision("fp32")
    step = build(truth)
    found = [[truth.array(y).copy() for y in step()] for _ in range(count)]
    step = None
    gc.collect()
    truth.free()
    return found


def differences(sides, steps, precision, exact):
    """Of each side the largest relative difference of its results from the exact ones; NaN where one of them has it."""
    found = []
    for side, step in zip(sides, steps, strict=True):
        side.set_precision(precision)
        pairs = zip([side.array(y) for y in step()], exact, strict=True)
        found.append(float(np.max([relative_difference(*pair) for pair in pairs])))
    return found


def relative_difference(found, exact):
    """|found - exact| / |exact| in the Frobenius norm, computed where the arrays are.

    Raises ValueError for other shapes, and where all of exact is zero: a comparison with zeros says nothing.
    """
    if found.shape != exact.shape:
        raise ValueError(f"shapes {found.shape} and {exact.shape} differ")
    xp = array_module(found)
    size, distance = (float(xp.sqrt(xp.sum(a * a, dtype="float64"))) for a in (exact, found - exact))
    if size == 0:
        raise ValueError(f"the result of shape {exact.shape} is all zero: comparing with it says nothing")
    return distance / size


def measure(sides, steps, precision, turns, lines):
    """Warm up and take turns: median milliseconds, their spread, and peak bytes of each side."""
    for side in sides:
        side.set_precision(precision)
    first = [side.milliseconds(step, 2) for side, step in zip(sides, steps, strict=True)]
    count = int(min(MOST_STEPS, max(1, TURN_MILLISECONDS // max(first))))
    samples = [], []
    for turn in range(turns):
        if turn and lines.time_is_up():
            break  # one turn each is a figure already
        for side, step, sample in zip(sides, steps, samples, strict=True):
            sample.append(side.milliseconds(step, count))
    ours, theirs = map(statistics.median, samples)
    return {
        "ours_ms": ours,
        "torch_ms": theirs,
        "ratio": theirs / ours,
        "spread": [(max(s) - min(s)) / statistics.median(s) for s in samples],
        "turns": len(samples[0]),
        "steps_a_turn": count,
        "peak_bytes": [side.peak_bytes(step) for side, step in zip(sides, steps, strict=True)],
    }


def trace_all(sides, options, lines):
    """The kernels of the nets' train steps, where time is left for it; for the launches of the page."""
    for name in cases.trained():
        if options.only in name and not lines.time_is_up():
            with lines.guarded("profile", case=name):
                profile.trace(sides, name, lines, shown=0)


def row(result):
    peaks = " / ".join(f"{size / MEBIBYTE:.0f}" for size in result["peak_bytes"])
    times = f"{result['ours_ms']:9.3f}  {result['torch_ms']:9.3f}  {result['ratio']:5.2f}"
    errors = f"{result['error']:7.0e} {result['torch_error']:7.0e}"
    failed = f"  {result['failed']}" if "failed" in result else ""
    return f"{result['case']:50} {result['precision']:4}  {times}  {errors}  {peaks}{failed}"


def summary(results):
    """All rows again, for whoever sees only the end of the output, and the geometric mean of the ratios."""
    text = [row(result) for result in results]
    for precision in PRECISIONS:
        ratios = [r["ratio"] for r in results if r["precision"] == precision and "failed" not in r]
        if ratios:
            text.append(
                f"{precision}: {statistics.geometric_mean(ratios):.2f} times as fast as torch ({len(ratios)} cases)"
            )
    return "\n".join(text)
