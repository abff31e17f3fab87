"""The three convolutions on a GPU: windows are unfolded into a workspace, and cuBLAS multiplies.

    conv2d            out (O, L) = weight (O, K) @ columns (K, L)                 K = C KH KW, L = OH OW
    conv2d_weight     weight (O, K) = grad (O, N L) @ columns (K, N L)^T
    conv_transpose2d  out = fold(weight^T (O KH KW, C) @ x (C, H W))

Columns of a whole batch can be larger than the memory of the GPU, so they are made for as many images at a time as
fit WORKSPACE_BYTES. All sums have a fixed order: results repeat bit for bit.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.conv.columns import sees_itself
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.gemm import matmul_into, parts_of_sum
from minitensor.kernels.cuda.launch import chunks, fours_in_rows, image_runs, launch_for_each, window
from minitensor.kernels.geometry import ceil_div, output_size, transposed_output_size
from minitensor.kernels.relu.cuda import bias_relu
from minitensor.kernels.table import chosen_variant, register

SOURCE = "conv/cuda/columns.cu"
WORKSPACE_BYTES = 512 << 20


def fill_columns(columns, x, geometry, row_step, image_step):
    """columns.cu: write the windows of x (n, C, H, W), with these steps from row to row and from image to image."""
    run_of_x, x_step = image_runs(x)
    count = x.shape[0] * x.shape[1] * int(geometry["out_height"]) * int(geometry["out_width"])
    launch_for_each(SOURCE, "unfold", count, run_of_x, columns, geometry, x_step, row_step, image_step, count)


def fold_into(out, columns, bias, geometry):
    """columns.cu: out (n, O, H, W) = bias + the columns (n, O*KH*KW, L), each added where it belongs."""
    threads = fours_in_rows(out.shape)
    launch_for_each(SOURCE, "fold", threads, columns, bias, out, geometry, threads)


@register("conv2d", "cublas", backends=("cupy",), supports=is_float32)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """weight @ columns, some images at a time; then ReLU if `relu`. Shapes as in definition.py."""
    xp = array_module(x)
    images, channels = x.shape[:2]
    filters, group_channels, *kernel_size = weight.shape
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    positions, rows = out_size[0] * out_size[1], group_channels * kernel_size[0] * kernel_size[1]
    # (O, C/g, KH, KW) -> (g, O/g, C/g*KH*KW)
    matrix = xp.ascontiguousarray(weight).reshape(groups, filters // groups, rows)
    out = xp.empty((images, filters, *out_size), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    for part in chunks(images, groups * rows * positions * x.itemsize, WORKSPACE_BYTES):
        columns = x[part]
        if not (sees_itself(kernel_size, stride, padding) and columns[0].flags.c_contiguous):
            columns = xp.empty((len(columns), groups * rows, positions), x.dtype)
            fill_columns(columns, x[part], geometry, positions, groups * rows * positions)
        # (g, O/g, K) @ (n, g, K, L) -> (n, g, O/g, L)
        _multiply(
            matrix,
            columns.reshape(-1, groups, rows, positions),
            out[part].reshape(-1, groups, filters // groups, positions),
        )
    bias_relu(out, bias, relu)
    return out


@register("conv2d_weight", "cublas", backends=("cupy",), supports=is_float32)
def conv2d_weight(x, grad, kernel_size, stride, padding, dilation, groups):
    """grad @ columns^T: the images of a chunk side by side in one product, or one by one. Shapes as in definition.py.

    Image by image if the products are no larger than their factors: then grad is multiplied where it lies, and several
    products of long sums keep a GPU busier than one. If these are too few, the images stand side by side, and their
    long sum is cut into parts.
    """
    xp = array_module(x)
    channels, filters = x.shape[1], grad.shape[1]
    out_size = grad.shape[2:]
    positions, rows = out_size[0] * out_size[1], channels * kernel_size[0] * kernel_size[1]
    parts = 1
    if groups == 1 and _by_image(channels, kernel_size, out_size):
        if sees_itself(kernel_size, stride, padding) or parts_of_sum(len(x), filters, rows, positions) == 1:
            return _weight_by_image(x, grad, kernel_size, stride, padding, dilation)
        parts = parts_of_sum(1, filters, rows, len(x) * positions)
    products = xp.empty((parts * groups, filters // groups, rows // groups), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    # a window of one pixel: unfolding grad only reorders it, (n, O, L) -> (O, n*L)
    pixels = window(filters, out_size, out_size, (1, 1), (1, 1), (0, 0), (1, 1))
    for part in chunks(len(x), (rows + filters) * positions * x.itemsize, WORKSPACE_BYTES):
        length = (part.stop - part.start) * positions
        columns = _in_parts(x[part], geometry, rows, length, parts, groups)
        seen = _in_parts(grad[part], pixels, filters, length, parts, groups)
        # (g, O/g, n*L) @ (g, n*L, C/g*KH*KW) -> (g, O/g, C/g*KH*KW), or a part of n*L for each product
        matmul_into(products, seen, columns.swapaxes(1, 2), accumulate=part.start > 0)
    weight = products if parts == 1 else products.sum(axis=0)
    return weight.reshape(filters, channels // groups, *kernel_size)


def _in_parts(x, geometry, rows, length, parts, groups):
    """Columns of images side by side, (g, rows/g, n*L); or with zeros at their end as (parts, rows, n*L / parts)."""
    xp = array_module(x)
    part = ceil_div(length, parts)
    columns = xp.empty((rows, parts * part), x.dtype)
    positions = int(geometry["out_height"]) * int(geometry["out_width"])
    fill_columns(columns, x, geometry, parts * part, positions)
    if parts == 1:
        return columns.reshape(groups, rows // groups, length)
    if length < columns.shape[1]:
        columns[:, length:] = 0
    return columns.reshape(rows, parts, part).swapaxes(0, 1)


def _by_image(channels, kernel_size, out_size):
    """True if a window, C KH KW numbers, is not larger than the number of positions."""
    return channels * kernel_size[0] * kernel_size[1] <= out_size[0] * out_size[1]


def _weight_by_image(x, grad, kernel_size, stride, padding, dilation):
    """conv2d_weight for one group: one product per image, added up in their order."""
    xp = array_module(x)
    total = None
    for part, columns in columns_of(x, grad.shape[2:], kernel_size, stride, padding, dilation, grad.shape[1]):
        # (n, O, L) @ (n, L, K) -> (n, O, K) -> (O, K)
        products = xp.empty((len(columns), grad.shape[1], columns.shape[1]), x.dtype)
        matmul_into(products, _matrices(grad[part]), columns.swapaxes(1, 2))
        some = products.sum(axis=0)
        total = some if total is None else total + some
    return total.reshape(grad.shape[1], x.shape[1], *kernel_size)


def columns_of(x, out_size, kernel_size, stride, padding, dilation, filters):
    """(slice of images, their columns (n, K, L)) for as many images at a time as fit the workspace.

    The columns of a window of one pixel are x itself.
    """
    xp = array_module(x)
    channels, positions = x.shape[1], out_size[0] * out_size[1]
    rows = channels * kernel_size[0] * kernel_size[1]
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    for part in chunks(len(x), (rows * positions + filters * rows) * x.itemsize, WORKSPACE_BYTES):
        if sees_itself(kernel_size, stride, padding) and tuple(out_size) == tuple(x.shape[2:]):
            yield part, _matrices(x[part])
            continue
        columns = xp.empty((part.stop - part.start, rows, positions), x.dtype)
        fill_columns(columns, x[part], geometry, positions, rows * positions)
        yield part, columns


def _matrices(images):
    """(n, C, H, W) -> (n, C, H*W), without a copy if the pixels of an image are one run of memory."""
    if not images[0].flags.c_contiguous:
        images = array_module(images).ascontiguousarray(images)
    return images.reshape(*images.shape[:2], -1)


def _gradients_support(x, weight, grad, stride, padding, dilation, groups):
    """True if both gradients would run in this file, for one group, image by image."""
    if not (is_float32(x) and grad.size and groups == 1):
        return False
    by_x = grad, weight, None, stride, padding, dilation, groups
    by_weight = grad, x, weight.shape[2:], stride, padding, dilation, groups
    both = chosen_variant("conv2d", *by_x), chosen_variant("conv2d_weight", *by_weight)
    return both == ("cublas", "cublas") and _by_image(weight.shape[1], weight.shape[2:], x.shape[2:])


@register_cuda("conv_transpose2d_gradients", "cublas", supports=_gradients_support)
def conv_transpose2d_gradients(x, weight, grad, stride, padding, dilation, groups):
    """Both gradients of a transposed convolution from columns of grad, made once. Shapes as in definition.py."""
    xp = array_module(x)
    channels, filters, *kernel_size = weight.shape
    # (C, O, KH, KW) -> (1, C, O*KH*KW)
    matrix = xp.ascontiguousarray(weight).reshape(1, channels, -1)
    grad_x, total = xp.empty(x.shape, x.dtype), None
    for part, columns in columns_of(grad, x.shape[2:], kernel_size, stride, padding, dilation, channels):
        # (n, C, O*KH*KW) @ (n, O*KH*KW, L) -> (n, C, L)
        matmul_into(_matrices(grad_x[part]), xp.broadcast_to(matrix, (len(columns), *matrix.shape[1:])), columns)
        # (n, C, L) @ (n, L, O*KH*KW) -> (n, C, O*KH*KW) -> (C, O*KH*KW)
        products = xp.empty((len(columns), *matrix.shape[1:]), x.dtype)
        matmul_into(products, _matrices(x[part]), columns.swapaxes(1, 2))
        some = products.sum(axis=0)
        total = some if total is None else total + some
    return grad_x, total.reshape(weight.shape)


@register("conv_transpose2d", "cublas", backends=("cupy",), supports=is_float32)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Each pixel times the kernel, and then fold adds up the columns. Shapes as in definition.py."""
    xp = array_module(x)
    x = xp.ascontiguousarray(x)
    images, channels, height, width = x.shape
    group_filters, *kernel_size = weight.shape[1:]
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    rows, positions = group_filters * kernel_size[0] * kernel_size[1], height * width
    # (C, O/g, KH, KW) -> (g, C/g, O/g*KH*KW) -> (g, O/g*KH*KW, C/g)
    matrix = xp.ascontiguousarray(weight).reshape(groups, channels // groups, rows).swapaxes(1, 2)
    out = xp.empty((images, groups * group_filters, *out_size), x.dtype)
    bias = None if bias is None else xp.ascontiguousarray(bias)
    geometry = window(groups * group_filters, out_size, (height, width), kernel_size, stride, padding, dilation)
    for part in chunks(images, groups * rows * positions * x.itemsize, WORKSPACE_BYTES):
        pixels = x[part].reshape(-1, groups, channels // groups, positions)
        if sees_itself(kernel_size, stride, padding) and tuple(out_size) == (height, width):
            # a kernel of one pixel: its results are already in place
            _multiply(matrix, pixels, out[part].reshape(len(pixels), groups, rows, positions))
            continue
        columns = xp.empty((len(pixels), groups, rows, positions), x.dtype)
        # (g, O/g*KH*KW, C/g) @ (n, g, C/g, L) -> (n, g, O/g*KH*KW, L)
        _multiply(matrix, pixels, columns)
        fold_into(out[part], columns, bias, geometry)
    if sees_itself(kernel_size, stride, padding) and tuple(out_size) == (height, width):
        bias_relu(out, bias, relu=False)
    return out


def _multiply(matrix, columns, out):
    """matrix (g, F, K) @ columns (n, g, K, L) -> out (n, g, F, L): one call per group, or per image."""
    xp = array_module(out)
    images, groups = out.shape[:2]
    if images == 1:
        # (1, g, F, K) @ (1, g, K, L): the groups are the batch
        return matmul_into(out[0], matrix, columns[0])
    if groups <= images:
        for group in range(groups):
            same = xp.broadcast_to(matrix[group], (images, *matrix.shape[1:]))
            matmul_into(out[:, group], same, columns[:, group])
        return
    for image in range(images):
        matmul_into(out[image], matrix, columns[image])
