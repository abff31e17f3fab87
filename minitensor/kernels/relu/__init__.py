"""ReLU and its gradient.

definition.py   max(x, 0)
tiles.py        the same in tiles that fit the cache, on threads
cuda.py         the gradient on a GPU, and bias with ReLU after a convolution
"""

from minitensor.kernels.relu import cuda, definition, tiles
