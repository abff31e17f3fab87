"""Division with remainder: a = b floor(a / b) + r, where r has the sign of b, as in Python."""

from __future__ import annotations

from minitensor.arguments import check_no_bools
from minitensor.backend import array_module
from minitensor.ops.dtypes import operands
from minitensor.ops.elementwise import Binary
from minitensor.tensor import Tensor
from minitensor.typing import Number


class Remainder(Binary):
    """y = a - b floor(a / b), so dy/da = 1 and dy/db = -floor(a / b), wherever it has a derivative"""

    uses = ((), (0, 1))

    def compute(self, a, b):
        return array_module(a).remainder(a, b)

    def partials(self, grad, needs):
        if not needs[1]:
            return grad, None
        a, b = self.inputs
        return grad, -grad * floor_divide(a, b)


def _checked(operation, a, b):
    check_no_bools(operation, a, b)
    a, b = operands(operation, a, b)
    if b.dtype.kind in "iu" and not b.data.all():
        raise ZeroDivisionError(f"{operation}: whole numbers cannot be divided by 0")
    return a, b


def floor_divide(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a // b, rounded down. Its derivative is 0 wherever it has one, so no gradient is recorded, as in torch."""
    a, b = _checked("floor_divide", a, b)
    return Tensor.wrap(array_module(a.data).floor_divide(a.data, b.data))


def remainder(a: Tensor | Number, b: Tensor | Number) -> Tensor:
    """a % b, with the sign of b."""
    return Remainder()(*_checked("remainder", a, b))
