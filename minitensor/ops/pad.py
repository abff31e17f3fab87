"""Padding: an image with a border around it. The border is a constant, a mirror image, the edge repeated, or the far
side.
"""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from minitensor.arguments import check_tensor
from minitensor.backend import array_module, filled
from minitensor.engine import Op
from minitensor.ops.join import cat
from minitensor.ops.shape import expand, flip
from minitensor.tensor import Tensor
from minitensor.typing import Number

MODES = ("constant", "reflect", "replicate", "circular")
# Borders made of the image go around its pixels: all axes but the channels, and the batch if there is one.
BORDERED = {(1, 2), (1, 3), (2, 3), (2, 4), (3, 4), (3, 5)}  # (axes padded, dimensions)


class PadConstant(Op):
    """y = x inside a border of one value. The gradient of x is the inside of the gradient of y.

    `pads` is (before, after) for each axis. A negative number crops.
    """

    uses = ((),)

    def __init__(self, pads, value):
        self.pads, self.value = pads, value

    def forward(self, x):
        xp = array_module(x)
        shape = tuple(n + before + after for n, (before, after) in zip(x.shape, self.pads, strict=True))
        y = filled(xp, shape, self.value, x.dtype)
        # Rows [max(0, -before), n - max(0, -after)) of x come to stand at max(0, before) of y.
        inside = tuple(slice(max(0, b), n - max(0, a)) for n, (b, a) in zip(shape, self.pads, strict=True))
        source = tuple(slice(max(0, -b), n - max(0, -a)) for n, (b, a) in zip(x.shape, self.pads, strict=True))
        y[inside] = x[source]
        return y

    def backward(self, grad, needs):
        return PadConstant(tuple((-before, -after) for before, after in self.pads), 0)(grad)


def _border(x, axis, before, after, mode):
    """x with `before` and `after` rows of itself around it along one axis: slices, mirrored or repeated."""

    def rows(start, stop):
        return x[(*(slice(None),) * axis, slice(start, stop))]

    def repeated(row, count):
        return expand(row, (*x.shape[:axis], count, *x.shape[axis + 1 :]))

    n = x.shape[axis]
    if mode == "reflect":  # the edge row itself is not repeated: c b | a b c | b a
        near, far = flip(rows(1, before + 1), axis), flip(rows(n - 1 - after, n - 1), axis)
    elif mode == "circular":  # the image repeats: b c | a b c | a b
        near, far = rows(n - before, n), rows(0, after)
    else:  # replicate: a a | a b c | c c
        near, far = repeated(rows(0, 1), before), repeated(rows(n - 1, n), after)
    parts = [near] * (before > 0) + [x] + [far] * (after > 0)
    return cat(parts, axis) if len(parts) > 1 else x


def pad(x: Tensor, pad: Sequence[int], mode: str = "constant", value: Number | None = None) -> Tensor:
    """x with a border. `pad` lists (before, after) for the LAST axis first: (left, right, top, bottom).

    mode "constant" fills with `value` (0 unless given). "reflect" mirrors without repeating the edge; its pads must be
    smaller than the axis. "replicate" repeats the edge. "circular" continues at the far side; its pads must not be
    larger than the axis. Negative pads crop. Raises ValueError if a pad does not fit, TypeError for bools to mirror.
    """
    x = check_tensor(x, "pad")
    if not isinstance(pad, (tuple, list)) or not all(isinstance(n, Integral) for n in pad):
        raise TypeError(f"pad: the pad must be a tuple of ints, got {pad!r}")
    if len(pad) % 2 or len(pad) > 2 * x.ndim:
        raise ValueError(f"pad: {pad} must list (before, after) for at most the {x.ndim} axes of shape {x.shape}")
    if mode not in MODES:
        raise ValueError(f"pad: mode must be one of {', '.join(MODES)}, got {mode!r}")
    if value is not None and not isinstance(value, Real):
        raise TypeError(f"pad: value must be a number, got {type(value).__name__}")
    limits = np.iinfo(x.dtype) if x.dtype.kind in "iu" else None
    if limits and value is not None and not limits.min <= value <= limits.max:  # nor is NaN
        raise ValueError(f"pad: value {value} does not fit into dtype {x.dtype}")
    if mode != "constant" and value:
        raise ValueError(f"pad: mode {mode!r} takes no value, got {value}")
    if mode != "constant" and (len(pad) // 2, x.ndim) not in BORDERED:
        raise ValueError(
            f"pad: mode {mode!r} pads the last axis of 2 or 3, the last two of 3 or 4, or the last three of 4 or 5, "
            f"got {len(pad)} pads for shape {x.shape}"
        )
    if mode in ("reflect", "replicate"):
        _check_mirror(x, len(pad) // 2, mode)
    pads = [(0, 0)] * x.ndim
    for position in range(len(pad) // 2):
        pads[x.ndim - 1 - position] = (int(pad[2 * position]), int(pad[2 * position + 1]))
    for axis, (n, (before, after)) in enumerate(zip(x.shape, pads, strict=True)):
        _check_pad(x.shape, axis, n, before, after, mode)
    if mode == "constant":
        return PadConstant(tuple(pads), value or 0)(x) if any(map(any, pads)) else x
    crops = tuple((min(before, 0), min(after, 0)) for before, after in pads)
    if mode == "circular":  # torch crops first: what continues at the far side is what is left of the image
        x = _crop(x, crops)
    for axis, (before, after) in enumerate(pads):
        x = _border(x, axis, max(before, 0), max(after, 0), mode)
    return x if mode == "circular" else _crop(x, crops)


def _crop(x, crops):
    return PadConstant(crops, 0)(x) if any(map(any, crops)) else x


def _check_mirror(x, padded, mode):
    """Raises as torch does if there is nothing to mirror or repeat: for bools, and for images without pixels."""
    if x.dtype.kind == "b":
        raise TypeError(f"pad: mode {mode!r} takes no bools, got dtype {x.dtype}; convert with .to(mt.uint8)")
    batch = x.ndim - padded - 1
    if 0 in x.shape[batch:]:
        raise ValueError(f"pad: in mode {mode!r} only the batch may be empty, got shape {x.shape}")


def _check_pad(shape, axis, n, before, after, mode):
    left = n + min(before, 0) + min(after, 0)
    most = {"constant": None, "reflect": n - 1, "circular": left, "replicate": None}[mode]
    if most is not None and max(before, after) > most:
        raise ValueError(
            f"pad: mode {mode!r} can pad axis {axis} of shape {shape} by at most {most}, got {(before, after)}"
        )
    if mode == "replicate" and n == 0 and max(before, after) > 0:
        raise ValueError(f"pad: axis {axis} of shape {shape} is empty and has no edge to replicate")
    if mode in ("reflect", "replicate") and n + before + after == 0 < n:
        raise ValueError(f"pad: {(before, after)} leaves nothing of axis {axis} of shape {shape}")
    if n + before + after < 0 or max(-before, 0) > n or max(-after, 0) > n:
        raise ValueError(f"pad: {(before, after)} crops more than the {n} rows of axis {axis} of shape {shape}")
