"""The engine, first half: operations are recorded while they run. backward.py sends gradients back through the record.

An operation is a class with two methods, derived from `Op`:

    class Add(Op):
        def forward(self, a, b):             # takes the arrays of the inputs, returns an array
            return a + b

        def backward(self, grad, needs):     # takes the output's gradient, returns one gradient per input
            return grad, grad                # because d(a + b)/da = 1 and d(a + b)/db = 1

    total = Add()(x, y)

`Add()(x, y)` runs `forward` on the arrays of the Tensors x and y. If one of them requires a gradient, the object Add()
stays behind as a node of the graph: it knows its inputs, and the result knows it. `backward` works on Tensors, not on
arrays: it is itself a computation that can be recorded, and so every derivative has derivatives.
"""

from __future__ import annotations

from itertools import count
from operator import call
from typing import Any

import numpy as np
from numpy import ndarray

from minitensor.backend import device_of, explain_memory, is_array
from minitensor.recording import mode
from minitensor.tensor import Tensor

_numbers = count()  # recorded calls are numbered in the order in which they ran, in all threads together


def owned(grad):
    """Mark a gradient that `Op.backward` has just written into a new array: nothing else refers to this array.

    The backward pass may then overwrite it: to add a second gradient to it, or to send it through a ReLU. This saves
    writing one more large array. A gradient that was recorded is left unmarked, because the graph still needs it.
    """
    if grad is not None:
        grad._owned = grad.node is None
    return grad


class Op:
    """One differentiable operation, and, once recorded, one node of the graph.

        class Multiply(Op):
            uses = ((1,), (0,))                     # d(ab)/da needs b, d(ab)/db needs a

            def forward(self, a, b):
                return a * b

            def backward(self, grad, needs):
                a, b = self.inputs
                return grad * b if needs[0] else None, grad * a if needs[1] else None

    An operation says what its backward reads:

    uses         uses[i] names the inputs that the gradient of input i is computed from. Inputs that no gradient needs
                 are not kept. `uses` may have one entry more than the call has inputs: for a bias that was left out.
    uses_output  True if the gradient is computed from the output (exp, sqrt, softmax)
    watched      Tensors besides the inputs that backward reads (targets, indices): changes in them are noticed too

    In `backward`:

    needs        needs[i] is True if the gradient of input i must be computed. For other inputs it may return None.
    self.inputs  the inputs; None for an input that was not kept
    self.output  the output, if `uses_output`
    """

    uses: tuple[tuple[int, ...], ...] = ()
    uses_output = False
    watched: tuple = ()

    needs: tuple[bool, ...] = ()  # as recorded: whether each input requires a gradient
    inputs: tuple = ()
    parents: tuple = ()  # for each input: the Op that made it, the leaf itself, or None
    number: int | None = None  # of the recorded call; larger than the numbers of the ops that made its inputs
    made: tuple  # (shape, dtype) of the recorded call's output, and so of the gradient that backward takes
    title: str | None = None  # what messages call it, where the class is not what the user called
    freed = False
    _kept_output = None  # the output's array, not its Tensor: that would make a cycle op -> output -> op
    _output_version: list | None = None
    _changes_at_forward = 0

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.title or type(self).__name__

    def forward(self, *arrays: Any) -> Any:
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, grad: Tensor, needs: tuple[bool, ...]) -> Any:
        raise TypeError(f"{type(self).__name__} defines no backward")

    def __call__(self, *inputs: Tensor) -> Any:
        """Run `forward` on the arrays of the inputs. Record the call if a gradient is wanted."""
        arrays, needs = [], []
        try:
            for x in inputs:
                arrays.append(x._data)
                needs.append(x._requires_grad)
                if x._version[1] and x._version[1] > x._seen >= 0 and mode.recording:
                    raise RuntimeError(_OUT_OF_DATE.format(type(self).__name__))
        except AttributeError:
            kind = type(x).__name__
            raise TypeError(f"{type(self).__name__}: input {len(arrays)} must be a Tensor, got {kind}") from None
        check_same_device(type(self).__name__, arrays)
        recorded = mode.recording and True in needs
        if recorded:
            self.needs = tuple(needs)
        output = _run_forward(self, arrays)
        if isinstance(output, np.generic):
            output = np.asarray(output)  # NumPy turns results of no dimensions into scalars
        elif type(output) is not ndarray and not is_array(output):
            kind = type(output).__name__
            raise TypeError(f"{type(self).__name__}.forward must return an array (it takes arrays, too), got {kind}")
        result = Tensor.wrap(output, self if recorded else None)
        if output.base is not None or output is arrays[0]:
            _share_version(result, inputs)
        if recorded:
            self._record(inputs, result)
        return result

    def _record(self, inputs, result):
        """Become the node of the graph that made `result`."""
        if self.number is not None:
            raise RuntimeError(
                f"{type(self).__name__}: this Op has recorded a call already, and is its node in the graph; "
                "make a new one for each call"
            )
        if len(self.uses) < len(inputs) and type(self).backward is not Op.backward:
            raise TypeError(
                f"{type(self).__name__}: `uses` must say for each of the {len(inputs)} inputs from which inputs its "
                f"gradient is computed, () for none; got {self.uses}"
            )
        self.number = next(_numbers)
        self.made = result._data.shape, result._data.dtype
        parents, kept = [], [None] * len(inputs)
        for x, need in zip(inputs, self.needs, strict=True):
            parents.append((x if x.node is None else x.node) if need else None)
        for need, used in zip(self.needs, self.uses, strict=False):
            if need:
                for index in used:
                    kept[index] = inputs[index]
        self.parents, self.inputs = tuple(parents), tuple(kept)
        if self.uses_output:
            self._kept_output = result._data
            self._output_version = result._version
        self._changes_at_forward = self._changes()

    def __repr__(self) -> str:
        """What the node is, what it made, and what made its inputs."""
        name = self.called
        if self.number is None:
            return f"<{name}, not recorded>"
        made_by = ", ".join("-" if p is None else "leaf" if isinstance(p, Tensor) else p.called for p in self.parents)
        return f"<{name} {self.number}: {self.made[1]} {self.made[0]} of ({made_by}){', freed' * self.freed}>"

    @property
    def output(self) -> Tensor:
        output = Tensor.wrap(self._kept_output, self)
        output._version = self._output_version
        return output

    def _changes(self):
        """The number of in-place changes of all tensors that backward reads, together.

        Each counter only grows, so an unchanged total means that none of the tensors was changed.
        """
        changes = 0
        for x in (*self.inputs, *self.watched):
            if x is not None:
                changes += x._version[0]
        return changes + self._output_version[0] if self.uses_output else changes

    def check_unchanged(self) -> None:
        """Raises RuntimeError if a tensor that backward reads was changed in place since forward."""
        if self._changes() != self._changes_at_forward:
            raise RuntimeError(
                f"backward: a tensor that {type(self).__name__} needs for its gradient was changed in place "
                "after the forward pass; edit a copy, or edit after backward"
            )

    def free(self) -> None:
        """Drop everything that was kept for backward, also arrays that `forward` set as attributes."""
        kept = "needs", "parents", "number", "made", "title"
        self.__dict__ = {name: getattr(self, name) for name in kept} | {"freed": True}


def _run_forward(op, arrays):
    try:
        return op.forward(*arrays) if mode.quiet else _call_quietly(op.forward, *arrays)
    except MemoryError as error:
        shapes = " and ".join(str(array.shape) for array in arrays)
        explain_memory(error, f"{type(op).__name__} of {shapes}")
        raise


_call_quietly = np.errstate(all="ignore")(call)


def check_same_device(operation, arrays):
    """Raises ValueError, with the names of the devices, unless all arrays are on one. Nothing moves unasked."""
    for array in arrays:
        if type(array) is not ndarray:
            break
    else:
        return  # all on the CPU: the common case, in which microseconds count
    devices = [device_of(array) for array in arrays]
    if len(set(devices)) > 1:
        raise ValueError(
            f"{operation}: all tensors must be on one device, got {', '.join(devices)}; move them with .to()"
        )


_OUT_OF_DATE = (
    "{}: another tensor that shares the memory of this input was changed in place while the graph was recorded. The "
    "gradient of the input does not know of it; take the tensor that was changed, or write y = x + 1 instead of x += 1"
)


def _share_version(result, inputs):
    """A result that is an input's array, or a view of its memory, shares its counter of in-place changes."""
    array, base = result._data, result._data.base
    for x in inputs:
        if x._data is array or x._data is base or (base is not None and x._data.base is base):
            result._version, result._seen = x._version, x._seen
