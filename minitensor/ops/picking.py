"""Parts of a tensor: cut into pieces, picked by an index of its own, or replaced where a mask is true."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from minitensor.arguments import broadcast_shape, check_tensor
from minitensor.backend import array_module
from minitensor.kernels.geometry import ceil_div
from minitensor.ops.choose import where
from minitensor.ops.dtypes import fits_category, number_like
from minitensor.ops.indexing import GetItem, OutOfRange, getitem
from minitensor.ops.shape import normalize_axis
from minitensor.tensor import Tensor
from minitensor.typing import Number


def split(x: Tensor, split_size: int | Sequence[int], dim: int = 0) -> tuple[Tensor, ...]:
    """Views of x along `dim`: of `split_size` each, the last one smaller, or of the sizes in a list.

    Raises ValueError if the sizes in a list do not add up to the size of x.
    """
    x = check_tensor(x, "split")
    axis = normalize_axis(dim, x.ndim, "split")
    length = x.shape[axis]
    if hasattr(split_size, "__index__"):
        size = split_size.__index__()
        if size < 1:
            raise ValueError(f"split: split_size must be at least 1, got {size}")
        sizes = [min(size, length - start) for start in range(0, length, size)] or [0]
    elif not isinstance(split_size, Sequence) or not all(hasattr(size, "__index__") for size in split_size):
        raise TypeError(f"split: split_size must be a whole number or a list of them, got {split_size!r}")
    else:
        sizes = [size.__index__() for size in split_size]
        if sum(sizes) != length or min(sizes, default=0) < 0:
            raise ValueError(f"split: the sizes {sizes} must add up to {length}, the size of x along dim {dim}")
    ends = np.cumsum(sizes).tolist()
    before = (slice(None),) * axis
    return tuple(getitem(x, (*before, slice(end - size, end))) for end, size in zip(ends, sizes, strict=True))


def chunk(x: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Views of x along `dim`: at most `chunks` of equal size, the last one smaller."""
    x = check_tensor(x, "chunk")
    if not hasattr(chunks, "__index__") or chunks < 1:
        raise ValueError(f"chunk: chunks must be a whole number of at least 1, got {chunks!r}")
    length = x.shape[normalize_axis(dim, x.ndim, "chunk")]
    if length == 0:
        return (x,) * chunks
    return split(x, ceil_div(length, chunks), dim)


def gather(x: Tensor, dim: int, index: Tensor) -> Tensor:
    """y[i, j, k] = x[index[i, j, k], j, k] for dim 0, and likewise for the other axes. The shape is that of index.

    index holds whole numbers, at least 0. It has as many axes as x, and is no longer than x except along `dim`.
    """
    x, index = check_tensor(x, "gather"), check_tensor(index, "gather", "index")
    axis = normalize_axis(dim, x.ndim, "gather")
    if index.dtype.kind not in "iu":
        raise TypeError(f"gather: index must hold whole numbers, got dtype {index.dtype}")
    fits = all(i == axis or n <= m for i, (n, m) in enumerate(zip(index.shape, x.shape, strict=False)))
    if index.ndim != x.ndim or not fits:
        raise ValueError(f"gather: an index of shape {index.shape} does not fit x of shape {x.shape} along dim {dim}")
    if x.ndim == 0:
        return getitem(x, ()) if index.size else x
    if index.size and int(index.data.min()) < 0:
        raise ValueError(f"gather: indices must be at least 0, got {int(index.data.min())}")
    if index.size and int(index.data.max()) >= x.shape[axis]:
        raise OutOfRange(f"gather: index {int(index.data.max())} is out of bounds for dim {dim} of shape {x.shape}")
    return gathered(x, axis, index)


def gathered(x, axis, index):
    """`gather` without checks, which would wait for a GPU."""
    xp = array_module(x.data)
    # for each other axis its own numbers: 0, 1, ... along that axis
    places = [
        xp.arange(n).reshape([-1 if other == i else 1 for other in range(x.ndim)]) for i, n in enumerate(index.shape)
    ]
    places[axis] = index.data
    return GetItem(tuple(xp.broadcast_to(place, index.shape) for place in places))(x)


def masked_fill(x: Tensor, mask: Tensor, value: Number | Tensor) -> Tensor:
    """x, with `value` (a number, or a Tensor of no dimensions) where the bool mask is true; the dtype is that of x."""
    x, mask = check_tensor(x, "masked_fill"), check_tensor(mask, "masked_fill", "mask")
    if mask.dtype.kind != "b":
        raise TypeError(f"masked_fill: mask must be bool, got dtype {mask.dtype}")
    if isinstance(value, Tensor) and value.ndim:
        raise ValueError(f"masked_fill: value must be a number or a Tensor of no dimensions, got shape {value.shape}")
    if not isinstance(value, (Tensor, Real)):
        raise TypeError(f"masked_fill: value must be a number or a Tensor of no dimensions, got {value!r}")
    broadcast_shape("masked_fill", mask.shape, x.shape)
    if not fits_category(value, x.dtype):
        raise TypeError(f"masked_fill: the value {value!r} does not fit into x of dtype {x.dtype}")
    value = value.to(x.dtype) if isinstance(value, Tensor) else number_like(value, x.dtype, x)
    return where(mask, value, x)
