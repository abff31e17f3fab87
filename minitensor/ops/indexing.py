"""Indexing: x[...] reads some elements. Its adjoint adds the gradient back where they were read."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minitensor.arguments import check_tensor
from minitensor.backend import array_module, fitting, is_array, to_device
from minitensor.engine import Op, check_same_device
from minitensor.kernels import run
from minitensor.recording import is_grad_enabled
from minitensor.tensor import Tensor


def _parts(index):
    return index if isinstance(index, tuple) else (index,)


def _may_repeat(index):
    """True if the index has an array of whole numbers, so that an element may be read twice."""
    return any(is_array(part) and part.dtype.kind != "b" for part in _parts(index))


def _checked_index(operation, index, x):
    """An index of x, ready for the device of x. Raises IndexError also where CuPy would not."""
    index = _without_idle_ellipsis(_plain_index(operation, index, x), x.ndim)
    if array_module(x.data) is np:
        return index
    _check_bounds(index, x)
    # Lists in the caller's index have become NumPy arrays. They move to the device of x.
    parts = tuple(to_device(part, x.device) if is_array(part) else part for part in _parts(index))
    return parts if isinstance(index, tuple) else parts[0]


def _without_idle_ellipsis(index, ndim):
    """An index of arrays without an Ellipsis that stands for no axis. For NumPy it would separate the arrays."""
    parts = _parts(index)
    idle = any(map(is_array, parts)) and any(part is Ellipsis for part in parts) and _axes_taken(parts) == ndim
    return tuple(part for part in parts if part is not Ellipsis) if idle else index


def _axes_taken(parts):
    """How many axes an index uses: a mask uses as many as it has, None and Ellipsis use none."""
    masks = sum(part.ndim - 1 for part in parts if is_array(part) and part.dtype.kind == "b")
    return masks + sum(part is not None and part is not Ellipsis for part in parts)


def _in_order(index):
    """The indices to apply one after the other: if ints stand beside arrays, first the ints, then the rest.

    torch reads indices in this way. NumPy would treat an int as an array of one number, and would then move the axes of
    the arrays to the front if a slice stands between them.
    """
    parts = _parts(index)
    is_int = [isinstance(part, (int, np.integer)) and not isinstance(part, bool) for part in parts]
    if not (any(is_int) and any(map(is_array, parts))):
        return [index]
    ints = []
    for part in parts:
        if is_array(part):  # a mask uses as many axes as it has
            ints += [slice(None)] * (part.ndim if part.dtype.kind == "b" else 1)
        elif part is not None:
            ints.append(slice(None) if isinstance(part, slice) else part)
    return [tuple(ints), tuple(part for part, is_one in zip(parts, is_int, strict=True) if not is_one)]


class OutOfRange(IndexError, ValueError):
    """An index that names no element: an IndexError for Python's loops, and a ValueError for whoever catches those."""


def _plain_index(operation, index, x):
    """Tensors inside an index become arrays; lists become arrays of whole numbers or bools.

    Arrays are copied: backward reads them again, and the caller may have changed theirs meanwhile. Raises ValueError
    for arrays and Tensors on another device than x.
    """
    if isinstance(index, tuple):
        return tuple(_plain_index(operation, part, x) for part in index)
    if isinstance(index, Tensor):
        index = index.data
    if isinstance(index, list):
        index = np.asarray(index, dtype=np.int64 if len(index) == 0 else None)
        if index.dtype.kind in "iub":
            return index
    if is_array(index):
        if index.dtype.kind not in "iub":
            raise TypeError(f"an index tensor must hold whole numbers or bools, got dtype {index.dtype}")
        if index.dtype == np.uint8:
            raise TypeError(
                "an index tensor of dtype uint8 is a mask to torch and numbers to NumPy; "
                "convert with .to(mt.bool_) or .to(mt.int64)"
            )
        check_same_device(operation, [x.data, index])
        if index.ndim == 0 and index.dtype.kind != "b":
            return int(index)
        return index.copy()
    if not (index is None or index is Ellipsis or isinstance(index, slice) or hasattr(index, "__index__")):
        raise TypeError(f"a tensor is indexed by ints, slices, None, ... and tensors, got {type(index).__name__}")
    if isinstance(index, slice) and index.step is not None and index.step <= 0:
        raise ValueError(f"slice steps must be positive, got {index.step}; use flip to read backwards")
    return index


def _check_bounds(index, x):
    """Raise IndexError if whole numbers in an array lie outside x's axis: CuPy would silently wrap them around.

    Reading these values makes the CPU wait for the GPU. A silent wrong result would be worse.
    """
    parts = _parts(index)
    taken = _axes_taken(parts)
    axis = 0
    for part in parts:
        if part is Ellipsis:
            axis += x.ndim - taken
        elif is_array(part) and part.dtype.kind == "b":
            axis += part.ndim
        elif part is not None:
            if is_array(part) and part.size and axis < x.ndim:
                low, high, size = int(part.min()), int(part.max()), x.shape[axis]
                if low < -size or high >= size:
                    worst = high if high >= size else low
                    raise IndexError(f"index {worst} is out of bounds for axis {axis} with size {size}")
            axis += 1


class GetItem(Op):
    """y = x[index]"""

    uses = ((),)

    def __init__(self, index):
        self.index = index

    def forward(self, x):
        self.shape = x.shape
        y = x[self.index]
        # NumPy copies a single element; with an Ellipsis it gives a view, as torch does
        return x[(*_parts(self.index), ...)] if isinstance(y, np.generic) else y

    def backward(self, grad, needs):
        return AddItem(self.index, self.shape)(grad)


class AddItem(Op):
    """y = zeros with x added at `index`: the adjoint of GetItem. An element read twice receives both gradients."""

    uses = ((),)

    def __init__(self, index, shape):
        self.index = index
        self.shape = shape

    def forward(self, x):
        xp = array_module(x)
        if not _may_repeat(self.index):
            y = xp.zeros(self.shape, x.dtype)
            y[self.index] = x
            return y
        size = math.prod(self.shape)
        # every element's number, read as x was read: the place to which each of x's elements goes
        places = xp.arange(size).reshape(self.shape)[self.index]
        return run("scatter_add", x.reshape(-1), places.reshape(-1), size).reshape(self.shape)

    def backward(self, grad, needs):
        return GetItem(self.index)(grad)


def getitem(x: Tensor, index: Any) -> Tensor:
    """x[index] with ints, slices, None, Ellipsis, and integer or bool tensors, as NumPy and torch read them."""
    x = check_tensor(x, "getitem")
    try:
        y = x
        for part in _in_order(_checked_index("getitem", index, x)):
            y = GetItem(part)(y)
        return y
    except IndexError as error:
        raise OutOfRange(f"getitem: {error} (shape {x.shape})") from error


def setitem(x, index, value):
    """x[index] = value, in place. Refused if it would change a value that a graph computed or needs."""
    if x.node is not None:
        raise RuntimeError(
            f"an edit in place of a result of {type(x.node).__name__} would lose its gradient; "
            "build the new value instead, e.g. with where()"
        )
    if x.requires_grad and is_grad_enabled():
        raise RuntimeError("a leaf that requires a gradient can be edited in place only under no_grad()")
    if isinstance(value, Tensor):
        if value.requires_grad and is_grad_enabled():
            raise RuntimeError("an edit in place would lose the gradient of the value written; use where() or cat()")
        value = value.data
    elif not (is_array(value) or isinstance(value, (bool, int, float, np.generic))):
        raise TypeError(f"setitem: the value must be a Tensor, an array or a number, got {type(value).__name__}")
    if is_array(value):
        check_same_device("setitem", [x.data, value])
        # NumPy writes [2.0] to no single element, and (1, n) through no mask.
        while value.ndim and value.shape[0] == 1:
            value = value[0]
    else:
        value = fitting(value, x.dtype).item()
    try:
        *ints, last = _in_order(_checked_index("setitem", index, x))
        target = x.data
        for part in ints:
            target = target[part]  # ints and slices: a view, in which one can write
        target[last] = value
    except IndexError as error:
        raise OutOfRange(f"setitem: {error} (shape {x.shape})") from error
    except ValueError as error:
        raise ValueError(f"setitem: {error} (value of shape {np.shape(value)}, tensor of shape {x.shape})") from error
    x._version[0] += 1
