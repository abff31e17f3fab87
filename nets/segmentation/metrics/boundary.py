"""Are the outlines where they should be: boundary F1 and boundary IoU of each class.

A large object may have a high IoU and a poor outline. Both metrics look only at pixels near the outline.

    boundary F1   The boundary of a class: its pixels with a neighbour (up, down, left, right) of another class.
                  precision = share of the predicted boundary within `tolerance` pixels of the true boundary,
                  recall = the same with the roles exchanged, F1 = 2 P R / (P + R)          (Csurka et al. 2013)
    boundary IoU  IoU of two bands: the pixels of a class that `width` erosions with a 3x3 square remove, in truth and
                  in prediction; beyond the image nothing belongs to the class               (Cheng et al. 2021)

The papers' defaults are shares of the image's diagonal: tolerance 0.75%, width 2%.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

TOLERANCE_SHARE = 0.0075
WIDTH_SHARE = 0.02


class BoundaryScore(NamedTuple):
    """The scores of one class. None if neither truth nor prediction has a boundary of this class."""

    f1: float | None
    iou: float | None


class Boundaries:
    """Boundary F1 and boundary IoU of each class over a data set: pixels are summed over all images, then divided.

    If only one of truth and prediction has a boundary, the scores are 0. Pixels labelled `ignore` belong to no class,
    and an outline against them is no boundary for F1.

    tolerance, width  in pixels; None: the papers' shares of each image's diagonal, but at least 1 pixel
    """

    def __init__(self, classes, tolerance=None, width=None, ignore=255):
        for name, value in (("tolerance", tolerance), ("width", width)):
            if value is not None and value < (0 if name == "tolerance" else 1):
                raise ValueError(f"Boundaries: {name} is a number of pixels, got {value}")
        self._tolerance, self._width, self._ignore = tolerance, width, ignore
        # Per class: boundary pixels predicted, of them right; boundary pixels true, of them found; band: both, either
        self._counts = np.zeros((classes, 6), np.int64)

    def update(self, label, prediction):
        """Count one image: classes (H, W) of truth and prediction."""
        label, prediction = np.asarray(label), np.asarray(prediction)
        if label.shape != prediction.shape or label.ndim != 2:
            raise ValueError(f"Boundaries: label {label.shape} and prediction {prediction.shape} must be equal (H, W)")
        counted = label != self._ignore
        diagonal = np.hypot(*label.shape)
        tolerance = max(1.0, TOLERANCE_SHARE * diagonal) if self._tolerance is None else self._tolerance
        width = max(1, round(WIDTH_SHARE * diagonal)) if self._width is None else self._width
        for number, counts in enumerate(self._counts):
            true, predicted = (label == number) & counted, (prediction == number) & counted
            if true.any() or predicted.any():
                counts[:4] += _near(_outline(predicted, counted), _outline(true, counted), tolerance)
                true, predicted = _band(true, width), _band(predicted, width)
                counts[4:] += (true & predicted).sum(), (true | predicted).sum()

    def scores(self):
        """A BoundaryScore for each class."""
        return tuple(BoundaryScore(_f1(*counts[:4]), _ratio(*counts[4:])) for counts in self._counts)


def _outline(mask, counted):
    """The pixels of the mask with a neighbour that counts and is not in the mask."""
    outside = np.pad(counted & ~mask, 1)
    beside = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    return mask & beside


def _near(predicted, true, tolerance):
    """(predicted pixels, of them near a true one, true pixels, of them near a predicted one)."""
    return predicted.sum(), _within(predicted, true, tolerance), true.sum(), _within(true, predicted, tolerance)


def _within(pixels, others, tolerance):
    from scipy import ndimage

    if not others.any():
        return 0
    return (ndimage.distance_transform_edt(~others)[pixels] <= tolerance).sum()


def _band(mask, width):
    from scipy import ndimage

    return mask & ~ndimage.binary_erosion(mask, np.ones((3, 3)), iterations=width)


def _f1(predicted, right, true, found):
    if not predicted and not true:
        return None
    if not predicted or not true or not right + found:
        return 0.0
    precision, recall = right / predicted, found / true
    return float(2 * precision * recall / (precision + recall))


def _ratio(both, either):
    return float(both / either) if either else None
