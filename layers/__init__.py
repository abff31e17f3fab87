"""Layers: operations together with their weights, and containers for layers. Names and arguments are torch.nn's."""

from layers import init
from layers.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from layers.container import Identity, ModuleDict, ModuleList, Sequential
from layers.conv import Conv2d, ConvTranspose2d
from layers.dropout import Dropout, Dropout2d
from layers.functional import functional_call
from layers.linear import Flatten, Linear
from layers.loss import BCELoss, BCEWithLogitsLoss, CrossEntropyLoss, DiceLoss, L1Loss, MSELoss, NLLLoss, SmoothL1Loss
from layers.module import Module, Parameter
from layers.norm import BatchNorm2d, GroupNorm
from layers.other_norms import BatchNorm1d, InstanceNorm2d, LayerNorm
from layers.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from layers.rearrange import Fold, MaxUnpool2d, PixelShuffle, Unflatten, Unfold
from layers.smooth import GELU, SiLU, Softplus
from layers.upsample import Upsample

# fmt: off
__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm1d", "BatchNorm2d", "BCELoss", "BCEWithLogitsLoss", "Conv2d",
    "ConvTranspose2d", "CrossEntropyLoss", "DiceLoss", "Dropout", "Dropout2d", "Flatten", "Fold",
    "functional_call", "GELU", "GroupNorm", "Identity", "init", "InstanceNorm2d", "L1Loss", "LayerNorm",
    "LeakyReLU", "Linear", "MaxPool2d", "MaxUnpool2d", "Module", "ModuleDict", "ModuleList", "MSELoss",
    "NLLLoss", "Parameter", "PixelShuffle", "ReLU", "Sequential", "Sigmoid", "SiLU", "SmoothL1Loss", "Softmax",
    "Softplus", "Tanh", "Unflatten", "Unfold", "Upsample",
]
# fmt: on


def __dir__():
    """What `dir` and completion show: the layers, and not the files that they come from."""
    return sorted({*__all__, "__doc__", "__file__"})
