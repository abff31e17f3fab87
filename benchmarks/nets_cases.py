"""Whole networks: train steps and inference of minitensor's nets beside the same nets in torch, same weights."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks import harness

# What README's first command trains: a batch of four crops of 128 x 128
MAIN_JOB = {"in_channels": 1, "base_channels": 12, "padding": "same", "norm": "batch"}
SMALL = {"in_channels": 1, "base_channels": 16, "padding": "same"}

# name -> (net, its arguments, input shape, classes, "train", "train with AdamW" or "infer")
CASES = {
    "paper U-Net 1x1x572x572: train step": ("unet", {"in_channels": 1}, (1, 1, 572, 572), 2, "train"),
    "paper U-Net 1x1x572x572: inference": ("unet", {"in_channels": 1}, (1, 1, 572, 572), 2, "infer"),
    "small padded U-Net 4x1x256x256: train step": ("unet", SMALL, (4, 1, 256, 256), 2, "train"),
    "small padded U-Net 4x1x256x256: inference": ("unet", SMALL, (4, 1, 256, 256), 2, "infer"),
    "batch norm U-Net base 16 4x1x128x128: train step": (
        "unet",
        SMALL | {"norm": "batch"},
        (4, 1, 128, 128),
        2,
        "train",
    ),
    "main job's U-Net base 12 4x1x128x128: train step": ("unet", MAIN_JOB, (4, 1, 128, 128), 2, "train with AdamW"),
    "FCN-8s 1x3x500x500: inference": ("fcn8s", {}, (1, 3, 500, 500), 21, "infer"),
    "FCN-8s width 0.25 2x3x256x256: train step": ("fcn8s", {"width": 0.25}, (2, 3, 256, 256), 21, "train"),
}

# What a train step's results may differ by from torch's, as a share of their largest value: the loss, the gradient of
# the first layer and that of the last. If the two largest pixels of a pooled window differ by less than rounding, the
# window's gradient goes to the other one. One such window of FCN-8s changes the first layer's gradient by 1.5e-3.
TRAIN_TOLERANCES = (2e-4, 5e-3, 2e-4)
# Batch norm divides by small deviations. With it, the first layer's gradients of torch's own forms (channels_last,
# compiled) differ by 8e-3.
NORM_TOLERANCES = (2e-4, 2e-2, 2e-3)

LEARNING_RATE = 1e-3
MOMENTUM = 0.9
KERNEL_DIMENSIONS = 4  # (O, C, KH, KW); biases have one and stay zero


def builders():
    """{case name: function of a library that prepares it and returns its step}"""
    return {name: partial(build, case=name) for name in CASES}


def tolerances(case):
    """What the results of a case may differ by from torch's."""
    _, settings, _, _, mode = CASES[case]
    if mode == "infer":
        return harness.TOLERANCE
    return NORM_TOLERANCES if settings.get("norm") else TRAIN_TOLERANCES


def build(library, case, known=CASES):
    """The `step` of one case: inference returns the scores; a train step the loss and two gradients, those of the first
    and of the last layer's weights. The weights themselves would say little: one step hardly changes them.
    """
    net_name, settings, shape, classes, mode = known[case]
    net, optimizer = make(library, net_name, settings | {"classes": classes}, adaptive=mode == "train with AdamW")
    net = library.placed(net)
    image = library.normals(*shape)
    if mode == "infer":
        net.eval()

        def infer():
            with library.no_grad():
                return (net(image),)

        return infer

    with library.no_grad():
        size = net(image).shape[2:]
    target = library.tensor(np.random.default_rng(0).integers(0, classes, (shape[0], *size)))
    kernels = [parameter for parameter in net.parameters() if parameter.ndim == KERNEL_DIMENSIONS]
    first, last = kernels[0], kernels[-1]

    def train():
        optimizer.zero_grad()
        loss = library.cross_entropy(net(image), target)
        loss.backward()
        optimizer.step()
        return loss, first.grad, last.grad

    return train


def make(library, net_name, settings, adaptive=False):
    """(net, optimizer) of a library, its weights the same for every library. The optimizer: SGD, or AdamW."""
    if library.name == "minitensor":
        from minitensor import optim

        net = _minitensor_net(net_name, settings)
    else:
        from torch import optim

        net = _torch_net(net_name, settings)
    if adaptive:
        return net, optim.AdamW(net.parameters(), lr=LEARNING_RATE)
    return net, optim.SGD(net.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)


def _minitensor_net(name, settings):
    """Our net with seeded weights. Dropout is off: its masks would differ between the sides.

    Weights that start as zeros (the score layers of FCN) are drawn instead: all scores would be zero, and so would all
    gradients before them, and comparing zeros says nothing.
    """
    import minitensor as mt
    import nets
    from layers import init

    mt.manual_seed(0)
    net = {"unet": nets.UNet, "fcn8s": nets.FCN8s}[name](**settings)
    for module in net.modules():
        if type(module).__name__.startswith("Dropout"):
            module.p = 0.0
    for parameter in net.parameters():
        if parameter.ndim == KERNEL_DIMENSIONS and not parameter.numpy().any():
            init.kaiming_normal_(parameter)
    return net


def _torch_net(name, settings):
    """The twin in torch, with the weights of our net of the same seed."""
    import torch

    from benchmarks import torch_nets

    ours = _minitensor_net(name, settings)
    twin = torch_nets.TWINS[name](**settings)
    twin.load_state_dict({key: torch.from_numpy(value.numpy().copy()) for key, value in ours.state_dict().items()})
    del ours
    return twin
