"""Which object of the truth shares how many pixels with which predicted object."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Overlap(NamedTuple):
    """Pixel counts of two maps of objects.

    truth_ids, predicted_ids      the ids that occur, sorted, without 0
    truth_areas, predicted_areas  int64 (T,) and (P,): pixels of each object
    shared                        int64 (T, P): pixels in both objects
    """

    truth_ids: np.ndarray
    predicted_ids: np.ndarray
    truth_areas: np.ndarray
    predicted_areas: np.ndarray
    shared: np.ndarray

    @property
    def union(self):
        """int64 (T, P): pixels in at least one of the two objects."""
        return self.truth_areas[:, None] + self.predicted_areas[None, :] - self.shared

    @property
    def iou(self):
        """float64 (T, P): intersection divided by union. No object is empty, so there is no 0/0."""
        return self.shared / self.union

    def select(self, truth, predicted):
        """The Overlap of some of the objects: two bool arrays, (T,) and (P,). The other objects become background."""
        return Overlap(
            self.truth_ids[truth],
            self.predicted_ids[predicted],
            self.truth_areas[truth],
            self.predicted_areas[predicted],
            self.shared[truth][:, predicted],
        )


def overlap(truth, prediction, counted=None):
    """The Overlap of two maps (H, W) of whole numbers: 0 = no object, equal numbers = one object.

    counted  bool (H, W): the pixels that count. All others belong to no object in both maps. None: all pixels count.
    Raises ValueError if the shapes differ or a number is negative, TypeError if a map does not hold whole numbers.
    """
    truth, prediction = _checked("truth", truth), _checked("prediction", prediction)
    if truth.shape != prediction.shape:
        raise ValueError(f"overlap: truth {truth.shape} and prediction {prediction.shape} differ in shape")
    if counted is not None:
        if np.shape(counted) != truth.shape:
            raise ValueError(f"overlap: counted {np.shape(counted)} and truth {truth.shape} differ in shape")
        truth, prediction = truth[counted], prediction[counted]
    truth_ids, row = np.unique(np.append(truth.ravel(), 0), return_inverse=True)
    predicted_ids, column = np.unique(np.append(prediction.ravel(), 0), return_inverse=True)
    # The pair (i, j) is counted as the number i * columns + j. The appended zeros make row 0 and column 0 background.
    pairs = row[:-1] * len(predicted_ids) + column[:-1]
    table = np.bincount(pairs, minlength=len(truth_ids) * len(predicted_ids))
    table = table.reshape(len(truth_ids), len(predicted_ids))
    return Overlap(truth_ids[1:], predicted_ids[1:], table.sum(1)[1:], table.sum(0)[1:], table[1:, 1:])


def _checked(name, array):
    array = np.asarray(array)
    if array.dtype.kind not in "iub":
        raise TypeError(f"overlap: {name} must hold whole numbers, got {array.dtype}")
    if array.size and array.min() < 0:
        raise ValueError(f"overlap: {name} holds {array.min()}, objects are numbered from 1, 0 = no object")
    return array
