"""The roofs of a GPU: how fast its memory moves numbers, and how fast cuBLAS multiplies matrices.

No kernel can be faster than these allow, so each of ours is to be read beside them.
"""

from __future__ import annotations

from benchmarks.gpu.layers import PRECISIONS, milliseconds

NUMBERS = 1 << 28  # 1 GiB of float32: far more than the caches hold
PLANES = (16, 64, 512, 512)  # the same numbers as a batch of images

# name: (batch, rows, columns, inner). The products of Winograd and of unfolded columns in U-Net of base 64, batch 16.
PRODUCTS = {
    "square 8192": (1, 8192, 8192, 8192),
    "winograd 64 at 256": (36, 64, 24576, 64),
    "winograd 64, weight": (36, 64, 64, 24576),
    "winograd 512 at 32": (36, 512, 1024, 512),
    "columns 256 at 64": (1, 256, 49152, 2304),
    "columns 256, weight": (1, 256, 2304, 49152),
}


def measure(xp, lines):
    """Say GB/s of simple kernels and TFLOP/s of products."""
    _memory(xp, lines)
    for name, sizes in PRODUCTS.items():
        if lines.time_is_up():
            return
        with lines.guarded("ceiling", product=name):
            _product(xp, lines, name, *sizes)
    xp.get_default_memory_pool().free_all_blocks()


def _memory(xp, lines):
    """What each moves is counted as the bytes that must be read and written once."""
    big = xp.ones(NUMBERS, "float32")
    other = xp.empty_like(big)
    planes, bias = big.reshape(PLANES), xp.ones((PLANES[1], 1, 1), "float32")

    def copy():
        other[...] = big

    def add_bias():
        xp.add(planes, bias, out=other.reshape(PLANES))

    steps = {  # name: (step, how often the numbers are moved)
        "copy": (copy, 2),
        "relu": (lambda: xp.maximum(big, 0, out=other), 2),
        "bias": (add_bias, 2),
        "sum over N H W": (lambda: planes.sum((2, 3)).sum(0), 1),
        "cat of two": (lambda: xp.concatenate([planes, planes], 1), 4),
    }
    for name, (step, times) in steps.items():
        with lines.guarded("ceiling", kernel=name):
            rate = round(times * big.nbytes / milliseconds(xp, step) / 1e6)
            lines.say("ceiling", f"{name:20} {rate} GB/s", what=name, GBps=rate)


def _product(xp, lines, name, batch, rows, columns, inner):
    import minitensor as mt
    from minitensor.kernels.cuda.gemm import matmul_into

    a, out = xp.ones((batch, rows, inner), "float32"), xp.empty((batch, rows, columns), "float32")
    if name.endswith("weight"):  # a weight gradient multiplies by a transposed matrix
        b = xp.ones((batch, columns, inner), "float32").swapaxes(1, 2)
    else:
        b = xp.ones((batch, inner, columns), "float32")
    rates = {}
    try:
        for precision in PRECISIONS:
            mt.cuda.matmul_precision(precision)
            ms = milliseconds(xp, lambda: matmul_into(out, a, b))
            rates[precision] = round(2 * batch * rows * columns * inner / ms / 1e9, 1)
    finally:
        mt.cuda.matmul_precision("fp32")
    text = "  ".join(f"{precision} {rate}" for precision, rate in rates.items())
    lines.say("ceiling", f"{name:20} {text} TFLOP/s", what=name, TFLOPs=rates)
