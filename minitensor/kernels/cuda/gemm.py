"""Matrix products by cuBLAS: many in one call, written directly into place, in float32 or TF32.

`cupy.matmul` copies batched operands to make them contiguous, and never uses TF32 for them. This file calls
cublasGemmStridedBatchedEx itself: an operand may be transposed, or be the same matrix for the whole batch (a stride of
0), without a copy.

cuBLAS counts rows along memory where NumPy counts columns, so for cuBLAS each of our matrices is its own transpose.
Therefore we ask it for out^T = b^T a^T: the operands change places, and nothing is moved.
"""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module, cuda
from minitensor.kernels.geometry import ceil_div

# From cublas_api.h and library_types.h.
NOT_TRANSPOSED, TRANSPOSED = 0, 1
CUDA_R_32F = 0
COMPUTE_TYPES = {"fp32": 68, "tf32": 77}  # CUBLAS_COMPUTE_32F and CUBLAS_COMPUTE_32F_FAST_TF32
DEFAULT_ALGORITHM = -1  # CUBLAS_GEMM_DEFAULT: cuBLAS picks by shape; the same shape gives the same bits

TILE = 64  # of a product, square, that a multiprocessor takes at a time, or about so
BUSY_TILES = 1056  # eight for each of 132 multiprocessors
LEAST_LENGTH = 1024  # of a part: a shorter sum is not worth its product

# cuBLAS reads these factors from host memory during the call
ONE, ZERO = np.ones((), np.float32), np.zeros((), np.float32)


def matmul_into(out, a, b, accumulate=False, precision=None):
    """out = a @ b, or out += a @ b: a (B, M, K), b (B, K, P), out (B, M, P), all float32.

    a and b may be transposed views or broadcast along B; out has rows that are contiguous. `precision` is "fp32" or
    "tf32", in which factors are rounded to 10 bits of mantissa; None is what `mt.cuda.matmul_precision` says.
    """
    xp = array_module(out)
    batch, rows, columns = out.shape
    operation_a, step_a, batch_step_a = _layout(a)
    operation_b, step_b, batch_step_b = _layout(b)
    _, step_out, batch_step_out = _layout(out)
    factor = ONE if accumulate else ZERO
    xp.cuda.cublas.gemmStridedBatchedEx(
        xp.cuda.device.get_cublas_handle(), operation_b, operation_a, columns, rows, a.shape[2],
        ONE.ctypes.data,
        b.data.ptr, CUDA_R_32F, step_b, batch_step_b,
        a.data.ptr, CUDA_R_32F, step_a, batch_step_a,
        factor.ctypes.data,
        out.data.ptr, CUDA_R_32F, step_out, batch_step_out,
        batch, COMPUTE_TYPES[precision or cuda.matmul_precision()], DEFAULT_ALGORITHM,
    )  # fmt: skip


def parts_of_sum(products, rows, columns, length):
    """How many parts to cut a sum over `length` into, so that products (rows, columns) of the parts keep a GPU busy."""
    tiles = products * ceil_div(rows, TILE) * ceil_div(columns, TILE)
    return max(1, min(length // LEAST_LENGTH, BUSY_TILES // max(1, tiles)))


def _layout(matrices):
    """(operation, leading step, batch step) of (B, rows, columns) for cuBLAS, in numbers, not in bytes.

    The stride of an axis of length 1 has no meaning, and no step is taken along it. But cuBLAS demands a step that is
    at least as long as the run that it steps over.
    """
    batch_step, row_step, column_step = (stride // matrices.itemsize for stride in matrices.strides)
    _, rows, columns = matrices.shape
    if column_step == 1 or columns == 1:
        return NOT_TRANSPOSED, row_step if rows > 1 else columns, batch_step
    return TRANSPOSED, column_step if columns > 1 else rows, batch_step
