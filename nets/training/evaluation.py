"""The full judgement of a finished run on a data set: the scores of its task, and of its outlines and its segments.

A validation during training does without outlines and segments: the distances that they need take longer than the net.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data import IGNORE
from nets.segmentation.metrics import Boundaries, BoundaryScore, InstanceScores, Partition, Scores
from nets.segmentation.metrics.boundary import TOLERANCE_SHARE, WIDTH_SHARE
from nets.segmentation.metrics.confusion import shown
from nets.segmentation.metrics.partition import PartitionScores
from nets.segmentation.panoptic import PanopticTaskScores
from nets.training.validation import count, tally_of


class Evaluation(NamedTuple):
    """The scores of the task, a BoundaryScore for each class, and the PartitionScores of the segments.

    segments   what the segments are, in words; None if the task and the classes have none
    """

    scores: Scores | InstanceScores | PanopticTaskScores
    outlines: tuple[BoundaryScore, ...]
    partition: PartitionScores
    segments: str | None

    def as_dict(self):
        """Plain values, for JSON: the keys of the task's scores, and those of outlines and segments beside them."""
        found = self.scores.as_dict()
        for entry, outline in zip(found["per_class"], self.outlines, strict=True):
            entry |= {"boundary_f1": outline.f1, "boundary_iou": outline.iou}
        means = {"boundary_f1": self._mean("f1"), "boundary_iou": self._mean("iou")}
        return found | means | self.partition._asdict()

    def _mean(self, name):
        """The mean over the classes that have a boundary; None if none has one."""
        known = [value for value in (getattr(outline, name) for outline in self.outlines) if value is not None]
        return float(np.mean(known)) if known else None

    def table(self):
        """The task's tables, then a line for the outlines of each class, then the segments, to print."""
        names = [entry["name"] for entry in self.scores.as_dict()["per_class"]]
        width = max(len("class"), *map(len, names))
        lines = [
            self.scores.table(),
            "",
            f"outlines: mean boundary F1 {shown(self._mean('f1'))} (within {TOLERANCE_SHARE:.2%} of the diagonal)   "
            f"mean boundary IoU {shown(self._mean('iou'))} (bands of {WIDTH_SHARE:.0%})",
            f"{'class':<{width}}  boundary F1  boundary IoU",
        ]
        for name, outline in zip(names, self.outlines, strict=True):
            lines.append(f"{name:<{width}}  {shown(outline.f1):>11}  {shown(outline.iou):>12}")
        if self.segments is not None:
            v_rand, v_info = self.partition
            lines += ["", f"segments ({self.segments}): V_rand {shown(v_rand)}   V_info {shown(v_info)}"]
        return "\n".join(lines)


def evaluate(net, dataset, config, decision):
    """The Evaluation of the decision's answers over a whole data set."""
    tally = tally_of(config)
    boundaries, partition = Boundaries(len(config.classes), ignore=IGNORE), Partition()
    segments = _segments(config)
    for position in range(len(dataset)):
        sample = dataset.sample(position)
        found = decision.find(net, sample.image, config)
        count(tally, sample, found)
        boundaries.update(sample.label, found.label)
        if segments is not None:
            truth, prediction = _maps(sample, found)
            partition.update(np.where(sample.label == IGNORE, 0, truth), prediction)
    return Evaluation(tally.scores(), boundaries.scores(), partition.scores(), segments)


def _segments(config):
    """What is compared as segments, in words: objects, or with two classes the connected regions of the second."""
    if config.task != "semantic":
        return "objects"
    if len(config.classes) == 2:
        return f"connected regions of {config.classes[1].name}"
    return None


def _maps(sample, found):
    """(truth, prediction): maps (H, W) of segments. Regions are connected up, down, left and right, as in ISBI 2012."""
    if found.instances is not None:
        return sample.instances, found.instances
    from scipy import ndimage

    return ndimage.label(sample.label == 1)[0], ndimage.label(found.label == 1)[0]
