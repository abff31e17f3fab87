"""From what the user asked for, and what the data are like, to everything a run needs to know."""

from __future__ import annotations

from nets.data import Normalization, count_classes, default_crop, median_frequency_weights

from .build import FCNS
from .run import Config

DEFAULT_MINUTES = 10.0
DEFAULT_MINUTES_GENERATED = 1.7
BALANCE_POWER = 0.5


def choose(options, train, data):
    """The Config of a new run: what `options` leave open follows from the training set.

    net    a padded U-Net with batch norm, depth 4, 16 channels at the top; the FCNs at an eighth of VGG's channels
    crop   as large as the smallest image, at most 256, in multiples of 16
    batch  4
    time   10 minutes; 1.7 for the generated data sets
    """
    fcn = options.net in FCNS
    if fcn and (options.base or options.depth):
        raise ValueError(f"train: --base and --depth belong to unet, {options.net} has --width")
    if not fcn and options.width:
        raise ValueError(f"train: --width belongs to the FCNs, {options.net} has --base and --depth")
    net = {"name": options.net, "in_channels": train.channels, "classes": len(train.classes)}
    if fcn:
        net |= {"width": options.width or 0.125}
    else:
        net |= {
            "base_channels": options.base or 16,
            "depth": options.depth or 4,
            "padding": "same",
            "norm": "batch",
        }
    seconds = None
    if options.steps is None:
        minutes = DEFAULT_MINUTES_GENERATED if data in ("cells", "street") else DEFAULT_MINUTES
        seconds = 60.0 * (minutes if options.minutes is None else options.minutes)
    crop = (options.crop, options.crop) if options.crop else default_crop(train)
    weights = median_frequency_weights(count_classes(train), BALANCE_POWER)
    return Config(
        net=net,
        data=data,
        length=len(train),
        channels=train.channels,
        encoding=train.encoding,
        normalization=Normalization.of(train),
        class_weights=tuple(float(weight) for weight in weights),
        crop=crop,
        orientation=train.orientation,
        batch=options.batch or 4,
        learning_rate=options.lr or 1e-3,
        weight_decay=1e-4,
        seed=options.seed or 0,
        device=options.device or "cpu",
        steps=options.steps,
        seconds=seconds,
    )
