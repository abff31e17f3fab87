"""Layers: operations together with their weights, and containers for layers. Names and arguments are torch.nn's."""

from layers import init
from layers.activation import LeakyReLU, ReLU, Sigmoid, Softmax, Tanh
from layers.container import Identity, ModuleList, Sequential
from layers.conv import Conv2d, ConvTranspose2d
from layers.dropout import Dropout, Dropout2d
from layers.linear import Flatten, Linear
from layers.loss import BCEWithLogitsLoss, CrossEntropyLoss, DiceLoss, MSELoss
from layers.module import Module, Parameter
from layers.norm import BatchNorm2d, GroupNorm
from layers.pool import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d
from layers.upsample import Upsample

# fmt: off
__all__ = [
    "AdaptiveAvgPool2d", "AvgPool2d", "BatchNorm2d", "BCEWithLogitsLoss", "Conv2d", "ConvTranspose2d",
    "CrossEntropyLoss", "DiceLoss", "Dropout", "Dropout2d", "Flatten", "GroupNorm", "Identity", "init", "LeakyReLU",
    "Linear", "MaxPool2d", "Module", "ModuleList", "MSELoss", "Parameter", "ReLU", "Sequential", "Sigmoid",
    "Softmax", "Tanh", "Upsample",
]
# fmt: on
