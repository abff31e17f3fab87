"""Class weights for a loss, so that a class with few pixels is learned too."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nets.data.sample import IGNORE

ENET_C = 1.02  # keeps ENet's weights below 1 / ln 1.02 = 50.5


class ClassCounts(NamedTuple):
    """How often each class occurs. Ignored pixels are not counted.

    pixels         pixels of each class
    images_pixels  all pixels of the images in which the class occurs
    """

    pixels: np.ndarray
    images_pixels: np.ndarray


def count_classes(dataset):
    """ClassCounts of a training set, two int64 arrays (C,)."""
    classes = len(dataset.classes)
    pixels = np.zeros(classes, np.int64)
    images_pixels = np.zeros(classes, np.int64)
    for index in range(len(dataset)):
        counts = np.bincount(dataset.sample(index).label.ravel(), minlength=IGNORE + 1)[:classes]
        pixels += counts
        images_pixels += np.where(counts > 0, counts.sum(), 0)
    return ClassCounts(pixels, images_pixels)


def median_frequency_weights(counts, power=1.0):
    """weight_c = (median(f) / f_c)^power with f_c = pixels of c / pixels of the images that contain c; float32 (C,).

    Source: Eigen and Fergus (2015), section 5.3, and SegNet, with power 1. A lower power makes the weights weaker. With
    power 1 the net prefers rare classes, which raises the mean accuracy but, beyond some point, lowers the mean IU.
    Classes that do not occur get weight 1: training has no pixels of them to weight.
    """
    pixels, images_pixels = counts
    _some_pixels(pixels)
    occurs = pixels > 0
    frequency = pixels[occurs] / images_pixels[occurs]
    weights = np.ones(len(pixels), np.float32)
    weights[occurs] = (np.median(frequency) / frequency) ** power
    return weights


def log_weights(counts):
    """weight_c = 1 / ln(1.02 + p_c) with p_c = pixels of c / all pixels; float32 (C,), each below 50.5.

    Source: ENet (Paszke et al. 2016), section 5.1. Classes that do not occur get weight 1.
    """
    pixels = counts.pixels
    _some_pixels(pixels)
    weights = np.ones(len(pixels), np.float32)
    occurs = pixels > 0
    weights[occurs] = 1 / np.log(ENET_C + pixels[occurs] / pixels.sum())
    return weights


def _some_pixels(pixels):
    if pixels.sum() == 0:
        raise ValueError("class weights: no pixel of the training set belongs to a class, all are ignored")
