"""Kernels: arrays in, arrays out. Read `reference.py` first; it is the definition of every operation here."""

from minitensor.kernels import average_pool, pool, reference, reference_pool, resample, tiles  # noqa: F401
from minitensor.kernels.table import kernel_variants, operations, run, use_kernels

__all__ = ["kernel_variants", "operations", "run", "use_kernels"]
