"""Which dtype a result has, and how operands of any kind become Tensors: torch's rules, in one place.

There are three kinds of operands, from strong to weak: tensors with dimensions, tensors without (`tensor(2.0)`), and
Python numbers. A weaker operand changes the dtype of the result only if it is of a higher category, bool < int < float:
float32 + 2.5 stays float32, int64 + 2.5 becomes float32 (the default), and a number never widens float32.
"""

from __future__ import annotations

import numpy as np

from minitensor.arguments import broadcast_shape, check_tensor
from minitensor.backend import array_module, filled, is_array
from minitensor.convert import DEFAULT_DTYPE
from minitensor.engine import Op
from minitensor.tensor import Tensor

_CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}


def category(dtype):
    """0 for bool, 1 for whole numbers, 2 for floating point."""
    return _CATEGORY[dtype.kind]


def fits_category(value, dtype):
    """False for a number or Tensor of a higher category than the dtype: a float does not fit into whole numbers."""
    return category(result_dtype(value)) <= category(dtype)


def promote(a, b):
    """The dtype that holds two dtypes of equal strength. Unlike NumPy, int64 with float32 gives float32."""
    if a == b:
        return a
    if a.kind == "f" and b.kind != "f":
        return a
    if b.kind == "f" and a.kind != "f":
        return b
    return np.promote_types(a, b)


def _combine(strong, weak):
    """The dtype of a stronger and a weaker operand: the stronger one's, unless the weaker one has a higher category."""
    if strong is None or weak is None:
        return weak if strong is None else strong
    return strong if category(strong) >= category(weak) else weak


def result_dtype(*operands):
    """The dtype of an elementwise result of Tensors and Python numbers."""
    by_strength = [None, None, None]  # with dimensions, without, numbers
    for operand in operands:
        if isinstance(operand, Tensor):
            dtype, strength = operand.dtype, 0 if operand.ndim else 1
        else:
            dtype = DEFAULT_DTYPE if isinstance(operand, float) else np.dtype(type(operand))
            strength = 2
        held = by_strength[strength]
        by_strength[strength] = dtype if held is None else promote(held, dtype)
    return _combine(by_strength[0], _combine(by_strength[1], by_strength[2]))


class Cast(Op):
    """y = x in another floating dtype. The gradient goes back in the first dtype."""

    uses = ((),)

    def __init__(self, dtype):
        self.dtype = dtype

    def forward(self, x):
        self.original = x.dtype
        return x.astype(self.dtype)

    def backward(self, grad, needs):
        return cast(grad, self.original)


def cast(x, dtype):
    """x with another dtype; differentiable between floating dtypes. Returns x itself if nothing changes."""
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if dtype.kind != "f" or x.dtype.kind != "f":
        with np.errstate(invalid="ignore"):  # NaN becomes some integer; which one is undefined, as in torch
            return Tensor.wrap(x.data.astype(dtype))
    return Cast(dtype)(x)


def floating(x, operation):
    """x as a floating point Tensor: integers and bools become float32, as torch does for exp, log, sqrt ..."""
    x = check_tensor(x, operation)
    return x if x.dtype.kind == "f" else cast(x, DEFAULT_DTYPE)


def operands(operation, a, b, floating=False):
    """Two operands of an elementwise operation as Tensors of the result's dtype, after checking their shapes.

    With `floating`, two operands of whole numbers become float32 first: -2 / uint8 is negative.
    """
    if not (isinstance(a, Tensor) and isinstance(b, Tensor) and a._data.dtype is b._data.dtype):
        a, b = _unify(operation, a, b, floating)
    shape_a, shape_b = a._data.shape, b._data.shape
    if shape_a != shape_b and shape_a and shape_b:  # a tensor of no dimensions fits every shape
        broadcast_shape(operation, shape_a, shape_b)
    return a, b


def _unify(operation, a, b, floating):
    a, b = _tensor_or_number(operation, a), _tensor_or_number(operation, b)
    dtype = result_dtype(a, b)
    if floating and dtype.kind != "f":
        dtype = DEFAULT_DTYPE
    like = a if isinstance(a, Tensor) else b
    return [cast(value, dtype) if isinstance(value, Tensor) else number_like(value, dtype, like) for value in (a, b)]


def _tensor_or_number(operation, value):
    """Arrays as Tensors, NumPy numbers as Python numbers. Raises TypeError for anything else."""
    if isinstance(value, (Tensor, float, int)) and not isinstance(value, np.generic):
        return value
    if is_array(value):
        return Tensor(value)
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    raise TypeError(f"{operation}: operands must be Tensors or real numbers, got {type(value).__name__}")


def number_like(value, dtype, like):
    """A Python number as a Tensor of no dimensions, on the device of another Tensor."""
    xp = array_module(like.data) if isinstance(like, Tensor) else np
    return Tensor.wrap(filled(xp, (), value, dtype))
