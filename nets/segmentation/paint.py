"""Pictures of objects: each in a colour of its own, or in that of its class, with its outline."""

from __future__ import annotations

import colorsys

import numpy as np

from nets.segmentation.instances import outlines
from nets.segmentation.semantic import overlay

GOLDEN = 0.618034  # steps of the golden ratio around the circle of hues: neighbouring numbers get distant colours
COLORS = 4096  # after this many objects the colours repeat
OPACITY = 0.4
WHITE = (255, 255, 255)


def object_colors(count):
    """uint8 (count + 1, 3): black for 0, then a colour for each object."""
    hues = [colorsys.hsv_to_rgb(number * GOLDEN % 1, 0.75, 1.0) for number in range(1, min(count, COLORS) + 1)]
    table = np.array([(0, 0, 0), *hues])
    numbers = np.where(np.arange(count + 1) == 0, 0, (np.arange(count + 1) - 1) % COLORS + 1)
    return (255 * table[numbers]).astype(np.uint8)


def paint_objects(image, instances):
    """The image (H, W) or (H, W, 3) uint8 with the objects' colours laid over it and their outlines in full colour."""
    picture = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    _, numbers = np.unique(np.append(instances.ravel(), 0), return_inverse=True)  # ids may have gaps
    numbers = numbers[:-1].reshape(instances.shape)
    colors = object_colors(int(numbers.max(initial=0)))[numbers]
    mixed = ((1 - OPACITY) * picture + OPACITY * colors + 0.5).astype(np.uint8)
    painted = np.where((numbers > 0)[..., None], mixed, picture)
    return np.where(outlines(numbers)[..., None], colors, painted)


def paint_segments(image, label, instances, classes):
    """The image with the classes' colours laid over it, and white outlines around the objects."""
    picture = overlay(image, label, classes)
    picture[outlines(instances)] = WHITE
    return picture
