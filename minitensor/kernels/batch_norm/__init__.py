"""Batch normalization.

definition.py   the formulas
tiles.py        the same, a few channels at a time
cuda.py         the same on a GPU
"""

from minitensor.kernels.batch_norm import cuda, definition, tiles
