"""Comparisons, logic and one-hot classes. The results are bools or whole numbers, through which no gradient flows."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from minitensor.arguments import check_tensor
from minitensor.backend import array_module, is_array
from minitensor.engine import check_same_device
from minitensor.ops.dtypes import operands
from minitensor.tensor import Tensor


def _comparison(name, symbol):
    def compare(a, b):
        if _beyond(a, b) or _beyond(b, a):
            x = a if isinstance(a, Tensor) else b
            # Such a number lies on one side of all that the dtype holds, so on that side of 0.
            same = symbol(*(0 if value is x else int(value) for value in (a, b)))
            return Tensor.wrap(array_module(x.data).full(x.shape, same))
        if isinstance(a, Tensor) and type(b) is int and a.dtype.kind in "iu":
            result = symbol(a.data, b)
        else:
            a, b = operands(name, a, b)
            check_same_device(name, [a.data, b.data])
            result = symbol(a.data, b.data)
        return Tensor.wrap(np.asarray(result) if isinstance(result, np.generic) else result)

    compare.__name__ = name
    compare.__doc__ = (
        f"Elementwise comparison `{name}` with broadcasting: a bool Tensor, which has no gradient.\n\n"
        "A number that an integer dtype cannot hold is compared as it is: every uint8 is above -1."
    )
    return compare


def _beyond(x, number):
    """True for a Tensor of whole numbers or bools and a whole number that its dtype cannot hold."""
    if not (isinstance(x, Tensor) and isinstance(number, (int, np.integer)) and x.dtype.kind in "biu"):
        return False
    limits = (0, 1) if x.dtype.kind == "b" else (np.iinfo(x.dtype).min, np.iinfo(x.dtype).max)
    return not limits[0] <= int(number) <= limits[1]


eq = _comparison("eq", lambda a, b: a == b)
ne = _comparison("ne", lambda a, b: a != b)
lt = _comparison("lt", lambda a, b: a < b)
le = _comparison("le", lambda a, b: a <= b)
gt = _comparison("gt", lambda a, b: a > b)
ge = _comparison("ge", lambda a, b: a >= b)


def _logical(name, symbol):
    def combine(a, b):
        for value in (a, b):
            dtype = value.dtype if isinstance(value, Tensor) or is_array(value) else np.asarray(value).dtype
            if dtype.kind not in "biu":
                raise TypeError(f"{name}: operands must be bool or integer tensors, got dtype {dtype}")
        a, b = operands(name, a, b)
        check_same_device(name, [a.data, b.data])
        result = symbol(a.data, b.data)
        return Tensor.wrap(np.asarray(result) if isinstance(result, np.generic) else result)

    combine.__name__ = name
    combine.__doc__ = f"Elementwise {name} of bool or integer tensors, with broadcasting."
    return combine


bitwise_and = _logical("bitwise_and", lambda a, b: a & b)
bitwise_or = _logical("bitwise_or", lambda a, b: a | b)
bitwise_xor = _logical("bitwise_xor", lambda a, b: a ^ b)


def bitwise_not(x):
    """~x: negation of bools, bitwise complement of integers."""
    x = check_tensor(x, "bitwise_not")
    if x.dtype.kind not in "biu":
        raise TypeError(f"bitwise_not: x must be bool or integer, got dtype {x.dtype}")
    return Tensor.wrap(~x.data)


def isnan(x: Tensor) -> Tensor:
    """True where x is NaN."""
    x = check_tensor(x, "isnan")
    return Tensor.wrap(array_module(x.data).isnan(x.data))


def one_hot(target: Tensor, num_classes: int = -1) -> Tensor:
    """(...) whole numbers -> (..., num_classes) int64: 1 at the place of the number, 0 elsewhere.

    Without `num_classes`, there is one class more than the largest number. Raises ValueError for numbers outside the
    classes.
    """
    target = check_tensor(target, "one_hot", "target")
    if target.dtype.kind not in "iu":
        raise TypeError(f"one_hot: target must hold whole numbers, got dtype {target.dtype}")
    if isinstance(num_classes, bool) or not isinstance(num_classes, Integral):
        raise TypeError(f"one_hot: num_classes must be an int, got {num_classes!r}")
    xp = array_module(target.data)
    low, high = (int(target.data.min()), int(target.data.max())) if target.size else (0, -1)
    if not target.size and num_classes < 1:
        raise ValueError(f"one_hot: an empty target needs num_classes of at least 1, got {num_classes}")
    if num_classes == -1:
        num_classes = high + 1
    if low < 0 or high >= num_classes:
        raise ValueError(f"one_hot: classes must lie in [0, {num_classes}), got {low} to {high}")
    # (..., 1) == (classes,) -> (..., classes)
    return Tensor.wrap((target.data[..., None] == xp.arange(num_classes)).astype(np.int64))
