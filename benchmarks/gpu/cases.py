"""What the suite measures on a GPU: train steps and inference of whole nets, and convolutions one by one."""

from __future__ import annotations

from functools import partial

from benchmarks import nets_cases, ops_cases

UNET = {"in_channels": 3, "base_channels": 64, "padding": "same"}
IMAGES = (16, 3, 256, 256)

# name: (net, its arguments, input shape, classes, "train" or "infer"). What matters most comes first.
NETS = {
    "U-Net 64, 16x3x256x256: train step": ("unet", UNET, IMAGES, 2, "train"),
    "U-Net 64, 16x3x256x256: inference": ("unet", UNET, IMAGES, 2, "infer"),
    "U-Net 64 with batch norm, 16x3x256x256: train step": ("unet", UNET | {"norm": "batch"}, IMAGES, 2, "train"),
    "FCN-8s, 4x3x500x500: train step": ("fcn8s", {}, (4, 3, 500, 500), 21, "train"),
    "FCN-8s, 1x3x500x500: inference": ("fcn8s", {}, (1, 3, 500, 500), 21, "infer"),
    "FCN-8s, 4x3x256x256: train step": ("fcn8s", {}, (4, 3, 256, 256), 21, "train"),
}

# (name, N, C, H, W, O, kernel, padding): the layers of a U-Net of base 64 at batch 16, and FCN-8s's first dense layer
CONVOLUTIONS = [
    ("U-Net 3 to 64 at 256", 16, 3, 256, 256, 64, 3, 1),
    ("U-Net 64 to 64 at 256", 16, 64, 256, 256, 64, 3, 1),
    ("U-Net 128 to 128 at 128", 16, 128, 128, 128, 128, 3, 1),
    ("U-Net 256 to 256 at 64", 16, 256, 64, 64, 256, 3, 1),
    ("U-Net 512 to 512 at 32", 16, 512, 32, 32, 512, 3, 1),
    ("U-Net 1024 to 1024 at 16", 16, 1024, 16, 16, 1024, 3, 1),
    ("U-Net 64 to 2, 1x1", 16, 64, 256, 256, 2, 1, 0),
    ("FCN fc6 7x7", 2, 512, 22, 22, 4096, 7, 0),
]


def builders():
    """{case name: function of a side that prepares it and returns its step}"""
    found = {name: partial(nets_cases.build, case=name, known=NETS) for name in NETS}
    for name, n, c, h, w, o, kernel, padding in CONVOLUTIONS:
        for part in ops_cases.PARTS:
            found[f"conv2d {name}: {part}"] = partial(
                ops_cases.convolution, part=part, n=n, c=c, h=h, w=w, o=o, kernel=kernel, padding=padding
            )
    return found


def trained():
    """The names of the nets' train steps."""
    return [name for name, (*_, mode) in NETS.items() if mode == "train"]
