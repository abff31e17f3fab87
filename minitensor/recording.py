"""Whether operations are recorded: `no_grad`, `enable_grad`, and the mode of each thread."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from contextlib import ContextDecorator, contextmanager
from typing import Any

import numpy as np


class _Mode(threading.local):
    recording = True
    quiet = False  # True inside a block of `quiet`, below


mode = _Mode()


class SetRecording(ContextDecorator):
    """Switch recording on or off for a block, in this thread only. Also a decorator."""

    def __init__(self, recording):
        self.recording = recording
        self.before = []  # a stack: the same object may be used for nested blocks

    def __enter__(self):
        self.before.append(mode.recording)
        mode.recording = self.recording

    def __exit__(self, *error):
        mode.recording = self.before.pop()

    def __call__(self, function):
        """Decorate a function. Of a generator, each step runs in this mode; the code between the steps does not."""
        if not callable(function):
            name = "enable_grad" if self.recording else "no_grad"
            raise TypeError(f"{name}: goes before a function or into a with statement, got {function!r}")
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


def no_grad(function: Callable | None = None) -> Any:
    """`with no_grad():` computes without recording: no graph, no memory kept for backward. Also a decorator."""
    return SetRecording(False) if function is None else SetRecording(False)(function)


def enable_grad(function: Callable | None = None) -> Any:
    """`with enable_grad():` records again inside a `no_grad` block. Also a decorator."""
    return SetRecording(True) if function is None else SetRecording(True)(function)


def is_grad_enabled() -> bool:
    """True while operations are recorded."""
    return mode.recording


@contextmanager
def quiet():
    """Within the block, infinities and NaN are ordinary values, as in torch. NumPy would print a warning for each.

    Entering `np.errstate` takes twice as long as multiplying two small arrays, so a backward pass enters it once, not
    once per operation.
    """
    before = mode.quiet
    with np.errstate(all="ignore"):
        mode.quiet = True
        try:
            yield
        finally:
            mode.quiet = before
