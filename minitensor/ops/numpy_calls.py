"""What NumPy does with a Tensor: `array + tensor` is a Tensor, and np.exp(tensor) says which function to take."""

from __future__ import annotations

import sys

# NumPy's name -> the method of the Tensor on the right
REFLECTED = {
    "add": "__radd__", "subtract": "__rsub__", "multiply": "__rmul__", "divide": "__rtruediv__",
    "true_divide": "__rtruediv__", "power": "__rpow__", "matmul": "__rmatmul__", "floor_divide": "__rfloordiv__",
    "remainder": "__rmod__", "bitwise_and": "__rand__", "bitwise_or": "__ror__", "bitwise_xor": "__rxor__",
    "equal": "__eq__", "not_equal": "__ne__", "less": "__gt__", "less_equal": "__ge__", "greater": "__lt__",
    "greater_equal": "__le__",
}  # fmt: skip
# and its name here, where that is another
OURS = {
    "absolute": "abs", "negative": "neg", "true_divide": "div", "divide": "div", "subtract": "sub", "multiply": "mul",
    "power": "pow",
}  # fmt: skip


def array_ufunc(x, ufunc, method, *inputs, **options):
    """NumPy asks here before it runs one of its elementwise functions on a Tensor."""
    name = ufunc.__name__
    if method == "__call__" and name in REFLECTED and not options and inputs[1] is x:
        return getattr(x, REFLECTED[name])(inputs[0])
    ours = OURS.get(name, name)
    front_door = sys.modules[__name__.partition(".")[0]]  # this file lies behind it and cannot import it
    known = f"minitensor.{ours}(x), or " if hasattr(front_door, ours) else ""
    raise TypeError(f"numpy.{name} takes arrays, not Tensors; write {known}numpy.{name}(x.numpy())")
