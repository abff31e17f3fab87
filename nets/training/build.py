"""Nets by name, as the config of a run describes them."""

from __future__ import annotations

import nets

FCNS = ("fcn32s", "fcn16s", "fcn8s")
NET_NAMES = ("unet", *FCNS)


def build_net(description):
    """The net of a description {"name": ..., arguments}; its weights come from minitensor's random generator."""
    arguments = dict(description)
    name = arguments.pop("name")
    constructors = {"unet": nets.UNet, "fcn32s": nets.FCN32s, "fcn16s": nets.FCN16s, "fcn8s": nets.FCN8s}
    if name not in constructors:
        raise ValueError(f"net must be one of {', '.join(NET_NAMES)}, got {name!r}")
    return constructors[name](**arguments)
