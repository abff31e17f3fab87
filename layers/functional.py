"""Run a module with other weights than its own: for gradients of updated weights, as in meta-learning (MAML)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from layers.module import Module
from minitensor.tensor import Tensor


def functional_call(
    module: Module, parameters_and_buffers: Mapping[str, Tensor], args: Any = (), kwargs: Mapping | None = None
) -> Any:
    """module(*args, **kwargs) with the tensors of a dict, under the names of `state_dict`, in the place of its own.

    The tensors may be results, through which gradients flow. The module has its own again afterwards, also after an
    error. Raises ValueError for names that the module does not have, and for other shapes.
    """
    if not isinstance(module, Module):
        raise TypeError(f"functional_call: module must be a Module, got {type(module).__name__}")
    places = {}
    for path, part in module.named_modules():
        for registry in (part._parameters, part._buffers):
            for name, own in registry.items():
                places[f"{path}.{name}" if path else name] = registry, name, own
    unknown = sorted(set(parameters_and_buffers) - set(places))
    if unknown:
        raise ValueError(f"functional_call: {type(module).__name__} has no {', '.join(unknown[:5])}")
    for path, tensor in parameters_and_buffers.items():
        if tensor.shape != places[path][2].shape:
            raise ValueError(f"functional_call: {path} must have shape {places[path][2].shape}, got {tensor.shape}")
    args = args if isinstance(args, Sequence) else (args,)
    try:
        for path, tensor in parameters_and_buffers.items():
            registry, name, _ = places[path]
            registry[name] = tensor
        return module(*args, **(kwargs or {}))
    finally:
        for registry, name, own in places.values():
            registry[name] = own
