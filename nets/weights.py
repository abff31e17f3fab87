"""Loading published weights: files of torchvision's vgg16, of pytorch-fcn, of milesial's U-Net, and our own.

The names of the tensors tell what a file is (nets/published.py). It may be a safetensors file or a .pth file of torch.
The nets here have the same names and shapes, so nothing is translated. Only the weights of a VGG are transplanted into
an FCN.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minitensor as mt
from layers import Module
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.published import HERE, LAYOUTS, fold_vgg16_bn, foreign_net, is_vgg16_bn
from nets.resnet import FCNResNet50
from nets.torch_file import read_torch_file
from nets.unet import UNet
from nets.vgg import VGG16, published_names

# Keys under which checkpoints keep the weights. The running mean of the weights (ema) comes first, because it is what
# authors evaluate.
WRAPPERS = ("state_dict_ema", "ema_state_dict", "model_ema", "state_dict", "model_state_dict", "model_state", "model",
            "net", "network", "weights", "params")  # fmt: skip
DEEPEST = 8  # levels of wrappers within wrappers
COUNTER = "num_batches_tracked"  # batch norm's; files before torch 0.4.1 have none
AVERAGED = "n_averaged"  # torch's AveragedModel counts its updates
FCN_HEADS = ("score_pool", "upscore")  # tensors in which FCN-32s, 16s and 8s differ
# The tensors of each net whose shapes depend on the number of classes.
CLASS_TENSORS = {
    UNet: ("outc.",),
    FCN32s: ("score", "upscore"),
    FCN16s: ("score", "upscore"),
    FCN8s: ("score", "upscore"),
    FCNResNet50: ("classifier.4.", "aux_classifier.4."),
    VGG16: ("classifier.6.",),
}


class _Loaded(NamedTuple):
    layout: str
    missing_keys: list
    unexpected_keys: list


class LoadedWeights(_Loaded):
    """What `load_weights` did: (layout, missing_keys, unexpected_keys), and the attribute `prefix`.

    missing_keys     tensors of the net that the file does not have: they keep their values
    unexpected_keys  tensors of the file for which the net has no place
    prefix           what was removed from the front of all names, such as "module."; "" if nothing
    """

    prefix = ""

    def __repr__(self):
        return super().__repr__() + (f" without the prefix {self.prefix!r}" if self.prefix else "")


def load_weights(net: Module, path: str | PathLike, other_classes: bool = False) -> Any:
    """Put the weights of a file into a net; returns a LoadedWeights.

    other_classes=True is for fine-tuning: the file's net may have another number of classes. The last layers, whose
    shapes depend on that number, then keep the values that they have, and are listed in `missing_keys`.

    `path` is a .safetensors file, or a .pth or .pt file of torch, which is read without unpickling
    (nets/torch_file.py). These files are recognised:
        torchvision vgg16   into VGG16, or into an FCN's backbone: fc6 and fc7 reshaped, scores left as they are;
                            vgg16_bn too, its batch norm folded into the convolutions
        fcn_resnet50        torchvision's, into FCNResNet50; aux=False for files without the auxiliary head
        pytorch-fcn         into the FCN of the same kind; into another FCN the shared tensors: 32s -> 16s -> 8s
        milesial's U-Net    into UNet(padding="same", norm="batch"), up="bilinear" for files without up1.up.weight
    and files saved from the same net. Raises ValueError for any other file, before the net is changed. The message
    lists every tensor that is missing, unexpected or of the wrong shape.
    """
    if not isinstance(net, Module):
        raise TypeError(f"load_weights: net must be a Module, got {type(net).__name__}")
    state, prefix = without_prefix(tensors_of(read_state(path), path), net)
    layout = next((LAYOUTS[name] for name in LAYOUTS if name in state), None)
    foreign = foreign_net(state)
    if foreign is not None and foreign_net(net.state_dict()) is None:
        raise ValueError(f"{path} holds the weights of {foreign}, a net that is not in this library. Here are {HERE}")
    try:
        if is_vgg16_bn(state) and not is_vgg16_bn(net.state_dict()):
            state, layout = fold_vgg16_bn(state), "torchvision vgg16_bn"
        kept = _of_other_classes(state, net) if other_classes else {}
        state = state | kept
        if isinstance(net, (FCN8s, FCN16s, FCN32s)):
            loaded = _load_fcn(net, state, layout)
        else:
            loaded = net.load_state_dict(_with_counters(state, net))
    except ValueError as error:
        raise ValueError(f"{path} ({layout or 'unknown layout'}) does not fit: {error}") from error
    missing, unexpected = loaded
    found = LoadedWeights(layout or "the net's own names", [*missing, *kept], unexpected)
    found.prefix = prefix
    return found


def read_weights(path: str | PathLike) -> dict[str, mt.Tensor]:
    """The named tensors of a file that `load_weights` reads, without a net: to look at, or to write with mt.save.

    mt.save("weights.safetensors", nets.read_weights("weights.pth")) converts a file without torch. Raises ValueError
    for files that hold no named tensors.
    """
    return {name: mt.tensor(value) for name, value in tensors_of(read_state(path), path).items()}


def without_prefix(state, net):
    """(state, prefix): a prefix that all names share, up to a dot, is removed if more names then fit the net.

    torch's wrappers add prefixes: DataParallel "module.", compile "_orig_mod.", training frameworks "model.".
    """
    own = set(net.state_dict())
    if isinstance(net, (FCN8s, FCN16s, FCN32s)):  # these take VGG's names too
        own |= {f"{source}.{kind}" for source, _ in published_names() for kind in ("weight", "bias")}
    prefix, fitting = "", len(own & state.keys())
    names = [name for name in state if name != AVERAGED]
    for position, letter in enumerate(names[0] if names else ""):
        start = names[0][: position + 1]
        if letter != "." or not all(name.startswith(start) for name in names):
            continue
        count = sum(name[len(start) :] in own for name in names)
        if count > fitting:
            prefix, fitting = start, count
    return {name[len(prefix) :]: state[name] for name in names}, prefix


def _of_other_classes(state, net):
    """{name: the net's own value}: tensors whose shape depends on the number of classes, if it differs in the file."""
    prefixes = CLASS_TENSORS.get(type(net), ())
    return {
        name: value
        for name, value in net.state_dict().items()
        if name.startswith(prefixes) and name in state and state[name].shape != value.shape
    }


def _with_counters(state, net):
    """The state, with the net's own batch norm counters if the file is older than these counters."""
    if any(name.endswith(COUNTER) for name in state):
        return state
    return state | {name: value for name, value in net.state_dict().items() if name.endswith(COUNTER)}


def _load_fcn(net, state, layout):
    """Load the weights of a VGG, or of an FCN of the same or another kind, into an FCN."""
    own = net.state_dict()
    if layout in ("torchvision vgg16", "torchvision vgg16_bn"):
        net.transplant(state)
        return [name for name in own if name.startswith(("score", "upscore"))], [
            name for name in state if name.startswith("classifier.6.")
        ]
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if all(name.startswith(FCN_HEADS) for name in missing + unexpected):
        return net.load_state_dict(state, strict=False)
    return net.load_state_dict(state)  # raises ValueError and lists them


def read_state(path):
    """The content of a weights file of either format. The first bytes tell which format it is."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"load_weights: there is no file {path}")
    if path.suffix == ".json":
        return _read_shards(path)
    with open(path, "rb") as file:
        start = file.read(9)
    # A safetensors file begins with the length of its header in 8 bytes, and the header is JSON.
    if start[8:] == b"{":
        return mt.load(path)
    return read_torch_file(path)


def _read_shards(index):
    """A large state in several safetensors files beside an index: {"weight_map": {name: file}}."""
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        wanted = {name: str(file) for name, file in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"load_weights: {index} is no index of safetensors files ({error!r})") from error
    shards = {}
    for file in sorted(set(wanted.values())):
        if Path(file).name != file:  # an index must not name files outside its folder
            raise ValueError(f"load_weights: {index} names {file!r}, which is no file beside it")
        shards[file] = mt.load(index.parent / file)
    lost = [name for name, file in wanted.items() if name not in shards[file]]
    if lost:
        raise ValueError(f"load_weights: {index}: {wanted[lost[0]]} does not hold {lost[0]}")
    return {name: shards[file][name] for name, file in wanted.items()}


def tensors_of(content, path):
    """{name: array} of a state dict, or of a checkpoint that contains a state dict.

    Entries that are not tensors, such as milesial's mask_values, are left out. Raises ValueError if there are no named
    tensors.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"load_weights: {path} holds a {type(content).__name__}, not named tensors")
    for _ in range(DEEPEST):
        inner = next((content[name] for name in WRAPPERS if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            break
        content = inner
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, (np.ndarray, mt.Tensor))
    }
    if not tensors:
        raise ValueError(f"load_weights: {path} holds no named tensors")
    return tensors
