"""The settings of a new run, from the user's options and the data."""

from __future__ import annotations

from nets.data import Normalization, count_classes, default_crop, median_frequency_weights
from nets.segmentation.centres import OUTPUTS
from nets.training.build import FCNS, check_description
from nets.training.config import Config
from nets.training.objects import must_have_objects
from nets.training.recipes import border_of, recipe_for, valid_crop
from nets.training.sizes import check_batch_size, most_halvings

DEFAULT_MINUTES = {"cells": 1.75, "street": 5.0}
DEFAULT_MINUTES_FOLDER = 10.0

# A step of a net that is twice as wide takes two to three times as long, and the net needs no fewer steps. So the time
# decides: (minutes at most, channels).
BASE_CHANNELS = ((10, 12), (30, 16), (90, 24), (float("inf"), 32))
DEPTH = 4
FCN_WIDTH = 0.125  # share of VGG-16's channels
# The FCNs pad images by 100 pixels on each side, which makes small crops relatively expensive.
FCN_CROP = 256

# Smaller crops make steps cheaper, and a short run needs many steps more than it needs large crops: after the same
# number of pixels, crops of 128 give better results on CamVid and isbi_em than larger crops.
# (minutes at most, pixels per side)
CROPS = ((10, 128), (30, 192), (float("inf"), 256))

BATCH = 4
LEARNING_RATE = 3e-3  # short trainings gain from large steps; the running mean of the weights smooths them
LEARNING_RATE_FCN = 1e-3  # without batch norm, large steps could diverge
WEIGHT_DECAY = 1e-4

# w0 of U-Net's weight map. The paper has 10 (Ronneberger et al. 2015, section 3). In minutes of training, 10 teaches a
# net to draw borders inside of objects too, and 3 gives better outlines (docs/results-segmentation.md).
BORDER_WEIGHT = 3.0

# 0: no class weights. 1: median frequency weights. On CamVid's 11 classes, 1 harms the frequent classes more than it
# helps the rare ones. When the training ends, decision.py makes up for the weaker weights.
BALANCE_POWER = 0.5
# Class weights make objects too wide, and the thresholds that are found at the end balance object and background anyway
# (docs/results-segmentation.md).
BALANCE_POWER_OBJECTS = 0.0


def choose(options, train, data):
    """The Config of a new run. What `options` leave open follows from the training set and the time.

    net    a padded U-Net with batch norm, depth 4, 12 to 32 channels at the top; the FCNs at an eighth of VGG's
    crop   as large as the smallest image, in multiples of 16, at most 128 to 256 depending on the time (FCNs: 256)
    batch  4, AdamW at 3e-3 (FCNs 1e-3) with warm-up and polynomial decay
    time   10 minutes; 1.75 for "cells", 5 for "street"
    """
    fcn = options.net in FCNS
    if fcn and (options.base or options.depth):
        raise ValueError(f"--base and --depth belong to unet, {options.net} has --width")
    if not fcn and options.width:
        raise ValueError(f"--width belongs to the FCNs, {options.net} has --base and --depth")
    task = options.task or "semantic"
    method, border_weight = _method(options, task)
    recipe = recipe_for(options, method)
    if recipe and task != "semantic" and options.border_weight is None:
        border_weight = recipe.border_weight
    if task != "semantic":
        must_have_objects(train, data, task)
    outputs = len(train.classes) + (OUTPUTS if method == "centres" else 0)
    net = {"name": options.net, "in_channels": train.channels, "classes": outputs}
    seconds = None
    minutes = options.minutes or DEFAULT_MINUTES.get(data, DEFAULT_MINUTES_FOLDER)
    if options.steps is None:
        seconds = 60.0 * minutes
    if fcn:
        net |= {"width": options.width or FCN_WIDTH}
    else:
        net |= {
            "base_channels": options.base or _within(minutes, BASE_CHANNELS),
            "depth": options.depth or DEPTH,
            "padding": "same",
            "norm": "batch",
        }
    net |= recipe.net if recipe else {}
    crop = default_crop(train, FCN_CROP if fcn else _within(minutes, CROPS))
    valid = net.get("padding") == "valid"
    if valid:
        crop = valid_crop(train.smallest, net["depth"])
    if options.crop:
        crop = (options.crop, options.crop)
    batch = options.batch or (recipe.batch if recipe else BATCH)
    check_batch_size(crop, batch)
    check_description(net)
    if valid:
        border_of(net, crop)
    elif not fcn:
        _check_depth(net["depth"], crop, batch)
    power = BALANCE_POWER_OBJECTS if task == "instance" else BALANCE_POWER
    weights = median_frequency_weights(count_classes(train), power)
    own_rate = LEARNING_RATE_FCN if fcn else LEARNING_RATE
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
        batch=batch,
        learning_rate=options.lr or (recipe.rates[options.net] if recipe else own_rate),
        weight_decay=recipe.weight_decay if recipe else WEIGHT_DECAY,
        seed=options.seed or 0,
        device=options.device or "cpu",
        steps=options.steps,
        seconds=seconds,
        task=task,
        method=method,
        border_weight=border_weight,
        recipe=options.recipe,
    )


def _method(options, task):
    """(method, border weight) of a run. Raises ValueError for an option that does not belong to its task or method."""
    if task == "semantic":
        for option in ("method", "border_weight"):
            if getattr(options, option) is not None:
                raise ValueError(f"--{option.replace('_', '-')} belongs to --task instance and panoptic")
        return None, 0.0
    method = options.method or "watershed"
    if method == "watershed":
        return method, BORDER_WEIGHT if options.border_weight is None else options.border_weight
    if options.border_weight is not None:
        raise ValueError(f"--border-weight belongs to --method watershed, got --method {method}")
    return method, 0.0


def _check_depth(depth, crop, batch):
    """Raise ValueError if a crop cannot be halved so often, or leaves batch norm only one value."""
    deepest = most_halvings(crop)
    if depth > deepest:
        smaller = f"--depth {deepest} or " if deepest else ""
        raise ValueError(
            f"--depth {depth}: a crop of {crop[0]}x{crop[1]} can be halved {deepest} times; give {smaller}a larger "
            "--crop"
        )
    if batch == 1 and all(-(-side // 2**depth) == 1 for side in crop):
        raise ValueError(
            f"--batch 1: at --depth {depth} a crop of {crop[0]}x{crop[1]} shrinks to one pixel, and batch norm needs "
            "two values to compare; give --batch 2, a smaller --depth or a larger --crop"
        )


def _within(minutes, table):
    """The entry of the first row whose bound is not exceeded."""
    return next(value for most, value in table if minutes <= most)
