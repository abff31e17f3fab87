"""Elastic deformation of a picture and its label, as soft tissue deforms.

Displacement vectors are drawn on a coarse 3x3 grid from a Gaussian of 10 pixels and interpolated bicubically to every
pixel (Ronneberger, Fischer, Brox 2015, section 3.1). The interpolation is separable: let A (H, 3) and B (W, 3) be the
matrices of cubic interpolation down and across, and D (3, 3) the grid. Then the displacement of all pixels is A D B^T.
"""

from __future__ import annotations

from functools import cache

import numpy as np

GRID = 3
SIGMA = 10.0  # pixels
# Neighbouring grid points are half a side apart. If sigma were above this share of the side, the picture would often
# fold over itself.
MOST_OF_SIDE = 0.1


def bend(sample, rng, sigma=SIGMA):
    """The sample, deformed at random. Pixels beyond the border are mirrored.

    The image is interpolated bilinearly; label and instances take the nearest pixel. If the shorter side is below 100
    pixels, sigma is a tenth of this side.
    """
    from scipy import ndimage

    height, width = sample.label.shape
    sigma = min(sigma, MOST_OF_SIDE * min(height, width))
    down, right = rng.normal(0, sigma, (2, GRID, GRID))
    along_rows, along_columns = cubic_matrix(height), cubic_matrix(width)
    # (H, 3) @ (3, 3) @ (3, W) -> (H, W)
    rows = np.arange(height)[:, None] + along_rows @ down @ along_columns.T
    columns = np.arange(width)[None, :] + along_rows @ right @ along_columns.T

    def moved(array, order):
        return ndimage.map_coordinates(array, (rows, columns), order=order, mode="mirror", prefilter=False)

    image = sample.image
    if image.ndim == 2:
        image = moved(image, 1)
    else:
        image = np.stack([moved(image[..., channel], 1) for channel in range(image.shape[2])], axis=-1)
    instances = None if sample.instances is None else moved(sample.instances, 0)
    return sample._replace(image=image, label=moved(sample.label, 0), instances=instances)


@cache
def cubic_matrix(size):
    """(size, 3): the weight of each of three grid points at each pixel, for a cubic spline through the points.

    The first and last points of the grid lie on the first and last pixel. Interpolating the three unit vectors gives
    the columns of the matrix.
    """
    from scipy import ndimage

    places = np.linspace(0, GRID - 1, size)
    unit = np.eye(GRID)
    return np.stack([ndimage.map_coordinates(row, (places,), order=3, mode="mirror") for row in unit], axis=1)
