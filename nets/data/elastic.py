"""Elastic deformation: bend a picture and its truth as tissue bends.

Displacement vectors are drawn on a coarse 3x3 grid from a Gaussian of 10 pixels and interpolated bicubically to every
pixel (Ronneberger, Fischer, Brox 2015, section 3.1). With the (H, 3) and (W, 3) matrices A and B of cubic interpolation
along one axis, the displacement of all pixels is A D B^T, as in every separable interpolation.
"""

from __future__ import annotations

from functools import cache

import numpy as np

GRID = 3
SIGMA = 10.0  # pixels
# Neighbouring grid points lie half a side apart. Beyond this share of the side, pictures would often fold over.
MOST_OF_SIDE = 0.1


def bend(sample, rng, sigma=SIGMA):
    """The sample deformed at random: the image bilinear, label and instances nearest, mirrored at the border.

    On crops with a side below 100 pixels sigma is a tenth of the side.
    """
    from scipy import ndimage

    height, width = sample.label.shape
    sigma = min(sigma, MOST_OF_SIDE * min(height, width))
    down, right = rng.normal(0, sigma, (2, GRID, GRID))
    along_rows, along_columns = _cubic_matrix(height), _cubic_matrix(width)
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
def _cubic_matrix(size):
    """(size, 3): the weight of each of three grid points at each pixel, by a cubic spline through them.

    The first and last points of the grid lie on the first and last pixel. Interpolating the three unit vectors gives
    the columns of the matrix.
    """
    from scipy import ndimage

    places = np.linspace(0, GRID - 1, size)
    unit = np.eye(GRID)
    return np.stack([ndimage.map_coordinates(row, (places,), order=3, mode="mirror") for row in unit], axis=1)
