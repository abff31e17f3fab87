"""The suite `accuracy`: float32 results of whole nets, ours and torch's, each against torch in float64.

There are two measures of a tensor's error against its reference r: norm-wise ||a - r|| / ||r||, and the largest
difference as a share of the largest value, max |a - r| / max |r|. torch's own float32 stands beside ours: every float32
result has rounding errors, and the question is how much larger ours are. Then come the curves of `curves.py`.

ReLU and max pooling have kinks. If rounding carries one value across a kink, a gradient takes another way, and all
gradients of the layers before it jump by 10^-4 to 10^-2, on either side. Without such a value they are near 10^-6.
Whether there is one depends on the image, so many images are tried: the table has the median, the worst, and how many
lie above the target.

FCN is the hardest case. It pads by 100 zeros and its biases start as zeros, so around the image every exact activation
is 0, exactly on ReLU's kink. A sum of products gives 0 there. Winograd gives about 1e-8 if a tile reaches into the
image, and ReLU then lets the whole gradient pass. Gradients with respect to weights multiply it by this 1e-8; those
with respect to biases do not.
"""

from __future__ import annotations

from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks import curves, nets_cases
from benchmarks.libraries import MiniTensor, Torch
from benchmarks.machine import machine
from benchmarks.output import facts_line, progress, say, write_json

TARGET = 1e-4  # norm-wise relative error of outputs and gradients against float64

UNET = {"in_channels": 1}
SMALL = {"in_channels": 1, "base_channels": 16, "padding": "same"}

FLOAT32 = ("ours", "torch32")
COLUMNS = {"median": ".1e", "worst": ".1e", "above": "d", "largest": ".1e"}  # of the table -> their form


class Case(NamedTuple):
    """A net, and the images it is given."""

    net: str
    settings: dict
    shape: tuple
    classes: int
    images: int = 15  # of 5 the median was on one side of a kink in one run and on the other in the next


# The nets of `nets`, the largest on images that float64 takes in seconds as well
NETS = {
    "paper U-Net 1x1x572x572": Case("unet", UNET, (1, 1, 572, 572), 2, images=5),
    "paper U-Net 1x1x188x188": Case("unet", UNET, (1, 1, 188, 188), 2),
    "small padded U-Net 4x1x256x256": Case("unet", SMALL, (4, 1, 256, 256), 2),
    "FCN-8s 1x3x64x64": Case("fcn8s", {}, (1, 3, 64, 64), 21),
    "FCN-8s width 0.25 2x3x256x256": Case("fcn8s", {"width": 0.25}, (2, 3, 256, 256), 21),
}


class Errors(NamedTuple):
    """How far a tensor, or a list of them, is from its reference."""

    norm: float
    largest: float


def errors(arrays, references):
    """Both measures over a list of arrays taken as one long vector; raises ValueError where shapes differ."""
    arrays, references = list(arrays), list(references)
    squares = norm = largest = height = 0.0
    for array, reference in zip(arrays, references, strict=True):
        if array.shape != reference.shape:
            raise ValueError(f"errors: shapes {array.shape} and {reference.shape} differ")
        difference = array.astype(np.float64) - reference
        squares += float((difference**2).sum())
        norm += float((reference.astype(np.float64) ** 2).sum())
        largest = max(largest, float(np.abs(difference).max(initial=0.0)))
        height = max(height, float(np.abs(reference).max(initial=0.0)))
    return Errors((squares / norm) ** 0.5, largest / height)


def main(options):
    """Measure and print both parts; the exit code is 1 where a median of ours exceeds the target."""
    sides = {
        "ours": MiniTensor(options.threads),
        "torch32": Torch(options.threads),
        "torch64": Torch64(options.threads),
    }
    facts = machine() | {
        "minitensor": sides["ours"].version,
        "torch": sides["torch32"].version,
        "threads": options.threads,
    }
    say(facts_line(facts))
    names = [name for name in NETS if options.only in name]
    report = {"suite": "accuracy", "machine": facts, "target": TARGET, "results": []}
    if names:
        say(
            f"\nnorm-wise error against torch in float64, ours / torch's float32; target {TARGET:.0e}\n"
            "median and worst over the images, and how many of them lie above the target; "
            "then the median of the largest error over the largest value\n"
        )
        width = max(map(len, names))
        say(f"{'':{width}}  {'':18}" + "".join(f"  {key:>17}" for key in COLUMNS))
    for name in progress(names):
        for row in net_errors(sides, name, 1 if options.quick else NETS[name].images):
            report["results"].append(row)
            say(line(row, width))
        if options.json:
            write_json(options.json, report)
    if options.only in curves.CASE:
        report["curves"] = curves.measure(sides, curves.QUICK_STEPS if options.quick else curves.STEPS)
        for text in curves.lines(report["curves"]):
            say(text)
        if options.chart:
            from benchmarks.chart import draw_curves

            draw_curves(options.chart, report["curves"], facts)
    if options.json:
        write_json(options.json, report)
    above = [row for row in report["results"] if not row["ours"]["median"] <= TARGET]
    if above:
        say(f"above the target: {', '.join(row['case'] + ', ' + row['what'] for row in above)}")
    return int(bool(above))


class Torch64(Torch):
    """torch in float64: the nearest there is to the true result."""

    def tensor(self, array, requires_grad=False):
        return super().tensor(array.astype(np.float64) if array.dtype == np.float32 else array, requires_grad)


def net_errors(sides, name, images):
    """Rows of one net, each with medians over the images: scores, loss, all gradients as one vector, and the worst."""
    rows = {what: {side: [] for side in FLOAT32} for what in ("scores", "loss", "all gradients", "worst gradient")}
    for seed in range(images):
        reference = _results(sides["torch64"], seed, NETS[name])
        names = [key for key in reference if key not in ("scores", "loss")]
        for side in FLOAT32:
            result = _results(sides[side], seed, NETS[name])
            of_each = {key: errors([result[key]], [reference[key]]) for key in reference}
            rows["scores"][side].append(of_each["scores"])
            rows["loss"][side].append(of_each["loss"])
            every = errors([result[key] for key in names], [reference[key] for key in names])
            rows["all gradients"][side].append(every)
            rows["worst gradient"][side].append(max((of_each[key] for key in names), key=lambda e: e.norm))
    return [{"case": name, "what": what, "images": images} | _over_images(found) for what, found in rows.items()]


def _over_images(found):
    """{side: {"median": norm-wise, "worst": norm-wise, "above": images, "largest": the other measure's median}}"""
    return {
        side: {
            "median": median(error.norm for error in sample),
            "worst": max(error.norm for error in sample),
            "above": sum(error.norm > TARGET for error in sample),
            "largest": median(error.largest for error in sample),
        }
        for side, sample in found.items()
    }


def _results(library, seed, case):
    """Scores, loss and the gradient of every parameter, as arrays."""
    net, _ = nets_cases.make(library, case.net, case.settings | {"classes": case.classes})
    if isinstance(library, Torch64):
        net.double()
    rng = np.random.default_rng((7, seed))
    image = library.tensor(rng.standard_normal(case.shape, np.float32))
    scores = net(image)
    target = library.tensor(rng.integers(0, case.classes, (case.shape[0], *scores.shape[2:])))
    loss = library.cross_entropy(scores, target)
    loss.backward()
    arrays = {"scores": library.to_numpy(scores.detach()), "loss": library.to_numpy(loss.detach())}
    for key, parameter in net.named_parameters():
        arrays[key] = library.to_numpy(parameter.grad)
    return arrays


def figures(row):
    """What stands in the columns of a row, ours / torch's."""
    found = {key: " / ".join(f"{row[side][key]:{form}}" for side in FLOAT32) for key, form in COLUMNS.items()}
    found["above"] += f" of {row['images']}"
    return list(found.values())


def line(row, width):
    """One tensor of one net in one line."""
    return f"{row['case']:{width}}  {row['what']:18}" + "".join(f"  {figure:>17}" for figure in figures(row))
