"""The engine, second half: gradients flow back through what was recorded, from the outputs to the leaves."""

from __future__ import annotations

import threading
from operator import attrgetter

from minitensor.backend import array_module, is_array
from minitensor.engine import Op, SetRecording, _mode, quiet
from minitensor.kernels.summation import add_to
from minitensor.tensor import Tensor

# Held while gradients are added to those of leaves, or of two threads that add to one, one would be lost. Reentrant,
# for the garbage collector may run anyone's code in between.
_accumulating = threading.RLock()


def _in_order(roots):
    """All ops behind `roots`, each one before every op that uses its result: in the order of their numbers.

    Why an order at all? Because a result may be used twice:

        a = x * 2
        b = a + 1
        c = a * b          # c reaches a directly, and again by way of b

    Had a's op run backward as soon as c's part of the gradient came in, b's part would have come too late.
    Taken from the end of this order, an op runs only when everything computed from its result has run.
    Calls are numbered as they are recorded, and an op can only be called on results that are there already.
    The ops still to visit stand in a list, not on Python's own stack: a chain of 100,000 ops must not overflow it.
    """
    seen, to_visit = set(roots), list(roots)
    while to_visit:
        for parent in to_visit.pop().parents:
            if isinstance(parent, Op) and parent not in seen:
                seen.add(parent)
                to_visit.append(parent)
    return sorted(seen, key=attrgetter("number"))


def _key(tensor):
    """What a gradient is filed under: the op that made the tensor, or the leaf itself."""
    return tensor if tensor.node is None else tensor.node


def _needs_towards(targets, order):
    """op -> for each of its inputs, whether it leads to `targets`; without the ops of which no input does."""
    needs = {}
    leading = set(targets)
    for op in order:  # parents come first
        op_needs = tuple([parent in leading for parent in op.parents])
        if True in op_needs:
            needs[op] = op_needs
            leading.add(op)
    return needs


def _propagate(outputs, output_grads, targets, retain_graph, create_graph):
    """Send gradients from the outputs to the leaves, or to `targets` only; return key -> gradient.

    Gradients travel in a local table and are dropped as soon as they have been passed on. Each op drops the
    arrays that it kept for backward at the same moment, so memory falls while backward proceeds.
    """
    grads = _Gradients(overwrite=not create_graph)
    for output, grad in zip(outputs, output_grads, strict=True):
        grads.add(_key(output), grad)
    order = _in_order([output.node for output in outputs if output.node is not None])
    narrowed = None if targets is None else _needs_towards(targets, order)
    found = {}
    with SetRecording(create_graph), quiet():
        while order:
            op = order.pop()
            grad, spare = grads.take(op)
            if grad is None:
                continue
            needs = op.recorded_needs
            if targets is not None:
                if op in targets:
                    found[op] = grad
                    spare = False
                needs = narrowed.get(op)
                if needs is None:
                    continue
            for parent, need, parent_grad in zip(
                op.parents, needs, _run_backward(op, grad, needs, spare), strict=True
            ):
                if need and parent_grad is not None:
                    grads.add(parent, parent_grad, op.fresh)
            if not retain_graph:
                op.free()
    if targets is None:
        return grads
    return found | {key: grad for key, grad in grads.items() if key in targets}


class _Gradients(dict):
    """Gradients on their way: key -> the sum of those that have come so far.

    spare      keys whose gradient lies in memory that nobody else holds, so that it may be overwritten: a large array
               less to write, and to wait for
    overwrite  False where gradients are recorded, and what was computed from them needs them again
    """

    def __init__(self, overwrite):
        self.spare, self.overwrite = set(), overwrite

    def add(self, key, grad, fresh=False):
        """A tensor used twice receives two gradients; the chain rule adds them. `fresh`: nobody else holds this one."""
        before, fresh = self.get(key), fresh and self.overwrite
        if before is None:
            self[key] = grad
        elif key in self.spare:
            add_to(before._data, grad._data)
        elif fresh:
            add_to(grad._data, before._data)
            self[key] = grad
        else:
            self[key] = before + grad
            fresh = self.overwrite
        if fresh:
            self.spare.add(key)

    def take(self, op):
        """Remove and return the gradient of an op's output, None where none has come, and whether it is spare."""
        spare = op in self.spare
        self.spare.discard(op)
        return self.pop(op, None), spare


def _run_backward(op, grad, needs, spare):
    """The gradients of those of the op's inputs that need one, as a tuple."""
    if op.freed:
        raise RuntimeError(
            f"backward: the graph behind this {type(op).__name__} has been freed by an earlier backward; "
            "to go through it twice, pass retain_graph=True the first time"
        )
    op.check_unchanged()
    before, _mode.running = _mode.running, (op, needs, spare)
    try:
        input_grads = op.backward(grad)
    finally:
        _mode.running = before
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
        grad = Tensor(xp.asarray(grad, dtype=output.dtype))
    if grad.device != output.device:
        raise ValueError(f"{operation}: the gradient is on {grad.device}, its output on {output.device}")
    if grad.shape != output.shape:
        raise ValueError(f"{operation}: the gradient has shape {grad.shape}, its output {output.shape}")
    if grad.dtype != output.dtype:
        raise TypeError(f"{operation}: the gradient has dtype {grad.dtype}, its output {output.dtype}")
    return grad


def backward(output, grad=None, retain_graph=False, create_graph=False):
    """Add d(output)/d(leaf) to `leaf.grad` for every leaf that requires it (`Tensor.backward`).

    grad          gradient of some scalar by `output`, of its shape; may be left out where output is a scalar
    retain_graph  keep what a second backward through the same graph needs
    create_graph  record the computation of the gradients, so that they can be differentiated in turn

    Raises RuntimeError where there is no graph, where it has been freed, where `output` is no scalar and has no
    `grad`, or where a value that is needed was changed in place.
    """
    grad = _output_gradient(output, grad, "backward")
    grads = _propagate([output], [grad], None, retain_graph or create_graph, create_graph)
    # Only now, when nothing can fail any more, are the leaves touched.
    with _accumulating:
        _accumulate(grads, grad, create_graph)


def _accumulate(grads, grad, create_graph):
    """Add gradients to those of their leaves. The memory of `grad`, from which they started, is the caller's."""
    handed_out = {id(grad._data)}
    for leaf, leaf_grad in grads.items():
        if leaf.grad is not None:
            with SetRecording(create_graph):
                leaf.grad = leaf.grad + leaf_grad
            continue
        # z = x + y gives x and y the very same gradient array, and the gradient of a sum is a view that repeats one
        # number. Each leaf gets memory of its own, so that an edit of one .grad (clipping, say) does not reach another.
        array = leaf_grad._data
        owner = _owner(array)
        if owner is None or id(owner) in handed_out:
            # A recorded gradient is copied by an operation, so that it stays recorded.
            leaf_grad = Tensor.wrap(array.copy()) if leaf_grad.node is None else _recorded_copy(leaf_grad)
        handed_out.add(id(owner))
        leaf.grad = leaf_grad


def _owner(array):
    """The array whose memory this is, all of it and in the same order; None where it is a part or a repetition."""
    base = array.base
    if base is None:
        return array
    whole = is_array(base) and base.base is None and base.size == array.size and array.flags.c_contiguous
    # What NumPy broadcasts is read-only, even if no number is repeated. CuPy's arrays can always be written to.
    return base if whole and getattr(array.flags, "writeable", True) else None


def _recorded_copy(x):
    with SetRecording(True):
        return x * 1


def _tensors(name, values):
    """One Tensor, or several, as a tuple; raises TypeError for anything else, ValueError for none."""
    if isinstance(values, Tensor):
        return (values,)
    values = tuple(values) if hasattr(values, "__iter__") else (values,)
    for position, value in enumerate(values):
        if not isinstance(value, Tensor):
            raise TypeError(
                f"grad: {name} must be Tensors, got a {type(value).__name__} at position {position}"
            )
    if not values:
        raise ValueError(f"grad: {name} must name at least one Tensor")
    return values


def grad(outputs, inputs, grad_outputs=None, create_graph=False, retain_graph=None, allow_unused=False):
    """Gradients of `outputs` by `inputs`, returned as a tuple; no `.grad` is touched.

    Works for inputs anywhere in the graph, not for leaves only. `retain_graph` follows `create_graph` unless
    given. An input that the outputs do not depend on raises ValueError, or yields None with `allow_unused`.
    """
    outputs, inputs = _tensors("outputs", outputs), _tensors("inputs", inputs)
    if grad_outputs is None:
        given = (None,) * len(outputs)
    else:
        single = (
            isinstance(grad_outputs, Tensor)
            or is_array(grad_outputs)
            or not hasattr(grad_outputs, "__iter__")
        )
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
