"""Chapter 13: from the class of each pixel to single objects: components, learnt borders, centres, and their scores."""

import numpy as np
from scipy import ndimage

from nets.data.cells import cells
from nets.data.street import CLASSES, street
from nets.segmentation.centres import centre_targets, group
from nets.segmentation.instances import CROSS, separated, touching, watershed
from nets.segmentation.metrics.matching import Matching
from nets.segmentation.panoptic import true_map

CELLS = cells("train", length=8, size=(96, 96)).sample(3)


def components():
    """Objects as the connected regions of the perfect semantic mask."""
    return ndimage.label(CELLS.label == 1, CROSS)[0].astype(np.int32)


def by_watershed():
    """Objects grown from a perfect mask in which touching borders are background."""
    inside = separated(CELLS.label, CELLS.instances, 0)[0] == 1
    probability = 0.6 * (CELLS.label == 1) + 0.35 * inside  # 0.95 inside, 0.6 on borders, 0 outside
    return watershed(probability, foreground=0.5, seed=0.8)


def by_centres():
    """Objects of pixels that point at their centres, from perfect heat and offsets."""
    targets = centre_targets(CELLS.instances)
    return group(CELLS.label == 1, targets[0], targets[1:3])


def score(objects):
    """(TP, FP, FN) at IoU 0.5, F1."""
    tally = Matching([0.5])
    tally.update(CELLS.instances, objects)
    return *tally.counts(0.5), tally.f1(0.5)


def main():
    truth = CELLS.instances
    print(f"image 96 x 96: {truth.max()} cells, {int(touching(truth).sum())} pixels that touch another cell")
    for name, objects in (
        ("connected components", components()),
        ("watershed from learnt borders", by_watershed()),
        ("centres and offsets", by_centres()),
    ):
        tp, fp, fn, f1 = score(objects)
        print(f"{name}: {objects.max()} objects, found {tp}, invented {fp}, missed {fn}, F1 at IoU 0.5 = {f1:.2f}")

    scene = street("train", length=40, size=(96, 144)).sample(15)
    things = [position for position, kind in enumerate(CLASSES) if kind.thing]
    panoptic = true_map(scene, things)
    kinds = [segment.label in things for segment in panoptic.segments.values()]
    print(f"panoptic map of the street of chapter 01: {sum(kinds)} objects, {len(kinds) - sum(kinds)} regions of stuff")
    iou = (0.8, 0.6)
    print("2 matches with IoU 0.8 and 0.6, 1 invented, 1 missed:")
    print(f"  SQ = {np.mean(iou):.2f}, RQ = 2 / (2 + 1/2 + 1/2) = {2 / 3:.2f}, PQ = SQ * RQ = {sum(iou) / 3:.2f}")


if __name__ == "__main__":
    main()
