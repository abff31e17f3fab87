"""VGG-16: thirteen 3x3 convolutions, five poolings, three fully connected layers; and the same net as convolutions.

Source: Simonyan, Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", ICLR 2015,
configuration D. The state dict's keys and shapes are torchvision's `vgg16`.
"""

from __future__ import annotations

from math import isqrt
from numbers import Real
from typing import Any

import minitensor as mt
from layers import (
    AdaptiveAvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Module,
    Parameter,
    ReLU,
    Sequential,
    init,
)
from layers.affine import positive
from minitensor.tensor import Tensor
from nets.plan import Window, window_of
from nets.sizes import VGG_BLOCKS

BLOCK_CHANNELS = (64, 128, 256, 512, 512)
HIDDEN = 4096  # features of the first two fully connected layers
GRID = 7  # a 224x224 image, halved five times: the fully connected layers see 7x7 pixels


def scaled(channels, width):
    """`channels` times `width`, to the nearest whole number, at least 1: narrower nets for small machines."""
    if isinstance(width, bool) or not isinstance(width, Real):
        raise TypeError(f"width must be a number, got {width!r}")
    if not 0 < width < float("inf"):
        raise ValueError(f"width must be a number above 0, got {width}")
    return max(1, round(channels * width))


class VGG16(Module):
    """The classifier: (N, 3, H, W) -> scores (N, classes). 138,357,544 parameters at 1000 classes.

    The poolings round down. Features of any image of 32x32 or more are averaged to 7x7; for the original 224x224 pixels
    this changes nothing. torchvision's weights expect RGB in [0, 1], minus the mean (0.485, 0.456, 0.406), divided by
    (0.229, 0.224, 0.225). Raises ValueError for other inputs.
    """

    def __init__(self, classes: int = 1000, width: float = 1.0) -> None:
        super().__init__()
        positive(classes, "classes", "VGG16")
        layers, inputs = [], 3
        for convolutions, channels in zip(VGG_BLOCKS, BLOCK_CHANNELS, strict=True):
            outputs = scaled(channels, width)
            for _ in range(convolutions):
                layers += [Conv2d(inputs, outputs, 3, padding=1), ReLU()]
                inputs = outputs
            layers.append(MaxPool2d(2))
        self.features = Sequential(*layers)
        self.avgpool = AdaptiveAvgPool2d(GRID)
        hidden = scaled(HIDDEN, width)
        self.classifier = Sequential(
            Linear(inputs * GRID * GRID, hidden),
            ReLU(),
            Dropout(),
            Linear(hidden, hidden),
            ReLU(),
            Dropout(),
            Linear(hidden, classes),
        )
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:
        least = 2 ** len(VGG_BLOCKS)
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < least:
            raise ValueError(f"VGG16: x must be (N, 3, H, W) of {least}x{least} or more, got shape {x.shape}")
        x = self.features(x)
        if x.shape[2:] != (GRID, GRID):
            x = self.avgpool(x)
        # (N, C, 7, 7) -> (N, C*7*7)
        return self.classifier(mt.flatten(x, 1))

    def plan(self) -> list:
        """The steps for `nets.receptive_field` and `nets info`. Fully connected layers appear as equivalent windows."""
        steps = [
            window_of(f"features.{i}", layer)
            for i, layer in enumerate(self.features)
            if isinstance(layer, (Conv2d, MaxPool2d))
        ]
        for index, kernel in ((0, GRID), (3, 1), (6, 1)):
            weight, bias = self.classifier[index].weight, self.classifier[index].bias
            steps.append(
                Window(f"classifier.{index}", kernel, channels=weight.shape[0], weights=weight.size, others=bias.size)
            )
        return steps


def fully_convolutional(net: Any) -> Any:
    """A classifier as convolutions only. VGG16: (N, 3, H, W) -> scores (N, classes, floor(H/32) - 6, floor(W/32) - 6).

    A fully connected layer on C x 7 x 7 features is the dot product of the features with a weight. A 7x7 convolution
    computes the same at its only position. So on 224x224 pixels the scores equal the classifier's. On larger images the
    window slides, and each score is the classifier's score for one window. (The features in the window have then seen
    the real surroundings, not the zeros around a crop.) The result shares its weights with `net`.

    net   a VGG16, or a Sequential of convolutions, a Flatten and Linear layers. The features that Flatten receives must
          be square, as those of a square window are.

    Raises TypeError for others, and ValueError for a Linear that does not fit the features before it.
    Source: Long, Shelhamer, Darrell 2015, section 3.1.
    """
    if not isinstance(net, (VGG16, Sequential)):
        raise TypeError(f"fully_convolutional: a VGG16 or a Sequential is needed, got {net!r}")
    channels, flat, converted = None, False, []
    for layer in (*net.features, Flatten(), *net.classifier) if isinstance(net, VGG16) else net:
        if isinstance(layer, Flatten):
            flat = True
        elif isinstance(layer, Linear):
            if not flat or channels is None:
                raise ValueError("fully_convolutional: a Linear needs a convolution and a Flatten before it")
            layer = as_convolution(layer, channels)
            channels = layer.out_channels
        elif isinstance(layer, Conv2d):
            channels = layer.out_channels
        if not isinstance(layer, Flatten):
            converted.append(layer)
    return Sequential(*converted)


def as_convolution(layer: Any, channels: int) -> Any:
    """A Linear as the convolution that computes the same on features of `channels` channels. It shares the weights.

    A weight (O, C*K*K) becomes a kernel (O, C, K, K). A Linear after a Linear sees 1x1 pixels: K = 1. Raises ValueError
    if no K fits.
    """
    outputs, inputs = layer.weight.shape
    kernel = isqrt(inputs // channels)
    if channels * kernel * kernel != inputs:
        raise ValueError(f"fully_convolutional: a Linear of {inputs} inputs does not see {channels} square channels")
    convolution = Conv2d(channels, outputs, kernel, bias=layer.bias is not None)
    # (O, C*K*K) -> (O, C, K, K): flatten ran over C, rows and columns in this very order
    convolution.weight = Parameter(layer.weight.data.reshape(convolution.weight.shape))
    convolution.bias = layer.bias
    return convolution


def published_names():
    """Pairs of a layer's name in torchvision and in Caffe: ("features.0", "conv1_1") ... ("classifier.3", "fc7")."""
    pairs, index = [], 0
    for block, convolutions in enumerate(VGG_BLOCKS, start=1):
        for number in range(1, convolutions + 1):
            pairs.append((f"features.{index}", f"conv{block}_{number}"))
            index += 2  # a convolution and its ReLU
        index += 1  # the pooling
    return [*pairs, ("classifier.0", "fc6"), ("classifier.3", "fc7")]


def _initialise(module):
    """torchvision's start: N(0, 2 / fan_out) for convolutions, N(0, 0.01^2) for the classifier, biases 0."""
    if isinstance(module, Conv2d):
        init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, Linear):
        init.normal_(module.weight, 0.0, 0.01)
    else:
        return
    init.zeros_(module.bias)
