"""Chapter 01: one street, three answers: a class for each pixel, a number for each object, and both in one map."""

import numpy as np
from scipy import ndimage

from nets.data.street import CAR, CLASSES, PERSON, street
from nets.segmentation.panoptic import true_map

SCENE = street("train", length=40, size=(96, 144)).sample(15)
THINGS = [position for position, kind in enumerate(CLASSES) if kind.thing]


def main():
    label, instances = SCENE.label, SCENE.instances
    print(f"image: {label.shape[0]} x {label.shape[1]} = {label.size:,} pixels, {len(CLASSES)} classes")
    for position, kind in enumerate(CLASSES):
        share = 100 * (label == position).mean()
        print(f"  class {position} {kind.name:<9} {'thing' if kind.thing else 'stuff'}  {share:.1f}% of the pixels")
    for position in (CAR, PERSON):
        count = len(np.unique(instances[(label == position) & (instances > 0)]))
        regions = ndimage.label(label == position)[1]
        print(f"class {CLASSES[position].name}: {count} objects, {regions} connected regions of pixels")
    panoptic = true_map(SCENE, THINGS)
    objects = sum(segment.label in THINGS for segment in panoptic.segments.values())
    total = len(panoptic.segments)
    print(f"panoptic map: {total} segments, {objects} objects + {total - objects} regions of stuff")

    one, other = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    one[1:5, 1:5], other[2:6, 2:6] = True, True
    both, either = (one & other).sum(), (one | other).sum()
    print(f"two squares of {one.sum()} pixels: both {both}, either {either}, IoU = {both / either:.2f}")
    print(f"the same pixels, counted as accuracy: {(one == other).mean():.2f}")


if __name__ == "__main__":
    main()
