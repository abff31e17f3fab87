"""The plan of a net: what its layers do to one axis of the image, as a list of steps.

A `Window` is a layer that slides. A `Crop` removes rows. A `Branch` is a place where the image takes two ways that meet
again, like the skips of U-Net and FCN. Layers that work pixel by pixel (ReLU, batch norm, dropout) move nothing and do
not appear. Every net has a method `plan()` that reads the numbers from its own layers, so no number is written twice.
"""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from layers import (
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Dropout2d,
    Identity,
    LeakyReLU,
    MaxPool2d,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    Upsample,
)
from minitensor.kernels.geometry import (
    conv_output_size,
    conv_transpose_output_size,
    extent,
    pool_output_size,
    same_padding,
)

SLIDING = (Conv2d, ConvTranspose2d, MaxPool2d, AvgPool2d)
# Layers that work pixel by pixel, so they move nothing. (For batch norm and dropout this holds in evaluation.)
PIXELWISE = (BatchNorm2d, Dropout, Dropout2d, Identity, LeakyReLU, ReLU, Sigmoid, Softmax, Tanh)


class Window(NamedTuple):
    """A layer that slides a window of `kernel` taps along the image.

    If `transposed`, the layer spreads each pixel over a window instead. A pooling layer has no channels and no weights.
    `weights` counts the numbers that multiply, `others` (biases, batch norm) the numbers that do not.
    """

    name: str
    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False
    ceil: bool = False  # sizes are rounded up, as Caffe's pooling does
    channels: int | None = None  # of the output; None: as many as the input has
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

        A window at position y reads the pixels s y - p to s y - p + d (k - 1). For a transposed window the roles are
        swapped: pixel i writes s i - p to s i - p + d (k - 1), so position y is written by every pixel i with
        s i - p <= y <= s i - p + d (k - 1).
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
    """Removes `offset` rows at the near side. The far side is cut to the size that is needed."""

    name: str
    offset: int

    def reads(self, first, last):
        return first + self.offset, last + self.offset

    def centre(self):
        return Fraction(1), Fraction(self.offset)


class Branch(NamedTuple):
    """Two ways from one image that meet again: `through` is the deeper net, `around` is the skip."""

    name: str
    through: tuple
    around: tuple
    joined: str  # "concatenated" or "added"

    def reads(self, first, last):
        deep, skip = reads(self.through, first, last), reads(self.around, first, last)
        return min(deep[0], skip[0]), max(deep[1], skip[1])

    def centre(self):
        return coordinate_map(self.through)


def plan_of(net):
    """The plan of a net, of a Sequential or list of layers, or the plan itself. Raises TypeError for others."""
    if hasattr(net, "plan"):
        return tuple(net.plan())
    if isinstance(net, (list, tuple, Sequential)):
        steps = []
        for item in net:
            steps += [item] if isinstance(item, (Window, Crop, Branch)) else plan_of(item)
        return tuple(steps)
    if isinstance(net, SLIDING):
        return (window_of(type(net).__name__, net),)
    if isinstance(net, Upsample):
        return (window_of_upsampling("Upsample", net),)
    if isinstance(net, PIXELWISE):
        return ()
    raise TypeError(
        f"plan: a net with plan(), a Sequential or a list of layers that slide windows is needed, got {net!r}"
    )


def window_of(name, layer, norm=None):
    """The Window of a convolution or pooling layer. If a batch norm follows, its numbers are counted as well.

    Raises ValueError if height and width differ: a plan describes one axis.
    """
    convolution = isinstance(layer, (Conv2d, ConvTranspose2d))
    settings = {
        "kernel": layer.kernel_size,
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": getattr(layer, "dilation", 1),
    }
    if layer.padding == "valid":
        settings["padding"] = 0
    elif layer.padding == "same":
        settings["padding"] = tuple(near for near, _ in map(same_padding, layer.kernel_size, layer.dilation))
    for setting, value in settings.items():
        if isinstance(value, tuple):
            if len(set(value)) > 1:
                raise ValueError(f"plan: {name} has {setting} {value}; height and width must be equal")
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


def window_of_upsampling(name, layer):
    """Upsampling by a whole factor s, described as a transposed convolution. Inside the image both are the same.

    Nearest repeats each pixel s times. Bilinear spreads it over a triangle of 2 s taps, or 2 s - 1 if s is odd. Raises
    TypeError for other modes, and for an Upsample to a given size or by a fraction.
    """
    factor = layer.scale_factor
    if layer.mode not in ("nearest", "bilinear") or factor is None or factor != int(factor):
        raise TypeError(f"plan: only nearest or bilinear by a whole factor has a window, {name} is {layer!r}")
    factor = int(factor)
    if layer.mode == "nearest":
        return Window(name, factor, factor, transposed=True)
    return Window(name, 2 * factor - factor % 2, factor, factor // 2, transposed=True)


def reads(steps, first, last):
    """The first and last input pixel that the outputs first..last of a plan depend on, from the last step back."""
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
