"""python -m benchmarks ops --tune: what the rules of conv_rules.py and at_once_rules.py (kernels/) choose.

For each call of a convolution, every variant that can take it runs in turns with the others, as in a normal call
(threads, BLAS), and the rule's choice is compared with the fastest. A loss of 1.20 means that the rule's choice takes
1.2 times as long. Nothing is written into the rules: they stay a table that somebody reads, changes and measures again.
"""

from __future__ import annotations

import statistics
import time
from functools import partial

import numpy as np

from benchmarks import ops_cases
from benchmarks.gpu.cases import CONVOLUTIONS as GPU_CONVOLUTIONS
from benchmarks.machine import gemm_peak, machine
from benchmarks.numbers import numbers
from benchmarks.output import facts_line, progress, say, write_json
from benchmarks.targets import geometric_mean

OPERATIONS = ("conv2d", "conv_transpose2d", "conv2d_weight")
AT_ONCE = "conv2d_gradients"  # the last two of these; `reference` runs one after the other, by their rules
TRANSPOSED_AT_ONCE = "conv_transpose2d_gradients"  # the same of a transposed convolution
REFERENCE_PRODUCTS = 10**6  # the definition loops: it takes part only where it has few products to form
HOPELESS = 4  # a variant so many times slower than the fastest is timed once
SHORTEST = 0.01  # seconds: shorter runs are repeated within a turn
NOTABLE_LOSS = 1.1  # what the page lists: smaller losses are within the spread of such timings

# (name, N, C, H, W, O, kernel, stride): up-convolutions of U-Net and FCN
TRANSPOSED = [
    ("unet up 512 -> 256", 1, 512, 56, 56, 256, 2, 2),
    ("unet up 128 -> 64", 1, 128, 196, 196, 64, 2, 2),
    ("small up 32 -> 16", 4, 32, 128, 128, 16, 2, 2),
    ("fcn upscore2", 1, 21, 16, 16, 21, 4, 2),
    ("fcn upscore8", 1, 21, 70, 70, 21, 16, 8),
]


def calls():
    """{name: (operation, function without arguments that makes the kernel's arguments, products)}"""
    found = {}
    for prefix, layers in (("", ops_cases.CONVOLUTIONS), ("gpu ", GPU_CONVOLUTIONS[1:6])):
        # Of the GPU's layers a quarter of the batch: these are a CPU's limits.
        for name, n, c, h, w, o, kernel, padding in layers:
            batch = max(1, n // 4) if prefix else n
            shapes = (batch, c, h, w), (o, c, kernel, kernel)
            for operation in (*OPERATIONS, AT_ONCE):
                found[f"{prefix}{name}: {operation}"] = _call(operation, *shapes, 1, padding)
    for name, n, c, h, w, o, kernel, stride in TRANSPOSED:
        size = [(side - 1) * stride + kernel for side in (h, w)]
        # The image of the convolution whose adjoint this is; its three operations are forward and both gradients.
        shapes = (n, o, *size), (c, o, kernel, kernel)
        for operation in (*OPERATIONS, TRANSPOSED_AT_ONCE):
            found[f"{name}: {operation}"] = _call(operation, *shapes, stride, 0)
    return found


def _call(operation, x_shape, weight_shape, stride, padding):
    """One operation of the convolution of an image with a weight: itself, one of its gradients, or both together."""
    n, _, *size = x_shape
    kernel_size = weight_shape[2:]
    positions = [(side + 2 * padding - k) // stride + 1 for side, k in zip(size, kernel_size, strict=True)]
    grad_shape = (n, weight_shape[0], *positions)
    stride, padding, dilation, groups = (stride, stride), (padding, padding), (1, 1), 1
    sums = 1 if operation in OPERATIONS else 2
    products = sums * int(np.prod(grad_shape)) * int(np.prod(weight_shape[1:]))

    def arguments():
        if operation == "conv2d":
            x, weight = numbers(*x_shape), numbers(*weight_shape)
            return x, weight, numbers(weight_shape[0]), stride, padding, dilation, groups
        if operation == "conv_transpose2d":
            grad, weight = numbers(*grad_shape), numbers(*weight_shape)
            return grad, weight, None, stride, padding, (0, 0), groups, dilation
        x, grad = numbers(*x_shape), numbers(*grad_shape)
        if operation == AT_ONCE:
            return x, numbers(*weight_shape), grad, stride, padding, (0, 0), groups, dilation
        if operation == TRANSPOSED_AT_ONCE:
            return grad, numbers(*weight_shape), x, stride, padding, dilation, groups
        return x, grad, kernel_size, stride, padding, dilation, groups

    return operation, arguments, products


def main(options):
    """Time all variants of all calls, print a row for each, and what the rules lose."""
    import minitensor as mt

    mt.set_num_threads(options.threads)
    chosen = {name: call for name, call in calls().items() if options.only in name}
    if not chosen:
        say(f"no call of --tune contains {options.only!r}")
        return 2
    facts = machine() | {"threads": options.threads, "sgemm peak GFLOP/s": round(gemm_peak(), 1)}
    say(facts_line(facts))
    say("ms of each variant that can take the call; * is the rule's choice; loss = its time over the fastest's.\n")
    width = max(map(len, chosen))
    rows = []
    for name in progress(chosen):
        rows.append({"case": name} | measure(*chosen[name], 3 if options.quick else 7))
        say(line(rows[-1], width))
        if options.json:
            write_json(options.json, {"suite": "tune", "machine": facts, "results": rows})
    say("\n" + summary(rows))
    return 0


def measure(operation, arguments, products, turns):
    """Medians of every variant of one call: {"rule": name, "seconds": {variant: median}, "loss": ratio}"""
    import minitensor as mt
    from minitensor.kernels import run
    from minitensor.kernels.table import candidates

    args = arguments()
    rule, able = candidates(operation, *args)
    if products > REFERENCE_PRODUCTS and operation in OPERATIONS and rule != "reference":
        able = [variant for variant in able if variant != "reference"]
    call = partial(run, operation, *args)

    def seconds(variant, repeats):
        with mt.use_kernels(**{operation: variant}):
            begin = time.perf_counter()
            for _ in range(repeats):
                call()
            return (time.perf_counter() - begin) / repeats

    for variant in able:
        seconds(variant, 1)  # warm up: buffers, caches
    samples = {variant: [seconds(variant, 1)] for variant in able}
    fastest = min(sample[0] for sample in samples.values())
    repeats = max(1, round(SHORTEST / fastest))
    for _ in range(turns):
        for variant, sample in samples.items():
            if sample[0] <= HOPELESS * fastest:
                sample.append(seconds(variant, repeats))
    medians = {variant: statistics.median(sample[1:] or sample) for variant, sample in samples.items()}
    return {
        "operation": operation,
        "rule": rule,
        "seconds": medians,
        "loss": medians[rule] / min(medians.values()),
        "gflops": 2 * products / medians[rule] / 1e9,
    }


def line(row, width):
    """A call in one line, its fastest variant first."""
    ordered = sorted(row["seconds"].items(), key=lambda item: item[1])
    times = "  ".join(
        f"{variant}{'*' if variant == row['rule'] else ''} {seconds * 1e3:.2f}" for variant, seconds in ordered
    )
    return f"{row['case']:{width}}  loss {row['loss']:4.2f}  {row['gflops']:4.0f} GFLOP/s  {times}"


def summary(rows):
    """What the rules lose: over all calls, and for each operation."""
    lines = []
    for operation in (None, *dict.fromkeys(row["operation"] for row in rows)):
        members = [row for row in rows if operation in (None, row["operation"])]
        worst = max(members, key=lambda row: row["loss"])
        mean = geometric_mean([row["loss"] for row in members])
        lines.append(
            f"{operation or 'all':26}  {len(members):3} calls  geometric mean loss {mean:.3f}  "
            f"worst {worst['loss']:.2f} ({worst['case']}: {worst['rule']} chosen)"
        )
    return "\n".join(lines)
