"""The engine, first half: operations are recorded as they run. How gradients flow back is in backward.py.

Every operation is an `Op`. Its `forward` takes arrays and returns an array. Its `backward` takes the gradient of
the output, a Tensor, and returns the gradients of the inputs, Tensors too, computed by other operations. So
`backward` is itself a computation that can be recorded, and every derivative has derivatives.
"""

from __future__ import annotations

import functools
import inspect
import threading
from contextlib import ContextDecorator, contextmanager
from itertools import count
from operator import call

import numpy as np
from numpy import ndarray

from minitensor.backend import device_of, explain_memory
from minitensor.tensor import Tensor


class _Mode(threading.local):
    recording = True
    quiet = False  # inside a block of `quiet`, below
    # (op, its needs, spare) of the backward that runs: in each thread, for graphs are shared, and what one thread asks
    # for is not what another does
    running = None


_mode = _Mode()
_numbers = count()  # recorded calls are numbered, those of all threads together


class SetRecording(ContextDecorator):
    """Switch recording on or off for a block, in this thread; also a decorator."""

    def __init__(self, recording):
        self.recording = recording
        self.before = []  # a stack: one object may guard nested blocks

    def __enter__(self):
        self.before.append(_mode.recording)
        _mode.recording = self.recording

    def __exit__(self, *error):
        _mode.recording = self.before.pop()

    def __call__(self, function):
        """Decorate a function; of a generator, every step runs in this mode, and what comes between does not."""
        if not inspect.isgeneratorfunction(function):
            return super().__call__(function)

        @functools.wraps(function)
        def steps(*args, **kwargs):
            generator = function(*args, **kwargs)
            resume, argument = generator.send, None
            try:
                while True:
                    with SetRecording(self.recording):
                        value = resume(argument)
                    try:
                        resume, argument = generator.send, (yield value)
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # thrown in from outside: the generator may catch it
                        resume, argument = generator.throw, error
            except StopIteration as end:
                return end.value
            finally:
                with SetRecording(self.recording):
                    generator.close()

        return steps

    def _recreate_cm(self):
        # contextlib calls this for each call of a decorated function, which may run in several threads at once
        return SetRecording(self.recording)


def no_grad(function=None):
    """`with no_grad():` computes without recording: no graph, no memory kept for backward. Also a decorator."""
    return SetRecording(False) if function is None else SetRecording(False)(function)


def enable_grad(function=None):
    """`with enable_grad():` records again inside a `no_grad` block. Also a decorator."""
    return SetRecording(True) if function is None else SetRecording(True)(function)


def is_grad_enabled():
    """True where operations are being recorded."""
    return _mode.recording


@contextmanager
def quiet():
    """Within the block, infinities and NaN travel on as values, as in torch; NumPy would print a warning for each.

    To tell NumPy so takes twice as long as a small product, so a backward pass does it once for all its operations.
    """
    before = _mode.quiet
    with np.errstate(all="ignore"):
        _mode.quiet = True
        try:
            yield
        finally:
            _mode.quiet = before


class Op:
    """One differentiable operation, and, once recorded, one node of the graph.

        class Multiply(Op):
            uses = ((1,), (0,))                   # d(ab)/da needs b, d(ab)/db needs a

            def forward(self, a, b):              # arrays in, array out
                return a * b

            def backward(self, grad):             # Tensor in, one Tensor an input out
                a, b = self.inputs
                return grad * b if self.needs[0] else None, grad * a if self.needs[1] else None

        product = Multiply()(x, y)            # without broadcasting; the real one is in ops/elementwise.py

    uses         for each input, the inputs from which its gradient is computed; the rest is not kept. It may be longer
                 than the inputs, where the last one (a bias) is optional
    uses_output  True where the gradient is computed from the output (exp, sqrt, softmax)
    fresh        True where `backward` returns arrays made for it alone: whoever gets them may overwrite them
    needs        for each input, whether its gradient is wanted: while backward runs, by whoever asked for it; else as
                 recorded (`recorded_needs`)
    inputs       in backward: the kept inputs, None where not kept
    output       in backward: the output, if `uses_output`
    spare        in backward: whether nobody else needs the gradient's memory, so that it may be overwritten
    watched      Tensors besides the inputs that backward reads (targets, indices): their edits are noticed too
    """

    uses: tuple[tuple[int, ...], ...] = ()
    uses_output = False
    fresh = False
    watched: tuple = ()

    recorded_needs: tuple[bool, ...] = ()
    inputs: tuple = ()
    parents: tuple = ()  # for each input: the Op that made it, the leaf itself, or None
    number: int | None = None  # of the recorded call: larger than the numbers of the ops that made its inputs
    _kept_output = None  # the output's array, not its Tensor: that would make a cycle op -> output -> op
    _output_version: list | None = None
    _edits_at_forward = 0
    freed = False

    def forward(self, *arrays):
        raise TypeError(f"{type(self).__name__} defines no forward")

    def backward(self, grad):
        raise TypeError(f"{type(self).__name__} defines no backward")

    def __call__(self, *inputs):
        """Run `forward` on the arrays of the inputs; record the result if a gradient is wanted."""
        arrays, needs = [], []
        for x in inputs:
            arrays.append(x._data)
            needs.append(x._requires_grad)
        check_same_device(type(self).__name__, arrays)
        recorded = _mode.recording
        if recorded:
            self.recorded_needs = tuple(needs)
            recorded = True in needs
        output = _run_forward(self, arrays)
        if isinstance(output, np.generic):
            output = np.asarray(output)  # NumPy turns results of no dimensions into scalars
        result = Tensor.wrap(output, self if recorded else None)
        if output.base is not None or output is arrays[0]:
            _share_version(result, inputs)  # a view counts its edits together with what it looks into
        if recorded:
            self._record(inputs, result)
        return result

    def _record(self, inputs, result):
        if self.number is not None:
            raise RuntimeError(
                f"{type(self).__name__}: this Op has recorded a call already, and is its node in the graph; "
                "make a new one for each call"
            )
        self.number = next(_numbers)
        parents, kept = [], [None] * len(inputs)
        for x, need in zip(inputs, self.recorded_needs, strict=True):
            parents.append((x if x.node is None else x.node) if need else None)
        for need, used in zip(self.recorded_needs, self.uses, strict=False):
            if need:
                for index in used:
                    kept[index] = inputs[index]
        self.parents, self.inputs = tuple(parents), tuple(kept)
        if self.uses_output:
            self._kept_output = result._data
            self._output_version = result._version
        self._edits_at_forward = self._edits()

    @property
    def output(self):
        output = Tensor.wrap(self._kept_output, self)
        output._version = self._output_version
        return output

    @property
    def needs(self):
        running = _mode.running
        return self.recorded_needs if running is None or running[0] is not self else running[1]

    @property
    def spare(self):
        running = _mode.running
        return running is not None and running[0] is self and running[2]

    def _edits(self):
        """The edits of all that backward reads, counted together: counts only grow, so their sum tells of any edit."""
        edits = 0
        for x in (*self.inputs, *self.watched):
            if x is not None:
                edits += x._version[0]
        return edits + self._output_version[0] if self.uses_output else edits

    def check_unchanged(self):
        if self._edits() != self._edits_at_forward:
            raise RuntimeError(
                f"backward: a tensor that {type(self).__name__} needs for its gradient was changed in place "
                "after the forward pass; edit a copy, or edit after backward"
            )

    def free(self):
        """Drop everything kept for backward: arrays set as attributes by `forward` go with it."""
        kept = "recorded_needs", "parents", "number"
        self.__dict__ = {name: getattr(self, name) for name in kept} | {"freed": True}


def _run_forward(op, arrays):
    try:
        return op.forward(*arrays) if _mode.quiet else _call_quietly(op.forward, *arrays)
    except MemoryError as error:
        shapes = " and ".join(str(array.shape) for array in arrays)
        explain_memory(error, f"{type(op).__name__} of {shapes}")
        raise


_call_quietly = np.errstate(all="ignore")(call)


def check_same_device(operation, arrays):
    """Raises ValueError, with all devices, unless the arrays live on one: nothing moves unasked."""
    for array in arrays:
        if type(array) is not ndarray:
            break
    else:
        return  # all on the CPU: the common case, and the one where microseconds count
    devices = [device_of(array) for array in arrays]
    if len(set(devices)) > 1:
        raise ValueError(
            f"{operation}: all tensors must be on one device, got {', '.join(devices)}; move them with .to()"
        )


def _share_version(result, inputs):
    """A result that is an input's array, or a view of its memory, shares its edit counter."""
    array, base = result._data, result._data.base
    for x in inputs:
        if x._data is array or x._data is base or (base is not None and x._data.base is base):
            result._version = x._version
