"""Loading published weights: files of torchvision, of pytorch-fcn, of milesial's U-Net, and our own.

A file may be a safetensors file or a .pth file of torch. The path of its bytes:

    torch_file.py      a .pth file: a zip or an older format, with a pickle and the bytes of the tensors
    pickle_machine.py  the pickle, read without running it
    torch_tensors.py   how the numbers of a tensor lie in the file
    file_kinds.py      what a file is that holds no weights
    checkpoints.py     where the weights are in a checkpoint, and what was put in front of their names
    published.py       which net the names belong to

The nets here have the same names and shapes as the published ones, so nothing is translated. Only the weights of a VGG
are transplanted into an FCN, and a ResNet-50 becomes a backbone.
"""

from __future__ import annotations

import json
import re
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import minitensor as mt
from layers import Module
from nets.checkpoints import MOST_NAMED, find_state
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.published import HERE, LAYOUTS, fold_vgg16_bn, foreign_net, is_resnet50, is_vgg16_bn
from nets.resnet import FCNResNet50
from nets.torch_file import read_torch_file
from nets.unet import UNet
from nets.vgg import VGG16, published_names

COUNTER = "num_batches_tracked"  # batch norm's; files before torch 0.4.1 have none
LONGEST_QUOTE = 200  # characters of a name from a file in a message
INDEX = ".index.json"  # the end of the name of an index of weights in several files
PART = re.compile(r"-\d+-of-\d+")  # in the name of one of these files: model-00001-of-00003.safetensors
SUFFIXES = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")
BACKBONE = "backbone."  # of FCNResNet50
CLASSIFIER = "fc."  # the last layer of a ResNet
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
    """What `load_weights` did: (layout, missing_keys, unexpected_keys), and three attributes.

    missing_keys     tensors of the net that the file does not have: they keep their values
    unexpected_keys  tensors of the file for which the net has no place
    keys             the keys of the file that lead to the weights, such as ("state_dict",); () if they are at its top
    prefix           what was removed from the front of all names, such as "module."; "" if nothing
    parts            what was removed within the names, such as ("module",)
    """

    keys, prefix, parts = (), "", ()

    def __repr__(self):
        return super().__repr__() + self.found()

    def found(self):
        """Where in the file the weights were, as the end of a sentence; empty if nothing is worth saying."""
        said = f" from the entry {'/'.join(self.keys)[:LONGEST_QUOTE]!r}" if self.keys else ""
        if self.prefix:
            said += f" without the prefix {self.prefix!r}"
        return said + (f" without {', '.join(map(repr, self.parts))} in the names" if self.parts else "")


def load_weights(net: Module, path: str | PathLike, other_classes: bool = False) -> Any:
    """Put the weights of a file into a net; returns a LoadedWeights.

    other_classes=True is for fine-tuning: the file's net may have another number of classes. The last layers, whose
    shapes depend on that number, then keep the values that they have, and are listed in `missing_keys`.

    `path` is a .safetensors file, a .pth or .pt file of torch, which is read without unpickling (nets/torch_file.py),
    or the .index.json of a state in several files. In a checkpoint the weights are found by the net's own names, under
    any key and behind any prefix (nets/checkpoints.py); a running mean of the weights (ema) is preferred. These files
    are recognised:
        torchvision vgg16   into VGG16, or into an FCN's backbone: fc6 and fc7 reshaped, scores left as they are;
                            vgg16_bn too, its batch norm folded into the convolutions
        fcn_resnet50        torchvision's, into FCNResNet50; aux=False for files without the auxiliary head
        resnet50            torchvision's classifier, into the backbone of FCNResNet50; the heads left as they are
        pytorch-fcn         into the FCN of the same kind; into another FCN the shared tensors: 32s -> 16s -> 8s
        milesial's U-Net    into UNet(padding="same", norm="batch"), up="bilinear" for files without up1.up.weight
    and files saved from the same net. Raises ValueError for any other file, before the net is changed. The message
    says what the file is, or which tensors are missing, unexpected, of the wrong shape or not read.
    """
    if not isinstance(net, Module):
        raise TypeError(f"load_weights: net must be a Module, got {type(net).__name__}")
    found = find_state(read_state(path), path, _own_names(net))
    state = found.tensors
    layout = next((LAYOUTS[name] for name in LAYOUTS if name in state), None)
    to_backbone = isinstance(net, FCNResNet50) and is_resnet50(state)
    layout = "torchvision resnet50" if to_backbone else layout
    foreign = None if to_backbone else foreign_net(state)
    if foreign is not None and foreign_net(net.state_dict()) is None:
        raise ValueError(f"{path} holds the weights of {foreign}, a net that is not in this library. Here are {HERE}")
    try:
        if is_vgg16_bn(state) and not is_vgg16_bn(net.state_dict()):
            state, layout = fold_vgg16_bn(state), "torchvision vgg16_bn"
        kept = _of_other_classes(state, net) if other_classes else {}
        state = state | kept
        if isinstance(net, (FCN8s, FCN16s, FCN32s)):
            loaded = _load_fcn(net, state, layout)
        elif to_backbone:
            loaded = _load_backbone(net, state)
        else:
            loaded = net.load_state_dict(_with_counters(state, net))
    except ValueError as error:
        message = f"{path} ({layout or 'unknown layout'}) does not fit: {error}{_not_read(found, net)}{_part_of(path)}"
        raise ValueError(message) from error
    missing, unexpected = loaded
    report = LoadedWeights(layout or "the net's own names", [*missing, *kept], [*unexpected, *found.outside])
    report.keys, report.prefix, report.parts = found.keys, found.prefix, found.parts
    return report


def read_weights(path: str | PathLike) -> dict[str, mt.Tensor]:
    """The named tensors of a file that `load_weights` reads, without a net: to look at, or to write with mt.save.

    mt.save("weights.safetensors", nets.read_weights("weights.pth")) converts a file without torch. Raises ValueError
    for files that hold no named tensors.
    """
    return {name: mt.tensor(value) for name, value in find_state(read_state(path), path, frozenset()).tensors.items()}


def _own_names(net):
    """The names under which a file may hold tensors of the net."""
    own = set(net.state_dict())
    if isinstance(net, (FCN8s, FCN16s, FCN32s)):  # these take VGG's names too
        own |= {f"{source}.{kind}" for source, _ in published_names() for kind in ("weight", "bias")}
    if isinstance(net, FCNResNet50):  # and this one those of a ResNet-50
        own |= {name.removeprefix(BACKBONE) for name in own}
    return own


def _part_of(path):
    """The index to give instead, as a line of a message, if the file is one of several that belong together."""
    path = Path(path)
    part = PART.search(path.name)
    if part is None:
        return ""
    return f"\n  it is one part of several: give {path.name[: part.start()]}{path.suffix}{INDEX}, which names them all"


def _not_read(found, net):
    """The net's tensors that the file has in a form that is not read, as a line of a message."""
    lost = [f"{name} is {what}" for name, what in found.unread.items() if name in net.state_dict()]
    return f"\n  not read: {'; '.join(lost[:MOST_NAMED])}" if lost else ""


def _of_other_classes(state, net):
    """{name: the net's own value}: tensors whose shape depends on the number of classes, if it differs in the file."""
    prefixes = CLASS_TENSORS.get(type(net), ())
    return {
        name: value
        for name, value in net.state_dict().items()
        if name.startswith(prefixes) and name in state and state[name].shape != value.shape
    }


def _with_counters(state, net):
    """The state, with the net's own batch norm counters where the file is older than these counters."""
    own = {name: value for name, value in net.state_dict().items() if name.endswith(COUNTER)}
    # Before torch had tensors without axes, a counter had the shape (1,).
    given = {name: state[name].reshape(()) for name in own if name in state and state[name].size == 1}
    return own | state | given


def _load_backbone(net, state):
    """Load a ResNet-50 into the backbone; its classifier is left out, and the heads of the net stay as they are."""
    inside = {name: value for name, value in state.items() if not name.startswith(CLASSIFIER)}
    net.backbone.load_state_dict(_with_counters(inside, net.backbone))
    heads = [name for name in net.state_dict() if not name.startswith(BACKBONE)]
    return heads, [name for name in state if name not in inside]


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
    if not isinstance(path, (str, PathLike)):
        raise TypeError(f"load_weights: path must be the path of a file, got {path!r}")
    path = Path(path)
    if not path.is_file():
        raise ValueError(_no_file(path))
    if path.suffix == ".json":
        return _read_shards(path)
    with open(path, "rb") as file:
        start = file.read(9)
    # A safetensors file begins with the length of its header in 8 bytes, and the header is JSON.
    if start[8:] == b"{":
        return mt.load(path)
    return read_torch_file(path)


def _no_file(path):
    """The message, with the file that may be meant if `path` is a folder."""
    if not path.is_dir():
        return f"load_weights: there is no file {path}"
    inside = sorted(file.name for file in path.iterdir() if file.name.endswith(INDEX) or file.suffix in SUFFIXES)
    hint = f"; it holds {', '.join(inside[:MOST_NAMED])}" if inside else ""
    return f"load_weights: {path} is a folder, not a file of weights{hint}"


def _is_file(path):
    """Whether there is such a file. A name that is too long for the system names none."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _read_shards(index):
    """A large state in several files beside an index: {"weight_map": {name: file}}."""
    try:
        files = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        wanted = {name: str(file) for name, file in files.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"load_weights: {index} is not an index of weights in several files. It needs a dict weight_map, from the "
            "names of tensors to names of files"
        ) from error
    shards = {}
    for file in sorted(set(wanted.values())):
        # An index must not name files outside its folder, and not itself.
        if Path(file).name != file or Path(file).suffix == index.suffix:
            raise ValueError(
                f"load_weights: {index} names {file[:LONGEST_QUOTE]!r}, which is not a file of weights beside it"
            )
        if not _is_file(index.parent / file):
            raise ValueError(
                f"load_weights: {index} names {file[:LONGEST_QUOTE]!r}, and there is no such file beside it"
            )
        shards[file] = find_state(read_state(index.parent / file), file, frozenset()).tensors
    lost = [name for name, file in wanted.items() if name not in shards[file]]
    if lost:
        raise ValueError(f"load_weights: {index}: {wanted[lost[0]]} does not hold {lost[0][:LONGEST_QUOTE]!r}")
    return {name: shards[file][name] for name, file in wanted.items()}
