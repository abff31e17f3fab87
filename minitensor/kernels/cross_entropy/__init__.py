"""Cross entropy, the loss of classification, for each pixel.

definition.py   the formulas
tiles.py        the same, one tile of pixels at a time
cuda.py         the same on a GPU
"""

from minitensor.kernels.cross_entropy import cuda, definition, tiles
