"""The gradients of all processes, summed while backward still runs.

Backward computes the gradients of the last layers first. As soon as about 4 MB of them are ready, their sum begins, and
backward goes on with the earlier layers meanwhile. A sum of 4 MB stays in a processor's cache; one of all gradients
does not. The pieces begin in one order in all processes, because MPI matches calls by their order.

Gradients are summed, not averaged: each process has divided its loss by what *all* processes count, so its gradient is
already its part of the whole.
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.tensor import Tensor

PIECE_BYTES = 4 * 2**20


class _Piece:
    """Some parameters, and their gradients side by side in one array."""

    def __init__(self, parameters):
        self.parameters = parameters
        self.size = sum(parameter.data.size for parameter in parameters)
        self.begin()

    def begin(self):
        """Forget the last backward."""
        self.arrived = set()
        self.flat = self.views = self.wait = None

    def put(self, parameter, gradient):
        """Copy one gradient into its place."""
        if self.flat is None:
            self._make_memory()
        self.views[parameter][...] = gradient.data
        self.arrived.add(parameter)

    def start(self, world):
        """Begin the sum. A parameter without a gradient, which is without one in all processes, adds zeros."""
        if self.flat is None:
            return
        for parameter in self.parameters:
            if parameter not in self.arrived:
                self.views[parameter][...] = 0
        self.wait = world.start_sum_(self.flat)

    def finish(self):
        """Wait for the sum, and add it to `.grad`."""
        if self.wait is None:
            return
        self.wait()
        for parameter in self.parameters:
            if parameter in self.arrived:
                summed = Tensor.wrap(self.views[parameter])
                parameter.grad = summed if parameter.grad is None else parameter.grad + summed

    def _make_memory(self):
        first = self.parameters[0].data
        self.flat = array_module(first).empty(self.size, first.dtype)
        self.views, begin = {}, 0
        for parameter in self.parameters:
            end = begin + parameter.data.size
            self.views[parameter] = self.flat[begin:end].reshape(parameter.shape)
            begin = end


class Gradients:
    """`gradients.backward(loss)` is `loss.backward()`, and then `.grad` holds the sum over all processes.

    Every process must have the same parameters in the same order, and the same graph behind the loss.
    """

    def __init__(self, parameters, world):
        self._world = world
        self._pieces = _pieces(list(parameters)) if world.size > 1 else []
        self._piece_of = {parameter: piece for piece in self._pieces for parameter in piece.parameters}

    def backward(self, loss):
        """Gradients of the sum of all processes' losses. Raises as `Tensor.backward`."""
        if self._world.size == 1:
            loss.backward()
            return
        for piece in self._pieces:
            piece.begin()
        self._started = 0
        loss.backward(ready=self._ready)
        while self._started < len(self._pieces):
            self._start_next()
        for piece in self._pieces:
            piece.finish()
            piece.begin()  # the memory of the gradients now belongs to `.grad`

    def _ready(self, leaf, gradient):
        """Take the gradient of a leaf. False if the leaf is none of our parameters, so that it is not taken."""
        piece = self._piece_of.get(leaf)
        if piece is None:
            return False
        piece.put(leaf, gradient)
        while self._started < len(self._pieces) and self._is_complete(self._pieces[self._started]):
            self._start_next()
        return True

    @staticmethod
    def _is_complete(piece):
        return len(piece.arrived) == len(piece.parameters)

    def _start_next(self):
        self._pieces[self._started].start(self._world)
        self._started += 1


def _pieces(parameters):
    """The parameters from the last to the first, in pieces of one dtype and about PIECE_BYTES."""
    pieces, current, bytes_so_far = [], [], 0
    for parameter in reversed(parameters):
        other_dtype = current and current[0].dtype != parameter.dtype
        if current and (other_dtype or bytes_so_far + parameter.data.nbytes > PIECE_BYTES):
            pieces.append(_Piece(current))
            current, bytes_so_far = [], 0
        current.append(parameter)
        bytes_so_far += parameter.data.nbytes
    return [*pieces, _Piece(current)] if current else pieces
