"""COCO's mask AP: the area under the curve of precision and recall, averaged over classes and IoU thresholds.

The detections of a class are sorted by score over the whole data set. Down the list, in each image, a detection takes
the free object of the truth with the highest IoU, if it is at least t: TP, else FP. After k detections

    precision = TP / k,  recall = TP / objects of the truth

Precision is first made non-increasing: at each recall it becomes the highest precision at this recall or above. Then it
is read at the recalls 0, .01 .. 1 (0 where the curve ends earlier); their mean is the AP. Crowd regions count as
nothing: a detection on a crowd, measured by the share of its own pixels, is neither TP nor FP. At most the 100
detections with the highest scores count in an image. These are the rules of pycocotools for all areas.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.segmentation.metrics.matching import THRESHOLDS

RECALLS = np.array([percent / 100 for percent in range(101)])
MOST_DETECTIONS = 100


class Detection(NamedTuple):
    """One object: its pixels bool (H, W), its class, its score (predictions) and whether it is a crowd (truth)."""

    mask: np.ndarray
    label: int
    score: float = 1.0
    crowd: bool = False


class CocoAP:
    """COCO's AP over a data set. Objects may overlap, so they are given as masks, not as one map."""

    def __init__(self, thresholds=THRESHOLDS, most=MOST_DETECTIONS):
        self.thresholds = tuple(thresholds)
        self._most = most
        self._objects = {}  # class -> objects of the truth that are no crowd
        self._found = {}  # class -> [(score, (T,) is right, (T,) counts)] of each detection

    def update(self, truth, detections):
        """Count one image: two lists of Detection."""
        for label in {entry.label for entry in (*truth, *detections)}:
            objects = [entry for entry in truth if entry.label == label]
            objects.sort(key=lambda entry: entry.crowd)  # crowds come last
            mine = sorted((entry for entry in detections if entry.label == label), key=lambda entry: -entry.score)
            self._objects[label] = self._objects.get(label, 0) + sum(not entry.crowd for entry in objects)
            self._found.setdefault(label, []).extend(self._judged(objects, mine[: self._most]))

    def _judged(self, objects, detections):
        """(score, right, counts) of each detection of one class in one image."""
        free = np.ones((len(self.thresholds), len(objects)), bool)
        for detection in detections:
            shares = [_share(entry, detection) for entry in objects]
            right = np.zeros(len(self.thresholds), bool)
            counts = np.ones(len(self.thresholds), bool)
            for at, threshold in enumerate(self.thresholds):
                chosen = _best(objects, shares, free[at], threshold)
                if chosen is not None and objects[chosen].crowd:
                    counts[at] = False
                elif chosen is not None:
                    right[at], free[at, chosen] = True, False
            yield detection.score, right, counts

    def ap(self, threshold=None):
        """The mean AP of the classes that occur in the truth, at one threshold or (None) over all; None without any."""
        chosen = range(len(self.thresholds)) if threshold is None else [self.thresholds.index(threshold)]
        values = [self._ap_of(label, at) for label, count in self._objects.items() if count for at in chosen]
        return float(np.mean(values)) if values else None

    def _ap_of(self, label, at):
        ranked = sorted(self._found.get(label, ()), key=lambda entry: -entry[0])
        right = np.array([entry[1][at] for entry in ranked if entry[2][at]], bool)
        if not len(right):
            return 0.0
        hits = np.cumsum(right)
        recall, precision = hits / self._objects[label], hits / np.arange(1, len(hits) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        place = np.searchsorted(recall, RECALLS)
        return float(np.append(precision, 0.0)[place].mean())


def _share(entry, detection):
    """IoU; for a crowd the share of the detection that lies in it."""
    shared = (entry.mask & detection.mask).sum()
    whole = detection.mask.sum() if entry.crowd else (entry.mask | detection.mask).sum()
    return shared / whole if whole else 0.0


def _best(objects, shares, free, threshold):
    """The position of the object that a detection takes, or None. A crowd only if no other object fits."""
    chosen, least = None, threshold
    for position, (entry, share) in enumerate(zip(objects, shares, strict=True)):
        if chosen is not None and not objects[chosen].crowd and entry.crowd:
            break
        if (free[position] or entry.crowd) and share >= least:
            chosen, least = position, share
    return chosen
