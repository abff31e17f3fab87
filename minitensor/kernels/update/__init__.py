"""One step of an optimizer, in place.

definition.py   the formulas of SGD and Adam
cuda.py         the same on a GPU, one launch for all parameters
flatten.py      arrays laid end to end on a GPU
"""

from minitensor.kernels.update import cuda, definition, flatten
