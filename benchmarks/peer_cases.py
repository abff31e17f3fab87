"""The few cases that every library of `peers` can do, each a function of arrays written with torch's names.

"forward" computes it and records nothing. "forward + backward" computes a scalar and its gradients for all arrays.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.numbers import numbers

CLASSES = 10


def _conv(library, x, weight, padding):
    return library.conv2d(x, weight, padding=padding)


def _conv_energy(library, x, weight, padding):
    y = library.conv2d(x, weight, padding=padding)
    return (y * y).sum()


def _multiplies(library, x, factor, count=300):
    """A chain of tiny multiplications: nothing but the engine's own cost."""
    y = x
    for _ in range(count):
        y = y * factor
    return y.sum()


def _elementwise(library, x):
    return (library.tanh(x) * x + library.exp(-(x * x))).sum()


def _perceptron(library, x, w1, w2, w3, labels):
    hidden = library.relu(library.relu(x @ w1) @ w2)
    return library.cross_entropy(hidden @ w3, labels)


def _conv_net(library, x, w1, w2, w3, labels):
    x = library.max_pool2d(library.relu(library.conv2d(x, w1, padding=1)), 2)
    x = library.max_pool2d(library.relu(library.conv2d(x, w2, padding=1)), 2)
    # (N, C, H, W) -> (N, C H W)
    return library.cross_entropy(x.reshape((x.shape[0], w3.shape[0])) @ w3, labels)


def _weights(*shape):
    """A weight matrix or kernel whose products keep the size of what they multiply."""
    inputs = shape[0] if len(shape) == 2 else int(np.prod(shape[1:]))
    return numbers(*shape, seed=1) / np.float32(np.sqrt(inputs))


# name -> (x's shape, weight's shape, padding)
CONVOLUTIONS = {
    "conv2d 1,64,284 -> 128": ((1, 64, 284, 284), (128, 64, 3, 3), 0),
    "conv2d 4,32,128 -> 32, padded": ((4, 32, 128, 128), (32, 32, 3, 3), 1),
}

# name -> (function, its arrays, number of labels or None)
FUNCTIONS = {
    "300 tiny multiplies": (_multiplies, lambda: [numbers(2), np.full(2, 1.01, np.float32)], None),
    "tanh(x) x + exp(-x x), 10^6": (_elementwise, lambda: [numbers(1000, 1000)], None),
    "perceptron 256x784-512-512-10": (
        _perceptron,
        lambda: [numbers(256, 784), _weights(784, 512), _weights(512, 512), _weights(512, CLASSES)],
        256,
    ),
    "small conv net 16x3x64x64": (
        _conv_net,
        lambda: [
            numbers(16, 3, 64, 64),
            _weights(16, 3, 3, 3),
            _weights(32, 16, 3, 3),
            _weights(32 * 16 * 16, CLASSES),  # 32 channels, 64 / 2 / 2 = 16 pixels a side
        ],
        16,
    ),
}


def builders():
    """{case name: function of a library that prepares it and returns its step}"""
    found = {}
    for name, (shape, weight_shape, padding) in CONVOLUTIONS.items():
        arrays = partial(_image_and_weight, shape, weight_shape)
        for way, part, function in (("forward", "forward", _conv), ("gradients", "forward + backward", _conv_energy)):
            found[f"{name}: {part}"] = partial(_step, way, partial(function, padding=padding), arrays, None)
    for name, (function, arrays, labels) in FUNCTIONS.items():
        found[f"{name}: forward + backward"] = partial(_step, "gradients", function, arrays, labels)
    return found


def _image_and_weight(shape, weight_shape):
    return [numbers(*shape), _weights(*weight_shape)]


def _step(way, function, arrays, labels, library):
    if labels is not None:
        values = np.random.default_rng(2).integers(0, CLASSES, labels)
        function = partial(function, labels=library.constant(values))
    return getattr(library, way)(function, arrays())
