"""The scores of the task "instance": objects by Matching and AggregatedJaccard, pixels by Confusion."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.segmentation.metrics.aji import AggregatedJaccard
from nets.segmentation.metrics.confusion import Confusion, Scores, shown
from nets.segmentation.metrics.matching import Matching
from nets.segmentation.metrics.overlap import overlap

AT = 0.5  # the IoU threshold of f1_50 and ap_50
STRICT = 0.7


class ThingScore(NamedTuple):
    """The scores of the objects of one class; None if it has no object in truth or prediction."""

    name: str
    f1_50: float | None
    mean_ap: float | None
    objects: int


class InstanceScores(NamedTuple):
    """Scores of a data set. `pixels` are the scores of the classes of pixels, `things` those of the objects by class.

    An object of one class is never matched with an object of another. f1_50, ap_50, mean_ap, aji and aji_plus pool the
    objects of all things and images; the names that end in _by_image are means over images. See matching.py, aji.py.
    """

    pixels: Scores
    f1_50: float | None
    f1_70: float | None
    ap_50: float | None
    mean_ap: float | None
    aji: float | None
    aji_plus: float | None
    ap_50_by_image: float | None
    mean_ap_by_image: float | None
    aji_by_image: float | None
    things: tuple[ThingScore, ...]

    @property
    def mean_iu(self):
        """Of the pixels."""
        return self.pixels.mean_iu

    def as_dict(self):
        """Plain values, for JSON: the keys of the semantic scores, and those of the objects beside them."""
        own = self._asdict()
        del own["pixels"]
        return self.pixels.as_dict() | own | {"things": [score._asdict() for score in self.things]}

    def table(self):
        """The scores, a line for each thing, and the table of the pixels, to print."""
        lines = [
            f"objects: F1@.5 {shown(self.f1_50)}   F1@.7 {shown(self.f1_70)}   AP@.5 {shown(self.ap_50)}   "
            f"mean AP {shown(self.mean_ap)}   AJI {shown(self.aji)}   AJI+ {shown(self.aji_plus)}"
        ]
        width = max(len("thing"), *(len(score.name) for score in self.things))
        lines.append(f"{'thing':<{width}}  F1@.5  mean AP     objects")
        for score in self.things:
            lines.append(f"{score.name:<{width}}  {shown(score.f1_50)}  {shown(score.mean_ap):>7}  {score.objects:>10}")
        return "\n".join([*lines, "", f"pixels: {self.pixels.table()}"])


class InstanceTally:
    """InstanceScores that grow image by image. `classes`: the SegmentationClasses, of which the things are counted."""

    def __init__(self, classes, ignore=255):
        self._ignore = ignore
        self._confusion = Confusion(len(classes), [entry.name for entry in classes], ignore)
        self._things = {position: entry.name for position, entry in enumerate(classes) if entry.thing}
        self._by_class = {position: Matching() for position in self._things}
        self._objects = dict.fromkeys(self._things, 0)
        self._matching = Matching()
        self._aji = AggregatedJaccard()

    def update(self, label, instances, found_label, found_instances):
        """Count one image: classes (H, W) and objects (H, W) of the truth, then of the prediction.

        A pixel that the truth labels `ignore` belongs to no object on either side, and so does a pixel of a crowd: the
        truth calls it a thing, but it belongs to no object. An object's class is the class of its first pixel that
        counts.
        """
        self._confusion.update(label, found_label)
        crowd = np.isin(label, list(self._things)) & (instances == 0)
        counted = (label != self._ignore) & ~crowd
        table = overlap(instances, found_instances, counted)
        classes = (
            _classes(label, instances, counted, table.truth_ids),
            _classes(found_label, found_instances, counted, table.predicted_ids),
        )
        # Objects of different classes share nothing, and so they have an IoU of 0.
        table = table._replace(shared=np.where(classes[0][:, None] == classes[1][None, :], table.shared, 0))
        self._matching.add(table)
        self._aji.add(table)
        for position, matching in self._by_class.items():
            mine = table.select(classes[0] == position, classes[1] == position)
            self._objects[position] += len(mine.truth_ids)
            matching.add(mine)

    def scores(self):
        """The InstanceScores of all images so far."""
        matching, aji = self._matching, self._aji
        return InstanceScores(
            pixels=self._confusion.scores(),
            f1_50=matching.f1(AT),
            f1_70=matching.f1(STRICT),
            ap_50=matching.ap(AT),
            mean_ap=matching.mean_ap(),
            aji=aji.aji(),
            aji_plus=aji.aji_plus(),
            ap_50_by_image=matching.ap_by_image(AT),
            mean_ap_by_image=matching.mean_ap_by_image(),
            aji_by_image=aji.aji_by_image(),
            things=tuple(
                ThingScore(name, self._by_class[at].f1(AT), self._by_class[at].mean_ap(), self._objects[at])
                for at, name in self._things.items()
            ),
        )


def _classes(label, instances, counted, ids):
    """The class of each object: that of its first pixel that counts."""
    numbers, first = np.unique(instances[counted], return_index=True)
    return label[counted][first[np.searchsorted(numbers, ids)]].astype(np.int64)
