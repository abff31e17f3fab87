"""Nets by name, as the config of a run describes them."""

from __future__ import annotations

from math import isfinite

from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.limits import MOST_BASE_CHANNELS, MOST_CLASSES, MOST_DEEPEST_CHANNELS, MOST_DEPTH, MOST_WIDTH
from nets.plain_files import is_whole, quoted
from nets.unet import UNet
from nets.vgg import BLOCK_CHANNELS, GRID, HIDDEN, scaled

FCNS = ("fcn32s", "fcn16s", "fcn8s")
NET_NAMES = ("unet", *FCNS)
KERNEL = 3  # taps a side of U-Net's convolutions
OWN = "own"  # the name of a net that the user made: only its class is known

# The values that an argument of a net may have, and these in words
_FLAG = (lambda value: isinstance(value, bool), "true or false")


def _whole(most):
    return lambda value: is_whole(value, 1, most), f"a whole number from 1 to {most}"


def _between(most, least=0.0):
    def holds(value):
        return type(value) in (int, float) and isfinite(value) and least <= value <= most

    return holds, f"a number from {least:g} to {most:g}"


def _one_of(*values):
    return lambda value: any(value is each or value == each for each in values), f"one of {', '.join(map(str, values))}"


_COMMON = {"in_channels": _one_of(1, 3), "classes": _whole(2 * MOST_CLASSES)}
_UNET = {
    **_COMMON,
    "base_channels": _whole(MOST_BASE_CHANNELS),
    "depth": _whole(MOST_DEPTH),
    "padding": _one_of("valid", "same"),
    "up": _one_of("transpose", "bilinear"),
    "norm": _one_of(None, "batch"),
    "dropout": _between(0.99),
    "relu_after_up": _FLAG,
    "last_up_channels": _whole(MOST_BASE_CHANNELS),
}
_FCN32S = {**_COMMON, "width": _between(MOST_WIDTH, 1e-3), "channel_dropout": _FLAG}
_FCN = {**_FCN32S, "at_once": _FLAG}
_OWN = {**_COMMON, "class": (lambda value: isinstance(value, str), "a text")}
ARGUMENTS = {"unet": _UNET, "fcn32s": _FCN32S, "fcn16s": _FCN, "fcn8s": _FCN, OWN: _OWN}


def check_description(description):
    """Raise ValueError unless a description, which may come from a file, is that of a net that can be built."""
    name = description.get("name") if isinstance(description, dict) else None
    if not isinstance(name, str) or name not in ARGUMENTS:
        raise ValueError(f"net must be an object whose name is one of {', '.join(ARGUMENTS)}")
    known = ARGUMENTS[name]
    for argument, value in description.items():
        if argument == "name":
            continue
        if argument not in known:
            raise ValueError(f"net: {name} has no {quoted(argument)}")
        holds, expected = known[argument]
        if not holds(value):
            raise ValueError(f"net: {argument} must be {expected}, got {quoted(value)}")
    check_size(description)


def check_size(description):
    """Raise ValueError for a U-Net with more channels at its deepest level than any computer trains."""
    base, depth = description.get("base_channels", 1), description.get("depth", 1)
    if base << depth > MOST_DEEPEST_CHANNELS:
        raise ValueError(
            f"net: {base} channels that double {depth} times are {base << depth}, more than {MOST_DEEPEST_CHANNELS}"
        )


def least_parameters(description):
    """Fewer numbers than a net has, from its description alone: those of the largest of its first convolutions."""
    if description["name"] in FCNS:
        width = description.get("width", 1.0)
        return GRID**2 * scaled(BLOCK_CHANNELS[-1], width) * scaled(HIDDEN, width)  # fc6
    # With up="bilinear" the deepest level has half as many channels.
    channels = (description.get("base_channels", 1) << description.get("depth", 1)) // 2
    return KERNEL**2 * channels**2


def build_net(description):
    """The net of a description {"name": ..., arguments}; its weights come from minitensor's random generator."""
    arguments = dict(description)
    name = arguments.pop("name")
    constructors = {"unet": UNet, "fcn32s": FCN32s, "fcn16s": FCN16s, "fcn8s": FCN8s}
    if name == OWN:
        raise ValueError(
            f"the run has trained a net of your own ({arguments['class']}), and only you can build it: "
            "nets.load_run(folder, net)"
        )
    if name not in constructors:
        raise ValueError(f"net must be one of {', '.join(NET_NAMES)}, got {name!r}")
    return constructors[name](**arguments)
