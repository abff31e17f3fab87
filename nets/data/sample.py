"""What every source of data gives: a picture, and the class and the object of each pixel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# The label of a pixel that counts neither in the loss nor in a metric. Files mark such pixels in many ways (VOC by
# palette entry 255, CamVid by class 11); inside this library the label is always this number.
IGNORE = 255

# Axes along which an image (..., H, W) may be mirrored. A street has a top and a bottom, a cell has not. The keys are
# the values of a dataset's `orientation`.
MIRRORINGS = {"upright": ((), (-1,)), "free": ((), (-1,), (-2,), (-2, -1))}


class SegmentationClass(NamedTuple):
    """One class: its id in the mask files, its name, and the colour it is painted with.

    A label array holds positions in the tuple of classes, 0 to C-1, not ids: ids may have gaps (0, 7, 21).
    `thing` tells countable objects (cars) from stuff (sky).
    """

    id: int
    name: str
    color: tuple[int, int, int]
    thing: bool = False

    def as_dict(self):
        """Plain values for config.json and classes.json."""
        return {"id": self.id, "name": self.name, "color": list(self.color), "thing": self.thing}


class Sample(NamedTuple):
    """One picture with its truth.

    image      uint8 (H, W) for grey or (H, W, 3) for RGB
    label      uint8 (H, W): position in the classes, or IGNORE
    instances  int32 (H, W): 0 = no object, equal numbers = one object; None if the source knows no objects
    name       what to call it in reports
    """

    image: np.ndarray
    label: np.ndarray
    instances: np.ndarray | None
    name: str


def class_color(position):
    """The colour of class `position` in PASCAL VOC's palette: black, maroon, green, olive, navy, ...

    The bits of `position`, lowest first, go in turn to red, green and blue, each into the highest bit still free.
    So the first colours lie far apart, and all 256 colours are different.
    """
    red = green = blue = 0
    for bit in range(8):
        red |= (position >> 0 & 1) << (7 - bit)
        green |= (position >> 1 & 1) << (7 - bit)
        blue |= (position >> 2 & 1) << (7 - bit)
        position >>= 3
    return red, green, blue


def renumber_objects(instances, least=1):
    """Objects numbered 1 .. n without gaps. Objects of fewer than `least` pixels become 0, no object."""
    areas = np.bincount(instances.ravel())
    kept = areas >= least
    kept[0] = False
    numbers = np.zeros(len(areas), np.int32)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[instances]


def instance_classes(label, instances):
    """{object: position of its class}: the class of most of its pixels; IGNORE if all of them are ignored."""
    # One histogram over (object, class) pairs: (objects, 256).
    pairs = instances.ravel().astype(np.int64) * 256 + label.ravel()
    counts = np.bincount(pairs, minlength=(int(instances.max()) + 1) * 256).reshape(-1, 256)
    counts[:, IGNORE] = counts[:, IGNORE] > 0  # at most 1, so that any class comes before IGNORE
    return {int(number): int(counts[number].argmax()) for number in np.unique(instances) if number}
