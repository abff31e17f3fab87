"""Softmax and its logarithm over one axis, for logits of any size.

exp(z) overflows float32 at z = 89. Subtracting the largest logit first changes nothing in exact arithmetic, because it
cancels between numerator and denominator, and then no exponent is above 0.
"""

from __future__ import annotations

import math

from minitensor.backend import array_module, backend_name
from minitensor.kernels.table import register
from minitensor.kernels.threads.budgets import SOFTMAX_TILE_BYTES
from minitensor.kernels.threads.tiles import run_tiles, shares


@register("log_softmax", "reference")
def log_softmax_reference(x, axis):
    """z_c - log(sum over k of exp(z_k)), with the largest logit taken out of the sum."""
    xp = array_module(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


@register("softmax", "reference")
def softmax_reference(x, axis):
    """exp(z_c) / sum over k of exp(z_k): positive numbers that sum to 1 along the axis."""
    xp = array_module(x)
    exponentials = xp.exp(x - x.max(axis=axis, keepdims=True))
    return exponentials / exponentials.sum(axis=axis, keepdims=True)


@register("log_softmax", "tiles", default=True)
def log_softmax(x, axis):
    """As the definition, one cache-sized tile of columns at a time."""
    xp = array_module(x)

    def finish(shifted, out):
        xp.exp(shifted, out=out)
        xp.subtract(shifted, xp.log(out.sum(axis=1, keepdims=True)), out=out)

    return _along(x, axis, finish)


@register("softmax", "tiles", default=True)
def softmax(x, axis):
    """As the definition, one cache-sized tile of columns at a time."""
    xp = array_module(x)

    def finish(shifted, out):
        xp.exp(shifted, out=out)
        out /= out.sum(axis=1, keepdims=True)

    return _along(x, axis, finish)


def _along(x, axis, finish):
    """Call finish(shifted logits, output) on tiles (R, C, L) of x, whose middle axis is `axis`."""
    columns = as_columns(x, axis)
    y = array_module(x).empty(x.shape, dtype=x.dtype)
    y_columns = as_columns(y, axis)

    def tile(part):
        rows, places = part
        z = columns[rows, :, places]
        finish(z - z.max(axis=1, keepdims=True), y_columns[rows, :, places])

    over_columns(tile, columns)
    return y


def as_columns(x, axis):
    """Any array as (R, C, L): the axes before `axis` flattened, the axis itself, the axes after it flattened."""
    axis = axis % x.ndim
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))


def over_columns(function, columns):
    """Call function((rows, places)) for pairs of slices that cut columns[rows, :, places] to fit the cache.

    Columns (C,) are never cut. The tiles run on threads; on a GPU there is one tile.
    """
    rows, classes, places = columns.shape
    if 0 in columns.shape:
        return
    column_bytes = classes * columns.itemsize
    if backend_name(columns) != "numpy":
        tiles = [(slice(0, rows), slice(0, places))]
    elif places * column_bytes > SOFTMAX_TILE_BYTES or rows == 1:
        cuts = shares(places, column_bytes, SOFTMAX_TILE_BYTES, SOFTMAX_TILE_BYTES)
        tiles = [(slice(row, row + 1), cut) for row in range(rows) for cut in cuts]
    else:
        tiles = [
            (cut, slice(0, places))
            for cut in shares(rows, places * column_bytes, SOFTMAX_TILE_BYTES, SOFTMAX_TILE_BYTES)
        ]
    run_tiles(function, tiles)
