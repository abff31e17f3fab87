"""Other libraries behind the names that the cases of `peers` use: conv2d, relu, max_pool2d, cross_entropy, ...

Each is used as its own documentation shows, with what makes it fast: JAX and tinygrad compile (`jit`, `TinyJit`)
and are waited for, MyGrad's memory guards are off. An operation that a library does not have raises Lacks.
"""

from __future__ import annotations

import os
from functools import partial

import numpy as np


class Lacks(NotImplementedError):
    """The library has no such operation."""


class Peer:
    """What the libraries share: names that are not defined here are lacking."""

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        raise Lacks(name)

    def constant(self, array):
        return array

    def to_numpy(self, array):
        return np.asarray(array)


class Jax(Peer):
    """JAX on the CPU: functions are compiled on their first call, before anything is timed."""

    name = "jax"

    def __init__(self, threads):
        _use_cpus(threads)  # XLA asks how many CPUs it may use; it has no other setting for that
        os.environ["JAX_PLATFORMS"] = "cpu"
        import jax

        self.jax, self.numpy, self.version = jax, jax.numpy, jax.__version__
        self.exp, self.tanh, self.relu = jax.numpy.exp, jax.numpy.tanh, jax.nn.relu

    def forward(self, function, arrays):
        compiled = self.jax.jit(partial(function, self))
        inputs = [self.numpy.asarray(array) for array in arrays]
        return lambda: (compiled(*inputs).block_until_ready(),)

    def gradients(self, function, arrays):
        compiled = self.jax.jit(self.jax.value_and_grad(partial(function, self), tuple(range(len(arrays)))))
        inputs = [self.numpy.asarray(array) for array in arrays]

        def step():
            value, grads = self.jax.block_until_ready(compiled(*inputs))
            return (value, *grads)

        return step

    def conv2d(self, x, weight, padding=0):
        return self.jax.lax.conv(x, weight, (1, 1), [(padding, padding)] * 2)

    def max_pool2d(self, x, size):
        window = (1, 1, size, size)
        return self.jax.lax.reduce_window(x, -np.inf, self.jax.lax.max, window, window, "VALID")

    def cross_entropy(self, scores, labels):
        logs = self.jax.nn.log_softmax(scores, 1)
        return -self.numpy.take_along_axis(logs, labels[:, None], 1).mean()


class MyGrad(Peer):
    """MyGrad, its checks against writing to a tensor's memory turned off, as its pages on performance advise."""

    name = "mygrad"

    def __init__(self, threads):
        import mygrad
        from mygrad import nnet

        mygrad.turn_memory_guarding_off()
        self.module, self.layers, self.version = mygrad, nnet.layers, mygrad.__version__
        self.exp, self.tanh, self.relu = mygrad.exp, mygrad.tanh, nnet.activations.relu
        self.cross_entropy = nnet.losses.softmax_crossentropy

    def to_numpy(self, tensor):
        return np.asarray(tensor.data if hasattr(tensor, "data") else tensor)

    def forward(self, function, arrays):
        inputs = [self.module.tensor(array) for array in arrays]

        def step():
            with self.module.no_autodiff:
                return (function(self, *inputs),)

        return step

    def gradients(self, function, arrays):
        inputs = [self.module.tensor(array) for array in arrays]

        def step():
            value = function(self, *inputs)
            value.backward()
            return (np.asarray(value.data), *(x.grad for x in inputs))

        return step

    def conv2d(self, x, weight, padding=0):
        return self.layers.conv_nd(x, weight, stride=1, padding=padding)

    def max_pool2d(self, x, size):
        return self.layers.max_pool(x, (size, size), size)


class Autograd(Peer):
    """autograd: NumPy, differentiated. It has a convolution; pooling and loss are composed as in its examples."""

    name = "autograd"

    def __init__(self, threads):
        from importlib.metadata import version

        import autograd
        from autograd.scipy.signal import convolve

        self.module, self.numpy, self.convolve = autograd, autograd.numpy, convolve
        self.version = version("autograd")
        self.exp, self.tanh = autograd.numpy.exp, autograd.numpy.tanh

    def forward(self, function, arrays):
        return lambda: (function(self, *arrays),)

    def gradients(self, function, arrays):
        # float() of a scalar would end differentiation, so value and gradients come from one call
        differentiate = self.module.differential_operators.value_and_grad(lambda inputs: function(self, *inputs))

        def step():
            value, grads = differentiate(tuple(arrays))
            return (value, *grads)

        return step

    def relu(self, x):
        return self.numpy.maximum(x, 0)

    def conv2d(self, x, weight, padding=0):
        if padding:
            x = self.numpy.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), "constant")
        turned = weight[:, :, ::-1, ::-1]  # a convolution in the mathematical sense turns the kernel
        return self.convolve(x, turned, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")

    def max_pool2d(self, x, size):
        n, c, h, w = x.shape
        # (N, C, H, W) -> (N, C, H/size, size, W/size, size), and the largest of each window
        windows = self.numpy.reshape(x, (n, c, h // size, size, w // size, size))
        return self.numpy.max(self.numpy.max(windows, axis=5), axis=3)

    def cross_entropy(self, scores, labels):
        scores = scores - self.numpy.max(scores, axis=1, keepdims=True)
        logs = scores - self.numpy.log(self.numpy.sum(self.numpy.exp(scores), axis=1, keepdims=True))
        return -self.numpy.mean(logs[np.arange(len(labels)), labels])


class TinyGrad(Peer):
    """tinygrad on its CPU backend, which compiles C with clang; TinyJit replays the kernels of the first calls."""

    name = "tinygrad"
    WARM_UP = 3  # TinyJit records at the second call and replays from the third on

    def __init__(self, threads):
        _use_cpus(threads)
        os.environ |= {"DEV": "CPU", "CPU_COUNT": str(threads)}
        from importlib.metadata import version

        from tinygrad import Device, Tensor, TinyJit

        self.tensor, self.jit, self.device = Tensor, TinyJit, Device["CPU"]
        self.version = version("tinygrad")
        Tensor([0.0]).exp().numpy()  # fails here and not at the first case where the compiler is missing

    def to_numpy(self, tensor):
        return tensor.numpy()

    def constant(self, array):
        return self.tensor(array).realize()

    def _compiled(self, function, arrays):
        inputs = [self.tensor(array).realize() for array in arrays]
        compiled = self.jit(function)

        def step():
            outputs = compiled(*inputs)
            self.device.synchronize()
            return outputs

        for _ in range(self.WARM_UP):
            step()
        return step

    def forward(self, function, arrays):
        return self._compiled(lambda *inputs: (function(self, *inputs).realize(),), arrays)

    def gradients(self, function, arrays):
        def differentiate(*inputs):
            value = function(self, *inputs)
            outputs = (value, *value.gradient(*inputs))
            self.tensor.realize(*outputs)
            return outputs

        return self._compiled(differentiate, arrays)

    def relu(self, x):
        return x.relu()

    def exp(self, x):
        return x.exp()

    def tanh(self, x):
        return x.tanh()

    def conv2d(self, x, weight, padding=0):
        return x.conv2d(weight, padding=padding)

    def max_pool2d(self, x, size):
        return x.max_pool2d((size, size))

    def cross_entropy(self, scores, labels):
        return scores.cross_entropy(labels)


def _use_cpus(threads):
    """Let this process use so many of its CPUs: for libraries that take all there are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


PEERS = {peer.name: peer for peer in (Jax, MyGrad, Autograd, TinyGrad)}
