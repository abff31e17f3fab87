"""U-Net: a contracting path collects context, an expanding path recovers where things are, skips connect the two.

    image ─ inc ─────────────────── skip ──────────────────── up4 ─ outc ─ scores
              └ down1 ───────────── skip ──────────── up3 ──┘
                  └ down2 ───────── skip ──── up2 ──┘
                      └ down3 ───── skip up1 ─┘
                          └ down4 ─────┘

Source: Ronneberger, Fischer, Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI 2015,
arXiv 1505.04597. The parts have the names that they have in the widely used port by milesial, so the keys of the state
dict are the same, and milesial's files load unchanged into UNet(padding="same", norm="batch").
"""

from __future__ import annotations

from math import sqrt

import minitensor as mt
from layers import Conv2d, ConvTranspose2d, Dropout, Module, init
from layers.affine import positive
from minitensor.tensor import Tensor
from nets.plan import Branch, Crop, window_of
from nets.sizes import nearest_text, nearest_unet_sizes, unet_sizes
from nets.unet_parts import DoubleConv, Down, OutConv, Up


class UNet(Module):
    """The U-Net: (N, in_channels, H, W) -> scores (N, classes, OH, OW). The loss contains the softmax.

    padding  "valid" is the paper's: convolutions see only real pixels, so the output is smaller (572 -> 388), and the
             size must fit. If it does not, a ValueError gives the nearest sizes that fit. `nets.unet_sizes` lists all
             sizes, and `nets.predict` cuts and mirrors larger images.
             "same" pads zeros and keeps the size, from 1x1 up. An image whose sides are not multiples of 2^depth is
             first extended below and to the right by its edge pixels, and the output is cut.
    up       "transpose" learns a 2x2 up-convolution that halves the channels. "bilinear" interpolates (align_corners),
             and the convolutions before it halve the channels.
    norm     "batch" puts batch norm before every ReLU. In training it needs more than one value per channel at the
             deepest level, so a batch of one image needs sides above 2^depth.
    dropout  the rate on the last two levels of the contracting path; on the upper of the two it acts before both the
             pooling and the skip. The paper does not give the rate; the released net has 0.5.

    For relu_after_up and last_up_channels see `released`. Weights start as N(0, 2/N), where N is the number of inputs
    of one unit (paper, section 3). Biases start as 0.
    """

    def __init__(
        self,
        in_channels: int = 3,
        classes: int = 2,
        base_channels: int = 64,
        depth: int = 4,
        padding: str = "valid",
        up: str = "transpose",
        norm: str | None = None,
        *,
        dropout: float = 0.0,
        relu_after_up: bool = False,
        last_up_channels: int | None = None,
    ) -> None:
        super().__init__()
        _check_choice("padding", padding, ("valid", "same"))
        _check_choice("up", up, ("transpose", "bilinear"))
        _check_choice("norm", norm, (None, "batch"))
        sizes = {"in_channels": in_channels, "base_channels": base_channels, "depth": depth, "classes": classes}
        for name, number in sizes.items():
            positive(number, name, "UNet")
        if last_up_channels is not None and up != "transpose":
            raise ValueError('UNet: last_up_channels belongs to up="transpose"; interpolation keeps channels')
        self.in_channels, self.classes, self.depth, self.padding = in_channels, classes, depth, padding
        self.dropout = Dropout(dropout)

        channels = [base_channels * 2**level for level in range(depth + 1)]  # 64 128 256 512 1024
        self.inc = DoubleConv(in_channels, channels[0], padding=padding, norm=norm)
        for level in range(1, depth + 1):
            halved = up == "bilinear" and level == depth
            outputs = channels[level] // 2 if halved else channels[level]
            setattr(self, f"down{level}", Down(channels[level - 1], outputs, padding, norm))
        settings = padding, up, norm, relu_after_up
        for level in reversed(range(depth)):
            top = level == 0
            outputs = channels[level] // 2 if up == "bilinear" and not top else channels[level]
            up_channels = last_up_channels if top and last_up_channels else channels[level]
            part = Up(channels[level + 1], up_channels, channels[level], outputs, *settings)
            setattr(self, f"up{depth - level}", part)
        self.outc = OutConv(channels[0], classes)
        self.apply(_initialise)

    @classmethod
    def released(cls, in_channels: int = 1, classes: int = 2, base_channels: int = 64) -> UNet:
        """The net of the authors' Caffe release, which differs from the figure in the paper: 31,100,354 parameters.

        The last up-convolution keeps its 128 channels (with the skip, the top level has 192). A ReLU follows every
        up-convolution. Dropout of 0.5 acts on the fourth and fifth level.
        """
        options = {"dropout": 0.5, "relu_after_up": True, "last_up_channels": 2 * base_channels}
        return cls(in_channels, classes, base_channels, **options)

    @property
    def downs(self) -> list:
        return [getattr(self, f"down{level}") for level in range(1, self.depth + 1)]

    @property
    def ups(self) -> list:
        return [getattr(self, f"up{level}") for level in range(1, self.depth + 1)]

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != self.in_channels:
            raise ValueError(f"UNet: x must be (N, {self.in_channels}, H, W), got shape {x.shape}")
        height, width = x.shape[2:]
        fit_height, fit_width = self.fitting_size(height, width)
        if (fit_height, fit_width) != (height, width):
            x = mt.pad(x, (0, fit_width - width, 0, fit_height - height), mode="replicate")
        x = self.inc(x)
        skips = []
        for level, down in enumerate(self.downs, start=1):
            if level == self.depth:
                x = self.dropout(x)  # on the last level with a skip, before both the skip and the pooling
            skips.append(x)
            x = down(x)
        x = self.dropout(x)
        for up in self.ups:
            # Two calls, so that while the convolutions run nothing refers to the skip, and its memory is free.
            x = up.conv(up.join(x, skips.pop()))
        x = self.outc(x)
        if (fit_height, fit_width) != (height, width):
            x = x[:, :, :height, :width]
        return x

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """The size at which the layers run: the input's own, or, with padding "same", the next multiple of 2^depth.

        Raises ValueError if a valid U-Net cannot take the size.
        """
        if height < 1 or width < 1:
            raise ValueError(f"UNet: the image has no pixels: {height}x{width}")
        if self.padding == "same":
            step = 2**self.depth
            return -(-height // step) * step, -(-width // step) * step
        wrong = [n for n in (height, width) if nearest_unet_sizes(n, self.depth)[0] != n]
        if wrong:
            advice = [nearest_text(n, self.depth) for n in wrong]
            if len(set(wrong)) > 1:
                advice = [f"for {n} {text}" for n, text in zip(wrong, advice, strict=True)]
            raise ValueError(f"UNet: {height}x{width} does not fit: {', '.join(dict.fromkeys(advice))}")
        return height, width

    def plan(self) -> list:
        """The steps of the net for `nets.receptive_field` and `nets info`, built from the deepest level outwards."""
        crops = (0,) * self.depth
        if self.padding == "valid":  # the crops are the same for every size that fits
            crops = unet_sizes(nearest_unet_sizes(1, self.depth)[1], self.depth).crops
        levels = [self.inc.plan("inc")]
        levels += [down.plan(f"down{level}") for level, down in enumerate(self.downs, start=1)]
        steps = levels.pop()
        for number, up in enumerate(self.ups, start=1):
            crop = crops[self.depth - number]
            around = (Crop("crop of the skip", crop),) if crop else ()
            branch = Branch(f"up{number}", (*steps, up.window(f"up{number}")), around, "concatenated")
            steps = [*levels.pop(), branch, *up.conv.plan(f"up{number}.conv")]
        return [*steps, window_of("outc.conv", self.outc.conv)]


def _initialise(module):
    """N(0, 2/N) keeps the variance of features from layer to layer, although ReLU drops half of it.

    N counts the inputs of one unit: 9 * 64 = 576 in the paper's example. The up-convolution writes each output pixel
    from a single input pixel (kernel 2, stride 2), so there N is the number of channels.
    """
    if not isinstance(module, (Conv2d, ConvTranspose2d)):
        return
    taps = module.kernel_size[0] * module.kernel_size[1]
    if isinstance(module, ConvTranspose2d):
        taps //= module.stride[0] * module.stride[1]
    init.normal_(module.weight, 0.0, sqrt(2 / (taps * module.in_channels)))
    if module.bias is not None:
        init.zeros_(module.bias)


def _check_choice(name, value, choices):
    if value not in choices:
        raise ValueError(f"UNet: {name} must be one of {', '.join(map(repr, choices))}, got {value!r}")
