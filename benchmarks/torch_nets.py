"""The nets in torch, as one would write them there, with the state dict keys of ours so that weights carry over."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from nets.sizes import VGG_BLOCKS, fcn_crops
from nets.vgg import BLOCK_CHANNELS, GRID, HIDDEN, scaled


class DoubleConv(nn.Module):
    """Two 3x3 convolutions with ReLU, or with batch norm before it."""

    def __init__(self, channels_in, channels_out, padding, norm):
        super().__init__()
        parts = []
        for channels in (channels_in, channels_out):
            parts.append(nn.Conv2d(channels, channels_out, 3, padding=padding, bias=norm is None))
            parts += [nn.BatchNorm2d(channels_out)] * (norm == "batch")
            parts.append(nn.ReLU(inplace=True))
        self.double_conv = nn.Sequential(*parts)

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    """Pooling and two convolutions."""

    def __init__(self, channels_in, channels_out, padding, norm):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(channels_in, channels_out, padding, norm))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    """Up-convolution, crop and concatenate, two convolutions."""

    def __init__(self, channels_in, channels_out, padding, norm):
        super().__init__()
        self.up = nn.ConvTranspose2d(channels_in, channels_out, 2, stride=2)
        self.conv = DoubleConv(2 * channels_out, channels_out, padding, norm)

    def forward(self, x, skip):
        x = self.up(x)
        top, left = ((n - m) // 2 for n, m in zip(skip.shape[2:], x.shape[2:], strict=True))
        skip = skip[:, :, top : top + x.shape[2], left : left + x.shape[3]]
        return self.conv(torch.cat([skip, x], 1))


class OutConv(nn.Module):
    """One score a class."""

    def __init__(self, channels_in, classes):
        super().__init__()
        self.conv = nn.Conv2d(channels_in, classes, 1)

    def forward(self, x):
        return self.conv(x)


class UNet(nn.Module):
    """The paper's U-Net, or with padding "same" one that keeps the size of inputs divisible by 16."""

    def __init__(self, in_channels, classes, base_channels=64, padding="valid", depth=4, norm=None):
        super().__init__()
        pixels = 1 if padding == "same" else 0
        channels = [base_channels * 2**level for level in range(depth + 1)]
        self.depth = depth
        self.inc = DoubleConv(in_channels, channels[0], pixels, norm)
        for level in range(1, depth + 1):
            setattr(self, f"down{level}", Down(channels[level - 1], channels[level], pixels, norm))
            setattr(self, f"up{level}", Up(channels[depth - level + 1], channels[depth - level], pixels, norm))
        self.outc = OutConv(channels[0], classes)

    def forward(self, x):
        x = self.inc(x)
        skips = []
        for level in range(1, self.depth + 1):
            skips.append(x)
            x = getattr(self, f"down{level}")(x)
        for level in range(1, self.depth + 1):
            x = getattr(self, f"up{level}")(x, skips.pop())
        return self.outc(x)


class FCN8s(nn.Module):
    """FCN-8s as published, dropout left out: its masks could not be the same on both sides."""

    def __init__(self, classes=21, in_channels=3, width=1.0):
        super().__init__()
        for block, (count, channels) in enumerate(zip(VGG_BLOCKS, BLOCK_CHANNELS, strict=True), start=1):
            for number in range(1, count + 1):
                outputs = scaled(channels, width)
                padding = 100 if (block, number) == (1, 1) else 1
                setattr(self, f"conv{block}_{number}", nn.Conv2d(in_channels, outputs, 3, padding=padding))
                in_channels = outputs
        hidden = scaled(HIDDEN, width)
        self.fc6 = nn.Conv2d(in_channels, hidden, GRID)
        self.fc7 = nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        self.score_pool3 = nn.Conv2d(scaled(BLOCK_CHANNELS[2], width), classes, 1)
        self.score_pool4 = nn.Conv2d(scaled(BLOCK_CHANNELS[3], width), classes, 1)
        self.upscore2 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.upscore_pool4 = nn.ConvTranspose2d(classes, classes, 4, stride=2, bias=False)
        self.upscore8 = nn.ConvTranspose2d(classes, classes, 16, stride=8, bias=False)

    def forward(self, x):
        crops = fcn_crops()
        image, pooled = x, []
        for block, count in enumerate(VGG_BLOCKS, start=1):
            for number in range(1, count + 1):
                x = functional.relu(getattr(self, f"conv{block}_{number}")(x), inplace=True)
            x = functional.max_pool2d(x, 2, ceil_mode=True)
            pooled.append(x)
        x = functional.relu(self.fc7(functional.relu(self.fc6(x), inplace=True)), inplace=True)
        x = self.upscore2(self.score_fr(x))
        x = x + _cut(self.score_pool4(pooled[3]), crops.score_pool4, x)
        x = self.upscore_pool4(x)
        x = x + _cut(self.score_pool3(pooled[2]), crops.score_pool3, x)
        return _cut(self.upscore8(x), crops.upscore8, image)


def _cut(x, offset, like):
    return x[:, :, offset : offset + like.shape[2], offset : offset + like.shape[3]]


TWINS = {"unet": UNet, "fcn8s": FCN8s}
