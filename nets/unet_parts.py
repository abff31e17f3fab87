"""The parts of the U-Net: DoubleConv, Down, Up and OutConv.

Each has a method `plan(path)` that lists its windows for nets/plan.py, under the names of the state dict.
"""

from __future__ import annotations

import minitensor as mt
from layers import BatchNorm2d, Conv2d, ConvTranspose2d, MaxPool2d, Module, ReLU, Sequential, Upsample
from nets.plan import window_of, window_of_upsampling


class DoubleConv(Module):
    """Two 3x3 convolutions, each followed by ReLU (or batch norm and ReLU): (N, in, H, W) -> (N, out, H-4, W-4).

    With padding "same" the size stays. A convolution before batch norm has no bias: batch norm would subtract it again.
    """

    def __init__(self, in_channels, out_channels, mid_channels=None, padding="valid", norm=None):
        super().__init__()
        mid_channels = mid_channels or out_channels
        pixels = 1 if padding == "same" else 0
        layers = []
        for inputs, outputs in ((in_channels, mid_channels), (mid_channels, out_channels)):
            layers.append(Conv2d(inputs, outputs, 3, padding=pixels, bias=norm is None))
            if norm == "batch":
                layers.append(BatchNorm2d(outputs))
            layers.append(ReLU())
        self.double_conv = Sequential(*layers)

    def forward(self, x):
        return self.double_conv(x)

    def plan(self, path):
        layers = list(self.double_conv)
        followers = [*layers[1:], None]
        return [
            window_of(f"{path}.double_conv.{i}", layer, after if isinstance(after, BatchNorm2d) else None)
            for i, (layer, after) in enumerate(zip(layers, followers, strict=True))
            if isinstance(layer, Conv2d)
        ]


class Down(Module):
    """One level down: 2x2 max pooling, then two convolutions."""

    def __init__(self, in_channels, out_channels, padding, norm):
        super().__init__()
        self.maxpool_conv = Sequential(MaxPool2d(2), DoubleConv(in_channels, out_channels, padding=padding, norm=norm))

    def forward(self, x):
        return self.maxpool_conv(x)

    def plan(self, path):
        pool, convolutions = self.maxpool_conv
        return [window_of(f"{path}.maxpool_conv.0", pool), *convolutions.plan(f"{path}.maxpool_conv.1")]


class Up(Module):
    """One level up: double the size, concatenate the skip, apply two convolutions.

    The skip comes first: channels [skip, up]. Valid convolutions have made `up` smaller than the skip, so the middle of
    the skip is cut out. The crop removes border pixels whose surroundings the deeper path no longer knows.
    """

    def __init__(self, in_channels, up_channels, skip_channels, out_channels, padding, up, norm, relu_after_up):
        super().__init__()
        if up == "transpose":
            self.up = ConvTranspose2d(in_channels, up_channels, 2, stride=2)
        else:
            # align_corners=True as in milesial's files, whose weights were trained with it
            self.up = Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.relu_after_up = relu_after_up
        self.conv = DoubleConv(skip_channels + up_channels, out_channels, skip_channels, padding, norm)

    def forward(self, x, skip):
        return self.conv(self.join(x, skip))

    def join(self, x, skip):
        """The skip and x at twice its size, concatenated along the channels."""
        x = self.up(x)
        if self.relu_after_up:
            x = mt.relu(x)
        return mt.cat([crop_to(skip, x), x], 1)

    def window(self, path):
        if isinstance(self.up, ConvTranspose2d):
            return window_of(f"{path}.up", self.up)
        return window_of_upsampling(f"{path}.up", self.up)


class OutConv(Module):
    """A 1x1 convolution: at every pixel, the features become one score per class."""

    def __init__(self, in_channels, classes):
        super().__init__()
        self.conv = Conv2d(in_channels, classes, 1)

    def forward(self, x):
        return self.conv(x)


def crop_to(skip, x):
    """The middle of the skip, as large as `x`. If an odd row remains, it is cut at the far side."""
    (height, width), (wanted_height, wanted_width) = skip.shape[2:], x.shape[2:]
    if (height, width) == (wanted_height, wanted_width):
        return skip
    top, left = (height - wanted_height) // 2, (width - wanted_width) // 2
    return skip[:, :, top : top + wanted_height, left : left + wanted_width]
