"""From the probability of things to single objects, the way of the U-Net paper: borders are learned as background.

A net that says only "cell" or "no cell" joins cells that touch. So it is trained on another truth (`separated`): where
two cells touch, the pixels on both sides of their common border are background. The loss weighs these pixels more than
others (nets/data/weight_map.py). What the net then calls a cell is a cell without its borders, and no cell touches
another. `watershed` makes objects of it in three steps:

    1. seeds    connected pixels with a probability above `seed`: the inside of one object each
    2. flood    the level falls from `seed` to `foreground` in small steps, and each object grows into the pixels above
                the level that it can reach. Where two objects meet, the border stays: it lies in the valley between
    3. remove   objects of fewer than `least` pixels. Foreground without a seed has become none

Ronneberger, Fischer, Brox (2015), section 3, and Vincent and Soille (1991) for the watershed by flooding.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.sample import IGNORE

FLOOD_LEVELS = 16  # steps from `seed` down to `foreground`
CROSS = ((0, 1, 0), (1, 1, 1), (0, 1, 0))  # a pixel's neighbours: up, down, left, right


def touching(instances):
    """bool (H, W): pixels of an object that have a pixel of another object above, below, left or right of them."""
    found = np.zeros(instances.shape, bool)
    for one, other in _neighbours():
        differ = (instances[one] != instances[other]) & (instances[one] > 0) & (instances[other] > 0)
        found[one] |= differ
        found[other] |= differ
    return found


def outlines(instances):
    """bool (H, W): pixels of an object with another object or background above, below, left or right of them."""
    found = np.zeros(instances.shape, bool)
    for one, other in _neighbours():
        differ = instances[one] != instances[other]
        found[one] |= differ
        found[other] |= differ
    return found & (instances > 0)


def _neighbours():
    """The two pairs of slices that lay a map over itself, moved by one pixel: down, and right."""
    everything, all_but_last, all_but_first = slice(None), slice(None, -1), slice(1, None)
    return ((all_but_last, everything), (all_but_first, everything)), (
        (everything, all_but_last),
        (everything, all_but_first),
    )


def separated(label, instances, background):
    """(label, instances) in which no two objects touch: pixels beside another object become `background`, and 0."""
    border = touching(instances)
    return np.where(border & (label != IGNORE), np.uint8(background), label), np.where(border, 0, instances)


def watershed(probability, foreground=0.5, seed=0.5, least=1):
    """Objects int32 (H, W), numbered 1 .. n, from the probability (H, W) that a pixel belongs to a thing.

    foreground, seed  thresholds between 0 and 1, seed >= foreground; least: pixels of the smallest object
    Raises ValueError for a probability that is not (H, W), and for thresholds out of order.
    """
    from scipy import ndimage

    if np.ndim(probability) != 2:
        raise ValueError(f"watershed: probability must be (H, W), got shape {np.shape(probability)}")
    if not 0 <= foreground <= seed <= 1:
        raise ValueError(f"watershed: thresholds must be 0 <= foreground <= seed <= 1, got {foreground} and {seed}")
    seeds, count = ndimage.label(probability > seed, CROSS)
    if not count:
        return np.zeros(probability.shape, np.int32)
    return without_small(_flooded(seeds, probability, np.linspace(seed, foreground, FLOOD_LEVELS + 1)[1:]), least)


def _flooded(seeds, probability, levels):
    """The seeds, grown through all pixels above each level in turn, one ring of pixels at a time.

    Only pixels that still wait are looked at. A pixel beside several objects joins the one above, below, left or right
    of it, in this order. The map has a frame of background, so that every pixel has four neighbours.
    """
    height, width = probability.shape
    objects = np.pad(seeds.astype(np.int32), 1).ravel()  # (H + 2) * (W + 2)
    sides = (-(width + 2), width + 2, -1, 1)
    rows, columns = np.nonzero((seeds == 0) & (probability > levels[-1]))
    places, heights = (rows + 1) * (width + 2) + columns + 1, probability[rows, columns]
    for level in levels:
        waiting = places[(heights > level) & (objects[places] == 0)]
        while len(waiting):
            joined = np.zeros(len(waiting), np.int32)
            for side in sides:
                joined = np.where(joined, joined, objects[waiting + side])
            if not joined.any():
                break
            objects[waiting] = joined
            waiting = waiting[joined == 0]
    return objects.reshape(height + 2, width + 2)[1:-1, 1:-1]


def without_small(objects, least):
    """Objects numbered 1 .. n without gaps; those of fewer than `least` pixels become background."""
    areas = np.bincount(objects.ravel())
    kept = areas >= max(least, 1)
    kept[0] = False
    numbers = np.zeros(len(areas), np.int32)
    numbers[kept] = np.arange(1, kept.sum() + 1)
    return numbers[objects]


class FoundObject(NamedTuple):
    """One predicted object.

    id        its number in the map
    label     position of its class
    area      pixels
    centroid  (row, column), the mean of its pixels' coordinates
    box       (top, left, bottom, right): rows top .. bottom - 1, columns left .. right - 1
    score     mean probability of its class over its pixels
    """

    id: int
    label: int
    area: int
    centroid: tuple[float, float]
    box: tuple[int, int, int, int]
    score: float


class Found(NamedTuple):
    """The answer to one image: the class of every pixel uint8 (H, W), and for the task "instance" the objects.

    instances  int32 (H, W), 0 = no object; objects: a FoundObject for each number 1 .. n
    """

    label: np.ndarray
    instances: np.ndarray | None = None
    objects: tuple[FoundObject, ...] = ()


def found_objects(probabilities, objects, things):
    """The Found of an image, from the probabilities (classes, H, W), a map of objects 1 .. n and the thing classes.

    An object's class is the thing with the highest mean probability over its pixels. A pixel without an object gets its
    most probable class that is no thing.
    """
    from scipy import ndimage

    count = int(objects.max())
    areas = np.bincount(objects.ravel(), minlength=count + 1)[1:]
    means = np.stack([np.bincount(objects.ravel(), probabilities[c].ravel(), count + 1)[1:] / areas for c in things])
    best = means.argmax(0)  # (things, objects) -> (objects,)
    rows, columns = (np.arange(size) for size in objects.shape)
    centre_rows = np.bincount(objects.ravel(), np.repeat(rows, len(columns)), count + 1)[1:] / areas
    centre_columns = np.bincount(objects.ravel(), np.tile(columns, len(rows)), count + 1)[1:] / areas
    listed = tuple(
        FoundObject(
            at + 1,
            int(things[best[at]]),
            int(areas[at]),
            (float(centre_rows[at]), float(centre_columns[at])),
            (box[0].start, box[1].start, box[0].stop, box[1].stop),
            float(means[best[at], at]),
        )
        for at, box in enumerate(ndimage.find_objects(objects))
    )
    stuff = np.array([position for position in range(len(probabilities)) if position not in things])
    label = stuff[probabilities[stuff].argmax(0)].astype(np.uint8)
    classes = np.array([0, *(entry.label for entry in listed)], np.uint8)
    return Found(np.where(objects > 0, classes[objects], label), objects, listed)
