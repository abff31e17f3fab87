"""The rows of predictions.png: what is shown of one sample for each task, and the legend."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data import IGNORE
from nets.segmentation.metrics import match, overlap
from nets.segmentation.metrics.instances import AT
from nets.segmentation.paint import paint_objects, paint_segments
from nets.segmentation.semantic import IGNORED_COLOR, colorize

# What errors are painted with, the first choices first: wrong, missed, invented. A mark that looks like a class gives
# way to the next one.
MARKS = ((214, 40, 57), (240, 150, 30), (60, 130, 230), (255, 0, 255), (0, 230, 230), (255, 240, 0), (0, 220, 90))
NEAR = 90.0  # two colours at a smaller distance in (r, g, b) look alike


def mark_colors(classes):
    """(wrong, missed, invented): three colours that differ from each other and from the classes' colours.

    If the classes are so many that every mark is near to one of them, the marks that are farthest away.
    """
    taken = [entry.color for entry in classes]
    chosen = []
    for _ in range(3):
        free = [color for color in MARKS if color not in chosen]
        distances = [min((_distance(color, other) for other in [*taken, *chosen]), default=NEAR) for color in free]
        enough = [color for color, distance in zip(free, distances, strict=True) if distance >= NEAR]
        chosen.append(enough[0] if enough else free[int(np.argmax(distances))])
    return tuple(chosen)


def _distance(color, other):
    return float(np.linalg.norm(np.subtract(color, other)))


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
        _marked(sample, [(wrong, mark_colors(classes)[0])]),
    )
    return Row(pictures, f"{share:.1%} wrong")


def class_legend(classes, samples):
    """[(name, colour)] of the classes, and of what else is in the pictures."""
    entries = [(entry.name, entry.color) for entry in classes]
    entries.append(("wrong", mark_colors(classes)[0]))
    if any((sample.label == IGNORE).any() for sample in samples):
        entries.append(("not counted", IGNORED_COLOR))
    return entries


def object_row(sample, found, classes):
    """Truth and prediction as objects with outlines. The error: objects without a partner, and pixels of partners."""
    wrong, missed, invented, note = _compared(sample, found)
    pictures = (
        _rgb(sample.image),
        paint_objects(sample.image, sample.instances),
        paint_objects(sample.image, found.instances),
        _marked(sample, zip((wrong, missed, invented), mark_colors(classes), strict=True)),
    )
    return Row(pictures, note)


def segment_row(sample, found, classes):
    """Truth and prediction in the colours of the classes, objects with outlines. The error: classes, then objects."""
    _, missed, invented, note = _compared(sample, found)
    wrong = (found.label != sample.label) & (sample.label != IGNORE)
    pictures = (
        _rgb(sample.image),
        paint_segments(sample.image, sample.label, sample.instances, classes),
        paint_segments(sample.image, found.label, found.instances, classes),
        _marked(sample, zip((wrong, missed, invented), mark_colors(classes), strict=True)),
    )
    return Row(pictures, note)


def _compared(sample, found):
    """(wrong, missed, invented, note): pixels where only one has an object, objects without a partner, their number."""
    counted = sample.label != IGNORE
    table = overlap(sample.instances, found.instances, counted)
    rows, columns = match(table.iou, AT)
    missed = np.isin(sample.instances, np.delete(table.truth_ids, rows)) & counted
    invented = np.isin(found.instances, np.delete(table.predicted_ids, columns)) & counted
    wrong = ((sample.instances > 0) != (found.instances > 0)) & counted & ~missed & ~invented
    note = f"{len(rows)} of {len(table.truth_ids)} found, {len(table.predicted_ids) - len(columns)} invented"
    return wrong, missed, invented, note


def object_legend(classes, samples):
    """[(name, colour)] of the error's colours. The arguments are those of the other legends."""
    wrong, missed, invented = mark_colors(classes)
    return [("missed", missed), ("invented", invented), ("wrong outline", wrong)]


def segment_legend(classes, samples):
    """[(name, colour)] of the classes and of the error's colours."""
    _, missed, invented = mark_colors(classes)
    return [*class_legend(classes, samples), ("missed", missed), ("invented", invented)]


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


# task -> what makes a Row of (sample, found, classes), and what makes the legend of (classes, samples)
SHOWN = {
    "semantic": (class_row, class_legend),
    "instance": (object_row, object_legend),
    "panoptic": (segment_row, segment_legend),
}
