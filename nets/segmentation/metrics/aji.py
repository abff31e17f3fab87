"""The aggregated Jaccard index: shared pixels of partners, divided by the pixels of their unions.

Let each object G of the truth have a partner S(G) among the predicted objects. With the sums over all G

    AJI = sum |G and S(G)| / (sum |G or S(G)| + sum of the areas of predicted objects that are nobody's partner)

    AJI   the partner is the object with the highest IoU; several G may share one (Kumar et al. 2017, algorithm 1)
    AJI+  one-to-one: the partners with the largest sum of IoUs (Graham et al. 2019, section IV)

An object without any overlap has no partner: its area joins the denominator.
"""

from __future__ import annotations

import numpy as np

from nets.segmentation.metrics.overlap import overlap


class AggregatedJaccard:
    """AJI and AJI+ over a data set.

    `aji` and `aji_plus` divide the sums over all images. `aji_by_image` and `aji_plus_by_image` are means over images,
    as in the papers. An image without objects in truth and prediction says nothing. Without any object, they are None.
    """

    def __init__(self):
        self._sums = []  # for each image: ((intersection, union) of AJI, the same of AJI+)

    def update(self, truth, prediction, counted=None):
        """Count one image; the arguments are those of `overlap`."""
        self.add(overlap(truth, prediction, counted))

    def add(self, found):
        """Count one image, given its Overlap."""
        from scipy.optimize import linear_sum_assignment

        iou = found.iou
        best = iou.argmax(1) if iou.size else np.zeros(0, int)  # equal IoUs: the lowest id
        rows = np.arange(len(best))
        self._sums.append((_sums(found, rows, best), _sums(found, *linear_sum_assignment(iou, maximize=True))))

    def aji(self):
        return _pooled(pair[0] for pair in self._sums)

    def aji_plus(self):
        return _pooled(pair[1] for pair in self._sums)

    def aji_by_image(self):
        return _averaged(pair[0] for pair in self._sums)

    def aji_plus_by_image(self):
        return _averaged(pair[1] for pair in self._sums)


def _sums(found, rows, columns):
    """(intersection, union) of an image whose objects rows[k] and columns[k] are partners, if they overlap."""
    overlapping = found.shared[rows, columns] > 0
    rows, columns = rows[overlapping], columns[overlapping]
    union = found.union[rows, columns].sum()
    union += np.delete(found.truth_areas, rows).sum() + np.delete(found.predicted_areas, np.unique(columns)).sum()
    return int(found.shared[rows, columns].sum()), int(union)


def _pooled(sums):
    intersection, union = np.array([(0, 0), *sums], np.int64).sum(0)
    return float(intersection / union) if union else None


def _averaged(sums):
    known = [intersection / union for intersection, union in sums if union]
    return float(np.mean(known)) if known else None
