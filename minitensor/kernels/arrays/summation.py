"""Sums whose rounding error stays small, however many numbers there are.

n numbers added one after the other are rounded n times. NumPy does better along the last axis: it halves the numbers,
sums the halves, and so on (pairwise summation), which rounds each number log n times. But over any other axis NumPy
adds row to row, n times. Here such columns are cut into pieces of 128 rows. The pieces are summed, and then their sums,
in pieces again. If many numbers lie one after the other in memory, BLAS adds up runs of them. Source: Higham (1993),
"The accuracy of floating point summation".
"""

from __future__ import annotations

import math

import numpy as np

from minitensor.kernels.threads.budgets import SUM_SERIAL_BYTES, SUM_TILE_BYTES
from minitensor.kernels.threads.tiles import array_parts, run_tiles, shares, threads_for

DOT_BYTES = 1 << 16  # from which dot_last takes less time than sum()
RUN = 1 << 10  # numbers that BLAS adds up in one go
PIECE = 128  # rows added one after the other; as many as NumPy's own pairwise sum adds so
# of a product; below, adding one after the other costs less accuracy than pieces cost time
LONG_AXIS = 8 * PIECE
SMALL_PRODUCT = 10**6  # multiplications; up to so many OpenBLAS does not cut the inner axis


def sum_over(x, axes):
    """The sum of x over `axes`, which keep size 1, in x's dtype. Of bools: whether one of them is true."""
    if type(x) is not np.ndarray:
        return _sum_on_gpu(x, axes)
    plain = (
        x.dtype.kind != "f" or not axes or x.ndim - 1 in axes or math.prod([x.shape[axis] for axis in axes]) <= PIECE
    )
    if plain:
        last = _last_axes(x, axes)
        if x.dtype.kind == "f" and x.nbytes >= DOT_BYTES and last and x.flags.c_contiguous:
            return _sum_last(x, axes, last)
        return x.sum(axis=axes, dtype=x.dtype, keepdims=True)
    longest = max(axes, key=lambda axis: x.shape[axis])
    while x.shape[longest] > 1:
        x = _sum_pieces(x, longest)
    others = tuple(axis for axis in axes if axis != longest)
    return sum_over(x, others) if others else x


def add_to(total, array):
    """total += array, on threads if they are large."""
    if type(total) is not np.ndarray or total.nbytes + array.nbytes < SUM_SERIAL_BYTES:
        total += array
        return
    threads = threads_for(total.nbytes + array.nbytes, SUM_SERIAL_BYTES)
    jobs = [(total[part], array[part]) for part in array_parts(total.shape, threads)]
    run_tiles(lambda job: np.add(*job, out=job[0]), jobs)


def dot_last(a, b=None):
    """The sums of a b over the last axis, or those of a without b: (..., n), (..., n) -> (...).

    BLAS adds up one run of numbers at a time, and then the runs are added, so rounding errors stay small. NumPy lets
    other threads work meanwhile, which it does only in operations with 500 results or more. A product with ones takes
    less than half the time of sum().
    """
    length = a.shape[-1]
    whole = length // RUN * RUN

    def runs(x):
        # (..., n // RUN * RUN) -> (..., n // RUN, RUN), a view of the same numbers
        return x[..., :whole].reshape(*x.shape[:-1], whole // RUN, RUN)

    if b is None:
        factors, rest = np.ones(RUN, a.dtype), np.ones(length - whole, a.dtype)
    else:
        factors, rest = runs(b), b[..., whole:]
    # (..., n // RUN, RUN) . (..., n // RUN, RUN) or (RUN,) -> (..., n // RUN) -> (...)
    total = np.vecdot(runs(a), factors).sum(axis=-1)
    if whole < length:
        total += np.vecdot(a[..., whole:], rest)
    return total


def product(a, b):
    """The matrix product a @ b, in pieces if BLAS would add too many numbers one after the other.

    OpenBLAS multiplies small matrices (M*K*P up to 10^6) without cutting the inner axis, so each result of a long inner
    axis is rounded K times. Larger products it cuts itself.
    """
    inner = a.shape[-1]
    plain = type(a) is not np.ndarray or a.dtype.kind != "f" or inner < LONG_AXIS
    if plain or a.shape[-2] * inner * b.shape[-1] > SMALL_PRODUCT:
        return a @ b
    count = inner // PIECE
    whole = count * PIECE
    # (..., M, n 128) -> (..., n, M, 128)    (..., n 128, P) -> (..., n, 128, P)    their products: (..., n, M, P)
    pieces_a = np.moveaxis(a[..., :whole].reshape(*a.shape[:-1], count, PIECE), -2, -3)
    pieces_b = b[..., :whole, :].reshape(*b.shape[:-2], count, PIECE, b.shape[-1])
    y = sum_over(pieces_a @ pieces_b, (max(a.ndim, b.ndim) - 2,))
    y = y.reshape(*y.shape[:-3], *y.shape[-2:])
    return y if whole == inner else y + a[..., whole:] @ b[..., whole:, :]


def _sum_on_gpu(x, axes):
    """The sum on a GPU, which adds in trees anyway, but must be kept busy: first over the last axes, then over the
    others.

    Unless the numbers to sum are one run in memory, CuPy gives each result to a single block of threads. The gradient
    of a bias, (N, C, H, W) -> (C,), has few results of millions of numbers each; (N, C, H, W) -> (N, C) has N times as
    many.
    """
    last = _last_axes(x, axes)
    if last and len(last) < len(axes):
        x = x.sum(axis=last, dtype=x.dtype, keepdims=True)
        axes = tuple(axis for axis in axes if axis not in last)
    return x.sum(axis=axes, dtype=x.dtype, keepdims=True)


def _last_axes(x, axes):
    """Those of `axes` that are followed by no kept axis: along them x is summed over whole runs of memory."""
    return tuple([axis for axis in axes if all(a in axes for a in range(axis, x.ndim))])


def _sum_last(x, axes, last):
    """The sum of x, in row-major order, over its last axes on threads, and then over the others of `axes`.

    Each run is cut into pieces of a fixed size, so that the number of threads does not change the result.
    """
    run = math.prod([x.shape[axis] for axis in last])
    # (..., last axes) -> (runs, numbers)
    runs = x.reshape(x.size // run, run)
    cuts = range(0, run, SUM_TILE_BYTES // x.itemsize)
    sums = np.empty((len(runs), len(cuts)), x.dtype)

    def tile(job):
        some, cut = job
        piece = runs[some, cuts[cut] : cuts[cut] + cuts.step]
        sums[some, cut] = dot_last(piece)

    parts = shares(len(runs), run * x.itemsize, SUM_TILE_BYTES, SUM_SERIAL_BYTES)
    run_tiles(tile, [(some, cut) for some in parts for cut in range(len(cuts))])
    total = sums.sum(axis=1, dtype=x.dtype).reshape([1 if axis in last else n for axis, n in enumerate(x.shape)])
    others = tuple([axis for axis in axes if axis not in last])
    return total.sum(axis=others, dtype=x.dtype, keepdims=True) if others else total


def _sum_pieces(x, axis):
    """Each 128 rows along an axis summed to one, and a shorter piece at the end too."""
    before, n = (slice(None),) * axis, x.shape[axis]
    if n <= PIECE:
        return x.sum(axis=axis, keepdims=True)
    count, rest = divmod(n, PIECE)
    # (..., n, ...) -> (..., n // 128, 128, ...) -> (..., n // 128, ...): a view, then its sum
    whole = x[(*before, slice(0, n - rest))]
    sums = whole.reshape(*x.shape[:axis], count, PIECE, *x.shape[axis + 1 :]).sum(axis=axis + 1)
    if not rest:
        return sums
    return np.concatenate([sums, x[(*before, slice(n - rest, n))].sum(axis=axis, keepdims=True)], axis)
