"""Random numbers: one generator for the library, seeded by `manual_seed`. Its state is saved with a checkpoint.

Numbers are drawn on the CPU and moved where they are needed, so the same seed gives the same numbers on every device.
Training draws few numbers (weights once, dropout masks), so the transfer does not matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minitensor.arguments import check_dtype, check_flag, shape_argument
from minitensor.backend import to_device
from minitensor.convert import DEFAULT_DTYPE
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike

_generator = np.random.default_rng()


def manual_seed(seed: int) -> None:
    """Restart the generator: the same seed gives the same numbers. Raises TypeError unless `seed` is an int >= 0."""
    global _generator
    if isinstance(seed, bool) or not hasattr(seed, "__index__") or seed.__index__() < 0:
        raise TypeError(f"manual_seed: seed must be a whole number of 0 or more, got {seed!r}")
    _generator = np.random.default_rng(seed.__index__())


def generator():
    """The NumPy generator from which the library draws."""
    return _generator


def get_state():
    """The generator's state as plain Python numbers and strings, which fit into a JSON file."""
    return _generator.bit_generator.state


def set_state(state):
    """Continue exactly where `get_state` was taken."""
    _generator.bit_generator.state = state


def _drawn(operation, draw, shape, dtype, device, requires_grad):
    check_flag(operation, requires_grad=requires_grad)
    shape = shape_argument(shape, operation)
    if min(shape, default=0) < 0:
        raise ValueError(f"{operation}: sizes cannot be negative, got shape {shape}")
    dtype = DEFAULT_DTYPE if dtype is None else check_dtype(dtype, operation)
    if dtype.kind != "f":
        raise TypeError(f"{operation}: dtype must be floating point, got {dtype}")
    # NumPy draws float32 and float64; float16 is rounded from float32
    numbers = np.asarray(draw(shape, dtype if dtype.itemsize >= 4 else DEFAULT_DTYPE))
    return Tensor(to_device(numbers.astype(dtype, copy=False), device or "cpu"), requires_grad)


def rand(*shape: Any, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1)."""
    return _drawn("rand", lambda s, t: _generator.random(s, t), shape, dtype, device, requires_grad)


def randint(
    low: int, high: int | Any = None, size: Any = None, dtype: DtypeLike = None, device: str | None = None
) -> Tensor:
    """Whole numbers in [low, high) of shape `size`; randint(high, size) begins at 0. int64 unless said otherwise."""
    if size is None:
        low, high, size = 0, low, high
    shape = shape_argument((size,), "randint")
    dtype = np.dtype("int64") if dtype is None else check_dtype(dtype, "randint")
    if not (hasattr(low, "__index__") and hasattr(high, "__index__")) or low >= high or min(shape, default=0) < 0:
        raise ValueError(f"randint: low must be a whole number below high, got {low!r} and {high!r}, size {shape}")
    return Tensor(to_device(_generator.integers(low, high, shape).astype(dtype), device or "cpu"))


def randperm(n: int, device: str | None = None) -> Tensor:
    """The whole numbers 0 to n - 1 in random order, int64."""
    if not hasattr(n, "__index__") or n < 0:
        raise ValueError(f"randperm: n must be a whole number from 0 up, got {n!r}")
    return Tensor(to_device(_generator.permutation(n.__index__()), device or "cpu"))


def randn(*shape: Any, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers of mean 0 and variance 1."""
    return _drawn("randn", lambda s, t: _generator.standard_normal(s, t), shape, dtype, device, requires_grad)
