"""cublasGemmStridedBatchedEx on the host: the call that kernels/cuda/gemm.py makes, on addresses and steps.

Matrices are taken as cuBLAS takes them, column after column, and steps that are too short raise as they do there. In
TF32 the factors are rounded as the tensor cores round them.
"""

import ctypes

import numpy as np

from tests.sim.strict import state

FLOAT32, ALGORITHM = 0, -1
FP32, TF32 = 68, 77
HANDLE = 4711

log = []  # (rows, columns, inner, batch, compute type) of every call


def gemmStridedBatchedEx(
    handle, transa, transb, m, n, k, alpha, a, a_type, lda, stride_a, b, b_type, ldb, stride_b,
    beta, c, c_type, ldc, stride_c, batch, compute_type, algorithm,
):  # fmt: skip
    """C = alpha op(A) op(B) + beta C for every matrix of the batch; C is m x n."""
    if handle != HANDLE or algorithm != ALGORITHM or (a_type, b_type, c_type) != (FLOAT32,) * 3:
        raise ValueError("CUBLAS_STATUS_INVALID_VALUE: handle, algorithm or types")
    if compute_type not in (FP32, TF32):
        raise ValueError(f"CUBLAS_STATUS_NOT_SUPPORTED: compute type {compute_type}")
    if min(m, n, k, batch) < 1 or lda < (k if transa else m) or ldb < (n if transb else k) or ldc < m:
        raise ValueError(f"CUBLAS_STATUS_INVALID_VALUE: m {m}, n {n}, k {k}, steps {lda}, {ldb}, {ldc}")
    state.launch("gemm", [])
    log.append((m, n, k, batch, compute_type))
    alpha, beta = _number(alpha), _number(beta)
    for i in range(batch):
        left = _columns(a, i * stride_a, lda, *((k, m) if transa else (m, k)))
        right = _columns(b, i * stride_b, ldb, *((n, k) if transb else (k, n)))
        left, right = (left.T if transa else left), (right.T if transb else right)
        target = _columns(c, i * stride_c, ldc, m, n)
        if compute_type == TF32:
            left, right = tf32(left), tf32(right)
        # (m, k) @ (k, n) -> (m, n)
        product = alpha * (left.astype(np.float64) @ right)
        target[...] = product if beta == 0 else product + beta * target


def tf32(values):
    """float32 with 10 bits of mantissa, rounded to nearest, ties away from zero."""
    bits = np.ascontiguousarray(values).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def _number(address):
    return ctypes.c_float.from_address(address).value


def _columns(address, offset, step, rows, columns):
    """The float32 matrix (rows, columns) at an address, column after column, `step` numbers apart."""
    count = (columns - 1) * step + rows
    memory = (ctypes.c_float * count).from_address(address + 4 * offset)
    flat = np.frombuffer(memory, np.float32)
    return np.lib.stride_tricks.as_strided(flat, (rows, columns), (4, 4 * step))
