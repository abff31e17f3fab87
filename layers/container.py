"""Modules that hold modules: one after the other, or as a list."""

from __future__ import annotations

from layers.module import Module


class ModuleList(Module):
    """A list whose entries are registered as parts, under the names "0", "1", ...; it has no `forward`."""

    def __init__(self, modules=()):
        super().__init__()
        self.extend(modules)

    def append(self, module):
        """Add one module at the end; returns self. Raises TypeError for anything but a Module."""
        if not isinstance(module, Module):
            raise TypeError(
                f"{type(self).__name__}: entry {len(self)} must be a Module, got {type(module).__name__}"
            )
        setattr(self, str(len(self)), module)
        return self

    def extend(self, modules):
        """Add several modules at the end; returns self."""
        for module in modules:
            self.append(module)
        return self

    def __len__(self):
        return len(self._modules)

    def __iter__(self):
        return iter(self._modules.values())

    def __getitem__(self, index):
        """One module, or for a slice a container of the same kind that shares the modules."""
        entries = list(self._modules.values())
        if isinstance(index, slice):
            result = type(self)()
            return result.extend(entries[index])
        try:
            return entries[index]
        except IndexError as error:
            raise IndexError(f"{type(self).__name__}: no entry {index}, there are {len(entries)}") from error


class Sequential(ModuleList):
    """Modules run one after the other: y = last(... second(first(x)))."""

    def __init__(self, *modules):
        super().__init__(modules)

    def forward(self, x):
        for module in self:
            x = module(x)
        return x


class Identity(Module):
    """y = x: stands where a layer was switched off."""

    def forward(self, x):
        return x
