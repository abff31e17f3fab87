"""V_rand and V_info: how well two partitions of an image into segments agree (Arganda-Carreras et al. 2015).

Draw a pixel at random. p_ij is the probability that it lies in predicted segment i and in segment j of the truth,
s_i = sum_j p_ij and t_j = sum_i p_ij. With a weight a between merge errors and split errors (0.5 by default)

    V_rand = sum_ij p_ij^2 / (a sum_i s_i^2 + (1 - a) sum_j t_j^2)
    V_info = I(S; T) / ((1 - a) H(S) + a H(T)),     H(S) = -sum_i s_i log s_i,  I = H(S) + H(T) - H(S, T)

Only pixels that belong to a segment of the truth are drawn (0, the membrane, is left out). A predicted 0 there counts
as a segment like the others. A wrong pixel in the middle of a cell costs little. A gap of a few pixels in a membrane
merges two cells and costs much. This is what matters to someone who follows a nerve through the slices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class PartitionScores(NamedTuple):
    """The means over images; None if no image has a segment in its truth."""

    v_rand: float | None
    v_info: float | None


class Partition:
    """V_rand and V_info of each image, and their means, as in the ISBI 2012 challenge.

    Images without a segment in the truth are left out. If truth and prediction are one segment each, both are 1.
    """

    def __init__(self, weight=0.5):
        if not 0 <= weight <= 1:
            raise ValueError(f"Partition: weight must lie in [0, 1], got {weight}")
        self._weight = weight
        self._images = []

    def update(self, truth, prediction):
        """Count one image: two maps (H, W) of whole numbers, 0 = no segment. Raises ValueError if shapes differ."""
        truth, prediction = np.asarray(truth), np.asarray(prediction)
        if truth.shape != prediction.shape:
            raise ValueError(f"Partition: truth {truth.shape} and prediction {prediction.shape} differ in shape")
        drawn = truth > 0
        if not drawn.any():
            return
        _, column = np.unique(truth[drawn], return_inverse=True)
        _, row = np.unique(prediction[drawn], return_inverse=True)
        # Most pairs share no pixel, so only the pairs that occur are stored.
        pairs, shared = np.unique(row * (column.max() + 1) + column, return_counts=True)
        joint = shared / drawn.sum()  # p_ij
        predicted = np.bincount(pairs // (column.max() + 1), joint)  # s_i
        true = np.bincount(pairs % (column.max() + 1), joint)  # t_j
        self._images.append((self._rand(joint, predicted, true), self._info(joint, predicted, true)))

    def _rand(self, joint, predicted, true):
        return (joint**2).sum() / (self._weight * (predicted**2).sum() + (1 - self._weight) * (true**2).sum())

    def _info(self, joint, predicted, true):
        h_predicted, h_true = _entropy(predicted), _entropy(true)
        if len(predicted) == len(true) == 1:
            return 1.0
        total = (1 - self._weight) * h_predicted + self._weight * h_true
        # With weight 0 or 1 only one entropy is left. If it is 0, nothing can be shared.
        return (h_predicted + h_true - _entropy(joint)) / total if total else 0.0

    def scores(self):
        """The PartitionScores of all images so far."""
        if not self._images:
            return PartitionScores(None, None)
        return PartitionScores(*(float(mean) for mean in np.mean(self._images, axis=0)))


def _entropy(probabilities):
    return -(probabilities * np.log(probabilities)).sum()
