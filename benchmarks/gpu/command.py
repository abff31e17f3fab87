"""What `python -m benchmarks gpu` does for each of its options, and what every part needs: a GPU, lines, the facts."""

from __future__ import annotations

import os
import sys

import numpy as np

from benchmarks.gpu.lines import DeviceLost, Lines, code_version, read

MINUTES = 7  # unless --minutes says otherwise: nothing is begun after that
IDENTITY = ("gpu", "code")  # what a figure belongs to


def main(options):
    """Measure and print; 0, 1 if something failed or results differ, 2 where there is no GPU or no such file."""
    if options.report:
        from benchmarks.gpu import report

        return report.main(options)
    if options.first:
        from benchmarks.gpu import first_contact

        return first_contact.main(options)
    reason = why_not()
    if reason is not None:
        print(f"python -m benchmarks gpu needs a GPU for minitensor and torch: {reason}", file=sys.stderr)
        return 2
    try:
        earlier = read(options.resume) if options.resume and os.path.exists(options.resume) else []
    except ValueError as error:
        print(f"python -m benchmarks gpu: {error}", file=sys.stderr)
        return 2
    return _measure(options, earlier)


def why_not():
    """None if both sides have a GPU; otherwise the reason in one line."""
    from minitensor.backend import cuda

    reason = cuda.why_not()
    if reason is not None:
        return reason
    try:
        import torch
    except ImportError as error:
        return f"torch cannot be imported ({error})"
    return None if torch.cuda.is_available() else "this build of torch finds no GPU"


def _measure(options, earlier):
    from benchmarks.gpu.sides import MiniTensorOnGpu, TorchOnGpu, TruthOnGpu
    from minitensor.backend import module_for

    xp = module_for("cuda")
    ours = MiniTensorOnGpu(xp)
    sides = ours, TorchOnGpu(ours)
    facts = machine(*sides) | code_version()
    identity = {name: facts[name] for name in IDENTITY}
    path = options.json or options.resume
    with Lines(path, options.minutes or MINUTES, xp.cuda.Device().synchronize) as lines:
        lines.say("machine", ", ".join(f"{key} {value}" for key, value in facts.items()), **facts)
        try:
            with lines.guarded("run"):
                _run(options, sides, TruthOnGpu(ours), lines, identity, of_this_machine(earlier, identity))
        except DeviceLost:
            pass
        return int(lines.failures > 0)


def of_this_machine(facts, identity):
    """The facts that were measured with the same code on the same kind of GPU, and did not fail."""
    return [
        fact
        for fact in facts
        if all(fact.get(name) == value for name, value in identity.items()) and "failed" not in fact
    ]


def _run(options, sides, truth, lines, identity, known):
    if options.tune:
        from benchmarks.gpu import tune

        return tune.measure(sides, options, lines, identity, [f for f in known if f["kind"] == "layer"])
    if options.profile:
        from benchmarks.gpu import profile

        return profile.measure_cases(sides, options, lines)
    if options.main_job:
        from benchmarks.gpu import main_job

        return main_job.measure(lines, identity)
    from benchmarks.gpu import suite

    results = suite.measure_all(sides, truth, options, lines, identity, [f for f in known if f["kind"] == "case"])
    suite.trace_all(sides, options, lines)
    print("\n" + suite.summary(results), flush=True)


def machine(ours, theirs):
    """What the figures depend on."""
    runtime, torch = ours.cupy.cuda.runtime, theirs.module
    return {
        "gpu": torch.cuda.get_device_name(0),
        "driver": runtime.driverGetVersion(),
        "minitensor": ours.version,
        "cupy": ours.cupy.__version__,
        "cupy's CUDA": runtime.runtimeGetVersion(),
        "torch": theirs.version,
        "torch's CUDA": torch.version.cuda,
        "cuDNN": torch.backends.cudnn.version(),
        "numpy": np.__version__,
    }
