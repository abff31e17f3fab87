"""python -m benchmarks gpu: minitensor and torch on the same GPU, in one run, FP32 against FP32 and TF32 against TF32.

Steps run in a row without synchronising, after a warm-up; the two sides take turns, A B A B ..., and the median turn
counts. Results are compared before anything is timed.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from functools import partial

import numpy as np

from benchmarks import cases, nets_cases

PRECISIONS = ("fp32", "tf32")
TOLERANCES = {"fp32": 1e-3, "tf32": 2e-2}  # of the largest value: train steps chain a hundred products
TURN_MILLISECONDS = 400  # a turn repeats its step until it takes about so long, but
MOST_STEPS = 20  # no more often than this
BUDGET_SECONDS = 420  # no further case is begun after that, so that all of it ends within 8 minutes
MEBIBYTE = 2**20

# (name, N, C, H, W, O, kernel, padding): the layers of a U-Net of base 64 at batch 16, and FCN-8s's first dense layer
CONVOLUTIONS = [
    ("U-Net 3 to 64 at 256", 16, 3, 256, 256, 64, 3, 1),
    ("U-Net 64 to 64 at 256", 16, 64, 256, 256, 64, 3, 1),
    ("U-Net 128 to 128 at 128", 16, 128, 128, 128, 128, 3, 1),
    ("U-Net 256 to 256 at 64", 16, 256, 64, 64, 256, 3, 1),
    ("U-Net 512 to 512 at 32", 16, 512, 32, 32, 512, 3, 1),
    ("U-Net 1024 to 1024 at 16", 16, 1024, 16, 16, 1024, 3, 1),
    ("U-Net 64 to 2, 1x1", 16, 64, 256, 256, 2, 1, 0),
    ("FCN fc6 7x7", 2, 512, 22, 22, 4096, 7, 0),
]

UNET = {"in_channels": 3, "base_channels": 64, "padding": "same"}
NETS = {
    "U-Net 64, 16x3x256x256: train step": ("unet", UNET, (16, 3, 256, 256), 2, "train"),
    "U-Net 64, 16x3x256x256: inference": ("unet", UNET, (16, 3, 256, 256), 2, "infer"),
    "FCN-8s, 4x3x256x256: train step": ("fcn8s", {}, (4, 3, 256, 256), 21, "train"),
    "FCN-8s, 1x3x500x500: inference": ("fcn8s", {}, (1, 3, 500, 500), 21, "infer"),
}


def case_builders():
    """{case name: function of a side that prepares it and returns its step}; what matters most comes first."""
    builders = {name: partial(nets_cases.build, case=name, known=NETS) for name in NETS}
    for name, n, c, h, w, o, kernel, padding in CONVOLUTIONS:
        for part in ("forward", "input gradient", "weight gradient"):
            builders[f"conv2d {name}: {part}"] = partial(
                cases.convolution, part=part, n=n, c=c, h=h, w=w, o=o, kernel=kernel, padding=padding
            )
    return builders


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


def main(options):
    """Measure and print; the exit code is 0, 1 if a case failed or its results differ, 2 where there is no GPU."""
    reason = why_not()
    if reason is not None:
        print(f"python -m benchmarks gpu needs a GPU for minitensor and torch: {reason}", file=sys.stderr)
        return 2
    from benchmarks.gpu.sides import MiniTensorOnGpu, TorchOnGpu, count_launches
    from minitensor.backend import module_for

    sides = MiniTensorOnGpu(module_for("cuda")), TorchOnGpu()
    facts = machine(*sides)
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    results = measure_all(sides, options, partial(count_launches, sides[1].module))
    if options.json:
        from benchmarks.output import write_json

        write_json(options.json, {"machine": facts, "results": results})
    return int(any("failed" in result for result in results))


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


def measure_all(sides, options, launches_of):
    """The results of all cases, as dicts; what no time was left for is named."""
    began, results = time.monotonic(), []
    print(f"\n{'':44} {'':4}  {'ours ms':>9}  {'torch ms':>9}  {'ratio':>5}  {'error':>7}  peak MB, launches")
    for name, build in case_builders().items():
        if options.only not in name:
            continue
        if time.monotonic() - began > BUDGET_SECONDS:
            print(f"left out for lack of time: {name}")
            results.append({"case": name, "failed": "left out for lack of time"})
            continue
        steps = None
        try:
            for precision in PRECISIONS:
                if steps is None or name in NETS:  # training has changed the weights: begin anew
                    steps = None
                    steps = [build(side) for side in sides]
                result = measure(sides, steps, precision, 2 if options.quick else 5)
                if name in NETS:
                    result["launches"] = [launches_of(step) for step in steps]
                results.append({"case": name} | result)
                print(row(results[-1]), flush=True)
        except Exception as error:  # whatever stops one case, the others are still worth measuring
            results.append({"case": name, "failed": " ".join(f"{type(error).__name__}: {error}".split())})
            print(f"{name:44} {results[-1]['failed']}", flush=True)
        steps = None
        gc.collect()
        for side in sides:
            side.free()
    return results


def measure(sides, steps, precision, turns):
    """Compare one step, warm up, and take turns: median milliseconds, their spread, and peak bytes of each side."""
    for side in sides:
        side.set_precision(precision)
    outputs = [[side.to_numpy(y) for y in step()] for side, step in zip(sides, steps, strict=True)]
    error = max(largest_difference(a, b) for a, b in zip(*outputs, strict=True))
    first = [side.milliseconds(step, 2) for side, step in zip(sides, steps, strict=True)]
    count = int(min(MOST_STEPS, max(1, TURN_MILLISECONDS // max(first))))
    samples = [], []
    for _ in range(turns):
        for side, step, sample in zip(sides, steps, samples, strict=True):
            sample.append(side.milliseconds(step, count))
    ours, theirs = map(statistics.median, samples)
    result = {
        "precision": precision,
        "ours_ms": ours,
        "torch_ms": theirs,
        "ratio": theirs / ours,
        "spread": [(max(s) - min(s)) / statistics.median(s) for s in samples],
        "steps_a_turn": count,
        "error": error,
        "peak_bytes": [side.peak_bytes(step) for side, step in zip(sides, steps, strict=True)],
    }
    if not error <= TOLERANCES[precision]:
        result["failed"] = f"results differ by {error:.1e} of the largest value"
    return result


def largest_difference(ours, theirs):
    """The largest difference, as a share of the largest value; NaN if there is one."""
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


def row(result):
    peaks = " / ".join(f"{size / MEBIBYTE:.0f}" for size in result["peak_bytes"])
    launches = " / ".join(map(str, result.get("launches", [])))
    return (
        f"{result['case']:44} {result['precision']:4}  {result['ours_ms']:9.3f}  {result['torch_ms']:9.3f}  "
        f"{result['ratio']:5.2f}  {result['error']:7.0e}  {peaks}{', ' + launches if launches else ''}"
    )
