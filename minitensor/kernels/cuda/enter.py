"""How a CUDA kernel enters the table: it runs for CuPy arrays wherever it can take the call."""

from __future__ import annotations

import numpy as np

from minitensor.kernels.table import register


def register_cuda(operation, variant, supports):
    """Decorator: enter a kernel for CuPy arrays that runs wherever it `supports` the call.

    Other calls, such as those in float64, run a variant that is for both backends.
    """
    return register(operation, variant, backends=("cupy",), supports=supports, default=True)


def is_float32(x, *args, **params):
    """True for a call whose first array is float32 and not empty."""
    return x.dtype == np.float32 and x.size > 0
