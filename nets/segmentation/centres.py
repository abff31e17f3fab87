"""From pixels that point at their object's centre to single objects: the way of Panoptic-DeepLab (Cheng et al. 2020).

Beside the scores of the classes the net has three more outputs for each pixel:

    heat     1 at the centre of an object, falling off as a Gaussian; 0 far from every centre
    offsets  (down, right): where the centre of the pixel's own object lies, seen from the pixel

The peaks of the heat are the centres. Each pixel of a thing goes where its offset points and joins the nearest centre.
Two cars may touch, or one may be cut in two by a lamp post: what counts is only where their pixels point.
"""

from __future__ import annotations

import numpy as np

OUTPUTS = 3  # heat, down, right
OFFSET_UNIT = 16.0  # pixels for an output of 1, so that the net's outputs are of the size of its other scores
# Panoptic-DeepLab has a standard deviation of 8 pixels for objects of all sizes. Nuclei have a radius of 5, so here the
# standard deviation follows the object: this share of the square root of its area, between these bounds.
SIGMA_SHARE, LEAST_SIGMA, MOST_SIGMA = 0.15, 1.5, 8.0
REACH = 3  # standard deviations after which the heat is 0


def centre_targets(instances):
    """float32 (4, H, W): heat, offset down, offset right (in OFFSET_UNITs), and 1 where the offsets are known.

    The centre of an object is the mean of its pixels' coordinates. Where two Gaussians meet, the higher one counts.
    """
    from scipy import ndimage

    height, width = instances.shape
    targets = np.zeros((4, height, width), np.float32)
    for number, box in enumerate(ndimage.find_objects(instances), start=1):
        if box is None:
            continue
        rows, columns = np.nonzero(instances[box] == number)
        rows, columns = rows + box[0].start, columns + box[1].start
        row, column = rows.mean(), columns.mean()
        targets[1:, rows, columns] = (row - rows) / OFFSET_UNIT, (column - columns) / OFFSET_UNIT, np.ones(len(rows))
        sigma = np.clip(SIGMA_SHARE * np.sqrt(len(rows)), LEAST_SIGMA, MOST_SIGMA)
        reach = int(np.ceil(REACH * sigma))
        top, left = max(0, round(row) - reach), max(0, round(column) - reach)
        window = slice(top, round(row) + reach + 1), slice(left, round(column) + reach + 1)
        heat = targets[0][window]
        # The peak lies on the pixel nearest to the centre, so that it is exactly 1.
        down = np.arange(top, top + heat.shape[0])[:, None] - round(row)
        right = np.arange(left, left + heat.shape[1])[None, :] - round(column)
        np.maximum(heat, np.exp(-(down**2 + right**2) / (2 * sigma**2)), out=heat)
    return targets


def peaks(heat, threshold, window):
    """The centres (K, 2): pixels of at least `threshold` that are the highest of the window x window around them.

    Equal neighbours are one peak, in their middle.
    """
    from scipy import ndimage

    highest = (heat == ndimage.maximum_filter(heat, window, mode="constant")) & (heat >= threshold)
    regions, count = ndimage.label(highest, np.ones((3, 3)))
    return np.array(ndimage.center_of_mass(highest, regions, np.arange(1, count + 1))).reshape(-1, 2)


def group(thing, heat, offsets, threshold=0.3, window=5):
    """Objects int32 (H, W), numbered by their centres: each pixel of `thing` joins the centre it points at.

    thing  bool (H, W); heat (H, W); offsets (2, H, W) in OFFSET_UNITs. Without any peak there is no object.
    """
    from scipy.spatial import cKDTree

    objects = np.zeros(thing.shape, np.int32)
    centres = peaks(heat, threshold, window)
    if len(centres):
        places = np.argwhere(thing)
        pointed = places + OFFSET_UNIT * offsets[:, places[:, 0], places[:, 1]].T
        objects[thing] = cKDTree(centres).query(pointed)[1] + 1
    return objects
