"""More ways to make a tensor: like another one, from NumPy's memory, evenly spaced."""

from __future__ import annotations

import numpy as np

from minitensor.arguments import check_dtype, check_real, check_tensor
from minitensor.backend import to_device
from minitensor.convert import DEFAULT_DTYPE
from minitensor.create import full, ones, zeros
from minitensor.random import rand, randn
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike, Number


def _like(make, operation, x, dtype, device, requires_grad):
    x = check_tensor(x, operation)
    if dtype is not None:
        check_dtype(dtype, operation)
    return make(x.shape, dtype=dtype or x.dtype, device=device or x.device, requires_grad=requires_grad)


def zeros_like(x: Tensor, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Zeros in the shape, dtype and place of x."""
    return _like(zeros, "zeros_like", x, dtype, device, requires_grad)


def ones_like(x: Tensor, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Ones in the shape, dtype and place of x."""
    return _like(ones, "ones_like", x, dtype, device, requires_grad)


def rand_like(x: Tensor, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Uniform numbers in [0, 1) in the shape, dtype and place of x."""
    return _like(rand, "rand_like", x, dtype, device, requires_grad)


def randn_like(x: Tensor, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """Normal numbers in the shape, dtype and place of x."""
    return _like(randn, "randn_like", x, dtype, device, requires_grad)


def full_like(
    x: Tensor, fill_value: Number, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """`fill_value` everywhere, in the shape, dtype and place of x."""
    x = check_tensor(x, "full_like")
    if not isinstance(fill_value, (bool, np.bool_)):
        check_real("full_like", "fill_value", fill_value)
    return full(x.shape, fill_value, dtype or x.dtype, device or x.device, requires_grad)


def from_numpy(array: np.ndarray) -> Tensor:
    """A Tensor in the memory of a NumPy array: a change of one is seen in the other."""
    if not isinstance(array, np.ndarray):
        raise TypeError(f"from_numpy: expects a NumPy array, got {type(array).__name__}")
    check_dtype(array.dtype, "from_numpy")
    return Tensor(array)


def linspace(
    start: Number,
    end: Number,
    steps: int,
    dtype: DtypeLike = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` evenly spaced numbers from `start` to `end`, both included."""
    check_real("linspace", "start", start)
    check_real("linspace", "end", end)
    if not hasattr(steps, "__index__") or steps < 0:
        raise ValueError(f"linspace: steps must be a whole number from 0 up, got {steps!r}")
    dtype = DEFAULT_DTYPE if dtype is None else check_dtype(dtype, "linspace")
    return Tensor(to_device(np.linspace(start, end, steps).astype(dtype), device or "cpu"), requires_grad)
