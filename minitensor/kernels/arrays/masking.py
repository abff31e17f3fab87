"""Zero some elements of an array, fast: the gradient of ReLU, of max pooling, of everything that lets some pass."""

from __future__ import annotations

from minitensor.backend import array_module


def keep(values, mask):
    """The values where mask (bool) is True, and zero elsewhere.

    On the bits, as `values AND (all ones or all zeros)`. A product would make NaN of infinity times 0; np.where
    decides element by element and takes twenty times as long where the mask is irregular (measured: 10 ms for a
    million elements against 0.4 ms), because the processor cannot guess what comes next.
    """
    xp = array_module(values)
    integer = f"i{values.itemsize}"
    ones = xp.negative(mask.view("i1")).astype(
        integer
    )  # -1 is all ones, in a byte and in what it is widened to
    return xp.bitwise_and(values.view(integer), ones).view(values.dtype)
