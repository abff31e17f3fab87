"""Where a pixel of the output looks in the input: sizes, coordinates and receptive fields of whole nets.

A net is described by its plan: a list of steps along one axis. A `Window` is a layer that slides, a `Crop` takes
rows off, and a `Branch` is a place where the image goes two ways that meet again, as the skips of U-Net and FCN
do. Layers that work pixel by pixel (ReLU, batch norm, dropout) move nothing and do not appear. Every net has a
method `plan()` that reads the numbers off its own layers, so nothing is typed twice.
"""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import prod
from typing import NamedTuple

from layers import AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d, Module, Sequential
from minitensor.kernels.geometry import (
    conv_output_size,
    conv_transpose_output_size,
    extent,
    pool_output_size,
)


class Window(NamedTuple):
    """A layer that slides a window of `kernel` taps along the image, or, `transposed`, spreads each pixel over one.

    A pooling layer has neither channels nor weights of its own. `weights` are the numbers that multiply, `others`
    (biases, batch norm) those that do not.
    """

    name: str
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False
    ceil: bool = False  # sizes are rounded up, as Caffe's pooling does
    channels: int | None = None  # of the output; None: as many as came in
    weights: int = 0
    others: int = 0

    def output_size(self, size):
        if self.transposed:
            return conv_transpose_output_size(size, self.kernel, self.stride, self.padding, 0, self.dilation)
        if self.ceil:
            return pool_output_size(size, self.kernel, self.stride, self.padding, self.dilation, True)
        return conv_output_size(size, self.kernel, self.stride, self.padding, self.dilation)

    def reads(self, first, last):
        """The first and last input pixel that the outputs first..last depend on.

        A window at position y reads the pixels s y - p to s y - p + d (k - 1). Transposed, the roles swap: pixel i
        writes s i - p to s i - p + d (k - 1), so position y is written by those i for which it lies between.
        """
        reach = extent(self.kernel, self.dilation) - 1
        if self.transposed:
            return -((reach - first - self.padding) // self.stride), (last + self.padding) // self.stride
        return first * self.stride - self.padding, last * self.stride - self.padding + reach

    def centre(self):
        """(scale, offset): output pixel y is centred on input coordinate scale * y + offset."""
        middle = Fraction(extent(self.kernel, self.dilation) - 1, 2) - self.padding
        if self.transposed:  # output y = s i + middle, solved for i
            return Fraction(1, self.stride), -middle / self.stride
        return Fraction(self.stride), middle


class Crop(NamedTuple):
    """Takes `offset` rows off the near side; the far side is cut to whatever size is wanted."""

    name: str
    offset: int

    def reads(self, first, last):
        return first + self.offset, last + self.offset

    def centre(self):
        return Fraction(1), Fraction(self.offset)


class Branch(NamedTuple):
    """Two ways from one image, joined at their end: `through` the deeper net, and `around` it, the skip."""

    name: str
    through: tuple
    around: tuple
    joined: str  # "concatenated" or "added"

    def reads(self, first, last):
        deep, skip = reads(self.through, first, last), reads(self.around, first, last)
        return min(deep[0], skip[0]), max(deep[1], skip[1])

    def centre(self):
        return coordinate_map(self.through)


class ReceptiveField(NamedTuple):
    """Output y sees the input pixels offset + jump * y up to offset + jump * y + size - 1.

    Where transposed convolutions make the fields differ from one output to the next, `size` is the widest, and
    `offset` belongs to output 0; `field_widths` counts them all. Pixels outside the image are padding.
    """

    size: int
    jump: int | Fraction
    offset: int


def plan_of(net):
    """The plan of a net, of a Sequential or list of layers, or the plan itself. Raises TypeError for others."""
    if hasattr(net, "plan"):
        return tuple(net.plan())
    if isinstance(net, (list, tuple, Sequential)):
        steps = []
        for item in net:
            steps += [item] if isinstance(item, (Window, Crop, Branch)) else plan_of(item)
        return tuple(steps)
    if isinstance(net, (Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d)):
        return (window_of(type(net).__name__, net),)
    if isinstance(net, Module) and not list(net.children()):
        return ()  # a layer that works pixel by pixel
    raise TypeError(f"geometry: a net with plan(), a Sequential or a list of layers is needed, got {net!r}")


def window_of(name, layer, norm=None):
    """The Window of a convolution or pooling layer, with the batch norm behind it counted in, if there is one.

    Raises ValueError where height and width differ: a plan describes one axis.
    """
    convolution = isinstance(layer, (Conv2d, ConvTranspose2d))
    settings = {
        "kernel": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": getattr(layer, "dilation", 1),
    }
    for setting, value in settings.items():
        if isinstance(value, tuple):
            if len(set(value)) > 1:
                raise ValueError(f"geometry: {name} has {setting} {value}; height and width must be equal")
            settings[setting] = value[0]
    parameters = [layer.bias] if convolution and layer.bias is not None else []
    parameters += list(norm.parameters()) if norm is not None else []
    return Window(
        name,
        **settings,
        transposed=isinstance(layer, ConvTranspose2d),
        ceil=bool(getattr(layer, "ceil_mode", False)),
        channels=layer.out_channels if convolution else None,
        weights=layer.weight.size if convolution else 0,
        others=sum(parameter.size for parameter in parameters),
    )


def reads(steps, first, last):
    """The first and last input pixel that the outputs first..last of a plan depend on, walked from its end."""
    for step in reversed(steps):
        first, last = step.reads(first, last)
    return first, last


def coordinate_map(steps):
    """(scale, offset) of a plan: its output pixel y is centred on input coordinate scale * y + offset.

    Two maps one after the other: x = a y + b and y = c z + d make x = a c z + (a d + b).
    """
    scale, offset = Fraction(1), Fraction(0)
    for step in steps:
        step_scale, step_offset = step.centre()
        scale, offset = scale * step_scale, scale * step_offset + offset
    return scale, offset


def alignment(steps, reference=()):
    """Rows by which the plan's output must be shifted to lie over the reference's: the crop at its near side.

    Both start from the same image, and their pixels must be equally far apart there. Output pixel y of `steps`
    and pixel z of `reference` see the same spot where a y + b = a z + c, that is at y = z + (c - b) / a.
    Raises ValueError where the scales differ or the shift is no whole number of rows.
    """
    (scale, offset), (reference_scale, reference_offset) = coordinate_map(steps), coordinate_map(reference)
    shift = (reference_offset - offset) / scale
    if scale != reference_scale or shift.denominator != 1:
        raise ValueError(
            f"geometry: pixels {scale} apart at {offset} cannot lie over pixels {reference_scale} apart at "
            f"{reference_offset}"
        )
    return int(shift)


def receptive_field(net):
    """Which input pixels one output sees: size, jump (input pixels from one output to the next) and offset.

    `net` is a net, a Sequential or a list of layers, or a plan. Found by walking the interval of one output
    backwards through all layers: theory, which the tests hold against gradients.
    Source: Araujo, Norris, Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019.
    """
    steps = plan_of(net)
    jump = coordinate_map(steps)[0]
    jump = int(jump) if jump.denominator == 1 else jump
    return ReceptiveField(max(field_widths(steps, _period(steps))), jump, reads(steps, 0, 0)[0])


def field_widths(net, positions):
    """How many of the outputs 0..positions-1 see how many pixels of an axis, as {width: count}, widths rising.

    U-Net has two: of the 388 outputs for 572 pixels, 100 see 188 pixels and 288 see 204. A 2x2 up-convolution
    writes each output from one pixel only, so what an output sees depends on where it falls in the 16-pixel grid
    of the deepest level: the 3x3 convolutions behind it reach into one cell of that grid more, or do not.
    """
    steps = plan_of(net)
    fields = (reads(steps, position, position) for position in range(positions))
    return dict(sorted(Counter(last - first + 1 for first, last in fields).items()))


def _period(steps):
    """A number of outputs after which the fields repeat: the strides of all transposed layers, multiplied."""
    return prod(
        _period(step.through) * _period(step.around)
        if isinstance(step, Branch)
        else step.stride
        if isinstance(step, Window) and step.transposed
        else 1
        for step in steps
    )
