"""Layers: operations together with their weights, put together to nets. Names and arguments are torch.nn's."""

from layers import init
from layers.container import Identity, ModuleList, Sequential
from layers.conv import Conv2d, ConvTranspose2d
from layers.module import Module, Parameter
