"""Initialization: the numbers that training starts from. Every function fills a Tensor in place and returns it.

The output of a unit is a sum over its fan_in inputs, so its variance is fan_in * Var(w) * E[x^2]. Choose Var(w) so that
this product keeps its size from layer to layer: then signals neither die out nor explode.

    Kaiming:  Var(w) = gain^2 / fan_in                  keeps the forward signal; gain^2 = 2 for ReLU, which drops half
    Xavier:   Var(w) = gain^2 * 2 / (fan_in + fan_out)  a compromise with the backward signal, which sees fan_out

The numbers come from minitensor's generator, so `manual_seed` repeats them. Sources: He et al. 2015 (arXiv 1502.01852),
equations 10 and 14; Glorot and Bengio 2010, equations 12 and 16.
"""

from __future__ import annotations

import math
import threading
from contextlib import contextmanager
from typing import Any

import numpy as np

from minitensor.backend import to_device
from minitensor.random import rand, randn
from minitensor.recording import no_grad
from minitensor.tensor import Tensor

# torch's gains. A nonlinearity shrinks the root mean square of the signal; the gain makes up for this.
_GAINS = {
    "linear": 1.0,
    "identity": 1.0,
    "conv2d": 1.0,
    "conv_transpose2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3.0,
    "relu": math.sqrt(2.0),
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The recommended gain: sqrt(2) for relu, 5/3 for tanh, 1 for sigmoid and for layers without a nonlinearity.

    leaky_relu with slope a (`param`): sqrt(2 / (1 + a^2)). Raises ValueError for other names.
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2.0 / (1.0 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(
            f"calculate_gain: nonlinearity must be one of {', '.join([*_GAINS, 'leaky_relu'])}, got {nonlinearity!r}"
        )
    return _GAINS[nonlinearity]


def calculate_fan(tensor: Tensor) -> Any:
    """(fan_in, fan_out) of a weight (O, C, KH, KW) or (O, C).

    Each output is computed from fan_in = C*KH*KW inputs. Each input is used by fan_out = O*KH*KW outputs. The weight of
    a transposed convolution is (C, O, KH, KW). Its axes are read in the same way, as in torch.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"calculate_fan: a weight must be a Tensor, got {type(tensor).__name__}")
    if tensor.ndim < 2:
        raise ValueError(f"calculate_fan: a weight needs at least 2 dimensions, got shape {tensor.shape}")
    taps = math.prod(tensor.shape[2:])
    return tensor.shape[1] * taps, tensor.shape[0] * taps


class _Drawing(threading.local):
    wanted = True


_drawing = _Drawing()


@contextmanager
def skipped() -> Any:
    """Within `with init.skipped():` random initialization leaves tensors unchanged, so new layers hold zeros.

    Use it for nets whose numbers come from a file, and for nets that are only described: drawing the 138 million
    numbers of VGG-16 takes seconds.
    """
    before, _drawing.wanted = _drawing.wanted, False
    try:
        yield
    finally:
        _drawing.wanted = before


def _fill(tensor, numbers):
    with no_grad():  # only here may a leaf that requires a gradient be changed in place
        tensor[...] = numbers
    return tensor


def _fill_uniform(tensor, low, high):
    if not _drawing.wanted:
        return tensor
    numbers = rand(tensor.shape, dtype=tensor.dtype, device=tensor.device).data
    numbers *= high - low
    numbers += low
    return _fill(tensor, numbers)


def _fill_normal(tensor, mean, std):
    if not _drawing.wanted:
        return tensor
    numbers = randn(tensor.shape, dtype=tensor.dtype, device=tensor.device).data
    numbers *= std
    numbers += mean
    return _fill(tensor, numbers)


def _kaiming_std(tensor, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'kaiming: mode must be "fan_in" or "fan_out", got {mode!r}')
    fan_in, fan_out = calculate_fan(tensor)
    fan = fan_in if mode == "fan_in" else fan_out
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_normal_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """N(0, gain^2 / fan). For ReLU the standard deviation is sqrt(2 / fan_in), as in U-Net.

    `a` is the slope of the leaky ReLU that follows.
    """
    return _fill_normal(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity))


def kaiming_uniform_(tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu") -> Tensor:
    """U(-b, b) with the same variance: b = sqrt(3) * gain / sqrt(fan), because Var(U(-b, b)) = b^2 / 3."""
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return _fill_uniform(tensor, -bound, bound)


def _xavier_std(tensor, gain):
    return gain * math.sqrt(2.0 / sum(calculate_fan(tensor)))


def xavier_normal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """N(0, gain^2 * 2 / (fan_in + fan_out))."""
    return _fill_normal(tensor, 0.0, _xavier_std(tensor, gain))


def xavier_uniform_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """U(-b, b) with b = gain * sqrt(6 / (fan_in + fan_out))."""
    bound = math.sqrt(3.0) * _xavier_std(tensor, gain)
    return _fill_uniform(tensor, -bound, bound)


def orthogonal_(tensor: Tensor, gain: float = 1.0) -> Tensor:
    """A weight (O, C, ...) whose rows, each read as one vector, are orthogonal and of length `gain`.

    It is Q of the QR factorization of a normal matrix, its columns multiplied by the signs of R's diagonal. Without the
    signs, Q would not be uniform among the orthogonal matrices (Mezzadri 2007, arXiv math-ph/0609050). If there are
    more rows than columns, the columns are orthogonal instead. Source: Saxe et al. 2013 (arXiv 1312.6120). Raises
    ValueError for vectors.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(f"orthogonal_: the weight must be a Tensor, got {type(tensor).__name__}")
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: the weight needs at least 2 axes, got shape {tensor.shape}")
    if not _drawing.wanted or not tensor.size:
        return tensor
    # (O, C, KH, KW) -> (O, C*KH*KW), and the longer axis first
    rows = tensor.shape[0]
    columns = tensor.size // rows
    normal = randn(max(rows, columns), min(rows, columns), dtype=np.float64).data
    q, r = np.linalg.qr(normal)
    q *= np.sign(np.diag(r))
    q = q.T if rows < columns else q
    return _fill(tensor, to_device((gain * q).reshape(tensor.shape).astype(tensor.dtype), tensor.device))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """N(mean, std^2)."""
    if std < 0:
        raise ValueError(f"normal_: std must be 0 or more, got {std}")
    return _fill_normal(tensor, mean, std)


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0) -> Tensor:
    """U(a, b)."""
    if a > b:
        raise ValueError(f"uniform_: the lower bound {a} exceeds the upper bound {b}")
    return _fill_uniform(tensor, a, b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Set every element to `val`."""
    return _fill(tensor, val)


def zeros_(tensor: Tensor) -> Tensor:
    """Set every element to 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Set every element to 1."""
    return constant_(tensor, 1.0)


def bilinear_filter(size: int) -> Any:
    """One axis of the kernel with which a transposed convolution interpolates linearly: a triangle of `size` taps.

        w[i] = 1 - |i - c| / f      f = (size + 1) // 2, the upsampling factor that belongs to this size
                                    c = f - 1 for odd sizes, f - 1/2 for even ones: the middle of the taps

    size 4 -> 0.25 0.75 0.75 0.25. Source: Long et al. 2015 (FCN), `upsample_filt` of its published code.
    """
    if isinstance(size, bool) or not hasattr(size, "__index__") or size < 1:
        raise ValueError(f"bilinear_filter: size must be a whole number of at least 1, got {size!r}")
    factor = (size + 1) // 2
    centre = factor - 1 if size % 2 else factor - 0.5
    return 1 - np.abs(np.arange(size) - centre) / factor


def bilinear_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Make the weight of a transposed convolution (C, O/groups, KH, KW) upsample each channel by itself, bilinearly.

    Channel k of the input goes to channel k of the output, through the outer product of two triangles. All other
    kernels are 0. With stride s, a kernel of 2s - s % 2 upsamples by s. FCN's transposed convolutions start like this.
    Raises ValueError if the numbers of inputs and outputs differ, because then some channels have no partner.
    """
    if tensor.ndim != 4:
        raise ValueError(f"bilinear_: a weight (C, O/groups, KH, KW) is needed, got shape {tensor.shape}")
    channels, outputs = tensor.shape[:2]
    if groups < 1 or channels != outputs * groups:
        raise ValueError(
            f"bilinear_: needs as many outputs as inputs, got {channels} inputs and {outputs} * {groups} outputs "
            f"(weight shape {tensor.shape}, groups={groups})"
        )
    # (KH, 1) * (1, KW) -> (KH, KW)
    kernel = bilinear_filter(tensor.shape[2])[:, None] * bilinear_filter(tensor.shape[3])[None, :]
    weight = np.zeros(tensor.shape, tensor.dtype)
    own = np.arange(channels)
    # Input k and its output have the same number within their group: k % outputs.
    weight[own, own % outputs] = kernel
    return _fill(tensor, to_device(weight, tensor.device))
