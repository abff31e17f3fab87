"""Winograd's matrices A, B and G for six points, exact in float32.

Rounding: the matrices make numbers grow, and what has grown must cancel again, which costs digits. How many digits
depends on the points. The root mean square of the error, as a share of the output's (64 channels, normal numbers):

    plain columns                                     3e-7
    0, 1, -1, 2, -2 and infinity, the paper's         5e-7 in one axis, 17e-7 in both
    0, 5/8, -5/8, 3/2, -3/2 and infinity, ours        4e-7 in one axis,  8e-7 in both

The denominators of our points are powers of two, so B^T and A^T are exact in float32, and so is G times SCALE.
"""

from __future__ import annotations

import numpy as np

# outputs of a step, rows of the kernel, multiplications that make the outputs
OUTPUTS, TAPS, POINTS = 4, 3, 6

# With the points 5/8 and 3/2, the 1 / f(t) of `_matrices` are powers of two divided by 25 * 9, 25 * 119 and 9 * 119. So
# each number of SCALE * G is a fraction whose denominator is a power of two, and exact in float32. The weight is
# divided by SCALE instead. If G were rounded, its error would be the same for every channel and pixel. Such errors add
# up, while random rounding errors mostly cancel.
SCALE = 25 * 9 * 119 / 2**15
UNSCALE = np.float32(1 / SCALE)  # its relative error is 1e-9, and the same at all points, so no sum enlarges it


def _matrices(at=(0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)):
    """B^T (6, 6), SCALE G (6, 3), A^T (4, 6) for evaluation at the finite points `at` and, last, at infinity.

    By Lagrange, the polynomial with value v_t at each point t is the sum of v_t / f(t) times the product of (z - s)
    over the other points s, where f(t) is this product at z = t. We move the division by f(t) into G, which is computed
    once. The value at infinity is the leading coefficient; it multiplies the product over all five points.

        row t of G        (1, t, t^2) / f(t)                                    infinity: (0, 0, 1)
        row t of B^T      the coefficients of the product of (z - s)            infinity: the product over all five
        column t of A^T   (1, t, t^2, t^3)                                      infinity: (0, 0, 0, 1)
    """
    b_t, g, a_t = np.zeros((POINTS, POINTS)), np.zeros((POINTS, TAPS)), np.zeros((OUTPUTS, POINTS))
    for row, t in enumerate(at):
        others = [s for s in at if s != t]
        g[row] = [t**power / np.prod([t - s for s in others]) for power in range(TAPS)]
        b_t[row, :-1] = np.poly(others)[::-1]  # np.poly gives the highest power first
        a_t[:, row] = [t**power for power in range(OUTPUTS)]
    b_t[-1], g[-1, -1], a_t[-1, -1] = np.poly(at)[::-1], 1, 1
    return [matrix.astype(np.float32) for matrix in (b_t, SCALE * g, a_t)]


B_T, SCALED_G, A_T = _matrices()
A = np.ascontiguousarray(A_T.T)
