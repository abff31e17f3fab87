"""Which input pixels an output pixel sees: alignment and receptive fields, computed from a net's plan."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from typing import Any, NamedTuple

from layers import Module
from nets.plan import Branch, Window, coordinate_map, plan_of, reads


class ReceptiveField(NamedTuple):
    """Output y sees the input pixels offset + jump * y up to offset + jump * y + size - 1.

    If transposed convolutions make the fields differ from one output to the next, `size` is the widest, and `offset`
    belongs to output 0. `field_widths` counts the fields of every width. Pixels outside the image are padding.
    """

    size: int
    jump: int | Fraction
    offset: int


def alignment(steps, reference=()):
    """Rows by which the plan's output must be shifted to lie over the reference's output: the crop at the top or left.

    Both start from the same image, and their pixels must be equally far apart there. Output pixel y of `steps` and
    pixel z of `reference` see the same place if a y + b = a z + c, that is if y = z + (c - b) / a. Raises ValueError if
    the scales differ or the shift is not a whole number of rows.
    """
    (scale, offset), (reference_scale, reference_offset) = coordinate_map(steps), coordinate_map(reference)
    shift = (reference_offset - offset) / scale
    if scale != reference_scale or shift.denominator != 1:
        raise ValueError(
            f"alignment: pixels {scale} apart at {offset} cannot lie over pixels {reference_scale} apart at "
            f"{reference_offset}"
        )
    return int(shift)


def receptive_field(net: Module) -> Any:
    """Which input pixels one output sees: size, jump (input pixels from one output to the next) and offset.

    `net` is a net, a Sequential or a list of layers, or a plan. The interval of one output is followed backwards
    through all layers. This is theory; the tests compare it with gradients. Source: Araujo, Norris, Sim, "Computing
    Receptive Fields of Convolutional Neural Networks", Distill 2019.
    """
    steps = plan_of(net)
    jump = coordinate_map(steps)[0]
    jump = int(jump) if jump.denominator == 1 else jump
    return ReceptiveField(max(field_widths(steps, _period(steps))), jump, reads(steps, 0, 0)[0])


def field_widths(net: Any, positions: Any) -> Any:
    """{width: count}: `count` of the outputs 0..positions-1 see `width` pixels of an axis. In rising order of width.

    U-Net has two widths: of the 388 outputs for 572 pixels, 100 see 188 pixels and 288 see 204. A 2x2 up-convolution
    writes each output from only one pixel. So what an output sees depends on its place in the 16-pixel grid of the
    deepest level: at some places the 3x3 convolutions after the up-convolution reach one more cell of this grid.
    """
    steps = plan_of(net)
    fields = (reads(steps, position, position) for position in range(positions))
    return dict(sorted(Counter(last - first + 1 for first, last in fields).items()))


def _period(steps):
    """A number of outputs after which the fields repeat: the product of the strides of all transposed layers."""
    period = 1
    for step in steps:
        if isinstance(step, Branch):
            period *= _period(step.through) * _period(step.around)
        elif isinstance(step, Window) and step.transposed:
            period *= step.stride
    return period
