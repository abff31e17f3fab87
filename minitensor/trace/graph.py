"""An autograd graph in stages: the gradient of each operation's result, in the order in which backward makes them."""

from __future__ import annotations

import numpy as np

from minitensor.backend import to_numpy
from minitensor.backward import _in_call_order, grad
from minitensor.engine import Op
from minitensor.tensor import Tensor
from minitensor.trace.stages import GRADIENT, Stage, Trace, kinds_of


def trace_backward(output, names=None) -> Trace:
    """What `output.backward()` does: for each recorded operation the gradient of its result, the last operation first;
    then the gradients of the leaves.

    output   a scalar Tensor that is part of a graph
    names    {leaf: name}, to say which leaf is which
    """
    if not isinstance(output, Tensor) or output.node is None or output.data.size != 1:
        raise ValueError("trace_backward: give a scalar Tensor that was computed from one that requires a gradient")
    names = dict(names or {})
    ops = _in_call_order([output.node])
    leaves = []
    for op in ops:
        for parent in op.parents:
            if isinstance(parent, Tensor) and not any(parent is leaf for leaf in leaves):
                leaves.append(parent)
    results = [Tensor.wrap(np.broadcast_to(np.zeros((), op.made[1]), op.made[0]), op) for op in ops]
    gradients = grad(output, [*results, *leaves], retain_graph=True)
    of_ops, of_leaves = gradients[: len(ops)], gradients[len(ops) :]
    stages = [
        Stage(
            f"{op.called} {number}",
            _two_axes(to_numpy(gradient.data)),
            f"step {step}: the gradient of the result of {op.called}, made of {_inputs(op, ops, names)}",
            f"dL/d({op.called} {number})",
            kinds_of(_two_axes(to_numpy(gradient.data)), GRADIENT),
        )
        for step, (number, op, gradient) in enumerate(
            reversed(list(zip(range(len(ops)), ops, of_ops, strict=True))), start=1
        )
    ]
    for position, (leaf, gradient) in enumerate(zip(leaves, of_leaves, strict=True)):
        name = names.get(leaf, f"leaf {position}")
        array = _two_axes(to_numpy(gradient.data))
        stages.append(Stage(name, array, f"the gradient of {name} of shape {leaf.shape}", f"dL/d({name})",
                            kinds_of(array, GRADIENT)))  # fmt: skip
    return Trace(f"backward through {len(ops)} operations to {len(leaves)} leaves", tuple(stages))


def _inputs(op, ops, names):
    numbers = {made: number for number, made in enumerate(ops)}
    said = []
    for parent in op.parents:
        if isinstance(parent, Op):
            said.append(f"{parent.called} {numbers[parent]}")
        else:
            said.append("a constant" if parent is None else names.get(parent, "a leaf"))
    return " and ".join(said)


def _two_axes(array):
    return array.reshape(1, -1) if array.ndim < 2 else array
