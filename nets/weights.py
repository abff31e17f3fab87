"""Loading weights that people have: files of torchvision's vgg16, of pytorch-fcn, of milesial's U-Net, and our own.

All four are recognised by the names of their tensors, in safetensors files and in torch's .pth files. The nets here
have the same names and shapes, so nothing is translated, only transplanted where VGG goes into an FCN.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

import minitensor as mt
from layers import Module
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.torch_file import read_torch_file

# A tensor that only files of this layout have -> what to call it.
LAYOUTS = {
    "features.0.weight": "torchvision vgg16",
    "conv1_1.weight": "pytorch-fcn",
    "inc.double_conv.0.weight": "U-Net",
}
WRAPPERS = ("state_dict", "model_state_dict", "model", "net")  # where checkpoints put the weights
FCN_HEADS = ("score_pool", "upscore")  # tensors in which FCN-32s, 16s and 8s differ


class LoadedWeights(NamedTuple):
    """What `load_weights` did."""

    layout: str
    missing_keys: list  # tensors of the net that the file does not have: they keep their values
    unexpected_keys: list  # tensors of the file for which the net has no place


def load_weights(net, path):
    """Put the weights of a file into a net; returns a LoadedWeights.

    `path` is a .safetensors file, or a .pth or .pt file of torch, which is read without unpickling
    (nets/torch_file.py). Recognised are
        torchvision vgg16   into VGG16, or into an FCN's backbone: fc6 and fc7 reshaped, scores left as they are
        pytorch-fcn         into the FCN of the same kind, or what they share into another: 32s -> 16s -> 8s
        milesial's U-Net    into UNet(padding="same", norm="batch"), up="bilinear" for files without up1.up.weight
    and files saved from the same net. Raises ValueError, before the net is changed, for a file that is none of
    these, listing every tensor that is missing, unexpected or of the wrong shape.
    """
    if not isinstance(net, Module):
        raise TypeError(f"load_weights: net must be a Module, got {type(net).__name__}")
    state = tensors_of(read_state(path))
    layout = next((LAYOUTS[name] for name in LAYOUTS if name in state), "unknown layout")
    try:
        if isinstance(net, (FCN8s, FCN16s, FCN32s)):
            loaded = _load_fcn(net, state, layout)
        else:
            loaded = net.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"{path} ({layout}) does not fit: {error}") from error
    return LoadedWeights(layout, *loaded)


def _load_fcn(net, state, layout):
    """An FCN takes VGG's weights, and those of its coarser or finer relatives."""
    own = net.state_dict()
    if layout == "torchvision vgg16":
        net.transplant(state)
        return [name for name in own if name.startswith(("score", "upscore"))], [
            name for name in state if name.startswith("classifier.6.")
        ]
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if all(name.startswith(FCN_HEADS) for name in missing + unexpected):
        return net.load_state_dict(state, strict=False)
    return net.load_state_dict(state)  # raises, listing them


def read_state(path):
    """The content of a weights file of either format; safetensors are told from pickles by their first bytes."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"load_weights: there is no file {path}")
    with open(path, "rb") as file:
        start = file.read(9)
    # A safetensors file begins with the length of its header in 8 bytes, and the header is JSON.
    if start[8:] == b"{":
        return mt.load(path)
    return read_torch_file(path)


def tensors_of(content):
    """{name: array} of a state dict or of the checkpoint around one.

    A prefix "module.", left behind by torch's DataParallel, is taken off; entries that are no tensors, such as
    milesial's mask_values, are left out. Raises ValueError where there are no named tensors.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"load_weights: the file holds a {type(content).__name__}, not named tensors")
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    tensors = {
        name.removeprefix("module."): value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, (np.ndarray, mt.Tensor))
    }
    if not tensors:
        raise ValueError("load_weights: the file holds no named tensors")
    return tensors
