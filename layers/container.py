"""Modules that hold modules: one after the other, or as a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from layers.activation import ReLU
from layers.conv import Conv2d
from layers.module import Module
from minitensor.tensor import Tensor


class ModuleList(Module):
    """A list whose entries are registered as parts, under the names "0", "1", ... It has no `forward`."""

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        super().__init__()
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add one module at the end; returns self. Raises TypeError for anything but a Module."""
        if not isinstance(module, Module):
            raise TypeError(f"{type(self).__name__}: entry {len(self)} must be a Module, got {type(module).__name__}")
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add several modules at the end; returns self."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator:
        return iter(self._modules.values())

    def __getitem__(self, index: Any) -> Any:
        """One module. For a slice: a container of the same kind that shares the modules."""
        entries = list(self._modules.values())
        if isinstance(index, slice):
            result = type(self)()
            return result.extend(entries[index])
        try:
            return entries[index]
        except IndexError as error:
            raise IndexError(f"{type(self).__name__}: no entry {index}, there are {len(entries)}") from error


class Sequential(ModuleList):
    """Modules that run one after the other: y = last(... second(first(x))).

    A Conv2d and the ReLU after it run as one operation, which gives the same numbers in less time.
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Tensor) -> Tensor:
        modules = list(self)
        while modules:
            module = modules.pop(0)
            if isinstance(module, Conv2d) and modules and _is_plain_relu(modules[0]):
                modules.pop(0)
                x = module.then_relu(x)
            else:
                x = module(x)
        return x


def _is_plain_relu(module):
    """True for a ReLU. False for a subclass, and for a ReLU that has been given another `forward`."""
    return type(module) is ReLU and "forward" not in vars(module)


class Identity(Module):
    """y = x. Takes the place of a layer that is switched off."""

    def forward(self, x: Tensor) -> Tensor:
        return x
