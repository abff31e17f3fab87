"""Winograd's minimal filtering down the columns: half the multiplications of a 3-row kernel, in float32.

Four neighbouring outputs of a 3-tap filter w over d = (d0 .. d5) are y_k = w0 d_k + w1 d_(k+1) + w2 d_(k+2): 12
products. Six are enough:

    y = A^T [ (G w) * (B^T d) ]        A^T (4, 6), G (6, 3), B^T (6, 6)

Multiplying a polynomial of 3 coefficients by one of 4 gives 6 coefficients, which six values determine: evaluate
both at t = 0, 1, -1, 2, -2 and infinity, multiply the values, interpolate. A filter (d and w give y) is the transpose
of that product (y and w give d), so the same six products do, with the matrices transposed; `_matrices` makes them.

Here d are six rows of the image and w the three rows of a kernel. Summed over channels and over the kernel's
columns, the elementwise product becomes six matrix products, one a point, each as large as the image is wide.
All transforms act on whole rows, so they are matrix products too: a 6 x 6 matrix times six stacked rows.

The gradient by the weight reads the same formula from the other end: dw = G^T [ (A dy) * (B^T d) ].

Down one axis only, and not the 2-D F(4x4, 3x3) of the paper (winograd2d.py): that saves another half of the
multiplications, but its transforms must pick every fourth pixel of a row, which costs more than it saves up to
about 100 channels.
Rounding: the transforms enlarge numbers before they cancel; with 64 channels the error is 8e-7 of a typical output
(root mean square), where plain columns have 3e-7. For the same reason a NaN or infinity in a pixel reaches all
four rows of a step, not only those whose windows see it.
Source: Lavin and Gray 2015, Fast algorithms for convolutional neural networks, equations 5 to 8.
"""

from __future__ import annotations

import numpy as np

from minitensor.kernels.columns import fill_columns, plan_tiles
from minitensor.kernels.geometry import output_size, transposed_output_size
from minitensor.kernels.reference import turn_kernel
from minitensor.kernels.table import register
from minitensor.kernels.tiles import Scratch, add_parts, get_num_threads, run_tiles, split, threads_for

OUTPUTS, TAPS, POINTS = 4, 3, 6  # rows of output a step makes, rows of the kernel, products


def _matrices(at=(0, 1, -1, 2, -2)):
    """B^T (6, 6), G (6, 3), A^T (4, 6) for evaluation at the finite points `at` and, last, at infinity.

    With f(t) = product of (t - s) over the other finite points s:
        row t of G        (1, t, t^2) / f(t)                                    infinity: (0, 0, 1)
        row t of B^T      the coefficients of the product of (z - s)            infinity: that over all five points
        column t of A^T   (1, t, t^2, t^3)                                      infinity: (0, 0, 0, 1)
    """
    to_input, to_weight, to_output = (
        np.zeros((POINTS, POINTS)),
        np.zeros((POINTS, TAPS)),
        np.zeros((OUTPUTS, POINTS)),
    )
    for row, t in enumerate(at):
        others = [s for s in at if s != t]
        to_weight[row] = [t**power / np.prod([t - s for s in others]) for power in range(TAPS)]
        to_input[row, :-1] = np.poly(others)[::-1]  # np.poly gives the highest power first
        to_output[:, row] = [t**power for power in range(OUTPUTS)]
    to_input[-1], to_weight[-1, -1], to_output[-1, -1] = np.poly(at)[::-1], 1, 1
    return [matrix.astype(np.float32) for matrix in (to_input, to_weight, to_output)]


INPUT, WEIGHT, OUTPUT = _matrices()  # B^T, G, A^T


def _supports(x, kernel_height, stride, dilation):
    return x.dtype == np.float32 and kernel_height == TAPS and stride[0] == 1 and dilation[0] == 1


def conv2d_supports(x, weight, bias, stride, padding, dilation, groups):
    return _supports(x, weight.shape[2], stride, dilation)


def conv_transpose2d_supports(x, weight, bias, stride, padding, output_padding, groups, dilation):
    return stride[1] == 1 and _supports(x, weight.shape[2], stride, dilation)


def conv2d_weight_supports(x, grad, kernel_size, stride, padding, dilation, groups):
    return _supports(x, kernel_size[0], stride, dilation)


@register("conv2d", "winograd", backends=("numpy",), supports=conv2d_supports)
def conv2d(x, weight, bias, stride, padding, dilation, groups):
    """Convolution with a kernel of 3 rows, row stride and row dilation 1, float32. Shapes as in reference.py."""
    out_size = output_size(x, weight.shape[2:], stride, padding, dilation)
    return correlate(x, weight, bias, stride, padding, dilation, groups, out_size)


@register("conv_transpose2d", "winograd", backends=("numpy",), supports=conv_transpose2d_supports)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """With stride 1 nothing is inserted: a convolution with the turned kernel, padded by d (k - 1) - padding."""
    kernel_size = weight.shape[2:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    before = [d * (k - 1) - p for d, k, p in zip(dilation, kernel_size, padding, strict=True)]
    return correlate(x, turn_kernel(weight, groups), bias, stride, before, dilation, groups, out_size)


def correlate(x, weight, bias, stride, before, dilation, groups, out_size):
    """out[:, :, i, j] = sum of weight[a, b] * x[i + a - before, j s + b d - before] in steps of four rows."""
    filters, group_channels, _, kernel_width = weight.shape
    height, width = out_size
    rows_of_columns = group_channels * kernel_width
    points = transform_weight(weight).reshape(POINTS, groups, filters // groups, rows_of_columns)
    out = np.empty((len(x), filters, height, width), x.dtype)
    scratch = Scratch()

    def tile(part):
        images, steps = part
        count, pixels = images.stop - images.start, (steps.stop - steps.start) * width
        columns = transform_input(x, part, kernel_width, stride, before, dilation, width, scratch)
        # (6, g, O/g, C/g*KW) @ (6, g, C/g*KW, n*R*OW) -> (6, g, O/g, n*R*OW)
        shape = (POINTS, groups, filters // groups, count * pixels)
        products = np.matmul(
            points,
            columns.reshape(POINTS, groups, rows_of_columns, count * pixels),
            out=scratch.empty("products", shape, x.dtype),
        )
        # (4, 6) @ (6, O*n*R*OW) -> (4, O*n*R*OW)
        size = filters * count * pixels
        rows = scratch.empty("rows", (OUTPUTS, size), x.dtype)
        np.matmul(OUTPUT, products.reshape(POINTS, size), out=rows)
        rows = rows.reshape(OUTPUTS, filters, count, pixels // width, width)
        if bias is not None:
            rows += bias[:, None, None, None]
        for i in range(OUTPUTS):
            place = out[images, :, OUTPUTS * steps.start + i : OUTPUTS * steps.stop : OUTPUTS]
            place[...] = rows[i, :, :, : place.shape[2]].swapaxes(0, 1)

    run_tiles(tile, plan_steps(len(x), out_size, x.shape[1] * kernel_width, points.nbytes))
    return out


@register("conv2d_weight", "winograd", backends=("numpy",), supports=conv2d_weight_supports)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """The weight gradient, dw = G^T [(A dy) * (B^T d)], summed over all steps. Shapes as in reference.py."""
    filters, height, width = grad.shape[1:]
    kernel_width = kernel_size[1]
    rows_of_columns = x.shape[1] // groups * kernel_width
    weight_bytes = POINTS * filters * rows_of_columns * x.itemsize
    tiles = plan_steps(len(x), (height, width), x.shape[1] * kernel_width, weight_bytes)
    parts = split(len(tiles), get_num_threads())
    sums = np.zeros((len(parts), POINTS, groups, filters // groups, rows_of_columns), x.dtype)
    scratch = Scratch()

    def add_up(part):
        for images, steps in tiles[parts[part]]:
            count, pixels = images.stop - images.start, (steps.stop - steps.start) * width
            columns = transform_input(
                x, (images, steps), kernel_width, stride, padding, dilation, width, scratch
            ).reshape(POINTS, groups, rows_of_columns, count * pixels)
            points = transform_grad(grad, (images, steps), scratch)
            points = points.reshape(POINTS, groups, filters // groups, count * pixels)
            for point in range(POINTS):
                # (g, O/g, n*R*OW) @ (g, n*R*OW, C/g*KW) -> (g, O/g, C/g*KW)
                sums[part, point] += points[point] @ columns[point].swapaxes(1, 2)

    run_tiles(add_up, range(len(parts)))
    # (3, 6) @ (6, O*C/g*KW) -> (3, O*C/g*KW)
    weight = WEIGHT.T @ add_parts(sums).reshape(POINTS, filters * rows_of_columns)
    weight = weight.reshape(TAPS, filters, x.shape[1] // groups, kernel_width)
    return np.ascontiguousarray(weight.transpose(1, 2, 0, 3))


def plan_steps(images, out_size, rows_of_columns, weight_bytes):
    """Tiles [(slice of images, slice of steps)]: a step is four rows of the output."""
    steps = -(-out_size[0] // OUTPUTS)
    bytes_per_pixel = POINTS * rows_of_columns * np.dtype(np.float32).itemsize
    return plan_tiles(images, (steps, out_size[1]), bytes_per_pixel, weight_bytes)


def transform_weight(weight):
    """G w for the rows of every kernel: (O, C/g, 3, KW) -> (6, O, C/g*KW)."""
    filters, channels, _, kernel_width = weight.shape
    points = np.empty((POINTS, filters, channels * kernel_width), weight.dtype)

    def tile(part):
        # (o, C/g, 3, KW) -> (3, o*C/g*KW);  (6, 3) @ (3, o*C/g*KW) -> (6, o*C/g*KW)
        rows = weight[part].transpose(2, 0, 1, 3).reshape(TAPS, -1)
        points[:, part] = (WEIGHT @ rows).reshape(POINTS, -1, channels * kernel_width)

    run_tiles(tile, split(filters, threads_for(weight.nbytes)))
    return points


def transform_input(x, tile, kernel_width, stride, before, dilation, out_width, scratch):
    """B^T d for the rows of a tile, as columns (6, C, KW, n, R, OW) for the kernel's columns."""
    images, steps = tile
    x = x[images].swapaxes(0, 1)
    channels, count, _, width = x.shape
    shape = (POINTS, channels, count, steps.stop - steps.start, width)
    rows = scratch.empty("input rows", shape, x.dtype)
    # step r needs rows 4 r .. 4 r + 5: as windows of 6 x 1 at stride 4 they are (C, 6, 1, n, R, W)
    windows = rows.transpose(1, 0, 2, 3, 4)[:, :, None]
    fill_columns(windows, x, steps.start, (OUTPUTS, 1), (before[0], 0), (1, 1))
    # (6, 6) @ (6, C*n*R*W) -> (6, C*n*R*W)
    points = scratch.empty("input points", shape, x.dtype)
    np.matmul(INPUT, rows.reshape(POINTS, -1), out=points.reshape(POINTS, -1))
    # windows of 1 x KW in the transformed rows: (6*C, 1, KW, n, R, OW)
    columns = scratch.empty("columns", (POINTS * channels, 1, kernel_width, *shape[2:4], out_width), x.dtype)
    points = points.reshape(POINTS * channels, *shape[2:])
    fill_columns(columns, points, 0, (1, stride[1]), (0, before[1]), (1, dilation[1]))
    return columns


def transform_grad(grad, tile, scratch):
    """A dy for the rows of a tile: (N, O, OH, OW) -> (6, O, n*R*OW)."""
    images, steps = tile
    grad = grad[images].swapaxes(0, 1)
    filters, count, _, width = grad.shape
    rows = scratch.empty("grad rows", (OUTPUTS, filters, count, steps.stop - steps.start, width), grad.dtype)
    windows = rows.transpose(1, 0, 2, 3, 4)[:, :, None]
    fill_columns(windows, grad, steps.start, (OUTPUTS, 1), (0, 0), (1, 1))
    # (6, 4) @ (4, O*n*R*OW) -> (6, O*n*R*OW)
    points = scratch.empty("grad points", (POINTS, rows[0].size), grad.dtype)
    return np.matmul(OUTPUT.T, rows.reshape(OUTPUTS, -1), out=points)
