"""Many parameters as one: on a GPU, an update of a net then takes a dozen kernel launches, not a dozen per array.

A launch takes about 10 microseconds, however little it does, and the biases of a net are small. So all parameters are
laid into one array (with a gap of a few zeros if the next would not begin at a multiple of 16 bytes),

    flat     | weight 1 | bias 1 | weight 2 | ...         parameter.data and its state are views of these
    moments  |    .     |    .   |    .     | ...

and the optimizer updates the whole as if it were one parameter. Only the gradients, which are new arrays at every step,
must first be copied into one array: one launch (kernels/update/flatten.cu).
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels import run
from minitensor.kernels.update.definition import places
from minitensor.tensor import Tensor


def flattened(arrays):
    """One new flat array that holds the numbers of all arrays, which have the same dtype and device."""
    flat = array_module(arrays[0]).empty(places(arrays)[1], arrays[0].dtype)
    run("flatten", flat, arrays)
    return flat


def views(flat, arrays):
    """Of each array, given to `flattened`, a view of its numbers in flat, in its shape."""
    return [flat[place].reshape(array.shape) for place, array in zip(places(arrays)[0], arrays, strict=True)]


class FlatParameters:
    """Parameters that share one array. They have the same dtype, device, and number of steps taken.

    parameter  the Tensor of all numbers, for `Optimizer.prepare`
    state      its state: arrays of the same length, and numbers
    """

    def __init__(self, parameters, states):
        """Join parameters and their states (dicts name -> array or number), which become views of the whole."""
        self.parameters, self.states = parameters, states
        flat = flattened([p.data for p in parameters])
        self.parameter = Tensor(flat)
        for p, view in zip(parameters, views(flat, [p.data for p in parameters]), strict=True):
            p.data = view
        self.state = {}
        for name, value in states[0].items():
            if hasattr(value, "shape"):
                value = flattened([state[name] for state in states])
                self._hand_out(name, value)
            self.state[name] = value

    def gradient(self):
        """All gradients in one new array, in the places of the parameters."""
        return flattened([p.grad.data for p in self.parameters])

    def publish(self):
        """Show in the states of the single parameters what `prepare` has entered into `state`."""
        for name, value in self.state.items():
            if not hasattr(value, "shape"):
                for state in self.states:
                    state[name] = value
            elif name not in self.states[0]:
                self._hand_out(name, value)

    def _hand_out(self, name, flat):
        for state, view in zip(self.states, views(flat, [p.data for p in self.parameters]), strict=True):
            state[name] = view

    def still_holds(self, parameters, states):
        """False if a parameter or a state has been given another array since, or if other parameters are asked for."""
        if len(parameters) != len(self.parameters):
            return False
        arrays = {name: array for name, array in self.state.items() if hasattr(array, "shape")}
        for p, own, state, given in zip(self.parameters, parameters, self.states, states, strict=True):
            if p is not own or state is not given or p.data.base is not self.parameter.data:
                return False
            if any(state[name].base is not array for name, array in arrays.items()):
                return False
        return True


def key_of(parameter, state):
    """Parameters with the same key can be joined."""
    arrays = tuple(sorted(name for name, value in state.items() if hasattr(value, "shape")))
    return parameter.dtype, parameter.device, state.get("step"), arrays
