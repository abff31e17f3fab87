"""How good a segmentation is: numbers from one table of counts over the whole data set.

The table is the confusion matrix n: n_ij pixels of class i were predicted as class j. t_i = sum_j n_ij are the pixels
that are class i, and p_i = sum_j n_ji the pixels predicted as class i:

    pixel accuracy         sum_i n_ii / sum_i t_i
    mean accuracy          mean_i n_ii / t_i
    mean IU                mean_i IU_i,  IU_i = n_ii / (t_i + p_i - n_ii)
    frequency weighted IU  sum_i t_i IU_i / sum_k t_k
    Dice of class i        2 n_ii / (t_i + p_i) = 2 IU_i / (1 + IU_i), the F1 score of its pixels

Long, Shelhamer, Darrell (2015), section 5. There is one table for the data set, not a mean over images: an image
without a class says nothing about this class, and a rare class is not outweighed by images that lack it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


def confusion_matrix(label, prediction, classes, ignore=255):
    """n_ij = pixels of class i predicted as j, int64 (classes, classes). Pixels labelled `ignore` do not count.

    Both arrays hold whole numbers and have the same shape. Raises ValueError if a number is not a class.
    """
    label, prediction = np.asarray(label), np.asarray(prediction)
    if label.shape != prediction.shape:
        raise ValueError(f"confusion_matrix: label {label.shape} and prediction {prediction.shape} differ in shape")
    for name, array in (("label", label), ("prediction", prediction)):
        if array.dtype.kind not in "iub":
            raise TypeError(f"confusion_matrix: {name} must hold whole numbers, got {array.dtype}")
    counted = label != ignore
    label, prediction = label[counted].astype(np.int64), prediction[counted].astype(np.int64)
    for name, array in (("label", label), ("prediction", prediction)):
        if array.size and not 0 <= array.min() <= array.max() < classes:
            worst = array.min() if array.min() < 0 else array.max()
            raise ValueError(f"confusion_matrix: {name} {worst} is no class, allowed 0 to {classes - 1}")
    # The pair (i, j) is counted as the number i * C + j: (pixels,) -> (C*C,) -> (C, C).
    return np.bincount(label * classes + prediction, minlength=classes * classes).reshape(classes, classes)


class ClassScore(NamedTuple):
    """The scores of one class. A score is None if it does not exist because the class does not occur."""

    name: str
    accuracy: float | None
    iu: float | None
    dice: float | None
    pixels: int


class Scores(NamedTuple):
    """The four numbers of a data set (None if no pixel was counted) and the scores of each class."""

    pixel_accuracy: float | None
    mean_accuracy: float | None
    mean_iu: float | None
    frequency_weighted_iu: float | None
    per_class: tuple[ClassScore, ...]

    def as_dict(self):
        """Plain values, for JSON."""
        return self._asdict() | {"per_class": [score._asdict() for score in self.per_class]}

    def table(self):
        """The four numbers and a line for each class, to print."""
        lines = [
            f"pixel accuracy {shown(self.pixel_accuracy)}   mean accuracy {shown(self.mean_accuracy)}   "
            f"mean IU {shown(self.mean_iu)}   frequency weighted IU {shown(self.frequency_weighted_iu)}"
        ]
        width = max(len("class"), *(len(score.name) for score in self.per_class))
        lines.append(f"{'class':<{width}}  accuracy     IU   Dice      pixels")
        for score in self.per_class:
            lines.append(
                f"{score.name:<{width}}  {shown(score.accuracy):>8}  {shown(score.iu):>5}  "
                f"{shown(score.dice):>5}  {score.pixels:>10}"
            )
        absent = [score.name for score in self.per_class if score.iu is None]
        if absent and len(absent) < len(self.per_class):
            lines.append(f"not in these images and never predicted, so in no mean: {', '.join(absent)}")
        return "\n".join(lines)


def shown(value):
    """A score with three digits; a dash for None."""
    return "-" if value is None else f"{value:.3f}"


def scores(confusion, names=None):
    """Scores of a confusion matrix (C, C).

    A class that is neither in the truth nor in the prediction has 0/0 everywhere and is left out of all means. A class
    that was predicted but does not occur has IU and Dice 0 and counts in the mean IU; its accuracy, n_ii / 0, does not
    exist.
    """
    confusion = np.asarray(confusion, np.int64)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(f"scores: a confusion matrix is square, got shape {confusion.shape}")
    classes = len(confusion)
    names = tuple(names) if names is not None else tuple(str(number) for number in range(classes))
    if len(names) != classes:
        raise ValueError(f"scores: {len(names)} names for {classes} classes")
    right = np.diag(confusion).astype(float)
    true, predicted = confusion.sum(1), confusion.sum(0)
    union = true + predicted - right
    occurs, seen = true > 0, union > 0
    accuracy = np.divide(right, true, out=np.full(classes, np.nan), where=occurs)
    iu = np.divide(right, union, out=np.full(classes, np.nan), where=seen)
    dice = 2 * iu / (1 + iu)
    per_class = tuple(
        ClassScore(names[i], _number(accuracy[i]), _number(iu[i]), _number(dice[i]), int(true[i]))
        for i in range(classes)
    )
    total = true.sum()
    if total == 0:
        return Scores(None, None, None, None, per_class)
    return Scores(
        pixel_accuracy=float(right.sum() / total),
        mean_accuracy=float(accuracy[occurs].mean()),
        mean_iu=float(iu[seen].mean()),
        frequency_weighted_iu=float((true[occurs] * iu[occurs]).sum() / total),
        per_class=per_class,
    )


def _number(value):
    return None if np.isnan(value) else float(value)


class Confusion:
    """A confusion matrix that grows image by image.

    >>> confusion = Confusion(2)
    >>> confusion.update(np.array([0, 0, 1]), np.array([0, 1, 1]))
    >>> confusion.scores().pixel_accuracy
    0.6666666666666666
    """

    def __init__(self, classes, names=None, ignore=255):
        self.matrix = np.zeros((classes, classes), np.int64)
        self.names = names
        self.ignore = ignore

    def update(self, label, prediction):
        """Count one image or one batch."""
        self.matrix += confusion_matrix(label, prediction, len(self.matrix), self.ignore)

    def scores(self):
        """Scores of all that was counted so far."""
        return scores(self.matrix, self.names)
