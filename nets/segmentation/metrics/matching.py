"""Objects found, missed and invented at an IoU threshold t: F1, and the AP of the Data Science Bowl 2018.

A predicted object is right (TP) if it is matched with an object of the truth and their IoU is at least t. Each object
is matched at most once. FP predicted objects and FN objects of the truth stay without a partner:

    F1@t = 2 TP / (2 TP + FP + FN)        AP@t = TP / (TP + FP + FN)        mean AP = mean of AP@t, t = .50, .55 .. .95

The Data Science Bowl calls the second number average precision; it is not COCO's (coco.py).
Caicedo et al. (2019), "Nucleus segmentation across imaging experiments".
"""

from __future__ import annotations

import numpy as np

from nets.segmentation.metrics.overlap import overlap

# 55 / 100 is the floating point number nearest to 0.55, and so is an IoU of 11 / 20. A sum of steps of .05 is not.
THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))


def match(iou, threshold):
    """(rows, columns) of the matched pairs of an IoU matrix (T, P): one-to-one, each with an IoU >= threshold.

    As many pairs as possible; among those matchings, one with the largest sum of IoUs (Hungarian method). Above 0.5
    there is nothing to choose: an object has more than half of its pixels in common with at most one other object.
    """
    from scipy.optimize import linear_sum_assignment

    if not 0 < threshold <= 1:
        raise ValueError(f"match: threshold must lie in (0, 1], got {threshold}")
    good = iou >= threshold
    # All IoUs of a matching sum to at most min(T, P), so one more pair is always worth more than better pairs.
    worth = np.where(good, 1 + iou / (min(iou.shape, default=0) + 1), 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = good[rows, columns]
    return rows[kept], columns[kept]


class Matching:
    """TP, FP and FN for several thresholds, over a data set.

    Two conventions are in use, and both are here. `f1` and `ap` count the objects of all images together: every object
    has the same weight. `f1_by_image` and `ap_by_image` are means over images, as in the Data Science Bowl: every image
    has the same weight. An image without objects in truth and prediction is left out of them. If there is no object at
    all, a score is None.
    """

    def __init__(self, thresholds=THRESHOLDS):
        self.thresholds = tuple(thresholds)
        if not self.thresholds or not all(0 < threshold <= 1 for threshold in self.thresholds):
            raise ValueError(f"Matching: thresholds must lie in (0, 1], got {self.thresholds}")
        self._counts = []  # for each image: (thresholds, 3) of TP, FP, FN

    def update(self, truth, prediction, counted=None):
        """Count one image; the arguments are those of `overlap`."""
        self.add(overlap(truth, prediction, counted))

    def add(self, found):
        """Count one image, given its Overlap."""
        iou = found.iou
        right = [len(match(iou, threshold)[0]) for threshold in self.thresholds]
        self._counts.append([(tp, iou.shape[1] - tp, iou.shape[0] - tp) for tp in right])

    def counts(self, threshold):
        """(TP, FP, FN) over all images."""
        return tuple(int(number) for number in self._at(threshold).sum(0))

    def f1(self, threshold):
        """2 TP / (2 TP + FP + FN) of the whole data set."""
        return _ratio(*self.counts(threshold), right=2)

    def ap(self, threshold):
        """TP / (TP + FP + FN) of the whole data set."""
        return _ratio(*self.counts(threshold), right=1)

    def mean_ap(self):
        """The mean of `ap` over all thresholds."""
        return _mean(self.ap(threshold) for threshold in self.thresholds)

    def f1_by_image(self, threshold):
        """The mean of the images' F1."""
        return _mean(_ratio(*image, right=2) for image in self._at(threshold))

    def ap_by_image(self, threshold):
        """The mean of the images' AP."""
        return _mean(_ratio(*image, right=1) for image in self._at(threshold))

    def mean_ap_by_image(self):
        """The mean of `ap_by_image` over all thresholds: the score of the Data Science Bowl."""
        return _mean(self.ap_by_image(threshold) for threshold in self.thresholds)

    def _at(self, threshold):
        if threshold not in self.thresholds:
            raise ValueError(f"Matching: threshold {threshold} was not counted, only {self.thresholds}")
        counts = np.array(self._counts, np.int64).reshape(-1, len(self.thresholds), 3)
        return counts[:, self.thresholds.index(threshold)]


def _ratio(tp, fp, fn, right):
    total = right * tp + fp + fn
    return float(right * tp / total) if total else None


def _mean(values):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
