"""What grows in the suite `growth`: a few works, each at several image sizes and at several batches."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from benchmarks import nets_cases
from benchmarks.numbers import numbers

CHANNELS = 16
SIDES = (128, 192, 256, 384, 512)
BATCHES = (1, 2, 4, 8)
BATCH_SIDE = 192  # the image side while the batch grows


class Point(NamedTuple):
    """One work at one size."""

    work: str
    along: str  # "pixels" or "batch": what grows
    size: int  # pixels of one image, or images
    name: str


def _gradients(function, library, n, side):
    """Forward and backward of sum(function(x)) with respect to x, an image of 16 channels."""
    return library.gradients(lambda lib, x: function(lib, x).sum(), [numbers(n, CHANNELS, side, side)])


def _convolution(library, n, side):
    """A convolution's gradients with respect to image and weight."""
    arrays = [numbers(n, CHANNELS, side, side), numbers(CHANNELS, CHANNELS, 3, 3)]
    return library.gradients(lambda lib, x, weight: lib.conv2d(x, weight, padding=1).sum(), arrays)


def _unet(library, n, side):
    settings = {"in_channels": 1, "base_channels": 8, "padding": "same"}
    return nets_cases.build(library, "", {"": ("unet", settings, (n, 1, side, side), 2, "train")})


def _upsampled(library, x):
    return library.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


def _pooled(library, x):
    return library.max_pool2d(x, 2)


WORKS = {
    "conv2d 3x3, 16 -> 16": _convolution,
    "bilinear x2, 16 channels": partial(_gradients, _upsampled),
    "max_pool2d 2x2, 16 channels": partial(_gradients, _pooled),
    "U-Net base 8, train step": _unet,
}


def points():
    """Every point of every work, the growing number ascending."""
    for work in WORKS:
        for side in SIDES:
            yield Point(work, "pixels", side * side, f"{work}: 1 x {side} x {side}")
        for batch in BATCHES:
            yield Point(work, "batch", batch, f"{work}: batch {batch} of {BATCH_SIDE} x {BATCH_SIDE}")


def builders():
    """{case name: function of a library that prepares it and returns its step}"""
    found = {}
    for point in points():
        side = round(point.size**0.5) if point.along == "pixels" else BATCH_SIDE
        batch = 1 if point.along == "pixels" else point.size
        found[point.name] = partial(WORKS[point.work], n=batch, side=side)
    return found
