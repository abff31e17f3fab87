"""Optimizer: parameters in groups, a state for each parameter, and one step over all of them.

A subclass says in `prepare` which arrays it keeps for a parameter, and how a piece of the parameter is updated. This
file cuts the arrays into pieces that fit the cache: an update is a chain of cheap passes (scale, add, square ...) over
the same numbers, which would otherwise wait for memory. The pieces run on threads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from minitensor.backend import array_module, device_of, memory_explained, to_device, to_numpy
from minitensor.kernels.threads.tiles import blocks, run_tiles
from minitensor.optim.flat import FlatParameters, key_of
from minitensor.tensor import Tensor

# Bytes of a piece with all its arrays. Smaller pieces fit the cache better, but then the threads wait for Python's
# global lock more than for memory.
PIECE_BYTES = 4 << 20


def zeros_of(tensor):
    """A Tensor of zeros in the shape, dtype and place of another."""
    return Tensor(array_module(tensor.data).zeros_like(tensor.data))


class Optimizer:
    """What all optimizers share. The subclass defines `prepare`, and checks its options in `check`.

    param_groups  list of dicts: "params" and the options, which may differ between groups
    state         {parameter: {name: array or number}}, filled as steps are taken
    """

    def __init__(self, params: Iterable, defaults: dict) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{self._name}: params must be a list of Tensors or of dicts, got one Tensor")
        groups = list(params)
        if not groups:
            raise ValueError(f"{self._name}: there are no parameters to optimize")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        self.defaults = defaults
        self.param_groups = []
        self.state = {}
        self._flat = {}  # id of the first parameter -> FlatParameters that begin with it
        for group in groups:
            self.add_param_group(group)

    @property
    def _name(self):
        return type(self).__name__

    def __repr__(self) -> str:
        """One line for each group: how many tensors and numbers it has, and its options."""
        lines = []
        for group in self.param_groups:
            options = ", ".join(f"{name}={value}" for name, value in group.items() if name != "params")
            numbers = sum(parameter.size for parameter in group["params"])
            lines.append(f"  {len(group['params'])} tensors, {numbers:,} numbers: {options}")
        return "\n".join([f"{self._name}(", *lines, ")"])

    def prepare(self, parameter: Tensor, state: dict, group: dict) -> tuple[list, Callable]:
        """Advance `state` by a step. Return its arrays and update(param, grad, *arrays), which works in place."""
        raise TypeError(f"{self._name} defines no prepare")

    def check(self, options: dict) -> None:
        """Raise ValueError for an option out of range."""

    def add_param_group(self, group: dict) -> None:
        """Add parameters with their own options: {"params": biases, "lr": 0.02, "weight_decay": 0}.

        Raises TypeError for anything that is not a Tensor, and ValueError for a Tensor that was computed or is given
        twice, or for an option that does not exist or is out of range.
        """
        unknown = [name for name in group if name not in (*self.defaults, "params", "initial_lr")]
        if unknown or "params" not in group:
            raise ValueError(
                f"{self._name}: a group is a dict of params and any of {', '.join(self.defaults)}, "
                f"got {', '.join(group)}"
            )
        params = group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for position, parameter in enumerate(params):
            if not isinstance(parameter, Tensor):
                raise TypeError(f"{self._name}: parameter {position} is a {type(parameter).__name__}, not a Tensor")
            if not parameter.is_leaf:
                raise ValueError(
                    f"{self._name}: parameter {position} (shape {parameter.shape}) was computed by "
                    f"{type(parameter.node).__name__}; only leaves, which keep a gradient, can be optimized"
                )
            if id(parameter) in known:
                raise ValueError(f"{self._name}: parameter {position} (shape {parameter.shape}) is given twice")
            known.add(id(parameter))
        group = self.defaults | group | {"params": params}
        self.check(group)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients, so that the next backward does not add to them.

        With set_to_none=False they stay, as zeros: `step` then still updates these parameters, by momentum and decay.
        """
        for group in self.param_groups:
            for parameter in group["params"]:
                parameter.grad = None if set_to_none or parameter.grad is None else zeros_of(parameter.grad)

    @np.errstate(all="ignore")
    def step(self) -> Any:
        """Update every parameter that has a gradient, in its own memory. NaN and infinities pass, as in torch."""
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            on_cpu = [p for p in parameters if array_module(p.data) is np]
            for parameter in on_cpu:
                state = self.state.setdefault(parameter, {})
                self._update(parameter, parameter.grad.data, state, group)
            self._step_together([p for p in parameters if array_module(p.data) is not np], group)
            for parameter in parameters:
                # Assigning counts as an in-place change: a graph that still needs the old values will refuse.
                parameter.data = parameter.data

    def _update(self, parameter, grad, state, group):
        arrays, update = self.prepare(parameter, state, group)
        arrays = [parameter.data, grad, *arrays]
        self._check_arrays(parameter, arrays)
        run_tiles(lambda piece: update(*piece), _pieces(arrays))

    def _step_together(self, parameters, group):
        """Update parameters on a GPU, joined as far as they can be."""
        joinable = {}
        for parameter in parameters:
            state = self.state.setdefault(parameter, {})
            self._check_arrays(parameter, [parameter.data, parameter.grad.data])
            joinable.setdefault(key_of(parameter, state), []).append(parameter)
        for members in joinable.values():
            states = [self.state[p] for p in members]
            flat = self._flat.get(id(members[0]))
            if flat is None or not flat.still_holds(members, states):
                with memory_explained(f"{self._name}.step: joining {len(members)} parameters"):
                    flat = self._flat[id(members[0])] = FlatParameters(members, states)
            with memory_explained(f"{self._name}.step of {flat.parameter.size:,} numbers"):
                self._update(flat.parameter, flat.gradient(), flat.state, group)
            flat.publish()

    def _check_arrays(self, parameter, arrays):
        dtypes = [array.dtype for array in arrays]
        if len(set(dtypes)) > 1 or len({device_of(array) for array in arrays}) > 1:
            raise TypeError(
                f"{self._name}.step: parameter, gradient and state of shape {parameter.shape} have dtypes "
                f"{', '.join(map(str, dtypes))} or devices that differ; move a net before its optimizer is made"
            )

    def state_dict(self) -> dict:
        """{"state": {"0.exp_avg": array, ...}, "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}, ...]}

        Parameters are numbered in order. Everything in "state" is an array (counters have no dimensions), so `mt.save`
        can write it. Everything in "param_groups" is a plain number, for JSON. On the CPU the arrays share the memory
        of the optimizer.
        """
        numbers = {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
        state = {
            f"{numbers[id(parameter)]}.{name}": to_numpy(value) if hasattr(value, "dtype") else np.array(value)
            for parameter, values in self.state.items()
            for name, value in values.items()
        }
        groups = [
            {name: value for name, value in group.items() if name != "params"}
            | {"params": [numbers[id(parameter)] for parameter in group["params"]]}
            for group in self.param_groups
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: Mapping) -> None:
        """Continue where `state_dict` was taken: copy state and options to the parameters of the same number.

        Takes arrays or Tensors. Raises ValueError, before anything is changed, if groups, options or shapes differ.
        """
        groups = state_dict["param_groups"]
        sizes = [len(group["params"]) for group in self.param_groups]
        given = [len(group["params"]) for group in groups]
        if sizes != given:
            raise ValueError(f"{self._name}: the state has groups of {given} parameters, the optimizer {sizes}")
        options = [self._loaded_options(group) for group in groups]
        parameters = [p for group in self.param_groups for p in group["params"]]
        state = {}
        for key, value in state_dict["state"].items():
            number, _, name = key.partition(".")
            if not number.isdecimal() or int(number) >= len(parameters):
                raise ValueError(f"{self._name}: state {key!r} belongs to none of {len(parameters)} parameters")
            parameter = parameters[int(number)]
            array = value.data if isinstance(value, Tensor) else value
            if array.dtype.kind in "iu":
                loaded = int(array)  # a counter
            elif array.shape != parameter.shape:
                raise ValueError(
                    f"{self._name}: state {key!r} has shape {array.shape}, parameter {number} {parameter.shape}"
                )
            else:
                loaded = to_device(array.astype(parameter.dtype), parameter.device)
            state.setdefault(parameter, {})[name] = loaded
        for group, loaded in zip(self.param_groups, options, strict=True):
            group.update(loaded)
        self.state = state

    def _loaded_options(self, group):
        # JSON knows no tuples: betas come back as a list.
        options = {name: tuple(v) if isinstance(v, list) else v for name, v in group.items() if name != "params"}
        if set(self.defaults) != set(options) - {"initial_lr"}:
            raise ValueError(f"{self._name}: the state is another optimizer's, with the options {', '.join(options)}")
        self.check(options)
        return options


def _pieces(arrays):
    """The arrays, all cut into the same flat pieces. Not cut if small, on a GPU, or not one contiguous block."""
    parameter = arrays[0]
    # Arrays of no dimensions are cut too: results computed from them would be numbers, which cannot be written to.
    small = parameter.nbytes * len(arrays) <= PIECE_BYTES and parameter.ndim > 0
    if small or array_module(parameter) is not np or not parameter.flags.c_contiguous:
        return [arrays]
    # ravel makes views of the parameter and its state, which are written to. A gradient in another order is copied.
    flat = [array.ravel() for array in arrays]
    parts = blocks(parameter.size, parameter.itemsize * len(arrays), PIECE_BYTES)
    return [[array[part] for array in flat] for part in parts]
