"""Transposed convolution without the inserted zeros: one phase of the stride at a time.

The definition inserts stride - 1 zeros between the pixels of x, and then mostly multiplies by these zeros. Leave them
out: output row y receives x[(y + p - a d) / s] times row a of the kernel, but only for those a for which the division
has no remainder. Which a these are depends only on the phase y mod s. With y = s t + phase,

    out[s t + phase] = sum over a in taps(phase) of weight[a] * x[t + (phase + p - a d) / s],

an ordinary convolution of x at stride 1 with some rows of the kernel. Phases that read the same offsets of x share
their columns: they become one product with up to s * s times the filters, and the results are moved to their places.
At stride 1 there is one phase with all taps. If kernel = stride and there is no padding, as in a U-Net, all phases read
offset 0, and the whole operation is one product and one move. Source: Shi et al. 2016, Real-time single image and video
super-resolution using an efficient sub-pixel convolutional neural network, and their note "Is the deconvolution layer
the same as a convolutional layer?".
"""

from __future__ import annotations

from itertools import groupby
from typing import NamedTuple

from minitensor.backend import array_module
from minitensor.kernels.conv.by_columns import correlate
from minitensor.kernels.geometry import ceil_div, transposed_output_size
from minitensor.kernels.table import register


class PhaseClass(NamedTuple):
    """Neighbouring phases of one axis that read the same offsets of x."""

    phases: slice
    taps: list  # for each phase, the kernel's rows it uses, in the order of the offsets
    first: int  # the smallest offset; the others follow at steps of `dilation`
    dilation: int


@register("conv_transpose2d", "phases")
def conv_transpose2d(x, weight, bias, stride, padding, output_padding, groups, dilation):
    """One convolution and one move for each class of phases. Shapes as in definition.py."""
    xp = array_module(x)
    channels, group_filters, *kernel_size = weight.shape
    out_size = transposed_output_size(x, kernel_size, stride, padding, output_padding, dilation)
    # Rounded up to whole strides, so that (T s) splits into (T, s). The surplus is cut off at the end.
    steps = [ceil_div(size, s) for size, s in zip(out_size, stride, strict=True)]
    out = xp.empty((len(x), groups * group_filters, steps[0] * stride[0], steps[1] * stride[1]), x.dtype)
    # (N, O, T s, U s) -> (N, g, O/g, T, s, U, s) -> (N, g, O/g, s, s, T, U)
    by_phase = out.reshape(len(x), groups, group_filters, steps[0], stride[0], steps[1], stride[1])
    by_phase = by_phase.transpose(0, 1, 2, 4, 6, 3, 5)
    # (C, O/g, KH, KW) -> (g, C/g, O/g, KH, KW) -> (g, O/g, C/g, KH, KW)
    weight = weight.reshape(groups, channels // groups, group_filters, *kernel_size).swapaxes(1, 2)
    for down in phase_classes(kernel_size[0], stride[0], padding[0], dilation[0]):
        for across in phase_classes(kernel_size[1], stride[1], padding[1], dilation[1]):
            filters = phase_filters(weight, down, across)
            target = by_phase[:, :, :, down.phases, across.phases]
            if target.shape[3:5] == (1, 1):
                target = target[:, :, :, 0, 0]  # the view of an ordinary convolution: BLAS can write to it
            before = -down.first, -across.first
            correlate(x, filters, bias, (1, 1), before, (down.dilation, across.dilation), target)
    return out[:, :, : out_size[0], : out_size[1]]


def phase_classes(kernel, stride, padding, dilation):
    """Group the phases 0 .. stride - 1 of one axis into classes that read the same offsets of x."""

    def reads(phase):
        """[(offset, tap)] by offset: the last tap of the kernel reads the first pixel."""
        return [
            ((phase + padding - tap * dilation) // stride, tap)
            for tap in reversed(range(kernel))
            if (phase + padding - tap * dilation) % stride == 0
        ]

    def offsets(phase):
        return [offset for offset, _ in reads(phase)]

    classes = []
    for seen, phases in groupby(range(stride), key=offsets):
        phases = list(phases)
        classes.append(
            PhaseClass(
                phases=slice(phases[0], phases[-1] + 1),
                taps=[[tap for _, tap in reads(phase)] for phase in phases],
                first=seen[0] if seen else 0,  # no tap: the phase is the bias alone
                # the offsets are evenly spaced: a convolution with this dilation reads them
                dilation=seen[1] - seen[0] if len(seen) > 1 else 1,
            )
        )
    return classes


def phase_filters(weight, down, across):
    """The filters of a class: (g, O/g, C/g, KH, KW) -> (g, O/g * phases * phases, C/g, taps, taps)."""
    xp = array_module(weight)
    groups, filters, channels, height, width = weight.shape
    if down.taps == [[tap] for tap in range(height)] and across.taps == [[tap] for tap in range(width)]:
        # kernel = stride: each tap is a phase of its own, and BLAS reads the weight as it lies.
        # (g, C/g, O/g, KH, KW) -> (g, C/g, O/g*KH*KW) -> (g, O/g*KH*KW, C/g, 1, 1)
        matrix = weight.swapaxes(1, 2).reshape(groups, channels, filters * height * width)
        return matrix.swapaxes(1, 2)[..., None, None]
    rows = xp.asarray(down.taps, dtype=int)[:, None, :, None]
    columns = xp.asarray(across.taps, dtype=int)[None, :, None, :]
    # (g, O/g, C/g, phases, phases, taps, taps) -> (g, O/g, phases, phases, C/g, taps, taps)
    chosen = weight[:, :, :, rows, columns].transpose(0, 1, 3, 4, 2, 5, 6)
    return chosen.reshape(groups, filters * chosen.shape[2] * chosen.shape[3], channels, *chosen.shape[5:])
