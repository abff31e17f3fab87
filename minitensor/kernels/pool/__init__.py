"""Max and average pooling.

definition.py   one window at a time
windows.py      all windows at once, seen one tap at a time
max.py          max pooling on whole slices of the image
average.py      average pooling in the same way
cuda.py         max pooling on a GPU
"""

from minitensor.kernels.pool import average, cuda, definition, max, windows
