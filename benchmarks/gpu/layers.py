"""Every variant of a convolution's three parts, layer by layer, in both precisions, beside torch with cuDNN.

Variants are those of the table of kernels that can take the call. One side's inputs are drawn on the device, and the
other gets the same memory by DLPack.
"""

from __future__ import annotations

import statistics
import warnings
from functools import partial
from typing import NamedTuple

from minitensor.kernels import use_kernels
from minitensor.kernels.table import candidates, run

PRECISIONS = ("fp32", "tf32")
CPU_TEXTS = ("reference", "phases", "columns", "fold_columns")  # run on a GPU too, but are written for NumPy
SHORT = {"conv2d": "y", "conv_transpose2d": "grad x", "conv2d_weight": "grad w"}  # what each computes, in a row
WARM_UPS, MOST_STEPS, LEAST_STEPS = 2, 10, 3
BUDGET_MILLISECONDS = 60.0  # of one variant's steps: slow ones run LEAST_STEPS times


class Layer(NamedTuple):
    """A convolution of (n, c, h, w) with (o, c, kernel, kernel). A transposed one is the input gradient of its own."""

    n: int
    c: int
    h: int
    w: int
    o: int
    kernel: int
    padding: int
    stride: int = 1

    @property
    def out_size(self):
        return [(side + 2 * self.padding - self.kernel) // self.stride + 1 for side in (self.h, self.w)]

    @property
    def shapes(self):
        """The shapes of image, weight and output."""
        square = self.kernel, self.kernel
        return (self.n, self.c, self.h, self.w), (self.o, self.c, *square), (self.n, self.o, *self.out_size)

    @property
    def flops(self):
        height, width = self.out_size
        return 2 * self.n * self.o * height * width * self.c * self.kernel**2

    @property
    def name(self):
        stride = f"/{self.stride}" if self.stride > 1 else ""
        side = f"{self.h}" if self.h == self.w else f"{self.h}x{self.w}"
        return f"{self.n}x{self.c}>{self.o} {self.kernel}x{self.kernel}{stride} @{side}"


# the 3 x 3 layers of a U-Net of base 64 at 256 x 256, batch 16
UNET = [
    Layer(16, c, side, side, o, 3, 1)
    for c, o, side in (
        (64, 64, 256), (128, 64, 256), (128, 128, 128), (256, 256, 64), (512, 512, 32), (1024, 1024, 16), (3, 64, 256),
        (64, 128, 128), (256, 128, 128), (512, 256, 64), (1024, 512, 32),
    )
]  # fmt: skip


def calls(x, weight, grad, layer):
    """{operation: its arguments} of a convolution's three parts."""
    one, stride, padding = (1, 1), (layer.stride,) * 2, (layer.padding,) * 2
    left = [(side + 2 * layer.padding - layer.kernel) % layer.stride for side in (layer.h, layer.w)]
    return {
        "conv2d": (x, weight, None, stride, padding, one, 1),
        "conv_transpose2d": (grad, weight, None, stride, padding, tuple(left), 1, one),
        "conv2d_weight": (x, grad, weight.shape[2:], stride, padding, one, 1),
    }


def torch_calls(torch, x, weight, grad, layer):
    """{operation: torch's step} of the same three parts on the same memory."""
    x, weight, grad = map(torch.from_dlpack, (x, weight, grad))
    stride, padding = (layer.stride,) * 2, (layer.padding,) * 2

    def gradients(*wanted):
        return torch.ops.aten.convolution_backward(
            grad, x, weight, None, stride, padding, (1, 1), False, (0, 0), 1, wanted
        )

    return {
        "conv2d": lambda: torch.nn.functional.conv2d(x, weight, stride=stride, padding=padding),
        "conv_transpose2d": lambda: gradients(True, False, False),
        "conv2d_weight": lambda: gradients(False, True, False),
    }


def gpu_variants(operation, args):
    """(the rule's choice, the variants for a GPU that can take the call)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a variant that is not installed is no news here
        rule, able = candidates(operation, *args)
    return rule, [variant for variant in able if variant not in CPU_TEXTS]


def milliseconds(xp, step):
    """The median of events around single steps, after a warm-up."""
    begin, end, times = xp.cuda.Event(), xp.cuda.Event(), []
    for _ in range(WARM_UPS):
        step()
    while len(times) < MOST_STEPS and (len(times) < LEAST_STEPS or sum(times) < BUDGET_MILLISECONDS):
        begin.record()
        step()
        end.record()
        end.synchronize()
        times.append(xp.cuda.get_elapsed_time(begin, end))
    return statistics.median(times)


def measure_layer(xp, torch, layer, lines, identity, known):
    """The facts of a layer, each said as it comes; `torch` is None where it has no GPU.

    A fact whose (layer, operation, precision) is among `known` is not measured again.
    """
    import minitensor as mt

    arrays = [xp.random.standard_normal(shape, dtype="float32") for shape in layer.shapes]
    theirs = torch_calls(torch, *arrays, layer) if torch else {}
    found = []
    try:
        for precision in PRECISIONS:
            mt.cuda.matmul_precision(precision)
            if torch:
                torch.backends.cudnn.allow_tf32 = precision == "tf32"
            for operation, args in calls(*arrays, layer).items():
                if lines.time_is_up():
                    return found
                if (layer.name, operation, precision) in known:
                    continue
                rule, variants = gpu_variants(operation, args)
                times, about = {}, {"layer": layer.name, "op": operation, "precision": precision}
                for variant in variants:
                    with lines.guarded("layer", variant=variant, **about), use_kernels(**{operation: variant}):
                        times[variant] = round(milliseconds(xp, partial(run, operation, *args)), 3)
                if operation in theirs:
                    with lines.guarded("layer", variant="torch", **about):
                        times["torch"] = round(milliseconds(xp, theirs[operation]), 3)
                facts = about | {"rule": rule, "ms": times, "gflop": round(layer.flops / 1e9, 2)}
                lines.say("layer", row(facts), **facts, **identity)
                found.append(facts)
    finally:
        mt.cuda.matmul_precision("fp32")
        del arrays, theirs
        xp.get_default_memory_pool().free_all_blocks()
        if torch:
            torch.cuda.empty_cache()
    return found


def row(facts):
    """One line of the table: the fastest of ours first, * marks the rule's choice."""
    ours = sorted((ms, name) for name, ms in facts["ms"].items() if name != "torch")
    times = "  ".join(f"{name}{'*' * (name == facts['rule'])} {ms:.3f}" for ms, name in ours)
    torch = f" | torch {facts['ms']['torch']:.3f}" if "torch" in facts["ms"] else ""
    return f"{facts['layer']:24} {facts['precision']} {SHORT[facts['op']]:6} {times}{torch}"


def measure_layers(xp, torch, layers, lines, identity=None, known=()):
    """The facts of all layers, most telling first; what no time is left for is named."""
    if torch:
        torch.backends.cudnn.benchmark = True
    found = []
    for number, layer in enumerate(layers):
        if lines.time_is_up():
            left = [layer.name for layer in layers[number:]]
            lines.say("left out", f"no time for {len(left)} layers: {', '.join(left)[:200]}", layers=left)
            break
        with lines.guarded("layer", layer=layer.name):
            found += measure_layer(xp, torch, layer, lines, identity or {}, known)
    return found
