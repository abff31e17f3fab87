"""Smooth random fields, for textures at any scale."""

from __future__ import annotations

import numpy as np


def smooth_noise(rng, height, width, sigma):
    """Gaussian noise blurred over `sigma` pixels and scaled back to standard deviation 1."""
    from scipy import ndimage

    # A wide blur is slow. A coarse grid is enough for it: draw few values and interpolate between them.
    step = max(1, int(sigma / 2))
    margin = 2
    coarse = rng.standard_normal((height // step + 2 * margin, width // step + 2 * margin))
    coarse = ndimage.gaussian_filter(coarse, sigma / step, mode="wrap")
    rows = margin / 2 + np.arange(height) / step
    columns = margin / 2 + np.arange(width) / step
    field = _bilinear_grid(coarse, rows, columns)
    return field / (field.std() + 1e-6)


def _bilinear_grid(values, rows, columns):
    """`values` at every (row, column), interpolated along the rows' axis, then along the columns' axis."""
    top, left = rows.astype(int), columns.astype(int)
    down, right = (rows - top)[:, None], (columns - left)[None, :]
    upper = values[top] * (1 - down) + values[top + 1] * down
    return upper[:, left] * (1 - right) + upper[:, left + 1] * right
