"""Kernels: arrays in, arrays out. Read `reference.py` first; it is the definition of every operation here."""

# importing a module enters its kernels into the table
from minitensor.kernels import (
    activation,
    at_once_rules,
    average_pool,
    conv_rules,
    cross_entropy,
    cuda,
    finish,
    fold,
    normalize,
    patches,
    phases,
    pool,
    reference,
    reference_pool,
    resample,
    rows,
    scatter,
    softmax,
    unfold,
    unfold_gradients,
    update,
    winograd,
    winograd2d,
    winograd2d_gradients,
    winograd_gradients,
)
from minitensor.kernels.table import kernel_variants, operations, run, use_kernels

__all__ = ["kernel_variants", "operations", "run", "use_kernels"]
