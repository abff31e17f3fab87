"""Checks of arguments, shared by operations and layers. Each raises an error that names the operation and the value."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite
from numbers import Integral, Real

import numpy as np

from minitensor.backend import is_array
from minitensor.tensor import Tensor


def pair(value, name, operation, minimum=0):
    """3 -> (3, 3); (3, 5) -> (3, 5): one whole number for both axes, or one per axis, (height, width).

    Raises TypeError for anything else, and ValueError if a number is below `minimum`.
    """
    values = (value, value) if _is_whole(value) else value
    if not isinstance(values, (tuple, Sequence)) or isinstance(values, str) or not all(map(_is_whole, values)):
        raise TypeError(f"{operation}: {name} must be an int or a pair of ints, got {value!r}")
    if len(values) == 1:
        values = (values[0], values[0])
    if len(values) != 2:
        raise ValueError(f"{operation}: {name} must be one int or two (height, width), got {tuple(values)}")
    if min(values) < minimum:
        raise ValueError(f"{operation}: {name} must be at least {minimum}, got {value!r}")
    return int(values[0]), int(values[1])


def _is_whole(value):
    # int before Integral, and tuple before Sequence above: isinstance with an abstract class is slow
    return isinstance(value, (int, Integral)) and not isinstance(value, bool)


def check_not_alone(operation, **values):
    """Raises ValueError for a sequence of one number: `pair` takes (3,) for (3, 3), but here torch refuses it."""
    for name, value in values.items():
        if isinstance(value, (tuple, list)) and len(value) == 1:
            raise ValueError(f"{operation}: {name} must be one int or two (height, width), got {value}")


def check_tensor(x, operation, name="x"):
    """x as a Tensor (arrays are wrapped); raises TypeError for anything else."""
    if isinstance(x, Tensor):
        return x
    if is_array(x):
        return Tensor(x)
    raise TypeError(f"{operation}: {name} must be a Tensor, got {type(x).__name__}")


def check_numeric(x, operation):
    """x as a Tensor of numbers. Raises TypeError for bools, which cannot be calculated with."""
    x = check_tensor(x, operation)
    check_no_bools(operation, x)
    return x


def check_no_bools(operation, *values):
    """Raises TypeError if one of the operands, Tensors or numbers, is a bool."""
    for value in values:
        if isinstance(value, bool) or getattr(value, "dtype", None) == np.bool_:
            raise TypeError(f"{operation}: bools are no numbers; use ~, & and |, or convert with .to(mt.int64)")


def check_float(x, operation, name="x"):
    """x as a floating point Tensor; raises TypeError for integers and bools, which have no gradient here."""
    x = check_tensor(x, operation, name)
    if x.dtype.kind != "f":
        raise TypeError(
            f"{operation}: {name} must be floating point, got dtype {x.dtype}; convert with .to(mt.float32)"
        )
    return x


def check_flag(operation, **flags):
    """Raises TypeError for a flag that is neither True nor False: a number there was meant for another argument."""
    for name, flag in flags.items():
        if not isinstance(flag, (bool, np.bool_)):
            raise TypeError(f"{operation}: {name} must be True or False, got {flag!r}")


def check_same_dtype(operation, **tensors):
    """Raises TypeError unless all given Tensors (None is left out) share one dtype."""
    dtypes = {name: x.dtype for name, x in tensors.items() if x is not None}
    if len(set(dtypes.values())) > 1:
        listed = ", ".join(f"{name} is {dtype}" for name, dtype in dtypes.items())
        raise TypeError(f"{operation}: all dtypes must agree, but {listed}")


def check_real(operation, name, value, low=None, below=None):
    """Raises TypeError unless `value` is a number, and with `low` ValueError unless low <= value < below."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{operation}: {name} must be a number, got {value!r}")
    if low is not None and (not isfinite(value) or value < low or (below is not None and value >= below)):
        bounds = f"at least {low}" if below is None else f"in [{low}, {below})"
        bounds = "finite" if low == -inf else bounds
        raise ValueError(f"{operation}: {name} must be {bounds}, got {value}")


def check_dtype(dtype, operation):
    """A NumPy dtype of real numbers; raises TypeError for anything else."""
    try:
        result = None if dtype is None else np.dtype(dtype)
    except TypeError:
        result = None
    if result is None or result.kind not in "fiub":
        raise TypeError(f"{operation}: dtype must be one such as mt.float32, mt.int64 or mt.bool_, got {dtype!r}")
    return result


def shape_argument(shape, operation):
    """(2, 3) or ((2, 3),) -> (2, 3): a shape given as separate numbers or as one sequence."""
    if len(shape) == 1 and not hasattr(shape[0], "__index__"):
        shape = shape[0]
    try:
        if bool in map(type, shape):
            raise TypeError("True and False are no sizes")
        return tuple(n.__index__() for n in shape)
    except (TypeError, ValueError, AttributeError) as error:
        raise TypeError(f"{operation}: a shape is made of whole numbers, got {shape!r}") from error


def broadcast_shape(operation, *shapes):
    """The shape to which shapes broadcast. Raises ValueError with all of them if they do not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        listed = " and ".join(str(tuple(shape)) for shape in shapes)
        raise ValueError(f"{operation}: shapes {listed} do not broadcast") from error
