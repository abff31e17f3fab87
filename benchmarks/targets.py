"""The targets of the project, in one table, and how far a run meets them.

A ratio is torch's time over ours. A target on `mean` is for the geometric mean of a group, one on `least` for its
slowest case; `seconds` bounds our own time, and `memory` asks for a peak no larger than torch's.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Group(NamedTuple):
    """Cases of a suite whose names start with one of `starts`, and what they should reach."""

    suite: str
    name: str
    starts: tuple[str, ...]
    mean: float | None = None
    least: float | None = None
    seconds: float | None = None
    memory: bool = False


OTHER_OPERATIONS = ("conv_transpose2d", "bilinear", "max_pool2d", "batch_norm", "relu", "cat", "cross_entropy")
# measured for `benchmarks ablation`; they have no target
FURTHER_OPERATIONS = ("nearest", "avg_pool2d", "unfold", "softmax")

GROUPS = [
    Group("ops", "conv2d", ("conv2d ",), mean=1.3, least=0.8),
    Group("ops", "other operations", OTHER_OPERATIONS, mean=1.0, least=0.6),
    *(Group("ops", name, (name,)) for name in (*OTHER_OPERATIONS, *FURTHER_OPERATIONS)),
    Group("nets", "paper U-Net, train step", ("paper U-Net 1x1x572x572: train step",), mean=1.5, memory=True),
    Group("nets", "paper U-Net, inference", ("paper U-Net 1x1x572x572: inference",), mean=1.5),
    Group("nets", "small U-Net, train step", ("small padded U-Net 4x1x256x256: train",), mean=1.3, memory=True),
    Group("nets", "small U-Net, inference", ("small padded U-Net 4x1x256x256: inference",), mean=1.3),
    Group("nets", "U-Net with batch norm, train step", ("batch norm U-Net",), mean=1.3, memory=True),
    Group("nets", "main job's U-Net, train step", ("main job's U-Net",), mean=1.3, memory=True),
    Group("nets", "FCN-8s, inference", ("FCN-8s 1x3x500x500",), mean=1.2),
    Group("nets", "FCN-8s width 0.25, train step", ("FCN-8s width 0.25",), mean=1.2, memory=True),
    Group("engine", "300 tiny multiplies", ("300 tiny multiplies",), seconds=3e-3),
    Group("engine", "import", ("import",), seconds=0.3),
]


class Verdict(NamedTuple):
    """One figure of a group beside its target; `met` is None where there is none."""

    group: str
    what: str
    value: float
    target: float | None
    met: bool | None
    case: str = ""


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios))


def verdicts(suite, results):
    """What the results say about each group of the suite that has a case among them."""
    found = []
    for group in GROUPS:
        members = [r for r in results if group.suite == suite and r.case.startswith(group.starts)]
        if members:
            found += _of_group(group, members)
    return found


def _of_group(group, members):
    if group.seconds is not None:
        slowest = max(members, key=lambda result: result.ours)
        yield _at_most(group, "our seconds", slowest.ours, group.seconds, slowest.case)
        return
    mean = geometric_mean([result.ratio for result in members])
    yield _at_least(group, "ratio" if len(members) == 1 else "geometric mean", mean, group.mean)
    if len(members) > 1:
        slowest = min(members, key=lambda result: result.ratio)
        yield _at_least(group, "smallest ratio", slowest.ratio, group.least, slowest.case)
    if group.memory:
        heaviest = max(members, key=lambda result: result.ours_peak / result.theirs_peak)
        share = heaviest.ours_peak / heaviest.theirs_peak
        yield _at_most(group, "our peak memory over torch's", share, 1.0, heaviest.case)


def _at_least(group, what, value, target, case=""):
    return Verdict(group.name, what, value, target, None if target is None else value >= target, case)


def _at_most(group, what, value, target, case=""):
    return Verdict(group.name, what, value, target, value <= target, case)


def lines(found):
    """The verdicts as text, one a line."""
    width = max((len(verdict.group) for verdict in found), default=0)
    for verdict in found:
        text = f"{verdict.group:{width}}  {verdict.what} {verdict.value:.3g}"
        if verdict.target is not None:
            text += f", target {verdict.target:g}: {'met' if verdict.met else 'NOT MET'}"
        yield text + (f" ({verdict.case})" if verdict.case and verdict.case != verdict.group else "")
