"""Sums, masks, scatter and concatenation: what the kernels of several rooms need.

summation.py     sums whose rounding stays small
masking.py       some elements of an array, zeros elsewhere
scatter.py       add numbers at places that may coincide
concatenate.py   arrays one after the other
cuda.py          copies on a GPU
"""

from minitensor.kernels.arrays import concatenate, cuda, masking, scatter, summation
