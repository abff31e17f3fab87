"""Kernels: functions that take arrays and return arrays. Each operation has a room, a folder of its own.

    table.py        which kernel computes an operation: start here
    geometry.py     every formula for sizes and offsets, once
    conv/           convolution, its transpose, and its weight gradient
    unfold/         windows as columns of a matrix, and back
    pool/           max and average pooling
    interpolate/    nearest, bilinear and bicubic, as products with two matrices
    softmax.py  cross_entropy/  batch_norm/  relu/
    update/         one step of an optimizer
    arrays/         sums, masks, scatter, concatenation: what several rooms need
    threads/        tiles that fit the cache, and the threads that run them
    cuda/           what all CUDA kernels share

A room opens with a map (`__init__.py`) and with `definition.py`, the operation as plain loops. The other files of the
room are faster, and a test holds each of them to the definition. CUDA stands beside it in `cuda.py` and the .cu files.
"""

# importing a room enters its kernels into the table
from minitensor.kernels import arrays, batch_norm, conv, cross_entropy, interpolate, pool, relu, softmax, unfold, update
from minitensor.kernels.table import kernel_variants, operations, run, use_kernels

__all__ = ["kernel_variants", "operations", "run", "use_kernels"]
