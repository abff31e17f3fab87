"""Nets by name, as the config of a run describes them."""

from __future__ import annotations

from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.unet import UNet

FCNS = ("fcn32s", "fcn16s", "fcn8s")
NET_NAMES = ("unet", *FCNS)
OWN = "own"  # the name of a net that the user made: only its class is known


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
