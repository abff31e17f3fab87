"""What the tests of CUDA kernels share: arrays on the GPU, or on the strict double, where kernels run on the CPU."""

import numpy as np
from hypothesis import HealthCheck, settings

from minitensor import backend

ORDERS = (0, 1, 2, 3)  # of the warps of a block and the lanes of a warp; 0 is as they are numbered

# All examples of a test share one GPU: nothing of one is left for the next.
examples = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


def on_device(*arrays):
    """The arrays on the GPU; None stays None."""
    xp = backend.module_for("cuda")
    return [None if array is None else xp.asarray(np.ascontiguousarray(array)) for array in arrays]


def is_double(cupy):
    """True where kernels run on the CPU: there, launches are counted and threads run in the order asked for."""
    return hasattr(cupy.RawModule, "order")


def run_in_order(cupy, monkeypatch, order):
    """Let the double run the threads of a block in one of the ORDERS; a GPU runs them as it likes."""
    if is_double(cupy):
        monkeypatch.setattr(cupy.RawModule, "order", order)
