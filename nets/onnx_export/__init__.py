"""Nets as ONNX files, which onnxruntime, OpenVINO, TensorRT and web browsers run.

    graph.py    a list of operations and weights, and how it becomes a file
    layers.py   what each layer becomes
    models.py   the forward pass of each net, written once more in these operations

A test runs every file in onnxruntime and compares its output with the net's own.
"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from layers import BatchNorm2d, Conv2d, ConvTranspose2d, Flatten, Linear, Module, Sequential
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.onnx_export.graph import Graph
from nets.onnx_export.layers import apply
from nets.onnx_export.models import fcn, fcn_resnet50, unet, vgg16
from nets.resnet import FCNResNet50
from nets.unet import UNet
from nets.vgg import VGG16

WRITERS = {UNet: unet, FCN32s: fcn, FCN16s: fcn, FCN8s: fcn, FCNResNet50: fcn_resnet50, VGG16: vgg16, Sequential: apply}


def export_onnx(net: Module, path: str | PathLike, metadata: dict[str, str] | None = None) -> None:
    """Write a net to an ONNX file: input `image` float32 (N, C, H, W), output `scores`.

    N, H and W are free: the file takes every batch and every size that the net takes, and fails in the runtime for
    other sizes. One exception: VGG16 takes 224x224 alone. Dropout is left out, and batch norm uses its running
    statistics, as in evaluation. Weights are written in float32.

    metadata   {text: text} kept in the file, for example how images must be normalised

    The file is checked by onnx.checker before it replaces `path`. Raises TypeError for nets that have no writer here
    and metadata that are not texts, FileNotFoundError if the folder is missing, ImportError if the package onnx is
    missing (pip install onnx).
    """
    writer = WRITERS.get(type(net))
    if writer is None:
        known = ", ".join(kind.__name__ for kind in WRITERS)
        raise TypeError(f"export_onnx: a {type(net).__name__} cannot be written; these can: {known}")
    metadata = {} if metadata is None else metadata
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"export_onnx: metadata must map texts to texts, got {key!r}: {value!r}")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"export_onnx: there is no folder {path.parent} for {path.name}")
    if path.is_dir():
        raise ValueError(f"export_onnx: {path} is a folder; name a file, such as {path / 'net.onnx'}")
    graph = Graph()
    scores = writer(graph, net, graph.image)
    graph.save(path, scores, image_channels(net), net, metadata)


def image_channels(net):
    """The channels of the images that a net takes, by the first layer that depends on them; "C" if none does."""
    for layer in net.modules():
        if isinstance(layer, (Conv2d, ConvTranspose2d)):
            return layer.in_channels
        if isinstance(layer, BatchNorm2d):
            return layer.num_features
        if isinstance(layer, (Flatten, Linear)):
            break
    return "C"
