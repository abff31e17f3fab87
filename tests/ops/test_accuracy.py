"""float32 against float64: our rounding is of the size of torch's own, in values and in gradients.

Both are compared with torch's float64 results; the measure is the root mean square of the error, by the size of the
result. Two correct orders of summation differ by a factor or two; a sum that adds rows one after the other, or a
difference of large numbers, by ten or a thousand. Winograd's convolutions are bounded in tests/kernels/test_conv.py.
"""

import numpy as np
import pytest
import torch

import minitensor as mt
from tests.parity import TORCH, normal

MOST = 3.0  # times torch's own error
ROUNDING = float(np.finfo(np.float32).eps)  # below this, both are exact for all purposes
LABELS = np.arange(2 * 64 * 64).reshape(2, 64, 64) % 21


def labels(m):
    return mt.Tensor(LABELS) if m is mt else torch.tensor(LABELS)


CASES = {
    "conv2d, 3 channels": (lambda m, x, w: m.conv2d(x, w, padding=1), normal(1, 3, 64, 64), normal(32, 3, 3, 3)),
    "conv2d, 1 x 1": (lambda m, x, w: m.conv2d(x, w), normal(1, 256, 28, 28), normal(64, 256, 1, 1)),
    "conv2d, 7 x 7": (lambda m, x, w: m.conv2d(x, w, stride=2, padding=3), normal(1, 3, 64, 64), normal(32, 3, 7, 7)),
    "conv2d, groups": (lambda m, x, w: m.conv2d(x, w, groups=32), normal(1, 32, 56, 56), normal(32, 1, 3, 3)),
    "conv_transpose2d, 2 x 2": (
        lambda m, x, w: m.conv_transpose2d(x, w, stride=2),
        normal(1, 128, 28, 28),
        normal(128, 64, 2, 2),
    ),
    "conv_transpose2d, 4 x 4": (
        lambda m, x, w: m.conv_transpose2d(x, w, stride=2, padding=1),
        normal(1, 21, 28, 28),
        normal(21, 21, 4, 4),
    ),
    "sum": (lambda m, x: m.sum(x), np.abs(normal(500, 500))),
    "sum, of rows": (lambda m, x: m.sum(x, 0), np.abs(normal(50_000, 3))),
    "sum, of channels": (lambda m, x: m.sum(x, 1), np.abs(normal(2, 500, 16, 16))),
    "mean": (lambda m, x: m.mean(x, (0, 2, 3)), np.abs(normal(4, 16, 64, 64))),
    "var": (lambda m, x: m.var(x, (0, 2, 3)), normal(4, 16, 64, 64) + 10),
    "var, of rows": (lambda m, x: m.var(x, 0), normal(50_000, 3) + 10),
    "logsumexp": (lambda m, x: m.logsumexp(x, 1), normal(64, 5000)),
    "logsumexp, of rows": (lambda m, x: m.logsumexp(x, 0), normal(50_000, 3)),
    "matmul": (lambda m, a, b: m.matmul(a, b), normal(256, 1024), normal(1024, 256)),
    "linear": (lambda m, x, w, b: m.linear(x, w, b), normal(5000, 16), normal(8, 16), normal(8)),
    "softmax": (lambda m, x: m.softmax(x, 1), normal(8, 1000, 10)),
    "batch_norm": (
        lambda m, x, w, b: m.batch_norm(x, None, None, w, b, training=True),
        normal(4, 16, 32, 32) + 5,
        normal(16),
        normal(16, seed=1),
    ),
    "group_norm": (lambda m, x: m.group_norm(x, 4), normal(2, 16, 64, 64) + 5),
    "cross_entropy": (lambda m, x: m.cross_entropy(x, labels(m)), normal(2, 21, 64, 64)),
    "avg_pool2d": (lambda m, x: m.avg_pool2d(x, 3, 2, 1), np.abs(normal(2, 16, 64, 64))),
    "adaptive_avg_pool2d": (lambda m, x: m.adaptive_avg_pool2d(x, 1), np.abs(normal(2, 16, 128, 128))),
    "interpolate": (lambda m, x: m.interpolate(x, scale_factor=2.0, mode="bilinear"), normal(1, 8, 64, 64)),
}


def value_and_gradients(m, function, arrays, dtype):
    """As float64 arrays, computed in `dtype`."""
    arrays = [a.astype(dtype) for a in arrays]
    if m is mt:
        inputs = [mt.Tensor(a, requires_grad=True) for a in arrays]
        y = function(m, *inputs)
        grads = mt.grad(y, inputs, mt.Tensor(normal(*y.shape).astype(dtype)))
    else:
        inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
        y = function(m, *inputs)
        grads = torch.autograd.grad(y, inputs, torch.tensor(normal(*y.shape).astype(dtype)))
    return [t.data.astype(np.float64) if m is mt else t.detach().numpy().astype(np.float64) for t in (y, *grads)]


def error(result, exact):
    return np.sqrt(np.mean((result - exact) ** 2) / np.mean(exact**2))


@pytest.mark.parametrize("name", CASES)
def test_our_rounding_is_of_the_size_of_torchs(name):
    function, *arrays = CASES[name]
    exact = value_and_gradients(TORCH, function, arrays, np.float64)
    ours = value_and_gradients(mt, function, arrays, np.float32)
    theirs = value_and_gradients(TORCH, function, arrays, np.float32)
    for i, (result, other, wanted) in enumerate(zip(ours, theirs, exact, strict=True)):
        limit = MOST * max(error(other, wanted), ROUNDING)
        assert error(result, wanted) <= limit, f"{'gradient ' * (i > 0)}{i}: {error(result, wanted):.2g} > {limit:.2g}"
