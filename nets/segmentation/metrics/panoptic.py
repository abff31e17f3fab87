"""Panoptic quality: objects of things and regions of stuff, judged in one number (Kirillov et al. 2019).

A segment of the truth and a predicted segment of the same class match (TP) if their IoU is above 0.5. Segments of one
map do not overlap, so each has at most one match. For each class

    PQ = sum of the IoUs of the matches / (TP + FP/2 + FN/2) = SQ x RQ
    SQ = mean IoU of the matches         RQ = TP / (TP + FP/2 + FN/2)

The rules of panopticapi for pixels without a clear truth:

    void   (0 in the truth) does not count: the union of a pair leaves out the predicted segment's pixels on void
    crowd  a region of many objects, not told apart: it is never matched and never missed
    FP     an unmatched predicted segment is no error if more than half of it lies on void or on crowds of its class
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.segmentation.metrics.overlap import overlap

MATCHED = 0.5  # an IoU above this is a match
FORGIVEN = 0.5  # a predicted segment with more than this share on void or crowd is no error


class Segment(NamedTuple):
    """What is known about a segment: its class, and whether it is a crowd (truth only)."""

    label: int
    crowd: bool = False


class PanopticScores(NamedTuple):
    """PQ, SQ and RQ: means over the classes with TP + FP + FN > 0; None if there is no such class.

    per_class  {class: (pq, sq, rq, tp, fp, fn)}, without the classes that are left out
    """

    pq: float | None
    sq: float | None
    rq: float | None
    per_class: dict


class PanopticQuality:
    """PQ, SQ and RQ over a data set: matches and errors of all images are summed for each class."""

    def __init__(self):
        self._iou = {}  # class -> sum of the IoUs of the matches
        self._counts = {}  # class -> [TP, FP, FN]

    def update(self, truth, truth_segments, prediction, predicted_segments):
        """Count one image.

        truth, prediction                  (H, W) whole numbers: the id of each pixel's segment, 0 = void
        truth_segments, predicted_segments {id: Segment}; raises ValueError for an id of a map that is not there
        """
        found = overlap(truth, prediction)
        on_void = overlap(np.asarray(truth) == 0, prediction)
        void = dict(zip(on_void.predicted_ids.tolist(), on_void.shared.sum(0).tolist(), strict=True))
        true = [_known("truth", truth_segments, number) for number in found.truth_ids.tolist()]
        predicted = [_known("prediction", predicted_segments, number) for number in found.predicted_ids.tolist()]
        outside = np.array([void.get(number, 0) for number in found.predicted_ids.tolist()], np.int64)
        union = found.union - outside[None, :]
        matched_true, matched_predicted = set(), set()
        for row, column in zip(*np.nonzero(found.shared), strict=True):
            iou = found.shared[row, column] / union[row, column]
            if true[row].label == predicted[column].label and not true[row].crowd and iou > MATCHED:
                self._count(true[row].label, 0, iou)
                matched_true.add(row)
                matched_predicted.add(column)
        for row, segment in enumerate(true):
            if row not in matched_true and not segment.crowd:
                self._count(segment.label, 2)
        for column, segment in enumerate(predicted):
            crowds = [row for row, other in enumerate(true) if other.crowd and other.label == segment.label]
            forgiven = outside[column] + found.shared[crowds, column].sum()
            if column not in matched_predicted and forgiven <= FORGIVEN * found.predicted_areas[column]:
                self._count(segment.label, 1)

    def _count(self, label, kind, iou=0.0):
        self._counts.setdefault(label, [0, 0, 0])[kind] += 1
        self._iou[label] = self._iou.get(label, 0.0) + float(iou)

    def scores(self, labels=None):
        """The PanopticScores of all images so far; of these classes only, if `labels` is given (things or stuff)."""
        per_class = {}
        for label in sorted(self._counts):
            if labels is not None and label not in labels:
                continue
            tp, fp, fn = self._counts[label]
            quality = tp / (tp + fp / 2 + fn / 2)
            mean_iou = self._iou[label] / tp if tp else 0.0
            per_class[label] = (mean_iou * quality, mean_iou, quality, tp, fp, fn)
        if not per_class:
            return PanopticScores(None, None, None, {})
        means = np.mean([entry[:3] for entry in per_class.values()], axis=0)
        return PanopticScores(*(float(mean) for mean in means), per_class)


def _known(name, segments, number):
    if number not in segments:
        raise ValueError(f"PanopticQuality: {name} has a segment {number} of which nothing is known")
    return segments[number]
