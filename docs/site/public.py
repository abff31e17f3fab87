"""The public names of the library: what the API reference shows, and what must have an example."""

from __future__ import annotations

import inspect
from importlib import import_module

# Each module with the prefix that its examples use. Names that a module only passes on are shown where they come from.
MODULES = {
    "minitensor": "mt",
    "minitensor.optim": "mt.optim",
    "minitensor.optim.lr_scheduler": "mt.optim.lr_scheduler",
    "minitensor.distributed": "minitensor.distributed",
    "minitensor.trace": "minitensor.trace",
    "layers": "layers",
    "layers.init": "layers.init",
    "nets": "nets",
}
OURS = ("minitensor", "layers", "nets")


def public_names(module_name):
    """{name: function or class} of a module's public names, in alphabetical order, case aside.

    A name counts in the first module of MODULES that has it. `min` and its like are public though a star import leaves
    them out.
    """
    module = import_module(module_name)
    earlier = list(MODULES)[: list(MODULES).index(module_name)]
    seen = {id(value) for name in earlier for value in public_names(name).values()}
    found = {}
    for name, value in vars(module).items():
        ours = (getattr(value, "__module__", None) or "").split(".")[0] in OURS
        callable_of_ours = ours and callable(value) and not inspect.ismodule(value)
        if not name.startswith("_") and callable_of_ours and id(value) not in seen:
            listed = name in getattr(module, "__all__", ()) or module_name in _WITHOUT_LIST or name in _BUILTIN
            if listed and (module_name not in _WITHOUT_LIST or value.__module__ == module_name):
                found[name] = value
    return dict(sorted(found.items(), key=lambda item: (item[0].lower(), item[0])))


_WITHOUT_LIST = ("layers.init", "minitensor.optim.lr_scheduler")  # they have no __all__
_BUILTIN = ("abs", "all", "any", "max", "min", "pow", "sum")
