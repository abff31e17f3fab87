"""Nearest, bilinear and bicubic interpolation, and adaptive average pooling: all are Y = A X B^T.

matrices.py     the matrices A and B: start here
definition.py   Y = A X B^T, one output pixel at a time
bands.py        the same by matrix products that leave out zeros
cuda.py         the same on a GPU
"""

from minitensor.kernels.interpolate import bands, cuda, definition, matrices
