"""FCN on a dilated ResNet-50. It is torchvision's `fcn_resnet50`, so torchvision's weights can be loaded.

    image -> 7x7 / 2, 3x3 pooling / 2 -> layer1 -> layer2 / 2 -> layer3 -> layer4 -> 3x3, 1x1 -> bilinear to the image

A ResNet halves its image five times, to 1/32. Here the last two halvings are left out. The windows after them are
dilated instead, by 2 and by 4, so each sees as much of the image as before, and the features stay at 1/8.

Sources: He et al., "Deep Residual Learning", CVPR 2016 (bottleneck blocks, the stride in the 3x3); Yu, Koltun,
"Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016; Long et al., CVPR 2015. Keys and shapes of the
state dict are torchvision's, 334 with the auxiliary head.
"""

from __future__ import annotations

from typing import Any

import minitensor as mt
from layers import BatchNorm2d, Conv2d, Dropout, MaxPool2d, Module, ReLU, Sequential, Upsample, init
from layers.affine import positive
from minitensor.arguments import check_flag
from minitensor.tensor import Tensor
from nets.plan import Branch, window_of, window_of_upsampling
from nets.vgg import scaled

BLOCKS = (3, 4, 6, 3)  # bottlenecks in each of the four layers
CHANNELS = (64, 128, 256, 512)  # inside a bottleneck, which outputs EXPANSION times as many
EXPANSION = 4
STEM = 64
OUTPUT_STRIDE = 8  # each feature stands for 8x8 pixels of the image
HEAD_SHARE = 4  # a head works with a quarter of its input channels
HEAD_DROPOUT = 0.1


class Bottleneck(Module):
    """y = relu(x + f(x)), f: 1x1 to few channels, 3x3, 1x1 back; `downsample` brings x to the size of f(x)."""

    def __init__(self, inputs, channels, stride, dilation):
        super().__init__()
        outputs = channels * EXPANSION
        self.conv1 = Conv2d(inputs, channels, 1, bias=False)
        self.bn1 = BatchNorm2d(channels)
        self.conv2 = Conv2d(channels, channels, 3, stride, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = BatchNorm2d(channels)
        self.conv3 = Conv2d(channels, outputs, 1, bias=False)
        self.bn3 = BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = Sequential(Conv2d(inputs, outputs, 1, stride, bias=False), BatchNorm2d(outputs))

    def forward(self, x):
        y = mt.relu(self.bn1(self.conv1(x)))
        y = mt.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return mt.relu(y + (x if self.downsample is None else self.downsample(x)))

    def plan(self, path):
        through = [window_of(f"{path}.conv{i}", getattr(self, f"conv{i}"), getattr(self, f"bn{i}")) for i in (1, 2, 3)]
        around = ()
        if self.downsample is not None:
            around = (window_of(f"{path}.downsample", self.downsample[0], self.downsample[1]),)
        return Branch(path, tuple(through), around, "added")


class DilatedResNet50(Module):
    """The backbone without its classifier: x -> features of layer3 and of layer4, both at 1/8 of the image."""

    def __init__(self, in_channels=3, width=1.0):
        super().__init__()
        stem = scaled(STEM, width)
        self.conv1 = Conv2d(in_channels, stem, 7, 2, padding=3, bias=False)
        self.bn1 = BatchNorm2d(stem)
        self.maxpool = MaxPool2d(3, 2, padding=1)
        inputs, dilation = stem, 1
        for number, (count, channels) in enumerate(zip(BLOCKS, CHANNELS, strict=True), start=1):
            channels = scaled(channels, width)
            stride, before = (2 if number == 2 else 1), dilation
            # Dilation replaces the stride of the first block's 3x3 convolution. Only windows after this stride must be
            # dilated, so the first block keeps the dilation from before.
            if number > 2:
                dilation *= 2
            blocks = [Bottleneck(inputs, channels, stride, before)]
            inputs = channels * EXPANSION
            blocks += [Bottleneck(inputs, channels, 1, dilation) for _ in range(count - 1)]
            setattr(self, f"layer{number}", Sequential(*blocks))

    def forward(self, x):
        x = self.maxpool(mt.relu(self.bn1(self.conv1(x))))
        deep = self.layer3(self.layer2(self.layer1(x)))
        return deep, self.layer4(deep)

    def plan(self, path):
        steps = [window_of(f"{path}.conv1", self.conv1, self.bn1), window_of(f"{path}.maxpool", self.maxpool)]
        for number in range(1, len(BLOCKS) + 1):
            name = f"layer{number}"
            steps += [block.plan(f"{path}.{name}.{i}") for i, block in enumerate(getattr(self, name))]
        return steps


def head(inputs, classes):
    """3x3 to a quarter of the channels, then 1x1 to a score for each class."""
    inner = max(1, inputs // HEAD_SHARE)
    return Sequential(
        Conv2d(inputs, inner, 3, padding=1, bias=False),
        BatchNorm2d(inner),
        ReLU(),
        Dropout(HEAD_DROPOUT),
        Conv2d(inner, classes, 1),
    )


class FCNResNet50(Module):
    """(N, 3, H, W) -> scores (N, classes, H, W). 35,322,218 parameters at 21 classes, with the auxiliary head.

    torchvision's weights expect RGB in [0, 1], minus the mean (0.485, 0.456, 0.406), divided by (0.229, 0.224, 0.225).
    With `auxiliary=True` forward also gives the scores of a second head on layer3, which only training needs. Raises
    ValueError for inputs with another number of channels.
    """

    def __init__(self, classes: int = 21, in_channels: int = 3, width: float = 1.0, aux: bool = True) -> None:
        super().__init__()
        positive(classes, "classes", "FCNResNet50")
        check_flag("FCNResNet50", aux=aux)
        self.in_channels = in_channels
        self.backbone = DilatedResNet50(in_channels, width)
        deep, deepest = (scaled(channels, width) * EXPANSION for channels in CHANNELS[2:])
        self.classifier = head(deepest, classes)
        if aux:
            self.aux_classifier = head(deep, classes)
        self.has_aux = aux
        self.apply(_initialise)

    def forward(self, x: Tensor, auxiliary: bool = False) -> Any:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"FCNResNet50: x must be (N, {self.in_channels}, H, W), got shape {x.shape}")
        if auxiliary and not self.has_aux:
            raise ValueError("FCNResNet50: this net was made with aux=False and has no auxiliary head")
        size = x.shape[2:]
        deep, deepest = self.backbone(x)
        scores = mt.interpolate(self.classifier(deepest), size=size, mode="bilinear")
        if not auxiliary:
            return scores
        return scores, mt.interpolate(self.aux_classifier(deep), size=size, mode="bilinear")

    def plan(self) -> list:
        """The steps to the scores; the auxiliary head is left out."""
        first, norm, *_, last = self.classifier
        return [
            *self.backbone.plan("backbone"),
            window_of("classifier.0", first, norm),
            window_of("classifier.4", last),
            window_of_upsampling("interpolate", Upsample(scale_factor=OUTPUT_STRIDE, mode="bilinear")),
        ]


def _initialise(module):
    """torchvision's initial values: N(0, 2 / fan_out), as He et al. propose."""
    if isinstance(module, Conv2d):
        init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
