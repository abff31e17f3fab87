"""Indexing: x[...] reads some elements, its adjoint adds the gradient back where they were read."""

from __future__ import annotations

import numpy as np

from minitensor.backend import array_module, is_array
from minitensor.engine import Op, is_grad_enabled
from minitensor.ops.dtypes import check_tensor
from minitensor.tensor import Tensor


def _is_basic(index):
    """True where the index is made of ints, slices, None and Ellipsis: no element is read twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(
        part is None or part is Ellipsis or isinstance(part, (int, np.integer, slice)) for part in parts
    )


def _plain_index(index):
    """Tensors inside an index become arrays, lists become arrays of whole numbers or bools.

    Arrays are copied: backward reads them again, when the caller may have edited his.
    """
    if isinstance(index, tuple):
        return tuple(_plain_index(part) for part in index)
    if isinstance(index, Tensor):
        index = index.data
    if isinstance(index, list):
        index = np.asarray(index, dtype=np.int64 if len(index) == 0 else None)
    if is_array(index):
        if index.dtype.kind not in "iub":
            raise TypeError(f"an index tensor must hold whole numbers or bools, got dtype {index.dtype}")
        return index.copy()
    if not (index is None or index is Ellipsis or isinstance(index, slice) or hasattr(index, "__index__")):
        raise TypeError(
            f"a tensor is indexed by ints, slices, None, ... and tensors, got {type(index).__name__}"
        )
    if isinstance(index, slice) and index.step is not None and index.step <= 0:
        raise ValueError(f"slice steps must be positive, got {index.step}; use flip to read backwards")
    return index


class GetItem(Op):
    """y = x[index]"""

    uses = ((),)

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        self.shape = x.shape
        return x[self.index]

    def backward(self, grad):
        return AddItem(self.index, self.shape)(grad)


class AddItem(Op):
    """y = zeros with x added at `index`: the adjoint of GetItem. An element read twice receives both gradients."""

    uses = ((),)

    def __init__(self, index, shape):
        self.index = index
        self.shape = shape

    def forward(self, x):
        xp = array_module(x)
        y = xp.zeros(self.shape, x.dtype)
        if _is_basic(self.index):
            y[self.index] = x
        else:
            xp.add.at(y, self.index, x)
        return y

    def backward(self, grad):
        return GetItem(self.index)(grad)


def getitem(x, index):
    """x[index] with ints, slices, None, Ellipsis, and integer or bool tensors, as NumPy and torch read them."""
    x = check_tensor(x, "getitem")
    index = _plain_index(index)
    try:
        return GetItem(index)(x)
    except IndexError as error:
        raise IndexError(f"getitem: {error} (shape {x.shape})") from error


def setitem(x, index, value):
    """x[index] = value, an edit in place. Refused where it would change a value that a graph computed or needs."""
    if x.node is not None:
        raise RuntimeError(
            f"an edit in place of a result of {type(x.node).__name__} would lose its gradient; "
            "build the new value instead, e.g. with where()"
        )
    if x.requires_grad and is_grad_enabled():
        raise RuntimeError("a leaf that requires a gradient can be edited in place only under no_grad()")
    if isinstance(value, Tensor):
        if value.requires_grad and is_grad_enabled():
            raise RuntimeError(
                "an edit in place would lose the gradient of the value written; use where() or cat()"
            )
        value = value.data
    elif not (is_array(value) or isinstance(value, (bool, int, float, np.generic))):
        raise TypeError(
            f"setitem: the value must be a Tensor, an array or a number, got {type(value).__name__}"
        )
    index = _plain_index(index)
    try:
        x.data[index] = value
    except IndexError as error:
        raise IndexError(f"setitem: {error} (shape {x.shape})") from error
    except ValueError as error:
        raise ValueError(
            f"setitem: {error} (value of shape {np.shape(value)}, tensor of shape {x.shape})"
        ) from error
    x._version[0] += 1
