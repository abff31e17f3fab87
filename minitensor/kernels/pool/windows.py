"""The windows of a pooling operation, seen tap by tap instead of window by window.

Fix one tap, say the top right pixel of every 2 x 2 window. Over all windows these pixels form a regular grid: a strided
slice of the image. So pooling is a few operations on whole slices, one slice per tap, where the definition visits the
windows one at a time.
"""

from __future__ import annotations

import math
from functools import cached_property

from minitensor.backend import array_module, backend_name
from minitensor.kernels.geometry import extent, pooled_size, taps
from minitensor.kernels.threads.budgets import POOL_SERIAL_BYTES, POOL_TILE_BYTES
from minitensor.kernels.threads.tiles import run_tiles, shares, split


class Windows:
    """The windows of one pooling call on planes of `size` = (H, W). All arguments are pairs, except `ceil_mode`."""

    def __init__(self, size, kernel_size, stride, padding, dilation=(1, 1), ceil_mode=False):
        self.size, self.kernel_size, self.stride = size, kernel_size, stride
        self.padding, self.dilation = padding, dilation
        self.counts = pooled_size(size, kernel_size, stride, padding, dilation, ceil_mode)
        reach = [
            (count - 1) * step + extent(kernel, gap)
            for count, step, kernel, gap in zip(self.counts, stride, kernel_size, dilation, strict=True)
        ]
        # With ceil_mode the last window may hang over the far padding. Otherwise it may end before it.
        self.padded_size = tuple(max(r, n + p) for r, n, p in zip(reach, size, padding, strict=True))
        self.fits = self.padded_size == tuple(size)  # no padding needed

    @cached_property
    def rows(self):
        """For each row a of the window, the slice of padded image rows that it sees."""
        return self._slices(0)

    @cached_property
    def columns(self):
        return self._slices(1)

    def _slices(self, axis):
        step = self.stride[axis]
        offsets = range(0, extent(self.kernel_size[axis], self.dilation[axis]), self.dilation[axis])
        return [taps(offset, self.counts[axis], step) for offset in offsets]

    @property
    def cover(self):
        """True if every pixel lies in exactly one window and there is no padding."""
        exact = tuple(c * k for c, k in zip(self.counts, self.kernel_size, strict=True)) == tuple(self.size)
        return exact and self.fits and self.kernel_size == self.stride

    @property
    def quarters(self):
        """True for windows of 2 x 2 pixels side by side without padding: those of nearly every net."""
        side_by_side = tuple(self.kernel_size) == tuple(self.stride) == (2, 2) and tuple(self.dilation) == (1, 1)
        return side_by_side and tuple(self.padding) == (0, 0)

    def taps(self, padded):
        """[(tap, pixels)]: what tap a KW + b of every window sees, a view of `padded` with shape (..., OH, OW)."""
        pairs = [(rows, columns) for rows in self.rows for columns in self.columns]
        return [(tap, padded[..., rows, columns]) for tap, (rows, columns) in enumerate(pairs)]

    def pad(self, planes, value):
        """The planes with a border of `value`, so that no window leaves them; the planes themselves without padding."""
        if self.fits:
            return planes
        padded = array_module(planes).full((len(planes), *self.padded_size), value, dtype=planes.dtype)
        self.crop(padded)[...] = planes
        return padded

    def crop(self, padded):
        """The image inside a padded array, as a view."""
        top, left = self.padding
        return padded[..., top : top + self.size[0], left : left + self.size[1]]

    def first_taps(self, xp, dtype):
        """(OH, OW): the first tap of each window that lies inside the image."""
        first = []
        for axis in range(2):
            start = xp.arange(self.counts[axis]) * self.stride[axis] - self.padding[axis]
            first.append(xp.clip(-(start // self.dilation[axis]), 0, self.kernel_size[axis] - 1))
        return (first[0][:, None] * self.kernel_size[1] + first[1]).astype(dtype)

    def over_planes(self, function, planes, bytes_each):
        """Call function(part) for slices of range(planes) that fit the cache; on a GPU once for all."""
        on_cpu = backend_name(planes) == "numpy"
        parts = shares(len(planes), bytes_each, POOL_TILE_BYTES, POOL_SERIAL_BYTES) if on_cpu else split(len(planes), 1)
        run_tiles(function, parts)

    def divisor(self, xp, count_include_pad, divisor_override, dtype):
        """What average pooling divides by: one number if it is the same for all windows, else (OH, OW)."""
        if divisor_override is not None:
            return float(divisor_override)
        if self.fits:
            return float(math.prod(self.kernel_size))
        sides = []
        for axis in range(2):
            border = self.padding[axis]
            start = xp.arange(self.counts[axis]) * self.stride[axis] - border
            near, far = (-border, self.size[axis] + border) if count_include_pad else (0, self.size[axis])
            stop = xp.minimum(start + self.kernel_size[axis], far)
            sides.append(stop - xp.maximum(start, near))
        return (sides[0][:, None] * sides[1]).astype(dtype)
