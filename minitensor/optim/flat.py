"""Many parameters as one: on a GPU, an update of a net then takes a dozen kernel launches, not a dozen per array.

A launch takes about 10 microseconds, however little it does, and the biases of a net are small. So the memory of all
parameters is laid end to end,

    flat     | weight 1 | bias 1 | weight 2 | ...         parameter.data and its state are views of these
    moments  |    .     |    .   |    .     | ...

and the optimizer updates the whole as if it were one parameter. Only the gradients, which are new arrays at every step,
must first be copied end to end: one launch (kernels/update/flatten.cu).
"""

from __future__ import annotations

from minitensor.backend import array_module
from minitensor.kernels import run
from minitensor.tensor import Tensor


class FlatParameters:
    """Parameters that share one array. They have the same dtype, device, and number of steps taken.

    parameter  the Tensor of all numbers, for `Optimizer.prepare`
    state      its state: arrays of the same length, and numbers
    """

    def __init__(self, parameters, states):
        """Join parameters and their states (dicts name -> array or number), which become views of the whole."""
        self.parameters, self.states = parameters, states
        xp = array_module(parameters[0].data)
        flat = xp.concatenate([p.data.reshape(-1) for p in parameters])
        self.parameter = Tensor(flat)
        self.parts, start = [], 0
        for p in parameters:
            self.parts.append(slice(start, start + p.size))
            start += p.size
        for p, part in zip(parameters, self.parts, strict=True):
            p.data = flat[part].reshape(p.shape)
        self.state = {}
        for name, value in states[0].items():
            if hasattr(value, "shape"):
                value = xp.concatenate([state[name].reshape(-1) for state in states])
                self._hand_out(name, value)
            self.state[name] = value

    def gradient(self):
        """All gradients in one new array, in the order of the parameters."""
        flat = array_module(self.parameter.data).empty(self.parameter.size, self.parameter.dtype)
        run("flatten", flat, [p.grad.data for p in self.parameters])
        return flat

    def publish(self):
        """Show in the states of the single parameters what `prepare` has entered into `state`."""
        for name, value in self.state.items():
            if not hasattr(value, "shape"):
                for state in self.states:
                    state[name] = value
            elif name not in self.states[0]:
                self._hand_out(name, value)

    def _hand_out(self, name, array):
        for p, state, part in zip(self.parameters, self.states, self.parts, strict=True):
            state[name] = array[part].reshape(p.shape)

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
