"""The two sides of a benchmark, under one set of names.

minitensor's functions have torch's names and argument order, so a case is written once and both run it. Only what has
no common name is translated here: making tensors, reading them, and the gradient of one convolution alone.
"""

from __future__ import annotations

import numpy as np

from benchmarks.numbers import numbers


class Tape:
    """A library that records operations on tensors: the two ways to run a function of it that `peers` asks for."""

    def normals(self, *shape, seed=0):
        """A tensor of standard normal numbers, the same on every side."""
        return self.tensor(numbers(*shape, seed=seed))

    def array(self, tensor):
        """A tensor's numbers where both sides' can be compared."""
        return self.to_numpy(tensor)

    def placed(self, net):
        """A net of this library on its device, in the precision of its inputs."""
        return net.to(self.device)

    def constant(self, array):
        """An array that a function uses but is not differentiated with respect to: the labels of a loss."""
        return self.tensor(array)

    def forward(self, function, arrays):
        """The step that computes function(library, *tensors) and records nothing."""
        inputs = [self.tensor(array) for array in arrays]

        def step():
            with self.no_grad():
                return (function(self, *inputs),)

        return step

    def gradients(self, function, arrays):
        """The step that computes function(library, *tensors), a scalar, and its gradients for all of them."""
        inputs = [self.tensor(array, requires_grad=True) for array in arrays]

        def step():
            value = function(self, *inputs)
            return (value, *self.differentiate(value, inputs))

        return step


class MiniTensor(Tape):
    """minitensor on the CPU."""

    name = "minitensor"
    device = "cpu"

    def __init__(self, threads):
        import minitensor

        minitensor.set_num_threads(threads)
        self.module = minitensor
        self.version = minitensor.__version__
        self.no_grad = minitensor.no_grad

    def __getattr__(self, name):
        return getattr(self.module, name)

    def tensor(self, array, requires_grad=False):
        return self.module.tensor(array, device=self.device, requires_grad=requires_grad)

    def to_numpy(self, tensor):
        return np.asarray(tensor.numpy())

    def differentiate(self, value, inputs):
        return self.module.grad(value, inputs)

    def grad(self, output, inputs, output_grad):
        return self.module.grad(output, inputs, output_grad, retain_graph=True)

    def conv2d_input_grad(self, x, weight, grad, padding):
        return self.module.conv_transpose2d(grad, weight, padding=padding)

    def conv2d_weight_grad(self, x, weight, grad, padding):
        return self.module.conv2d_weight(x, weight.shape, grad, padding=padding)


class Torch(Tape):
    """torch on the CPU."""

    name = "torch"
    device = "cpu"

    def __init__(self, threads):
        import torch

        torch.set_num_threads(threads)
        self.module = torch
        self.functional = torch.nn.functional
        self.version = torch.__version__
        self.no_grad = torch.no_grad

    def __getattr__(self, name):
        if name == "conv2d_weight":
            raise AttributeError(name)
        owner = self.functional if hasattr(self.functional, name) else self.module
        return getattr(owner, name)

    def tensor(self, array, requires_grad=False):
        return self.module.from_numpy(array.copy()).to(self.device).requires_grad_(requires_grad)

    def to_numpy(self, tensor):
        return tensor.detach().cpu().numpy()

    def differentiate(self, value, inputs):
        return self.module.autograd.grad(value, inputs)

    def grad(self, output, inputs, output_grad):
        return self.module.autograd.grad(output, inputs, output_grad, retain_graph=True)

    def _convolution_grad(self, x, weight, grad, padding, mask):
        return self.module.ops.aten.convolution_backward(
            grad, x, weight, None, (1, 1), (padding, padding), (1, 1), False, (0, 0), 1, mask
        )

    def conv2d_input_grad(self, x, weight, grad, padding):
        return self._convolution_grad(x, weight, grad, padding, (True, False, False))[0]

    def conv2d_weight_grad(self, x, weight, grad, padding):
        return self._convolution_grad(x, weight, grad, padding, (False, True, False))[1]


LIBRARIES = {library.name: library for library in (MiniTensor, Torch)}
