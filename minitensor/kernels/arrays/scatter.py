"""Adding numbers at places that may coincide: the adjoint of reading with indices.

On a GPU thousands of threads add at the same time. Atomic additions would give the right sum, but in an order that
changes from run to run, and with it the rounding. Sorting brings the numbers for one place side by side. There they can
be added in a fixed order: the same bits every time.
"""

from __future__ import annotations

import math

from minitensor.backend import array_module
from minitensor.kernels.table import register, rule, run


@register("scatter_add", "reference")
def scatter_add_reference(x, places, size):
    """y = zeros (size,), with each x (n,) added at its place (n,), a whole number below `size`."""
    xp = array_module(x)
    y = xp.zeros(size, x.dtype)
    xp.add.at(y, places, x)
    return y


@register("scatter_add", "sorted")
def scatter_add_sorted(x, places, size):
    """The same with gathers alone, in about log2(n) passes and a fixed order.

    Sorted by place, equal places form runs. Each pass adds to every number the one that is 1, 2, 4, 8 ... positions
    before it, if both are in the same run. After the pass of distance d, every number is the sum of up to 2d numbers of
    its run that end with it; so the last number of a run becomes the sum of the whole run. Source: Hillis and Steele
    (1986), "Data parallel algorithms", the scan by doubling; with runs, Schwartz (1980).
    """
    xp = array_module(x)
    if not len(x):
        return xp.zeros(size, x.dtype)
    order = xp.argsort(places, kind="stable")
    run, total = places[order], x[order]
    distance = 1
    while distance < len(x):
        same_run = run[distance:] == run[:-distance]
        further = total[distance:] + xp.where(same_run, total[:-distance], 0)
        total = xp.concatenate([total[:distance], further])
        distance *= 2
    place = xp.arange(size)
    last = xp.searchsorted(run, place, side="right") - 1  # -1 where all runs lie behind: their place differs
    return xp.where(run[last] == place, total[last], 0).astype(x.dtype, copy=False)


def scatter_plane(grad, indices, size):
    """Add each value to the pixel of its plane that its index names: (N, C, ...) -> (N, C, *size).

    The adjoint of `gather_plane`. Values that name the same pixel add up.
    """
    xp = array_module(grad)
    planes, pixels = grad.shape[0] * grad.shape[1], size[0] * size[1]
    # (N*C, ...): plane p begins at place p * H * W
    places = xp.arange(planes)[:, None] * pixels + indices.reshape(planes, math.prod(grad.shape[2:]))
    y = run("scatter_add", grad.reshape(-1), places.reshape(-1), planes * pixels)
    return y.reshape(*grad.shape[:2], *size)


def gather_plane(x, indices):
    """The pixels of each plane that the indices name: x (N, C, H, W), indices (N, C, ...) -> same shape as indices."""
    xp = array_module(x)
    flat = x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])
    named = indices.reshape(*x.shape[:2], math.prod(indices.shape[2:]))
    return xp.take_along_axis(flat, named, axis=2).reshape(indices.shape)


@rule("scatter_add", backends=("cupy",))
def scatter_add_rule(*args):
    yield "sorted"
