"""The papers' recipes, as named settings: `python -m nets train --recipe NAME`. docs/recipes.md explains them.

unet-paper   Ronneberger, Fischer, Brox (2015), section 3: SGD with momentum 0.99, one large tile a step, valid
             convolutions, border weights (w0 10, sigma 5), dropout, elastic deformation
fcn-paper    Shelhamer, Long, Darrell (2017), section 4.3: the stages 32s, 16s, 8s, each started from the stage before
             with `--weights RUN`. One image a step, momentum 0.99, the loss summed over the pixels
fcn-at-once  the same section: FCN-8s in one training, with pool4 and pool3 scaled down
fcn-cvpr     Long, Shelhamer, Darrell, CVPR 2015, section 4.3: 20 images a step, momentum 0.9, the loss a mean

In the FCN recipes biases learn twice as fast as weights and do not decay. The rates do not change during a training.
"""

from __future__ import annotations

from typing import NamedTuple

import minitensor as mt
from nets.fcn import parameter_groups
from nets.sizes import unet_input_size, unet_sizes

FCN_STAGE_RATES = {"fcn32s": 1e-10, "fcn16s": 1e-12, "fcn8s": 1e-14}  # for a loss that is summed over the pixels
PAPER_OUTPUT = 388  # pixels a side that the paper's tile of 572 predicts


class Recipe(NamedTuple):
    """Settings of a training. `net` holds arguments of the net; `rates` the learning rate of each net that fits.

    bias_factor   the rate of biases, as a multiple of the rate of weights; with 2, biases do not decay either
    summed        the loss is a sum over the pixels of a batch, not their mean
    elastic       the share of training images that are deformed
    """

    rates: dict
    net: dict
    batch: int
    momentum: float
    weight_decay: float
    bias_factor: float = 1.0
    summed: bool = False
    elastic: float = 0.0
    border_weight: float = 0.0


# The paper prints no learning rate. 1e-3 with momentum 0.99 moves as far as 0.1 without, and the loss is a mean.
_UNET_RATE = 1e-3

RECIPES = {
    "unet-paper": Recipe(
        {"unet": _UNET_RATE},
        {"padding": "valid", "norm": None, "dropout": 0.5},
        batch=1,
        momentum=0.99,
        weight_decay=0.0,
        elastic=1.0,
        border_weight=10.0,
    ),
    "fcn-paper": Recipe(FCN_STAGE_RATES, {}, 1, 0.99, 5e-4, bias_factor=2.0, summed=True),
    "fcn-at-once": Recipe({"fcn8s": 1e-10}, {"at_once": True}, 1, 0.99, 5e-4, bias_factor=2.0, summed=True),
    "fcn-cvpr": Recipe(dict.fromkeys(FCN_STAGE_RATES, 1e-4), {}, 20, 0.9, 5e-4, bias_factor=2.0),
}


def recipe_for(options, method):
    """The Recipe of the options, or None. Raises ValueError if the net, the method or the start does not fit it."""
    if options.recipe is None:
        return None
    recipe = RECIPES[options.recipe]
    if options.net not in recipe.rates:
        raise ValueError(f"--recipe {options.recipe} trains {', '.join(recipe.rates)}, got --net {options.net}")
    if method == "centres":
        raise ValueError(f"--recipe {options.recipe} has no centres, got --method centres; leave out --method")
    if options.recipe == "fcn-paper" and options.net != "fcn32s" and options.weights is None:
        before = "fcn32s" if options.net == "fcn16s" else "fcn16s"
        raise ValueError(
            f"--recipe fcn-paper: {options.net} starts from the weights of the stage before; give --weights with the "
            f"run folder of a trained {before}"
        )
    return recipe


def valid_crop(smallest, depth):
    """(H, W) of the tiles of a valid U-Net: they predict as much as the smallest image has, 388 pixels at most."""
    return tuple(unet_input_size(min(side, PAPER_OUTPUT), depth) for side in smallest)


def border_of(net, crop):
    """Pixels on each side of a crop that a described net reads and does not predict; 0 unless it is a valid U-Net."""
    if net.get("padding") != "valid":
        return 0
    sizes = [unet_sizes(side, net["depth"]) for side in crop]  # raises ValueError with the nearest sizes
    return (sizes[0].input - sizes[0].output) // 2


def without_border(prepare, border):
    """`prepare`, whose labels, weights and targets then cover only what a valid net predicts: the middle."""
    if not border:
        return prepare
    middle = (..., slice(border, -border), slice(border, -border))

    def make(samples, normalization):
        x, *truth = prepare(samples, normalization)
        return x, *(array[middle].copy() for array in truth)

    return make


def optimizer_of(net, config):
    """The optimizer of a run: the recipe's SGD, or AdamW."""
    rate, decay = config.learning_rate, config.weight_decay
    if config.recipe is None:
        return mt.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    recipe = RECIPES[config.recipe]
    parameters = parameter_groups(net, rate, decay) if recipe.bias_factor != 1 else net.parameters()
    return mt.optim.SGD(parameters, lr=rate, momentum=recipe.momentum, weight_decay=decay)


def set_rates(optimizer, config, factor):
    """Set the learning rate of every group of parameters; a recipe's is constant. Returns the rate of weights."""
    if config.recipe is not None:
        factor = 1.0
    rate = config.learning_rate * factor
    for position, group in enumerate(optimizer.param_groups):
        # parameter_groups puts the biases into the second group
        group["lr"] = rate * (RECIPES[config.recipe].bias_factor if position else 1.0)
    return rate


def is_summed(config):
    """Whether the loss of a run is a sum over the pixels."""
    return config.recipe is not None and RECIPES[config.recipe].summed


def check_alone(world, config):
    """Raise ValueError if several processes are to train with a summed loss: they share the means of losses."""
    if is_summed(config) and world.size > 1:
        raise ValueError(
            f"--recipe {config.recipe}: its loss is a sum, which one process computes, not {world.size}; leave out "
            "--processes"
        )
