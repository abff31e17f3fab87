"""Copies between arrays whose images lie apart in memory, 16 bytes at a time if possible; see copy.cu."""

from __future__ import annotations

from minitensor.kernels.cuda.enter import is_float32, register_cuda
from minitensor.kernels.cuda.launch import image_runs, launch_for_each, whole_fours

LONGEST_RUN = 2**31 - 1


def _supports(target, source):
    """float32 arrays of one shape, in each of which the numbers of an image are one run of memory."""
    same = is_float32(target) and source.dtype == target.dtype and source.shape == target.shape and target.ndim > 1
    return same and target[0].size <= LONGEST_RUN and all(a[0].flags.c_contiguous for a in (target, source))


@register_cuda("copy", "cuda", supports=_supports)
def copy(target, source):
    """target[...] = source, run by run."""
    (to, to_step), (taken, from_step) = image_runs(target), image_runs(source)
    run = target[0].size
    fours = whole_fours(to, taken, steps=(run, to_step, from_step))
    width = 4 if fours else 1
    sizes = run // width, from_step // width, to_step // width, fours
    launch_for_each("arrays/copy.cu", "copy_runs", target.size // width, taken, to, *sizes, target.size // width)
