"""How large a tile is, and how much work a second thread needs: all budgets of the CPU's kernels, in one place.

A tile is what a thread computes in one go. Its buffers must stay in the core's share of the cache, so that what one
step writes is still there when the next step reads it. That is the upper limit. The lower limit is Python: every NumPy
call costs some microseconds, and threads wait for each other at Python's global lock, so small tiles lose time. In
between lies the budget of a tile, `..._TILE_BYTES`. It differs from kernel to kernel, because some count only their
input and others all their buffers, and because some make more NumPy calls per tile than others.

A second thread costs about 0.1 ms to wake. Below `..._SERIAL_BYTES` the work is done before that, so one thread does
it.

All numbers were measured on two cores with 1 MB of second-level and 32 MB of third-level cache. They choose sizes,
never results. A factor of two beside them costs a few percent.
"""

from __future__ import annotations

KIB, MIB = 1 << 10, 1 << 20

# any kernel that has no budget of its own
TILE_BYTES = 3 * MIB
SERIAL_BYTES = 6 * MIB

# sums (arrays/summation.py): a pass that only reads is fast on one thread, so a second one pays late
SUM_TILE_BYTES = 4 * MIB
SUM_SERIAL_BYTES = 16 * MIB

RELU_TILE_BYTES = 2 * MIB  # of x
SOFTMAX_TILE_BYTES = 1 * MIB  # of logits; below it, one thread
POOL_TILE_BYTES = 5 * MIB  # of planes, in and out
POOL_SERIAL_BYTES = 3 * MIB
BATCH_NORM_TILE_BYTES = 4 * MIB  # of x; the result and the gradient take as much each
BATCH_NORM_SERIAL_BYTES = 3 * MIB
# planes of an interpolation that enlarges: more calls per plane, so more planes per tile
ENLARGED_TILE_BYTES = 6 * MIB

# convolution by columns: multiplications of a direct convolution (about 0.5 ms) from which a second thread helps
SERIAL_PRODUCTS = 18 * 10**6
COLUMN_TILE_BYTES = 2 * MIB
MOST_COLUMN_BYTES = 8 * MIB  # if the weight is larger than a tile, a tile may grow to this size
BAND_TILE_BYTES = 2 * MIB  # conv/rows.py
PATCH_TILE_BYTES = 1 * MIB  # conv/patches.py

# Winograd
ONE_AXIS_TILE_BYTES = 3 * MIB  # rows and products
TRANSFORM_BYTES = 2 * MIB  # channels that are transformed together; half as much takes twice the NumPy calls
TRANSFORM_SERIAL_BYTES = 512 * KIB  # of the weight
BOTH_AXES_TILE_BYTES = 2 * MIB  # a layer of few channels, whose products BLAS multiplies as they lie
DEEP_TILE_BYTES = 8 * MIB  # a layer of many channels, whose factors BLAS copies: more blocks repay the copy
FILTER_TILE_BYTES = 2 * MIB  # filters that are transformed and multiplied together
CHUNK_BYTES = 64 * MIB  # blocks of a weight gradient that all threads transform together
PRODUCT_BYTES = 32 * MIB  # of that weight gradient: the part that one thread multiplies
