"""Making tensors: from data, or filled by a rule. Random tensors are made in random.py."""

from __future__ import annotations

from math import inf
from numbers import Integral
from typing import Any

import numpy as np

from minitensor.arguments import check_dtype, check_flag, check_real, shape_argument
from minitensor.backend import array_module, filled, memory_explained, module_for, to_device
from minitensor.convert import DEFAULT_DTYPE, as_array
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike, Number


def tensor(data: Any, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A new leaf with a copy of `data`: a number, nested lists, an array or a Tensor.

    Python floats become float32, ints int64, bools bool. An array keeps its dtype and, if `device` is None, its device.
    Raises TypeError for data that are not real numbers, ValueError for rows of different lengths.
    """
    if dtype is not None:
        dtype = check_dtype(dtype, "tensor")
    array = data._data if isinstance(data, Tensor) else data
    xp = array_module(array)
    array = as_array(data, dtype, xp)
    return Tensor(array if device is None else to_device(array, device), requires_grad)


def _created(operation, shape, make, dtype, device, requires_grad):
    check_flag(operation, requires_grad=requires_grad)
    shape = shape_argument(shape, operation)
    if min(shape, default=0) < 0:
        raise ValueError(f"{operation}: sizes cannot be negative, got shape {shape}")
    dtype = DEFAULT_DTYPE if dtype is None else check_dtype(dtype, operation)
    xp = module_for(device or "cpu")
    with memory_explained(f"{operation} of shape {shape}"):
        return Tensor(make(xp, shape, dtype), requires_grad)


def zeros(*shape: Any, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of zeros, float32 unless said otherwise."""
    return _created("zeros", shape, lambda xp, s, t: xp.zeros(s, t), dtype, device, requires_grad)


def ones(*shape: Any, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False) -> Tensor:
    """A tensor of ones, float32 unless said otherwise."""
    return _created("ones", shape, lambda xp, s, t: xp.ones(s, t), dtype, device, requires_grad)


def full(
    shape: Any, fill_value: Number, dtype: DtypeLike = None, device: str | None = None, requires_grad: bool = False
) -> Tensor:
    """A tensor in which every element is `fill_value`; the dtype follows the value unless given."""
    if not isinstance(fill_value, (bool, np.bool_)):
        check_real("full", "fill_value", fill_value)
    dtype = np.array(fill_value).dtype if dtype is None and not isinstance(fill_value, float) else dtype
    shape = (shape,) if hasattr(shape, "__index__") else shape
    return _created("full", (shape,), lambda xp, s, t: filled(xp, s, fill_value, t), dtype, device, requires_grad)


def arange(
    start: Number,
    end: Number | None = None,
    step: Number = 1,
    dtype: DtypeLike = None,
    device: str | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below `end`; int64 if all three are whole numbers, else float32."""
    if end is None:
        start, end = 0, start
    for name, value in (("start", start), ("end", end), ("step", step)):
        check_real("arange", name, value, low=-inf)
    check_flag("arange", requires_grad=requires_grad)
    if step == 0:
        raise ValueError("arange: step must not be 0")
    if (end - start) * step < 0:
        raise ValueError(f"arange: from {start} to {end} the step {step} leads away from the end")
    if dtype is None:
        whole = all(isinstance(value, Integral) for value in (start, end, step))
        dtype = np.int64 if whole else DEFAULT_DTYPE
    array = np.arange(start, end, step).astype(check_dtype(dtype, "arange"))
    return Tensor(to_device(array, device or "cpu"), requires_grad)
