"""The engine, second half: gradients flow back through the record, from the outputs to the leaves.

The idea is a loop. `op.backward` turns the gradient of an op's output into the gradients of its inputs, by the chain
rule. Begin with the last op. Take the ops in the reverse of the order in which they ran:

    grads = {loss.node: ones}
    for op in reversed(in_call_order(loss.node)):
        grad = grads.pop(op)
        for parent, parent_grad in zip(op.parents, op.backward(grad, op.needs)):
            if parent is None:                       # this input needs no gradient
                continue
            grads[parent] = grads[parent] + parent_grad if parent in grads else parent_grad

What is left in `grads` are the gradients of the leaves. `_propagate` below is this loop. In addition it skips what does
not lead to the tensors that the caller asked for, and frees memory while it proceeds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from operator import attrgetter
from typing import Any

from minitensor.backend import array_module, is_array
from minitensor.engine import Op, owned
from minitensor.kernels.arrays.summation import add_to
from minitensor.recording import SetRecording, quiet
from minitensor.tensor import Tensor

# This lock is held while gradients are added to `leaf.grad`: if two threads added to the same leaf at the same time,
# one sum would be lost. It is reentrant, because the garbage collector may run other code, even another backward, in
# between.
_accumulating = threading.RLock()


def _new_lock():
    """In a child that was forked while another thread held the lock: that thread is not there to release it."""
    global _accumulating
    _accumulating = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


def _in_call_order(roots):
    """All ops behind `roots`, in the order of their numbers: each op before every op that uses its result.

    Why does the order matter? A result may be used twice:

        a = x * 2
        b = a + 1
        c = a * b          # c depends on a directly, and once more through b

    If a's op ran backward as soon as the gradient from c arrived, the gradient from b would come too late. In the
    reverse of this order, an op runs only after every op that used its result. The ops still to visit are kept in a
    list, not on Python's call stack: a chain of 100,000 ops must not overflow it.
    """
    seen, to_visit = set(roots), list(roots)
    while to_visit:
        for parent in to_visit.pop().parents:
            if isinstance(parent, Op) and parent not in seen:
                seen.add(parent)
                to_visit.append(parent)
    return sorted(seen, key=attrgetter("number"))


def _propagate(outputs, output_grads, targets, retain_graph, create_graph, ready=None):
    """Send gradients from the outputs to the leaves, or only to `targets`. Returns {key: gradient} (`_key`).

    A gradient is dropped as soon as it has been passed on. At the same moment its op drops what it kept for backward,
    so memory falls while backward proceeds.
    """
    grads, found = {}, {}
    for output, grad in zip(outputs, output_grads, strict=True):
        _add(grads, _key(output), grad)
    order = _in_call_order([output.node for output in outputs if output.node is not None])
    needs_of = None if targets is None else _needs_towards(targets, order)
    complete_after = {} if ready is None else _complete_after(order)
    with SetRecording(create_graph), quiet():
        while order:
            op = order.pop()
            grad = grads.pop(op, None)
            if grad is None:
                continue
            if targets is not None and op in targets:
                found[op] = grad
                grad._owned = False  # it belongs to the caller
            needs = op.needs if needs_of is None else needs_of.get(op)
            if needs is None:
                continue
            input_grads = _run(op, grad, needs)
            grad._owned = False  # an addition returns this very Tensor, for both of its inputs
            for parent, need, parent_grad in zip(op.parents, needs, input_grads, strict=True):
                if need and parent_grad is not None:
                    made = parent.made if isinstance(parent, Op) else (parent._data.shape, parent._data.dtype)
                    if type(parent_grad) is not Tensor or (parent_grad._data.shape, parent_grad._data.dtype) != made:
                        _refuse(op, parent_grad, *made)
                    _add(grads, parent, parent_grad)
            if not retain_graph:
                op.free()
            for leaf in complete_after.get(op, ()):
                if leaf in grads and ready(leaf, grads[leaf]):
                    del grads[leaf]
    if ready is not None:  # leaves whose first op received no gradient
        for leaf in [leaf for leaf in grads if ready(leaf, grads[leaf])]:
            del grads[leaf]
    if targets is None:
        return grads
    return found | {key: grad for key, grad in grads.items() if key in targets}


def _refuse(op, grad, shape, dtype):
    """Raise TypeError or ValueError, with the op's name: this is no gradient of a tensor of that shape and dtype."""
    if not isinstance(grad, Tensor):
        raise TypeError(f"{type(op).__name__}.backward must return Tensors, got {type(grad).__name__}")
    for what, error, wanted, found in (
        ("shape", ValueError, shape, grad._data.shape),
        ("dtype", TypeError, dtype, grad._data.dtype),
    ):
        if found != wanted:
            raise error(f"{type(op).__name__}.backward: the gradient of an input of {what} {wanted} has {what} {found}")


def _key(tensor):
    """What a gradient is filed under: the op that made the tensor, or the leaf itself."""
    return tensor if tensor.node is None else tensor.node


def _add(grads, key, grad):
    """A tensor that was used twice receives two gradients. Their sum is made in place if one of them is owned."""
    before = grads.get(key)
    if before is None:
        grads[key] = grad
    elif before._owned:
        add_to(before._data, grad._data)
    elif grad._owned:
        add_to(grad._data, before._data)
        grads[key] = grad
    else:
        grads[key] = owned(before + grad)


def _complete_after(order):
    """{op: leaves whose gradient is complete when this op has run}: the op that used the leaf first runs last."""
    leaves_of, seen = {}, set()
    for op in order:
        for parent, need in zip(op.parents, op.needs, strict=True):
            if need and not isinstance(parent, Op) and parent not in seen:
                seen.add(parent)
                leaves_of.setdefault(op, []).append(parent)
    return leaves_of


def _needs_towards(targets, order):
    """{op: for each input, whether a target lies behind it}. Ops with no target behind any input are left out."""
    needs = {}
    leading = set(targets)
    for op in order:  # parents come first
        op_needs = tuple([parent in leading for parent in op.parents])
        if True in op_needs:
            needs[op] = op_needs
            leading.add(op)
    return needs


def _run(op, grad, needs):
    """The gradients of the op's inputs, as a tuple."""
    if op.freed:
        raise RuntimeError(
            f"backward: the graph behind this {op.called} has been freed by an earlier backward; "
            "to go through it twice, pass retain_graph=True the first time"
        )
    op.check_unchanged()
    input_grads = op.backward(grad, needs)
    input_grads = input_grads if isinstance(input_grads, tuple) else (input_grads,)
    if len(input_grads) != len(op.parents):
        raise TypeError(
            f"{type(op).__name__}: backward must return one gradient for each of the {len(op.parents)} inputs, "
            f"got {len(input_grads)}"
        )
    return input_grads


def _output_gradient(output, grad, operation):
    """The gradient to start from: the one given, or 1 for a scalar."""
    if not output._requires_grad:
        raise RuntimeError(
            f"{operation}: this tensor is not part of a graph: no tensor it was computed from has "
            "requires_grad=True, or it was computed under no_grad()"
        )
    xp = array_module(output._data)
    if grad is None:
        if output._data.size != 1:
            raise RuntimeError(
                f"{operation}: the gradient of an output of shape {output.shape} depends on how its elements are "
                "weighted; pass that gradient, or reduce the output to a scalar first, e.g. with .sum()"
            )
        return Tensor.wrap(xp.ones_like(output._data))
    if not isinstance(grad, Tensor):
        if isinstance(grad, (str, bytes)):  # NumPy would read a number in it
            raise TypeError(f"{operation}: the gradient must be a Tensor or numbers, got {type(grad).__name__}")
        grad = Tensor(xp.asarray(grad, dtype=output.dtype))
    if grad.device != output.device:
        raise ValueError(f"{operation}: the gradient is on {grad.device}, its output on {output.device}")
    if grad.shape != output.shape:
        raise ValueError(f"{operation}: the gradient has shape {grad.shape}, its output {output.shape}")
    if grad.dtype != output.dtype:
        raise TypeError(f"{operation}: the gradient has dtype {grad.dtype}, its output {output.dtype}")
    return grad


def backward(
    output: Tensor,
    grad: Tensor | None = None,
    retain_graph: bool = False,
    create_graph: bool = False,
    ready: Callable[[Tensor, Tensor], bool] | None = None,
) -> None:
    """Add d(output)/d(leaf) to `leaf.grad` for every leaf that requires a gradient (`Tensor.backward`).

    grad          the gradient of some scalar with respect to `output`; it may be left out if output is a scalar
    retain_graph  keep what a second backward through the same graph needs
    create_graph  record the computation of the gradients, so that they can be differentiated again
    ready         called with (leaf, gradient) as soon as the gradient of a leaf is complete, while backward goes on;
                  if it returns True, it has copied the gradient, and `leaf.grad` stays as it was

    Raises ValueError if both create_graph and `ready` are given. Raises RuntimeError if there is no graph, if it has
    been freed, if `output` is not a scalar and no `grad` is given, or if a value that backward needs was changed in
    place.
    """
    if ready is not None and create_graph:
        raise ValueError("backward: with create_graph the gradients stay part of a graph, so ready cannot take them")
    grad = _output_gradient(output, grad, "backward")
    grads = _propagate([output], [grad], None, retain_graph or create_graph, create_graph, ready)
    # The leaves change only now, when nothing can fail any more.
    with _accumulating:
        _accumulate(grads, grad, create_graph)


def _accumulate(grads, grad, create_graph):
    """Add each gradient to its leaf's. The memory of `grad`, where backward began, belongs to the caller."""
    handed_out = {id(grad._data)}
    for leaf, leaf_grad in grads.items():
        if leaf.grad is not None:
            with SetRecording(create_graph):
                leaf.grad = leaf.grad + leaf_grad
            continue
        # z = x + y gives x and y the very same gradient array, and the gradient of a sum is a view that repeats one
        # number. Each leaf gets its own memory, so that a change of one .grad (clipping, say) does not reach another.
        array = leaf_grad._data
        owner = _owner(array)
        if owner is None or id(owner) in handed_out:
            # A recorded gradient is copied by an operation, so that it stays recorded.
            leaf_grad = Tensor.wrap(array.copy()) if leaf_grad.node is None else _recorded_copy(leaf_grad)
        handed_out.add(id(owner))
        leaf.grad = leaf_grad


def _owner(array):
    """The array that owns this memory, if `array` is all of it in the same order. None for a part or a repetition."""
    base = array.base
    if base is None:
        return array
    whole = is_array(base) and base.base is None and base.size == array.size and array.flags.c_contiguous
    # NumPy makes broadcast arrays read-only, even if no number is repeated. CuPy's arrays are always writeable.
    return base if whole and getattr(array.flags, "writeable", True) else None


def _recorded_copy(x):
    with SetRecording(True):
        return x * 1


def _tensors(name, values):
    """One Tensor or several, as a tuple. Raises TypeError for anything else, ValueError for an empty sequence."""
    if isinstance(values, Tensor):
        return (values,)
    values = tuple(values) if hasattr(values, "__iter__") else (values,)
    for position, value in enumerate(values):
        if not isinstance(value, Tensor):
            raise TypeError(f"grad: {name} must be Tensors, got a {type(value).__name__} at position {position}")
    if not values:
        raise ValueError(f"grad: {name} must name at least one Tensor")
    return values


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    create_graph: bool = False,
    retain_graph: bool = None,
    allow_unused: bool = False,
) -> tuple[Tensor | None, ...]:
    """The gradients of `outputs` with respect to `inputs`, as a tuple. No `.grad` is changed.

    Works for inputs anywhere in the graph, not only for leaves. `retain_graph` equals `create_graph` unless it is
    given. An input that the outputs do not depend on raises ValueError, or gives None with `allow_unused`.
    """
    outputs, inputs = _tensors("outputs", outputs), _tensors("inputs", inputs)
    if grad_outputs is None:
        given = (None,) * len(outputs)
    else:
        single = isinstance(grad_outputs, Tensor) or is_array(grad_outputs) or not hasattr(grad_outputs, "__iter__")
        given = (grad_outputs,) if single else tuple(grad_outputs)
    if len(given) != len(outputs):
        raise ValueError(f"grad: {len(outputs)} outputs need as many grad_outputs, got {len(given)}")
    for position, x in enumerate(inputs):
        if not x._requires_grad:
            raise ValueError(f"grad: input {position} (shape {x.shape}) does not require a gradient")
    start = [_output_gradient(output, g, "grad") for output, g in zip(outputs, given, strict=True)]
    targets = {_key(x) for x in inputs}
    retain_graph = create_graph if retain_graph is None else retain_graph
    found = _propagate(outputs, start, targets, retain_graph, create_graph)
    results = tuple(found.get(_key(x)) for x in inputs)
    for position, result in enumerate(results):
        if result is None and not allow_unused:
            raise ValueError(
                f"grad: the outputs do not depend on input {position} (shape {inputs[position].shape}); "
                "allow_unused=True returns None for it"
            )
    return results
