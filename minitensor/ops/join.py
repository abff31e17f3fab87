"""Joining tensors along an axis. Each of them gets its slice of the gradient back."""

from __future__ import annotations

from collections.abc import Sequence

from minitensor.arguments import check_tensor
from minitensor.engine import Op
from minitensor.kernels.arrays.concatenate import concatenate
from minitensor.ops.dtypes import cast, promote
from minitensor.ops.shape import normalize_axis, unsqueeze
from minitensor.tensor import Tensor


class Cat(Op):
    """y = the inputs one after the other along `axis`. Each gets its slice of the gradient back."""

    def __init__(self, axis, count):
        self.axis = axis
        self.uses = ((),) * count

    def forward(self, *arrays):
        self.sizes = [array.shape[self.axis] for array in arrays]
        return concatenate(arrays, self.axis)

    def backward(self, grad, needs):
        before = (slice(None),) * self.axis
        grads, start = [], 0
        for size, need in zip(self.sizes, needs, strict=True):
            grads.append(grad[(*before, slice(start, start + size))] if need else None)
            start += size
        return tuple(grads)


def _sequence(tensors, operation):
    if not isinstance(tensors, (tuple, list)) or len(tensors) == 0:
        raise TypeError(f"{operation}: expects a non-empty list or tuple of Tensors, got {tensors!r}")
    tensors = [check_tensor(x, operation, f"tensor {i}") for i, x in enumerate(tensors)]
    dtype = tensors[0].dtype
    for x in tensors[1:]:
        dtype = promote(dtype, x.dtype)
    return [cast(x, dtype) for x in tensors]


def cat(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """The tensors one after the other along `dim`. All other sizes must agree. A tensor of shape (0,) adds nothing."""
    tensors = _sequence(tensors, "cat")
    tensors = [x for x in tensors if x.shape != (0,)] or tensors[:1]
    axis = normalize_axis(dim, tensors[0].ndim, "cat")
    if tensors[0].ndim == 0:
        raise ValueError("cat: tensors of no dimensions cannot be joined; use stack")
    first = tensors[0].shape
    for position, x in enumerate(tensors):
        if x.ndim != len(first) or x.shape[:axis] + x.shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            raise ValueError(
                f"cat: sizes must agree except along dim {axis}, but tensor 0 has shape {first} "
                f"and tensor {position} {x.shape}"
            )
    return Cat(axis, len(tensors))(*tensors)


def stack(tensors: Sequence[Tensor], dim: int = 0) -> Tensor:
    """Tensors of one shape along a new axis `dim`."""
    tensors = _sequence(tensors, "stack")
    for position, x in enumerate(tensors):
        if x.shape != tensors[0].shape:
            raise ValueError(
                f"stack: all shapes must agree, but tensor 0 has {tensors[0].shape} and tensor {position} {x.shape}"
            )
    axis = normalize_axis(dim, tensors[0].ndim + 1, "stack")
    return cat([unsqueeze(x, axis) for x in tensors], axis)
