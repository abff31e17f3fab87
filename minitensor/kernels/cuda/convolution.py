"""The three convolutions on a GPU: windows are unfolded into a workspace, and cuBLAS multiplies.

    conv2d            out (O, L) = weight (O, K) @ columns (K, L)                 K = C KH KW, L = OH OW
    conv2d_weight     weight (O, K) = grad (O, N L) @ columns (K, N L)^T
    conv_transpose2d  out = fold(weight^T (O KH KW, C) @ x (C, H W))

Columns of a whole batch can be larger than the memory of the GPU, so they are made for as many images at a time as
fit WORKSPACE_BYTES. All sums have a fixed order: results repeat bit for bit.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.columns import sees_itself
from minitensor.kernels.cuda.activation import bias_relu
from minitensor.kernels.cuda.choose import is_float32, register_cuda
from minitensor.kernels.cuda.gemm import matmul_into
from minitensor.kernels.cuda.launch import launch_for_each, window
from minitensor.kernels.geometry import conv_output_size, conv_transpose_output_size
from minitensor.kernels.reference import output_size
from minitensor.kernels.table import register

WORKSPACE_BYTES = 512 << 20


@register_cuda("unfold", "cuda", supports=is_float32, otherwise="unfold")
def unfold(x, kernel_size, dilation, padding, stride):
    """Every window of x as a column: (N, C, H, W) -> (N, C*KH*KW, L)."""
    xp = array_module(x)
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    geometry = window(x.shape[1], x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    rows, positions = x.shape[1] * kernel_size[0] * kernel_size[1], out_size[0] * out_size[1]
    columns = xp.empty((len(x), rows, positions), x.dtype)
    fill_columns(columns, xp.ascontiguousarray(x), geometry, positions, rows * positions)
    return columns


def fill_columns(columns, x, geometry, row_step, image_step):
    """unfold.cu: write the windows of x (n, C, H, W) with these steps from row to row and from image to image."""
    count = x.shape[0] * x.shape[1] * int(geometry["out_height"]) * int(geometry["out_width"])
    launch_for_each("unfold.cu", "unfold", count, x, columns, geometry, row_step, image_step, count)


@register_cuda("fold", "cuda", supports=is_float32, otherwise="unfold")
def fold(columns, output_size, kernel_size, dilation, padding, stride):
    """`unfold` read backwards: (N, C*KH*KW, L) -> (N, C, H, W), where overlapping windows add up."""
    xp = array_module(columns)
    channels = columns.shape[1] // (kernel_size[0] * kernel_size[1])
    axes = zip(output_size, kernel_size, stride, padding, dilation, strict=True)
    positions = [conv_output_size(*axis) for axis in axes]
    geometry = window(channels, output_size, positions, kernel_size, stride, padding, dilation)
    x = xp.empty((len(columns), channels, *output_size), columns.dtype)
    launch_for_each("unfold.cu", "fold", x.size, xp.ascontiguousarray(columns), None, x, geometry, x.size)
    return x


@register("conv2d", "cublas", backends=("cupy",), supports=is_float32)
def conv2d(x, weight, bias, stride, padding, dilation, groups, relu=False):
    """weight @ columns, for some images at a time, then ReLU if `relu`. Shapes as in reference.py."""
    xp = array_module(x)
    x = xp.ascontiguousarray(x)
    images, channels = x.shape[:2]
    filters, group_channels, *kernel_size = weight.shape
    out_size = output_size(x, kernel_size, stride, padding, dilation)
    positions, rows = out_size[0] * out_size[1], group_channels * kernel_size[0] * kernel_size[1]
    # (O, C/g, KH, KW) -> (g, O/g, C/g*KH*KW)
    matrix = xp.ascontiguousarray(weight).reshape(groups, filters // groups, rows)
    out = xp.empty((images, filters, *out_size), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    for part in chunks(images, groups * rows * positions * x.itemsize):
        columns = x[part]
        if not (sees_itself(kernel_size, stride, padding) and out_size == x.shape[2:]):
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
    """grad @ columns^T, all images of a chunk side by side in one product. Shapes as in reference.py."""
    xp = array_module(x)
    x, grad = xp.ascontiguousarray(x), xp.ascontiguousarray(grad)
    channels, filters = x.shape[1], grad.shape[1]
    out_size = grad.shape[2:]
    positions, rows = out_size[0] * out_size[1], channels * kernel_size[0] * kernel_size[1]
    weight = xp.empty((groups, filters // groups, rows // groups), x.dtype)
    geometry = window(channels, x.shape[2:], out_size, kernel_size, stride, padding, dilation)
    # a window of one pixel: unfolding grad only reorders it, (n, O, L) -> (O, n*L)
    pixels = window(filters, out_size, out_size, (1, 1), (1, 1), (0, 0), (1, 1))
    for part in chunks(len(x), (rows + filters) * positions * x.itemsize):
        length = (part.stop - part.start) * positions
        columns = xp.empty((groups, rows // groups, length), x.dtype)
        fill_columns(columns, x[part], geometry, length, positions)
        seen = xp.empty((groups, filters // groups, length), x.dtype)
        fill_columns(seen, grad[part], pixels, length, positions)
        # (g, O/g, n*L) @ (g, n*L, C/g*KH*KW) -> (g, O/g, C/g*KH*KW)
        matmul_into(weight, seen, columns.swapaxes(1, 2), accumulate=part.start > 0)
    return weight.reshape(filters, channels // groups, *kernel_size)


@register("conv_transpose2d", "cublas", backends=("cupy",), supports=is_float32)
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """Every pixel times the kernel, and the gather of fold adds up what meets. Shapes as in reference.py."""
    xp = array_module(x)
    x = xp.ascontiguousarray(x)
    images, channels, height, width = x.shape
    group_filters, *kernel_size = weight.shape[1:]
    axes = zip(x.shape[2:], kernel_size, stride, padding, output_padding, dilation, strict=True)
    out_size = [conv_transpose_output_size(*axis) for axis in axes]
    rows, positions = group_filters * kernel_size[0] * kernel_size[1], height * width
    # (C, O/g, KH, KW) -> (g, C/g, O/g*KH*KW) -> (g, O/g*KH*KW, C/g)
    matrix = xp.ascontiguousarray(weight).reshape(groups, channels // groups, rows).swapaxes(1, 2)
    out = xp.empty((images, groups * group_filters, *out_size), x.dtype)
    bias = None if bias is None else xp.ascontiguousarray(bias)
    geometry = window(
        groups * group_filters, out_size, (height, width), kernel_size, stride, padding, dilation
    )
    for part in chunks(images, groups * rows * positions * x.itemsize):
        pixels = x[part].reshape(-1, groups, channels // groups, positions)
        columns = xp.empty((len(pixels), groups, rows, positions), x.dtype)
        # (g, O/g*KH*KW, C/g) @ (n, g, C/g, L) -> (n, g, O/g*KH*KW, L)
        _multiply(matrix, pixels, columns)
        target = out[part]
        launch_for_each("unfold.cu", "fold", target.size, columns, bias, target, geometry, target.size)
    return out


def chunks(images, bytes_each):
    """Slices of as many images as have room in the workspace, one at least."""
    count = max(1, WORKSPACE_BYTES // bytes_each)
    return [slice(start, min(start + count, images)) for start in range(0, images, count)]


def _multiply(matrix, columns, out):
    """matrix (g, F, K) @ columns (n, g, K, L) -> out (n, g, F, L): a call for each group, or for each image."""
    xp = array_module(out)
    images, groups = out.shape[:2]
    if groups <= images:
        for group in range(groups):
            same = xp.broadcast_to(matrix[group], (images, *matrix.shape[1:]))
            matmul_into(out[:, group], same, columns[:, group])
        return
    for image in range(images):
        matmul_into(out[image], matrix, columns[image])
