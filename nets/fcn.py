"""Fully convolutional networks: a VGG-16 that gives scores to every pixel. Three nets, from coarse to fine.

The backbone makes the image 32 times smaller. FCN-32s enlarges its scores 32 times in one step. FCN-16s first adds
scores computed from pool4, where the image is only 16 times smaller. FCN-8s also adds scores from pool3.

Source: Long, Shelhamer, Darrell, CVPR 2015; Shelhamer, Long, Darrell, PAMI 2017 (arXiv 1605.06211), and the nets of
shelhamer/fcn.berkeleyvision.org. Keys and shapes of the state dict are those of the port pytorch-fcn.
"""

from __future__ import annotations

from typing import Any

from layers import Conv2d, ConvTranspose2d, Dropout, Dropout2d, MaxPool2d, Module, init
from layers.affine import positive
from minitensor.arguments import check_flag
from minitensor.tensor import Tensor
from nets.plan import Branch, Crop, window_of
from nets.sizes import FCN_PADDING, VGG_BLOCKS, fcn_crops
from nets.vgg import BLOCK_CHANNELS, GRID, HIDDEN, published_names, scaled

# For training all parts together. The features of pool4 and pool3 have very different magnitudes; these factors make
# the magnitudes similar.
POOL4_SCALE, POOL3_SCALE = 0.01, 0.0001

CROPS = fcn_crops()  # 19, 27, 31, 5, 9: nets/sizes.py derives them


class _FCN(Module):
    """What the three nets share: the backbone up to score_fr.

    conv1_1 pads 100 pixels so that the 7x7 window of fc6 fits even for an image of one pixel (nets/sizes.py). The
    poolings round up, so no row is lost and the enlarged scores cover the whole image. After fc6 and fc7 Caffe drops
    single elements; pytorch-fcn drops whole channels: channel_dropout=True.
    The published weights expect BGR from 0 to 255 minus the means (104.00699, 116.66877, 122.67892).
    """

    def __init__(self, classes: int, in_channels: int, width: float, channel_dropout: bool) -> None:
        super().__init__()
        positive(classes, "classes", type(self).__name__)
        positive(in_channels, "in_channels", type(self).__name__)
        check_flag(type(self).__name__, channel_dropout=channel_dropout)
        self.classes, self.in_channels = classes, in_channels
        inputs = in_channels
        for block, convolutions, channels in zip(range(1, 6), VGG_BLOCKS, BLOCK_CHANNELS, strict=True):
            outputs = scaled(channels, width)
            for number in range(1, convolutions + 1):
                padding = FCN_PADDING if (block, number) == (1, 1) else 1
                setattr(self, f"conv{block}_{number}", Conv2d(inputs, outputs, 3, padding=padding))
                inputs = outputs
            setattr(self, f"pool{block}", MaxPool2d(2, ceil_mode=True))
        hidden = scaled(HIDDEN, width)
        dropout = Dropout2d if channel_dropout else Dropout
        self.fc6, self.drop6 = Conv2d(inputs, hidden, GRID), dropout(0.5)
        self.fc7, self.drop7 = Conv2d(hidden, hidden, 1), dropout(0.5)
        self.score_fr = Conv2d(hidden, classes, 1)

    def block(self, x: Tensor, number: int) -> Tensor:
        """One block of VGG: its convolutions, each with a ReLU, and the pooling."""
        for i in range(1, VGG_BLOCKS[number - 1] + 1):
            x = getattr(self, f"conv{number}_{i}").then_relu(x)
        return getattr(self, f"pool{number}")(x)

    def from_pool4(self, pool4: Tensor) -> Tensor:
        """From pool4 on: the last block, the fully connected layers as convolutions, one score per class."""
        x = self.block(pool4, 5)
        x = self.drop6(self.fc6.then_relu(x))
        x = self.drop7(self.fc7.then_relu(x))
        return self.score_fr(x)

    def to_pool3(self, x: Tensor) -> Tensor:
        """From the image to pool3. Raises ValueError for anything but (N, in_channels, H, W) with pixels in it."""
        if x.ndim != 4 or x.shape[1] != self.in_channels or 0 in x.shape:
            raise ValueError(f"{type(self).__name__}: x must be (N, {self.in_channels}, H, W), got shape {x.shape}")
        for number in (1, 2, 3):
            x = self.block(x, number)
        return x

    def upsampling(self, kernel, stride: int) -> Module:
        """A transposed convolution over all classes: no padding, no bias."""
        return ConvTranspose2d(self.classes, self.classes, kernel, stride=stride, bias=False)

    def initialise(self) -> None:
        """N(0, 2 / fan_in) for the backbone, 0 for scores (a new skip changes nothing), bilinear for the upsampling."""
        for name, layer in self.named_modules():
            if isinstance(layer, ConvTranspose2d):
                init.bilinear_(layer.weight)
            elif isinstance(layer, Conv2d):
                fill = init.zeros_ if name.startswith("score") else init.kaiming_normal_
                fill(layer.weight)
                init.zeros_(layer.bias)

    def transplant(self, vgg: Any) -> Any:
        """Take the convolutions of a VGG16, and its two hidden layers reshaped to 7x7 and 1x1 kernels. Returns self.

        `vgg` is a VGG16 or its state dict. Raises ValueError, before anything is changed, if shapes do not fit.
        """
        given = vgg.state_dict() if isinstance(vgg, Module) else vgg
        own, state = self.state_dict(), {}
        for source, target in published_names():
            for kind in ("weight", "bias"):
                value, name = given.get(f"{source}.{kind}"), f"{target}.{kind}"
                if value is None:
                    raise ValueError(f"{type(self).__name__}.transplant: the VGG16 has no {source}.{kind}")
                if value.size == own[name].size and value.ndim == 2:
                    value = value.reshape(own[name].shape)  # (O, C*7*7) -> (O, C, 7, 7)
                state[name] = value
        self.load_state_dict(state, strict=False)
        return self

    def windows(self, *names) -> Any:
        """The windows of the named layers."""
        return [window_of(name, getattr(self, name)) for name in names]

    def block_windows(self, *numbers) -> Any:
        """The windows of whole blocks of VGG: their convolutions and the pooling after them."""
        names = []
        for number in numbers:
            names += [f"conv{number}_{i}" for i in range(1, VGG_BLOCKS[number - 1] + 1)]
            names.append(f"pool{number}")
        return self.windows(*names)


class FCN32s(_FCN):
    """FCN-32s: (N, in_channels, H, W) -> scores (N, classes, H, W), enlarged 32 times in one step.

    Images may have any size from 1x1 up. Scores are 32 pixels apart. upscore (kernel 64, stride 32) interpolates
    between them, and 19 rows and columns are cut at the top and left. `width` scales all channels of the backbone. See
    _FCN for padding and input values.
    """

    def __init__(
        self, classes: int = 21, in_channels: int = 3, width: float = 1.0, channel_dropout: bool = False
    ) -> None:
        super().__init__(classes, in_channels, width, channel_dropout)
        self.upscore = self.upsampling(64, 32)
        self.initialise()

    def forward(self, x: Tensor) -> Tensor:
        pool4 = self.block(self.to_pool3(x), 4)
        return cut(self.upscore(self.from_pool4(pool4)), CROPS.upscore, like=x)

    def plan(self) -> list:
        return [
            *self.block_windows(1, 2, 3, 4, 5),
            *self.windows("fc6", "fc7", "score_fr", "upscore"),
            Crop("crop to the image", CROPS.upscore),
        ]


class FCN16s(_FCN):
    """FCN-16s: like FCN-32s, with scores of pool4 added before the image is enlarged 16 times.

    at_once=True multiplies pool4 by 0.01: for training all parts together instead of one after the other.
    """

    def __init__(
        self,
        classes: int = 21,
        in_channels: int = 3,
        width: float = 1.0,
        at_once: bool = False,
        channel_dropout: bool = False,
    ) -> None:
        super().__init__(classes, in_channels, width, channel_dropout)
        check_flag("FCN16s", at_once=at_once)
        self.pool4_scale = POOL4_SCALE if at_once else 1.0
        self.score_pool4 = Conv2d(self.conv4_1.out_channels, classes, 1)
        self.upscore2 = self.upsampling(4, 2)
        self.upscore16 = self.upsampling(32, 16)
        self.initialise()

    def forward(self, x: Tensor) -> Tensor:
        pool4 = self.block(self.to_pool3(x), 4)
        fused = add_skip(
            self.upscore2(self.from_pool4(pool4)), pool4, self.score_pool4, self.pool4_scale, CROPS.score_pool4
        )
        return cut(self.upscore16(fused), CROPS.upscore16, like=x)

    def plan(self) -> list:
        deeper = self.block_windows(5) + self.windows("fc6", "fc7", "score_fr", "upscore2")
        skip = [*self.windows("score_pool4"), Crop("crop of score_pool4", CROPS.score_pool4)]
        return [
            *self.block_windows(1, 2, 3, 4),
            Branch("fuse_pool4", tuple(deeper), tuple(skip), "added"),
            *self.windows("upscore16"),
            Crop("crop to the image", CROPS.upscore16),
        ]


class FCN8s(_FCN):
    """FCN-8s: like FCN-16s, with scores of pool3 added as well, before the image is enlarged 8 times.

    at_once=True multiplies pool4 by 0.01 and pool3 by 0.0001: for training all parts together.
    """

    def __init__(
        self,
        classes: int = 21,
        in_channels: int = 3,
        width: float = 1.0,
        at_once: bool = False,
        channel_dropout: bool = False,
    ) -> None:
        super().__init__(classes, in_channels, width, channel_dropout)
        check_flag("FCN8s", at_once=at_once)
        self.pool3_scale, self.pool4_scale = (POOL3_SCALE, POOL4_SCALE) if at_once else (1.0, 1.0)
        self.score_pool3 = Conv2d(self.conv3_1.out_channels, classes, 1)
        self.score_pool4 = Conv2d(self.conv4_1.out_channels, classes, 1)
        self.upscore2 = self.upsampling(4, 2)
        self.upscore_pool4 = self.upsampling(4, 2)
        self.upscore8 = self.upsampling(16, 8)
        self.initialise()

    def forward(self, x: Tensor) -> Tensor:
        pool3 = self.to_pool3(x)
        pool4 = self.block(pool3, 4)
        fused = add_skip(
            self.upscore2(self.from_pool4(pool4)), pool4, self.score_pool4, self.pool4_scale, CROPS.score_pool4
        )
        fused = add_skip(self.upscore_pool4(fused), pool3, self.score_pool3, self.pool3_scale, CROPS.score_pool3)
        return cut(self.upscore8(fused), CROPS.upscore8, like=x)

    def plan(self) -> list:
        deepest = self.block_windows(5) + self.windows("fc6", "fc7", "score_fr", "upscore2")
        skip4 = [*self.windows("score_pool4"), Crop("crop of score_pool4", CROPS.score_pool4)]
        skip3 = [*self.windows("score_pool3"), Crop("crop of score_pool3", CROPS.score_pool3)]
        fuse4 = Branch("fuse_pool4", tuple(deepest), tuple(skip4), "added")
        deeper = [*self.block_windows(4), fuse4, *self.windows("upscore_pool4")]
        return [
            *self.block_windows(1, 2, 3),
            Branch("fuse_pool3", tuple(deeper), tuple(skip3), "added"),
            *self.windows("upscore8"),
            Crop("crop to the image", CROPS.upscore8),
        ]


def cut(x, offset, like):
    """Rows and columns from `offset` on, as many as `like` has. This crop is at the top left, not in the middle."""
    height, width = like.shape[2:]
    return x[:, :, offset : offset + height, offset : offset + width]


def add_skip(upscore, pool, score, scale, offset):
    """The enlarged scores plus the scores of a pooling layer, which are cut to lie over the enlarged scores."""
    return upscore + cut(score(pool * scale if scale != 1 else pool), offset, like=upscore)


def parameter_groups(net: Any, lr: float, weight_decay: float = 5e-4, learn_upsampling: bool = True) -> list[dict]:
    """The published recipe as groups for an optimizer: biases learn twice as fast and do not decay.

        SGD(parameter_groups(net, lr=1e-10), lr=1e-10, momentum=0.99)

    The tiny rate belongs to a loss that is SUMMED over about 200,000 pixels, batch 1: 1e-10 for 32s and for training
    all parts together, 1e-12 for 16s started from 32s, 1e-14 for 8s started from 16s. If the loss is the mean, as in
    cross_entropy, multiply the rate by the number of pixels. Caffe's files keep all bilinear kernels fixed
    (learn_upsampling=False). The paper learns the intermediate kernels.
    """
    if not isinstance(net, Module):
        raise TypeError(f"parameter_groups: net must be a Module, got {type(net).__name__}")
    weights, biases = [], []
    for module in net.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, ConvTranspose2d) and not learn_upsampling:
                continue
            (biases if name == "bias" else weights).append(parameter)
    return [
        {"params": weights, "lr": lr, "weight_decay": weight_decay},
        {"params": biases, "lr": 2 * lr, "weight_decay": 0.0},
    ]
