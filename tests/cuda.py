"""What the tests of CUDA kernels share: arrays on the strict double, on which kernels run on the CPU."""

import numpy as np

from minitensor import backend

ORDERS = (0, 1, 2, 3)  # of the warps of a block and the lanes of a warp; 0 is as they are numbered


def on_device(*arrays):
    """The arrays on the made-up GPU; None stays None."""
    xp = backend.module_for("cuda")
    return [None if array is None else xp.asarray(np.ascontiguousarray(array)) for array in arrays]
