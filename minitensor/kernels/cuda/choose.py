"""How a CUDA kernel enters the table: as the choice for CuPy arrays, wherever it can take the call."""

from __future__ import annotations

import numpy as np

from minitensor.kernels.table import register, rule


def register_cuda(operation, variant, supports, otherwise):
    """Decorator: enter a kernel for CuPy arrays, and the rule that chooses it if it `supports` a call.

    Calls that it does not support, such as those in float64, run the variant `otherwise`, a text for both backends.
    """

    def enter(function):
        @rule(operation, backends=("cupy",))
        def choose(*args, **params):
            return variant if supports(*args, **params) else otherwise

        return register(operation, variant, backends=("cupy",), supports=supports)(function)

    return enter


def is_float32(x, *args, **params):
    """True for a call whose first array is float32 and not empty."""
    return x.dtype == np.float32 and x.size > 0
