"""Max pooling in stages: the windows, who won each of them, and where the gradient goes."""

from __future__ import annotations

import numpy as np

from minitensor.arguments import pair
from minitensor.kernels.pool import definition
from minitensor.trace.conv import _images, _size
from minitensor.trace.stages import GRADIENT, INPUT, OUTPUT, Stage, Trace, kinds_of, top_plane


def trace_max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False) -> Trace:
    """The stages input, taps, gradient, output of `max_pool2d`. The gradient is that of the sum of all outputs."""
    operation = "trace_max_pool2d"
    x = _images(operation, "x", x)
    kernel = pair(kernel_size, "kernel_size", operation, minimum=1)
    stride = kernel if stride is None else pair(stride, "stride", operation, minimum=1)
    window = kernel, stride, pair(padding, "padding", operation), pair(dilation, "dilation", operation, minimum=1)
    if any(2 * p > k for p, k in zip(window[2], kernel, strict=True)):
        raise ValueError(f"{operation}: padding {window[2]} is more than half of the kernel {kernel}")
    values, taps = definition.max_pool2d_reference(x, *window, ceil_mode)
    back = definition.max_pool2d_grad_reference(np.ones_like(values), taps, x.shape[2:], *window, ceil_mode)
    pixels = top_plane(x)
    seen = {
        (i, j): [(pixels[row, column].item(), 1) for _, row, column in found]
        for i, j, found in definition.pool_windows(x.shape[2:], *window, ceil_mode)
    }
    return Trace(
        f"max_pool2d: {_size(x)}, kernel {kernel[0]}x{kernel[1]}, stride {stride[0]}x{stride[1]} -> {_size(values)}",
        (
            Stage("input", x, "the image", "x", kinds_of(x, INPUT)),
            Stage("taps", taps, "the place within its window of the pixel that won, counted along rows from 0",
                  "argmax over a, b", kinds_of(taps, OUTPUT)),
            Stage("gradient", back, "the gradient of the sum of all outputs: it goes to the pixels that won",
                  "dx[pixel] = the number of windows that it won", kinds_of(back, GRADIENT)),
            Stage("output", values, "the largest pixel of each window",
                  "y[i,j] = max over a,b of x[i s + a d - p, j s + b d - p]", kinds_of(values, OUTPUT), seen, "max"),
        ),
    )  # fmt: skip
