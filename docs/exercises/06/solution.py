"""A solution of exercise 06, the other way round: every input pixel paints a kernel."""

import numpy as np


def conv_transpose2d(image, kernel, stride=1, padding=0):
    """Add image[i, j] * kernel at (i * stride, j * stride), then crop."""
    height, width = image.shape
    taps = len(kernel)
    full = np.zeros(((height - 1) * stride + taps, (width - 1) * stride + taps))
    for i in range(height):
        for j in range(width):
            full[i * stride : i * stride + taps, j * stride : j * stride + taps] += image[i, j] * kernel
    return full[padding : full.shape[0] - padding, padding : full.shape[1] - padding]
