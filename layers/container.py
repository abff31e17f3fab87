"""Modules that hold modules: one after the other, or as a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
        """Add several modules at the end; returns self. Raises TypeError for what is no list of modules."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"{type(self).__name__}: expects a list of modules, got {type(modules).__name__}")
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
            if isinstance(module, Conv2d) and modules and _is_plain_relu(modules[0]) and not _is_watched(module):
                modules.pop(0)
                x = module.then_relu(x)
            else:
                x = module(x)
        return x


def _is_plain_relu(module):
    """True for a ReLU. False for a subclass, and for a ReLU that has been given another `forward`."""
    return type(module) is ReLU and "forward" not in vars(module) and not _is_watched(module)


def _is_watched(module):
    """True if a hook wants to see the module's output."""
    return bool(vars(module).get("_forward_hooks"))


class ModuleDict(Module):
    """A dict whose values are registered as parts under their keys. It has no `forward`."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None and not isinstance(modules, (Mapping, ModuleDict)):
            raise TypeError(f"ModuleDict: expects a dict of modules, got {type(modules).__name__}")
        for name, module in (modules or {}).items():
            self[name] = module

    def __setitem__(self, name: str, module: Module) -> None:
        if not isinstance(module, Module):
            raise TypeError(f"ModuleDict: {name!r} must be a Module, got {type(module).__name__}")
        if not isinstance(name, str) or not name or "." in name:
            raise ValueError(f"ModuleDict: a key must be text without a dot, got {name!r}")
        self._register("_modules", name, module)

    def __getitem__(self, name: str) -> Module:
        if name not in self._modules:
            raise KeyError(f"ModuleDict: no entry {name!r}, there are {', '.join(self._modules)}")
        return self._modules[name]

    def __delitem__(self, name: str) -> None:
        del self._modules[name]

    def __contains__(self, name: object) -> bool:
        return name in self._modules

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator:
        return iter(self._modules)

    def keys(self) -> Any:
        """The names, in order of definition."""
        return self._modules.keys()

    def values(self) -> Any:
        """The modules, in order of definition."""
        return self._modules.values()

    def items(self) -> Any:
        """(name, module), in order of definition."""
        return self._modules.items()


class Identity(Module):
    """y = x. Takes the place of a layer that is switched off."""

    def forward(self, x: Tensor) -> Tensor:
        return x
