"""Panoptic maps: every pixel belongs to one segment, an object of a thing or a region of stuff (Kirillov et al. 2019).

The rules by which classes and objects become one map (Cheng et al. 2020, section 3.3):

    things  each object is a segment; its class is the thing with the highest mean probability over its pixels
    stuff   all other pixels of a class of stuff are one segment of this class, however many pieces they form
    void    a predicted region of stuff with less than STUFF_SHARE of the image's pixels: too small to be believed

In the truth no region is too small, ignored pixels are void, and pixels of a thing that belong to no object (too small
to be numbered) are a crowd of this class: finding something there is neither right nor wrong.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.sample import IGNORE, instance_classes
from nets.segmentation.metrics import InstanceScores, InstanceTally, PanopticQuality, Segment
from nets.segmentation.metrics.confusion import shown

STUFF_SHARE = 1 / 512  # Panoptic-DeepLab: 4096 pixels of a Cityscapes image of 2 megapixels


class PanopticMap(NamedTuple):
    """ids int32 (H, W): the number of each pixel's segment, 0 = void; segments: {number: Segment}."""

    ids: np.ndarray
    segments: dict


def merged(label, instances, classes, things, least_stuff=0):
    """The PanopticMap of a map of classes and a map of objects, both (H, W).

    classes      {object: position of its class}
    things       positions of the classes of things: their pixels without an object become a crowd
    least_stuff  the least area of a region of stuff
    """
    numbers = np.unique(instances[instances > 0])
    ids = np.where(instances > 0, np.searchsorted(numbers, instances) + 1, 0).astype(np.int32)
    segments = {at: Segment(classes[number]) for at, number in enumerate(numbers.tolist(), start=1)}
    alone = (instances == 0) & (label != IGNORE)
    for position in np.unique(label[alone]).tolist():
        region = alone & (label == position)
        if position in things or region.sum() >= least_stuff:
            number = len(segments) + 1
            ids[region] = number
            segments[number] = Segment(position, crowd=position in things)
    return PanopticMap(ids, segments)


def true_map(sample, things):
    """The PanopticMap of a Sample."""
    classes = instance_classes(sample.label, sample.instances)
    known = np.isin(sample.instances, [number for number, label in classes.items() if label in things])
    instances = np.where(known & (sample.label != IGNORE), sample.instances, 0)
    return merged(sample.label, instances, classes, things)


def found_map(found, things):
    """The PanopticMap of a Found. Only its maps are needed: all pixels of an object have the class of the object."""
    classes = instance_classes(found.label, found.instances)
    return merged(found.label, found.instances, classes, things, STUFF_SHARE * found.label.size)


def as_colors(ids):
    """COCO's picture of segments: uint8 (H, W, 3), id = R + 256 G + 65536 B."""
    return np.stack([ids & 255, ids >> 8 & 255, ids >> 16 & 255], axis=-1).astype(np.uint8)


def segments_info(panoptic, classes):
    """COCO's list of the segments of a PanopticMap: id, category_id, iscrowd, area, bbox (left, top, width, height)."""
    from scipy import ndimage

    areas = np.bincount(panoptic.ids.ravel())
    boxes = ndimage.find_objects(panoptic.ids)
    listed = []
    for number, segment in panoptic.segments.items():
        rows, columns = boxes[number - 1]
        listed.append(
            {
                "id": number,
                "category_id": classes[segment.label].id,
                "iscrowd": int(segment.crowd),
                "area": int(areas[number]),
                "bbox": [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start],
            }
        )
    return listed


class SegmentScore(NamedTuple):
    """PQ = SQ x RQ of one class; all None if the class has no segment in truth or prediction."""

    name: str
    pq: float | None
    sq: float | None
    rq: float | None


class PanopticTaskScores(NamedTuple):
    """Scores of a data set for the task "panoptic": PQ, SQ, RQ, and the scores of its objects and pixels.

    pq_things, pq_stuff are PQ over the classes of things and of stuff alone.
    """

    instances: InstanceScores
    pq: float | None
    sq: float | None
    rq: float | None
    pq_things: float | None
    pq_stuff: float | None
    segments: tuple[SegmentScore, ...]

    def as_dict(self):
        """Plain values, for JSON: the keys of the other tasks, and those of the segments beside them."""
        own = self._asdict()
        del own["instances"]
        return self.instances.as_dict() | own | {"segments": [score._asdict() for score in self.segments]}

    def table(self):
        """PQ over all classes and for each class, then the tables of objects and pixels, to print."""
        lines = [
            f"segments: PQ {shown(self.pq)}   SQ {shown(self.sq)}   RQ {shown(self.rq)}   "
            f"PQ of things {shown(self.pq_things)}   PQ of stuff {shown(self.pq_stuff)}"
        ]
        width = max(len("class"), *(len(score.name) for score in self.segments))
        lines.append(f"{'class':<{width}}     PQ     SQ     RQ")
        for score in self.segments:
            lines.append(f"{score.name:<{width}}  {shown(score.pq):>5}  {shown(score.sq):>5}  {shown(score.rq):>5}")
        return "\n".join([*lines, "", self.instances.table()])


class PanopticTally:
    """PanopticTaskScores that grow image by image."""

    def __init__(self, classes):
        self._names = [entry.name for entry in classes]
        self._things = [position for position, entry in enumerate(classes) if entry.thing]
        self._quality = PanopticQuality()
        self._instances = InstanceTally(classes)

    def update(self, sample, found):
        """Count one image: a Sample and a Found."""
        truth, prediction = true_map(sample, self._things), found_map(found, self._things)
        self._quality.update(truth.ids, truth.segments, prediction.ids, prediction.segments)
        self._instances.update(sample.label, sample.instances, found.label, found.instances)

    def scores(self):
        """The PanopticTaskScores of all images so far."""
        scores = self._quality.scores()
        stuff = [position for position in range(len(self._names)) if position not in self._things]
        none = (None, None, None)
        return PanopticTaskScores(
            instances=self._instances.scores(),
            pq=scores.pq,
            sq=scores.sq,
            rq=scores.rq,
            pq_things=self._quality.scores(self._things).pq,
            pq_stuff=self._quality.scores(stuff).pq,
            segments=tuple(
                SegmentScore(name, *scores.per_class.get(at, none)[:3]) for at, name in enumerate(self._names)
            ),
        )
