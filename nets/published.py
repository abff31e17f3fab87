"""What published files of weights look like: which net a file belongs to, and VGG-16 with batch norm as plain VGG-16.

Batch norm in use is a fixed scale and shift of each channel. So it can be folded into the convolution before it, and
the net computes the same numbers without it:

    (w * x + b - mean) / sqrt(var + eps) gamma + beta  =  (s w) * x + s (b - mean) + beta
    s = gamma / sqrt(var + eps)
"""

from __future__ import annotations

import re

import numpy as np

# A tensor that only files of this layout have -> the name of the layout.
LAYOUTS = {
    "features.0.weight": "torchvision vgg16",
    "backbone.layer1.0.conv1.weight": "torchvision fcn_resnet50",
    "conv1_1.weight": "pytorch-fcn",
    "inc.double_conv.0.weight": "U-Net",
}
# The same for nets that are not in this library. The first that is found names the file.
FOREIGN = {
    "classifier.0.convs.0.0.weight": "torchvision's deeplabv3",
    "classifier.cbr.0.weight": "torchvision's lraspp_mobilenet_v3_large",
    "backbone.layer3.22.conv1.weight": "a net on a ResNet-101, such as torchvision's fcn_resnet101",
    "segmentation_head.0.weight": "a net of segmentation_models_pytorch",
    "decode_head.conv_seg.weight": "a net of mmsegmentation",
    "layer3.22.conv1.weight": "a ResNet-101 or larger",
    "layer1.0.conv3.weight": "a ResNet-50 classifier (FCNResNet50 takes the usual one into its backbone)",
    "layer1.0.conv1.weight": "a small ResNet, such as torchvision's resnet18 or resnet34",
    "features.3.squeeze.weight": "torchvision's squeezenet",
    "fc.weight": "a classifier",
}
# Convolutions in each of the five blocks of the other VGGs
OTHER_VGGS = {"vgg11": (1, 1, 2, 2, 2), "vgg13": (2, 2, 2, 2, 2), "vgg19": (2, 2, 4, 4, 4)}
ALEXNET = (0, 3, 6, 8, 10)  # where torchvision's alexnet has convolutions in `features`
HERE = "UNet, FCN32s, FCN16s, FCN8s, FCNResNet50 (fcn_resnet50) and VGG16 (vgg16, vgg16_bn)"

BATCH_NORM_EPS = 1e-5  # torchvision's; a state dict does not hold it
VGG16_BN = "features.1.running_mean"  # vgg16 has a ReLU at this place, which has no tensors
FEATURE = re.compile(r"features\.(\d+)\.(\w+)")


def foreign_net(state):
    """The name of a net that the state belongs to and that is not in this library; None if it is not known."""
    known = next((name for tensor, name in FOREIGN.items() if tensor in state), None)
    if known is not None:
        return known
    matches = ((FEATURE.fullmatch(name), value) for name, value in state.items())
    places = [int(match[1]) for match, value in matches if match and match[2] == "weight" and value.ndim == 4]
    return _by_places().get(tuple(sorted(places)))


def _by_places():
    """{places of the convolutions in `features`: the name of the net}"""
    names = {ALEXNET: "torchvision's alexnet"}
    for name, blocks in OTHER_VGGS.items():
        for step, suffix in ((2, ""), (3, "_bn")):  # a convolution and its ReLU, perhaps a batch norm between
            places, place = [], 0
            for convolutions in blocks:
                places += range(place, place + step * convolutions, step)
                place += step * convolutions + 1  # the pooling
            names[tuple(places)] = f"torchvision's {name}{suffix}"
    return names


def is_resnet50(state):
    """Whether these are the tensors of a ResNet-50 such as torchvision's, with or without its classifier."""
    return (
        "layer1.0.conv3.weight" in state and "layer3.5.conv1.weight" in state and "layer3.6.conv1.weight" not in state
    )


def is_vgg16_bn(state):
    """Whether these are the tensors of torchvision's vgg16_bn."""
    return VGG16_BN in state and "features.0.weight" in state


def fold_vgg16_bn(state):
    """The tensors of torchvision's vgg16_bn as those of vgg16, which then computes the same scores.

    state   {name: array}. Raises ValueError if a tensor of a batch norm is missing.
    """
    layers = {}  # position in `features` -> {kind: array}
    for name, value in state.items():
        match = FEATURE.fullmatch(name)
        if match:
            layers.setdefault(int(match[1]), {})[match[2]] = np.asarray(value)
    folded = {name: value for name, value in state.items() if not name.startswith("features.")}
    place = 0  # vgg16 has a convolution and a ReLU where vgg16_bn has three layers
    before = None
    for position in sorted(layers):
        layer = layers[position]
        if layer["weight"].ndim != 4:  # the batch norm of the convolution one place before; that one wrote it
            continue
        if before is not None:
            place += 2 + (position - before > 3)  # a pooling lies between
        before = position
        norm = layers.get(position + 1, {})
        lost = {"weight", "bias", "running_mean", "running_var"} - norm.keys()
        if lost:
            raise ValueError(f"vgg16_bn: features.{position + 1} has no {', '.join(sorted(lost))}")
        scale = norm["weight"] / np.sqrt(norm["running_var"] + BATCH_NORM_EPS)
        folded[f"features.{place}.weight"] = layer["weight"] * scale[:, None, None, None]
        folded[f"features.{place}.bias"] = (layer["bias"] - norm["running_mean"]) * scale + norm["bias"]
    return folded
