"""Module: a part of a net, with its weights and its smaller parts. Assigning them to attributes registers them.

    class Block(Module):
        def __init__(self, channels):
            super().__init__()
            self.conv = Conv2d(channels, channels, 3, padding=1)    # a Module: registered as a part
            self.scale = Parameter(mt.ones(channels, 1, 1))         # a Parameter: registered as a weight

        def forward(self, x):
            return self.conv(x) * self.scale

`__setattr__` keeps every Parameter and Module that is assigned to an attribute in an ordered dict. So the order of
definition is the order of `parameters()`, and the path of attributes ("conv.weight") is the name in `state_dict()`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from html import escape
from types import SimpleNamespace
from typing import Any

from layers.state import check_state, copy_state
from minitensor.ops.move import parse_targets
from minitensor.optim.optimizer import zeros_of
from minitensor.tensor import Tensor
from minitensor.typing import DtypeLike


class Parameter(Tensor):
    """A Tensor that is learned: it requires a gradient, and a Module to which it is assigned registers it."""

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True) -> None:
        super().__init__(data.data if isinstance(data, Tensor) else data, requires_grad)


class Module:
    """The base of all layers and nets. Subclasses define `__init__` and `forward`; calling the module runs `forward`.

    training   True after `train()`, False after `eval()`; batch norm and dropout behave differently
    """

    def __init__(self) -> None:
        # Written to __dict__ directly, because __setattr__ needs these dicts.
        self.__dict__.update(_parameters={}, _buffers={}, _modules={}, training=True)

    def forward(self, *inputs: Any) -> Any:
        raise TypeError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        output = self.forward(*inputs, **options)
        for hook in list(self.__dict__.get("_forward_hooks", ())):
            changed = hook(self, inputs, output)
            output = output if changed is None else changed
        return output

    def register_forward_hook(self, hook: Callable) -> Any:
        """Call hook(module, inputs, output) after each call; what it returns, unless None, takes the output's place.

        Returns a handle: `handle.remove()` ends it.
        """
        hooks = self.__dict__.setdefault("_forward_hooks", [])
        hooks.append(hook)
        return SimpleNamespace(remove=lambda: hooks.remove(hook))

    # Registration

    def _registries(self):
        return self.__dict__["_parameters"], self.__dict__["_buffers"], self.__dict__["_modules"]

    def __setattr__(self, name, value):
        if isinstance(value, Parameter):
            self._register("_parameters", name, value)
        elif isinstance(value, Module):
            self._register("_modules", name, value)
        else:
            self._set_plain(name, value)

    def _register(self, registry, name, value):
        """Keep `value` under `name` in one of the three dicts, and nowhere else."""
        owner = type(self).__name__
        if registry not in self.__dict__:
            raise AttributeError(f"{owner}: call super().__init__() before assigning {name!r}, which registers it")
        if hasattr(type(self), name) or "." in name or not name:
            raise ValueError(f"{owner}: a {type(value).__name__} cannot be named {name!r}: taken, or has a dot")
        self.__dict__.pop(name, None)
        for other in self._registries():
            if other is not self.__dict__[registry]:
                other.pop(name, None)
        self.__dict__[registry][name] = value

    def _set_plain(self, name, value):
        """Assign anything but a Parameter or Module: a new value for a buffer, or a plain attribute."""
        for registry in self._registries() if "_parameters" in self.__dict__ else ():
            if name not in registry:
                continue
            if registry is self._buffers and isinstance(value, Tensor):
                registry[name] = value
                return
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}.{name} is a {type(registry[name]).__name__}; it can be replaced by "
                    f"another or by None, got {type(value).__name__}"
                )
            del registry[name]
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        # Python calls this only if the normal lookup finds nothing.
        for registry in ("_parameters", "_buffers", "_modules"):
            found = self.__dict__.get(registry, {})
            if name in found:
                return found[name]
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __delattr__(self, name):
        for registry in self._registries():
            if name in registry:
                del registry[name]
                return
        object.__delattr__(self, name)

    def register_buffer(self, name: str, tensor: Tensor | None) -> None:
        """Keep a Tensor that belongs to the state but is not learned, such as batch norm's running mean."""
        if not isinstance(tensor, Tensor) or isinstance(tensor, Parameter):
            raise TypeError(f"register_buffer: {name!r} must be a Tensor, got {type(tensor).__name__}")
        self._register("_buffers", name, tensor)

    # Walking the tree

    def children(self) -> Iterator[Module]:
        """The direct parts, in order of definition."""
        return iter(self._modules.values())

    def named_modules(self, prefix: str = "", seen: set | None = None) -> Iterator[tuple[str, Module]]:
        """(path, module) for this module (path `prefix`) and all parts below it, parents first.

        A part that is used in several places comes once, at the first place. `seen` holds the ids of the earlier parts.
        """
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, child in self._modules.items():
            yield from child.named_modules(_join(prefix, name), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all parts below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Parameter]]:
        """(path, Parameter) of everything that is learned, in order of definition. Shared Parameters come once."""
        return self._named("_parameters", prefix, recurse)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """All Parameters, in order of definition: for an optimizer."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Tensor]]:
        """(path, Tensor) of all buffers, in order of definition."""
        return self._named("_buffers", prefix, recurse)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """All buffers, in order of definition."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def _named(self, registry, prefix, recurse):
        seen = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, tensor in module.__dict__[registry].items():
                if id(tensor) not in seen:
                    seen.add(id(tensor))
                    yield _join(path, name), tensor

    def apply(self, fn: Callable) -> Module:
        """Call fn(module) for every part, then for this module; returns self. Handy for initialisation."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # State

    def state_dict(self, prefix: str = "") -> dict:
        """{path: Tensor} of all Parameters and buffers, under torch's names.

        The Tensors share the module's memory: `save` them, or copy them, before training changes them.
        """
        state = {}
        for name, tensor in (self._parameters | self._buffers).items():
            state[_join(prefix, name)] = tensor.detach()
        for name, child in self._modules.items():
            state |= child.state_dict(_join(prefix, name))
        return state

    def load_state_dict(self, state_dict: Mapping, strict: bool = True) -> Any:
        """Copy values into the Parameters and buffers, which stay the same objects. Dtypes are converted.

        With strict=False, names that are missing on either side are ignored. Returns (missing_keys, unexpected_keys).
        Raises ValueError before anything is changed. The message lists every missing or unexpected name and every wrong
        shape.
        """
        own = self.state_dict()
        report = check_state(type(self).__name__, own, state_dict, strict)
        copy_state(own, state_dict)
        return report

    # Modes

    def train(self, mode: bool = True) -> Module:
        """Switch this module and all its parts to training (or, with mode=False, to evaluation); returns self."""
        if not isinstance(mode, bool):
            raise TypeError(f"train: mode must be True or False, got {mode!r}")
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Module:
        """Switch to evaluation: running statistics are used, nothing is dropped; returns self."""
        return self.train(False)

    def to(self, *targets: Any, device: str | None = None, dtype: DtypeLike = None) -> Module:
        """Move all Parameters, gradients and buffers to a device, a floating dtype, or both. Returns self.

        The Parameters stay the same objects, so an optimizer still refers to them. Whole numbers and bools (counters)
        keep their dtype. Raises TypeError for a dtype that is not floating point.
        """
        device, dtype = parse_targets(targets, device, dtype)
        if dtype is not None and dtype.kind != "f":
            raise TypeError(f"to: a module's dtype must be floating point, got {dtype}")
        for tensor in [*self.parameters(), *self.buffers()]:
            _move(tensor, device, dtype)
            if tensor.grad is not None:
                tensor.grad = tensor.grad.detach()
                _move(tensor.grad, device, dtype)
        return self

    def float(self) -> Module:
        """All floating Parameters and buffers as float32; returns self."""
        return self.to("float32")

    def double(self) -> Module:
        """All floating Parameters and buffers as float64; returns self."""
        return self.to("float64")

    def half(self) -> Module:
        """Refused: float16 is a format for files here, and no kernel computes with it."""
        raise TypeError("half: no operation computes in float16; use float() or double()")

    def requires_grad_(self, requires_grad: bool = True) -> Module:
        """Let gradients flow to all Parameters, or (False) freeze them; returns self."""
        for parameter in self.parameters():
            parameter.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients. With set_to_none=False they stay, as zeros."""
        for parameter in self.parameters():
            parameter.grad = None if set_to_none or parameter.grad is None else zeros_of(parameter.grad)

    # Description

    def parameter_count(self) -> int:
        """How many numbers are learned; shared Parameters count once."""
        return sum(parameter.size for parameter in self.parameters())

    def extra_repr(self) -> str:
        """The settings that `repr` shows between the parentheses; layers override it."""
        return ""

    def _repr_html_(self) -> str:
        """The same as a table, for notebooks: path, layer, number of parameters."""
        rows = []
        for path, module in self.named_modules():
            name = type(module).__name__ + (f"({module.extra_repr()})" if not module._modules else "")
            cells = path or "(whole)", name, f"{module.parameter_count():,}"
            rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells))
        head = "".join(f"<th>{title}</th>" for title in ("part", "layer", "parameters"))
        return "<table>" + "".join(f"<tr>{row}</tr>" for row in [head, *rows]) + "</table>"

    def __repr__(self) -> str:
        """The tree of parts, one per line, with the number of parameters of each."""
        count = self.parameter_count()
        note = f"  # {count:,} parameters" if count else ""
        head = f"{type(self).__name__}({self.extra_repr()}"
        if not self._modules:
            return f"{head}){note}"
        lines = [head + note]
        for name, child in self._modules.items():
            lines += ["  " + line for line in f"({name}): {child!r}".splitlines()]
        return "\n".join([*lines, ")"])


def _join(prefix, name):
    return f"{prefix}.{name}" if prefix else name


def _move(tensor, device, dtype):
    keeps_dtype = dtype is None or tensor.dtype.kind != "f"
    moved = tensor.detach().to(device=device, dtype=None if keeps_dtype else dtype)
    if moved.data is not tensor.data:
        tensor.data = moved.data
