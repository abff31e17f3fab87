"""Winograd's minimal filtering down the columns: half the multiplications of a 3-row kernel, in float32.

Four neighbouring outputs of a 3-tap filter w over d = (d0 .. d5) are y_k = w0 d_k + w1 d_(k+1) + w2 d_(k+2): 12
products. Six are enough:

    y = A^T [ (G w) * (B^T d) ]        A^T (4, 6), G (6, 3), B^T (6, 6)

To see it, multiply the polynomials w (3 coefficients) and a (4): the coefficients of the product are c_i = sum of
w_j a_k over j + k = i. Six values determine them: evaluate both at six points, multiply, interpolate:

    c = B [ (G w) * (A a) ]

Now weigh c by d. The one number

    sum over j, k of w_j a_k d_(j+k) = <d, B [ (G w) * (A a) ]>
                                     = <a, A^T [ (G w) * (B^T d) ]>      what a multiplies is y, the filter
                                     = <w, G^T [ (A a) * (B^T d) ]>      what w multiplies is its gradient, a = dy

is read three ways. Each takes six products for twelve: those with G w give the filter, and those with A a, in
winograd_gradients.py, its gradient.

Here d are six rows of the image and w the three rows of a kernel. Summed over channels, the elementwise product
becomes a matrix product at each point; column b of the kernel sees the same rows, shifted by s = b times the dilation.
A step is four rows of the output, ceil(OH / 4) of them in an image; a tile is R steps of n images. With width = OW +
dilation (KW - 1), that of the padded image:

    rows     (6, n, R, C, width)       B^T @ six rows of x, at every fourth row: BLAS reads x where it lies
    products (6, n, R, O, OW)          sum over b of the weight's point (O, C) @ rows[..., s : s + OW]
    out      (n, O, 4 R, OW)           A^T @ six rows of products, written where they belong; the last may be cut short

So nothing is unfolded. Forward, a product is one row of the image: up to O C OW of a million OpenBLAS (with AVX-512)
multiplies the factors as they lie, where it copies larger ones first (columns.py).

Rounding: the matrices make numbers grow, and what has grown must cancel again, which costs digits. How many depends on
the points. The root mean square of the error, as a share of that of the output (64 channels, normal numbers):

    plain columns                                     3e-7
    0, 1, -1, 2, -2 and infinity, the paper's         5e-7 in one axis, 17e-7 in both (winograd2d.py)
    0, 5/8, -5/8, 3/2, -3/2 and infinity, ours        4e-7 in one axis,  8e-7 in both

Their denominators are powers of two, so B^T and A^T are exact in float32, and G is but for a factor (SCALE). A NaN or
infinity in a pixel reaches all four rows of a step, not only those whose windows see it.
Sources: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equations 5 to 8; for the points
Barabasz et al. 2018, Error analysis and improving the accuracy of Winograd convolution for deep neural networks.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from minitensor.kernels.blank import BlankWindows
from minitensor.kernels.columns import plan_tiles
from minitensor.kernels.geometry import extent, output_size, transposed_output_size
from minitensor.kernels.reference import turn_kernel
from minitensor.kernels.row_windows import OUTPUTS, row_windows, transform_rows, write_rows
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, run_tiles

TAPS, POINTS = 3, 6  # rows of the kernel; products that make OUTPUTS rows of output
TILE_BYTES = 3 << 20  # rows and products of a tile: smaller ones cost more Python than the cache gains


# Times SCALE each number of G is a fraction whose denominator is a power of two, so exact in float32: with 5/8 and 3/2
# the 1 / f(t) of `_matrices` are powers of two divided by 25 * 9, 25 * 119 and 9 * 119. The weight is divided by it.
# A rounded G errs alike for all channels and pixels, and that adds up where other roundings cancel: weight gradients of
# positive images were wrong by 6e-8 on average, and are by 1e-9, as plain columns' are (measured, both axes).
SCALE = 25 * 9 * 119 / 2**15
UNSCALE = np.float32(1 / SCALE)  # wrong by 1e-9, and for all points alike: no sum of them can enlarge that


def _matrices(at=(0, 5 / 8, -5 / 8, 3 / 2, -3 / 2)):
    """B^T (6, 6), SCALE G (6, 3), A^T (4, 6) for evaluation at the finite points `at` and, last, at infinity.

    By Lagrange the polynomial with value v_t at t is the sum of v_t / f(t) times the product of (z - s) over the other
    points s, where f(t) is that product at z = t. Dividing by f(t) is moved into G, which is computed once. At infinity
    the value is the leading coefficient, which multiplies the product over all five points.

        row t of G        (1, t, t^2) / f(t)                                    infinity: (0, 0, 1)
        row t of B^T      the coefficients of the product of (z - s)            infinity: that over all five points
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
A = np.ascontiguousarray(A_T.T)  # for what is weighed: dy, or x where dy is the image (winograd_gradients.py)


def supports(x, other, kernel_height, stride, dilation):
    """float32, three rows, stride 1, rows not dilated: what the matrices are made for; float64 takes an exact path.

    Nothing empty either, neither x nor `other`, the second array: tiles are planned by dividing by sizes.
    """
    fits = kernel_height == TAPS and tuple(stride) == (1, 1) and dilation[0] == 1
    return x.dtype == np.float32 and fits and 0 not in x.shape and 0 not in other.shape


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups, relu=False):
    return supports(x, weight, weight.shape[2], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return supports(x, weight, weight.shape[2], stride, dilation)


@register("conv2d", "winograd", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """Convolution with a kernel of 3 rows and any width, stride 1, no dilation of rows. Shapes as in reference.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    blank = BlankWindows(x, weight, bias, out_size, padding, dilation)
    out = correlate(x, weight, bias, padding, dilation[1], groups, out_size, relu, beside=blank.find)
    blank.write(out, OUTPUTS, relu)
    return out


@register("conv_transpose2d", "winograd", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by d (k - 1) - padding."""
    kernel_size = weight.shape[2:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = [d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True)]
    return correlate(x, turn_kernel(weight, groups), bias, before, dilation[1], groups, out_size)


def correlate(x, weight, bias, before, dilation_across, groups, out_size, relu=False, beside=None):
    """A convolution with stride 1 whose padding may be negative, and may differ from side to side.

    out[n, o, i, j] = bias[o] + sum over c, a, b of weight[o, c, a, b] x[n, c, i + a - before, j + b d - before],

    where d is dilation_across, `before` the padding (top, left), and c runs over the channels of the group of o.
    `beside` is called beside the tiles (`run_tiles`).
    """
    filters, kernel_width = len(weight), weight.shape[3]
    points = filter_points(weight, groups)
    out = np.empty((len(x), filters, *out_size), x.dtype)
    windows = row_windows(x, POINTS, before, out_size[1] + extent(kernel_width, dilation_across) - 1)
    scratch = Scratch()

    def tile(part):
        rows = transform(B_T, windows, part, groups, "rows", scratch)
        write_filtered(points, rows, dilation_across, bias, relu, out, part, scratch)

    run_tiles(tile, plan_steps(len(x), out_size, x.shape[1] + 2 * filters, weight.size), beside)
    return out


def write_filtered(points, rows, dilation_across, bias, relu, out, tile, scratch):
    """The filter itself, A^T [(G w) * (B^T d)]: points (KW, 6, 1, 1, g, O/g, C/g), rows (6, n, R, g, C/g, width)."""
    width, group_filters = out.shape[3], points.shape[5]
    shape = (*rows.shape[:4], group_filters, width)
    products, more = (scratch.empty(name, shape, out.dtype) for name in ("products", "more products"))
    # (6, 1, 1, g, O/g, C/g) @ (6, n, R, g, C/g, OW) -> (6, n, R, g, O/g, OW), summed over the columns of the kernel
    np.matmul(points[0], rows[..., :width], out=products)
    for tap in range(1, len(points)):
        first = tap * dilation_across
        products += np.matmul(points[tap], rows[..., first : first + width], out=more)
    # (6, n, R, g, O/g, OW) -> (6, n, R, O, OW) -> (n, O, R, 6, OW)
    products = products.reshape(*shape[:3], out.shape[1], width).transpose(1, 3, 2, 0, 4)
    write_rows(A_T, products, bias, relu, out, tile)


def plan_steps(images, out_size, channels, weights, budget=TILE_BYTES):
    """Tiles [(slice of images, slice of steps)]: a step is four rows of the output, which all meet all `weights`.

    Their rows and products, of `channels` in all, take at most `budget` bytes, but a step at least.
    """
    steps = -(-out_size[0] // OUTPUTS)
    bytes_per_pixel = POINTS * channels * np.dtype(np.float32).itemsize
    return plan_tiles(images, (steps, out_size[1]), bytes_per_pixel, OUTPUTS * weights, budget=budget)


def filter_points(weight, groups):
    """G w for the rows of every kernel: (O, C/g, 3, KW) -> (KW, 6, 1, 1, g, O/g, C/g), the same for every step."""
    filters, channels, _, kernel_width = weight.shape
    # One product for all columns of a kernel: its taps lie side by side, and BLAS turns them round while it reads them.
    # (O, C/g, 3, KW) -> (O*C/g, 3*KW) -> (3*KW, O*C/g);  (KW*6, 3*KW) @ (3*KW, O*C/g) -> (KW*6, O*C/g)
    taps = (weight * UNSCALE).reshape(filters * channels, TAPS * kernel_width).T
    points = _g_of_columns(kernel_width) @ taps
    # (KW*6, O*C/g) -> (KW, 6, 1, 1, g, O/g, C/g)
    return points.reshape(kernel_width, POINTS, 1, 1, groups, filters // groups, channels)


@lru_cache
def _g_of_columns(kernel_width):
    """SCALE G for each column of a kernel: (KW*6, 3*KW), [b 6 + t, a KW + c] = SCALE G[t, a] where b = c, else 0."""
    # (6, 3) and (KW, KW) -> (KW, 6, 3, KW)
    each = np.einsum("ta,bc->btac", SCALED_G, np.eye(kernel_width, dtype=SCALED_G.dtype))
    return each.reshape(kernel_width * POINTS, -1)


def transform(matrix, windows, tile, groups, name, scratch):
    """matrix @ the windows of a tile: (6, n, R, g, C/g, width) for n images and R steps."""
    images, steps = tile
    size = (images.stop - images.start, steps.stop - steps.start)
    shape = (len(matrix), *size, windows.x.shape[1], windows.width)
    rows = scratch.zeros(name, shape, windows.x.dtype)
    transform_rows(matrix, windows, tile, slice(None), rows.transpose(1, 3, 2, 0, 4))
    # (6, n, R, C, width) -> (6, n, R, g, C/g, width)
    return rows.reshape(*shape[:3], groups, shape[3] // groups, shape[4])
