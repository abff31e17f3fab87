"""Windows as columns of a matrix (`unfold`), and back (`fold`): torch's F.unfold and F.fold.

definition.py   one window at a time
taps.py         one kernel tap at a time, on whole slices: the CPU's way
cuda.py         one launch each
"""

from minitensor.kernels.unfold import cuda, definition, taps
