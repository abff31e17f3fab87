"""Sorting along an axis, and the places of the smallest and largest."""

from __future__ import annotations

from minitensor.arguments import check_flag, check_numeric, check_tensor
from minitensor.backend import array_module
from minitensor.ops.indexing import getitem
from minitensor.ops.picking import gathered
from minitensor.ops.reduce import ValuesAndIndices, min
from minitensor.ops.shape import normalize_axis, reshape
from minitensor.tensor import Tensor


def sort(x: Tensor, dim: int = -1, descending: bool = False) -> ValuesAndIndices:
    """(values, indices) in order along `dim`. Equal elements keep their order; NaN counts as the largest."""
    x = check_tensor(x, "sort")
    check_flag("sort", descending=descending)
    axis = normalize_axis(dim, x.ndim, "sort")
    xp = array_module(x.data)
    if x.ndim == 0:
        return ValuesAndIndices(x, Tensor.wrap(xp.zeros((), "int64")))
    array = x.data.astype("uint8") if x.dtype.kind == "b" else x.data
    if descending:
        # backwards, in rising order, and backwards again: so equal elements keep their order
        backwards = xp.argsort(xp.flip(array, axis), axis=axis, kind="stable")
        order = x.shape[axis] - 1 - xp.flip(backwards, axis)
    else:
        order = xp.argsort(array, axis=axis, kind="stable")
    indices = Tensor.wrap(order.astype("int64"))
    return ValuesAndIndices(gathered(x, axis, indices), indices)


def topk(x: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> ValuesAndIndices:
    """(values, indices) of the k largest (or smallest) elements along `dim`, always in order.

    Raises ValueError if x has fewer.
    """
    x = check_numeric(x, "topk")
    check_flag("topk", largest=largest, sorted=sorted)
    axis = normalize_axis(dim, x.ndim, "topk")
    length = x.shape[axis] if x.ndim else 1
    if not hasattr(k, "__index__") or not 0 <= k <= length:
        raise ValueError(f"topk: k must be a whole number from 0 to {length}, got {k!r} (shape {x.shape}, dim {dim})")
    values, indices = sort(x, axis, descending=largest)
    if x.ndim == 0:
        return ValuesAndIndices(values, indices)
    first = (*(slice(None),) * axis, slice(int(k)))
    return ValuesAndIndices(getitem(values, first), getitem(indices, first))


def argmin(x: Tensor, dim: int | None = None, keepdim: bool = False) -> Tensor:
    """Index of the first smallest element, along one axis or in the flattened tensor. Raises TypeError for bools."""
    x = check_numeric(x, "argmin").detach()
    check_flag("argmin", keepdim=keepdim)
    if dim is not None:
        axis = normalize_axis(dim, x.ndim, "argmin")
        if x.ndim and x.shape[axis] == 0:
            raise ValueError(f"argmin: shape {x.shape} has no elements along dim {dim}")
        return min(x, axis, keepdim).indices
    if x.size == 0:
        raise ValueError(f"argmin: shape {x.shape} has no elements")
    index = min(reshape(x, -1), 0).indices
    return reshape(index, (1,) * x.ndim) if keepdim else index
