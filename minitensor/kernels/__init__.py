"""Kernels: arrays in, arrays out. Read `reference.py` first; it is the definition of every operation here."""

from minitensor.kernels import (  # noqa: F401
    average_pool,
    cross_entropy,
    normalize,
    pool,
    reference_pool,
    resample,
    softmax,
)
from minitensor.kernels import conv_rules, phases, reference, tiles, unfold  # noqa: F401
from minitensor.kernels.table import kernel_variants, operations, run, use_kernels

__all__ = ["kernel_variants", "operations", "run", "use_kernels"]
