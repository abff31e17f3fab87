"""Max pooling on a GPU, one kernel launch each; see pool.cu. Shapes and taps are those of max.py."""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import fours_in_rows, launch_for_each, window
from minitensor.kernels.geometry import pooled_size
from minitensor.kernels.pool.definition import tap_dtype


def _supports(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    return is_float32(x) and tap_dtype(kernel_size) == "uint8"


def _gather_supports(x, taps, *settings, **options):
    return is_float32(x) and taps.dtype == "uint8"


def _geometry(size, kernel_size, stride, padding, dilation, ceil_mode):
    counts = pooled_size(size, kernel_size, stride, padding, dilation, ceil_mode)
    return window(1, size, counts, kernel_size, stride, padding, dilation), counts


def _pool(x, kernel_size, stride, padding, dilation, ceil_mode, keep_taps):
    xp = array_module(x)
    geometry, counts = _geometry(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    values = xp.empty((*x.shape[:2], *counts), x.dtype)
    taps = xp.empty(values.shape, tap_dtype(kernel_size)) if keep_taps else None
    launch_for_each(
        "pool/pool.cu", "max_pool", values.size, xp.ascontiguousarray(x), values, taps, geometry, values.size
    )
    return values, taps


@register_cuda("max_pool2d", "cuda", supports=_supports)
def max_pool2d(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of every window and its tap: x (N, C, H, W) -> values, taps, both (N, C, OH, OW)."""
    return _pool(x, kernel_size, stride, padding, dilation, ceil_mode, keep_taps=True)


@register_cuda("max_pool2d_values", "cuda", supports=_supports)
def max_pool2d_values(x, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """The largest pixel of every window."""
    return _pool(x, kernel_size, stride, padding, dilation, ceil_mode, keep_taps=False)[0]


@register_cuda("max_pool2d_grad", "cuda", supports=_gather_supports)
def max_pool2d_grad(grad, taps, size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """Each window's gradient to the pixel that won it: grad, taps (N, C, OH, OW) -> (N, C, *size)."""
    xp = array_module(grad)
    geometry, _ = _geometry(size, kernel_size, stride, padding, dilation, ceil_mode)
    x_grad = xp.empty((*grad.shape[:2], *size), grad.dtype)
    arrays = xp.ascontiguousarray(grad), taps, x_grad
    threads = fours_in_rows(x_grad.shape)
    launch_for_each("pool/pool.cu", "max_pool_grad", threads, *arrays, geometry, threads)
    return x_grad


@register_cuda("max_pool2d_gather", "cuda", supports=_gather_supports)
def max_pool2d_gather(x, taps, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
    """From each window of x, the pixel at the tap given: x (N, C, H, W), taps (N, C, OH, OW) -> as taps."""
    xp = array_module(x)
    geometry, _ = _geometry(x.shape[2:], kernel_size, stride, padding, dilation, ceil_mode)
    values = xp.empty(taps.shape, x.dtype)
    arrays = xp.ascontiguousarray(x), taps, values
    launch_for_each("pool/pool.cu", "max_pool_gather", values.size, *arrays, geometry, values.size)
    return values
