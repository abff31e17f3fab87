"""The overlap-tile strategy: predict an image of any size tile by tile, without seams.

The scores of a pixel depend on its surroundings, as far as the receptive field reaches. So every tile is computed from
more of the image than it keeps:

    |<- margin ->|<------ tile ------>|<- margin ->|
    [ read       [ read and kept      ]            ]

Nets with valid convolutions read the margin by themselves, because their output is smaller by exactly this margin. If
the margin reaches beyond the image, the image is continued by its mirror image (U-Net, section 2 and figure 2). Nets
that keep the size see zeros beyond their input. The margin keeps those zeros away from every kept pixel, except at the
border of the image, where the net would also see zeros if the image were not cut.

Pooling adds one condition. Its windows lie on a grid of 2^depth pixels, and a tile whose corner is not on this grid
would pool other pixels together than the whole image does. So all tiles start on grid points. Then the tiles give the
same scores as the whole image, up to rounding.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import NamedTuple

import numpy as np

from nets.plan import Branch, Window, plan_of, reads
from nets.sizes import nearest_unet_sizes, unet_input_size, unet_sizes

WHOLE_PIXELS = 1024 * 1024  # larger images are cut by default: their features would fill gigabytes
DEFAULT_TILE = 512


class TileGeometry(NamedTuple):
    """What a net needs from its tiles, in pixels: the grid on which they start, and the context on each side.

    `border` is how much smaller the output of a net with valid convolutions is on each side; else 0.
    """

    grid: int
    margin: int
    border: int


def tile_geometry(net):
    """The TileGeometry of a net, computed from its plan."""
    plan = plan_of(net)
    grid = _grid(plan)
    if getattr(net, "padding", None) == "valid":
        least = nearest_unet_sizes(1, net.depth)[1]
        border = (least - unet_sizes(least, net.depth).output) // 2
        return TileGeometry(grid, border, border)
    # The reach of the outputs repeats from grid cell to grid cell, so one cell contains the widest reach.
    reach = 0
    for position in range(grid):
        first, last = reads(plan, position, position)
        reach = max(reach, position - first, last - position)
    return TileGeometry(grid, -(-reach // grid) * grid, 0)


def _grid(plan):
    """Pixels of the input per pixel of the deepest level: the product of the strides on the way down."""
    strides = [_grid(step.through) for step in plan if isinstance(step, Branch)]
    strides += [step.stride for step in plan if isinstance(step, Window) and not step.transposed]
    return prod(strides)


def predict_tiles(net, batch, run, tile=None):
    """run(x) for all tiles of a batch (N, C, H, W), put together: an array (N, classes, H, W).

    `tile` is the output size of a tile, a number or (height, width), rounded up to a size that suits the net.
    None: images of up to WHOLE_PIXELS are not cut, larger images are cut into tiles of 512. Raises ValueError for
    a tile below 1.

    A net without a plan, such as one of your own, sees every image whole: nobody knows how far its outputs reach. For
    an image that would be cut, a UserWarning says so.
    """
    height, width = batch.shape[2:]
    try:
        geometry = tile_geometry(net)
    except TypeError:
        return _whole(net, batch, run, tile)
    if tile is None:
        whole = height * width <= WHOLE_PIXELS
        tile = (height, width) if whole else (DEFAULT_TILE, DEFAULT_TILE)
    elif hasattr(tile, "__index__"):
        tile = (tile, tile)
    if len(tile) != 2 or min(tile) < 1:
        raise ValueError(f"predict: tile must be positive, a number or (height, width), got {tile}")
    rows, far_row = spans(net, height, tile[0], geometry)
    columns, far_column = spans(net, width, tile[1], geometry)
    border = geometry.border
    source = mirrored(batch, (border, far_row), (border, far_column)) if border else batch
    scores = None
    for row in rows:
        for column in columns:
            output = run(np.ascontiguousarray(source[:, :, row.read, column.read]))
            if scores is None:
                scores = np.empty((*output.shape[:2], height, width), output.dtype)
            scores[:, :, row.kept, column.kept] = output[:, :, row.of_output, column.of_output]
    return scores


def _whole(net, batch, run, tile):
    height, width = batch.shape[2:]
    if tile is not None or height * width > WHOLE_PIXELS:
        warnings.warn(
            f"predict: {type(net).__name__} has no plan() that says how far its outputs reach, so the image of "
            f"{height}x{width} is not cut into tiles",
            stacklevel=4,
        )
    scores = run(np.ascontiguousarray(batch))
    if scores.ndim != 4 or scores.shape[2:] != (height, width):
        raise ValueError(
            f"predict: {type(net).__name__} makes scores of shape {scores.shape} of an image of {height}x{width}; a "
            "score for each class and pixel is needed, (N, classes, H, W)"
        )
    return scores


class Span(NamedTuple):
    """One tile along one axis: what is read, which part of the whole is kept, and where this part is in the output."""

    read: slice
    kept: slice
    of_output: slice


def spans(net, size, tile, geometry):
    """(the Spans of one axis of `size` pixels, pixels to mirror beyond its far edge), for tiles of about `tile` pixels.

    For a net with valid convolutions, `read` counts from the beginning of the mirrored border.
    """
    return (_valid_spans if geometry.border else _same_spans)(net, size, tile, geometry)


def _valid_spans(net, size, tile, geometry):
    """(spans, pixels to mirror beyond the far edge) of an axis, for a net whose output is smaller than its input."""
    enter = unet_input_size(min(tile, size), net.depth)
    leave = enter - 2 * geometry.border
    # The smallest tile is smaller than a grid cell. Enlarge it to at least one cell: the next tile starts on the grid.
    while leave < size and leave < geometry.grid:
        enter += geometry.grid
        leave += geometry.grid
    step = leave if leave >= size else leave // geometry.grid * geometry.grid
    found = []
    for start in range(0, size, step):
        end = min(start + leave, size)
        found.append(Span(slice(start, start + enter), slice(start, end), slice(0, end - start)))
    needed = found[-1].read.stop - geometry.border
    return found, needed - size


def _same_spans(_net, size, tile, geometry):
    """(spans, 0) of an axis, for a net that keeps the size: tiles with margins, which end at the image's border."""
    step = -(-tile // geometry.grid) * geometry.grid
    if size <= step + geometry.margin:
        step = size  # the rest would be read as the tile's margin anyway
    found = []
    for start in range(0, size, step):
        end = min(start + step, size)
        first = max(0, start - geometry.margin)
        last = min(size, end + geometry.margin)
        found.append(Span(slice(first, last), slice(start, end), slice(start - first, end - first)))
    return found, 0


def mirrored(batch, rows, columns):
    """The images continued by their mirror image, without repeating the edge pixel.

    `rows` and `columns` are pixels to add (before, after). An axis that is too short is mirrored back and forth. An
    axis of a single pixel is repeated.
    """
    return np.pad(batch, ((0, 0), (0, 0), rows, columns), mode="reflect")
