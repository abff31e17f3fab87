"""The rows of predictions.png: what is shown of one sample for each task, and the legend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data import IGNORE
from nets.segmentation.metrics import match, overlap
from nets.segmentation.metrics.instances import AT
from nets.segmentation.paint import paint_objects
from nets.segmentation.semantic import IGNORED_COLOR, colorize

RED, ORANGE, BLUE = (214, 40, 57), (240, 150, 30), (60, 130, 230)


class Row(NamedTuple):
    """Four pictures uint8 (H, W, 3): image, truth, prediction, error; and a note on the last one."""

    pictures: tuple[np.ndarray, ...]
    note: str


def class_row(sample, found, classes):
    """Truth and prediction in the colours of the classes."""
    counted = sample.label != IGNORE
    wrong = (found.label != sample.label) & counted
    share = wrong[counted].mean() if counted.any() else 0.0
    pictures = (
        _rgb(sample.image),
        colorize(sample.label, classes),
        colorize(found.label, classes),
        _marked(sample, [(wrong, RED)]),
    )
    return Row(pictures, f"{share:.1%} wrong")


def class_legend(classes, samples):
    """[(name, colour)] of the classes, and of what else is in the pictures."""
    entries = [(entry.name, entry.color) for entry in classes]
    entries.append(("wrong", RED))
    if any((sample.label == IGNORE).any() for sample in samples):
        entries.append(("not counted", IGNORED_COLOR))
    return entries


def object_row(sample, found):
    """Truth and prediction as objects with outlines. The error: objects without a partner, and pixels of partners."""
    counted = sample.label != IGNORE
    table = overlap(sample.instances, found.instances, counted)
    rows, columns = match(table.iou, AT)
    missed = np.isin(sample.instances, np.delete(table.truth_ids, rows)) & counted
    invented = np.isin(found.instances, np.delete(table.predicted_ids, columns)) & counted
    wrong = ((sample.instances > 0) != (found.instances > 0)) & counted & ~missed & ~invented
    count = len(table.truth_ids)
    pictures = (
        _rgb(sample.image),
        paint_objects(sample.image, sample.instances),
        paint_objects(sample.image, found.instances),
        _marked(sample, [(wrong, RED), (missed, ORANGE), (invented, BLUE)]),
    )
    return Row(pictures, f"{len(rows)} of {count} found, {len(table.predicted_ids) - len(columns)} invented")


def object_legend():
    """[(name, colour)] of the error's colours."""
    return [("missed", ORANGE), ("invented", BLUE), ("wrong outline", RED)]


def _marked(sample, marks):
    """The image darkened to grey, lighter where the truth is ignored; then each (mask, colour) over it."""
    grey = _rgb(sample.image).mean(axis=2, keepdims=True)
    picture = np.repeat(40 + 0.45 * grey, 3, axis=2)
    ignored = sample.label == IGNORE
    picture[ignored] = 0.5 * picture[ignored] + 110
    for mask, color in marks:
        picture[mask] = color
    return picture.astype(np.uint8)


def _rgb(image):
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
