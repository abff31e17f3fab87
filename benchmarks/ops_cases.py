"""The suites `ops` and `engine`: every case is written once, for any library with torch's names.

A case is a name and a function `build(library)` that makes its tensors and returns `step`, a function without
arguments that does the work once and returns the tensors to compare.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.numbers import numbers

# (name, N, C, H, W, O, kernel, padding): the layers of the paper's U-Net, of a small padded U-Net, and of FCN-8s.
CONVOLUTIONS = [
    ("unet 572 first", 1, 1, 572, 572, 64, 3, 0),
    ("unet 570", 1, 64, 570, 570, 64, 3, 0),
    ("unet 284", 1, 64, 284, 284, 128, 3, 0),
    ("unet 282", 1, 128, 282, 282, 128, 3, 0),
    ("unet 138", 1, 256, 138, 138, 256, 3, 0),
    ("unet 66", 1, 512, 66, 66, 512, 3, 0),
    ("unet 30", 1, 1024, 30, 30, 1024, 3, 0),
    ("unet 392 after cat", 1, 128, 392, 392, 64, 3, 0),
    ("unet last 1x1", 1, 64, 388, 388, 2, 1, 0),
    ("small 256 first", 4, 3, 256, 256, 16, 3, 1),
    ("small 256", 4, 16, 256, 256, 16, 3, 1),
    ("small 128", 4, 32, 128, 128, 32, 3, 1),
    ("small 64", 4, 64, 64, 64, 64, 3, 1),
    ("small 32", 4, 128, 32, 32, 128, 3, 1),
    ("small 16", 4, 256, 16, 16, 256, 3, 1),
    ("small 256 after cat", 4, 32, 256, 256, 16, 3, 1),
    ("batch of 8", 8, 64, 32, 32, 64, 3, 1),
    ("vgg conv3", 1, 256, 125, 125, 256, 3, 1),
    ("fcn fc6 7x7, width 0.25", 1, 128, 22, 22, 1024, 7, 0),
    ("fcn fc7 1x1, width 0.25", 1, 1024, 16, 16, 1024, 1, 0),
]


PARTS = ("forward", "input gradient", "weight gradient")


def convolution(library, part, n, c, h, w, o, kernel, padding):
    x, bias = library.normals(n, c, h, w), library.normals(o)
    weight = library.normals(o, c, kernel, kernel) / float(np.sqrt(c * kernel * kernel))
    size = (h + 2 * padding - kernel + 1, w + 2 * padding - kernel + 1)
    grad = library.normals(n, o, *size, seed=1)

    def step():
        with library.no_grad():
            if part == "forward":
                return (library.conv2d(x, weight, bias, padding=padding),)
            if part == "input gradient":
                return (library.conv2d_input_grad(x, weight, grad, padding),)
            return (library.conv2d_weight_grad(x, weight, grad, padding),)

    return step


def _operation(library, function, shapes, part):
    """Forward under no_grad, or backward through a graph that is recorded once and kept."""
    inputs = [library.tensor(numbers(*shape, seed=i), requires_grad=True) for i, shape in enumerate(shapes)]
    if part == "forward":

        def step():
            with library.no_grad():
                return (function(library, *inputs),)

        return step
    output = function(library, *inputs)
    output_grad = library.tensor(numbers(*output.shape, seed=9))
    return lambda: library.grad(output, inputs, output_grad)


def _cross_entropy(library, part, classes, *size):
    target = library.tensor(np.random.default_rng(2).integers(0, classes, (size[0], *size[1:])))
    return _operation(library, lambda lib, x: lib.cross_entropy(x, target), [(size[0], classes, *size[1:])], part)


def _batch_norm(lib, x, weight, bias):
    channels = x.shape[1]
    mean, var = lib.tensor(np.zeros(channels, np.float32)), lib.tensor(np.ones(channels, np.float32))
    return lib.batch_norm(x, mean, var, weight, bias, training=True)


# (name, function, shapes of its inputs)
OPERATIONS = [
    (
        "conv_transpose2d 2x2 s2, 512->256 at 28",
        lambda lib, x, w: lib.conv_transpose2d(x, w, stride=2),
        [(1, 512, 28, 28), (512, 256, 2, 2)],
    ),
    (
        "conv_transpose2d 2x2 s2, 128->64 at 196",
        lambda lib, x, w: lib.conv_transpose2d(x, w, stride=2),
        [(1, 128, 196, 196), (128, 64, 2, 2)],
    ),
    (
        "conv_transpose2d 4x4 s2, 21->21 at 35",
        lambda lib, x, w: lib.conv_transpose2d(x, w, stride=2),
        [(1, 21, 35, 35), (21, 21, 4, 4)],
    ),
    (
        "conv_transpose2d 16x16 s8, 21->21 at 70",
        lambda lib, x, w: lib.conv_transpose2d(x, w, stride=8),
        [(1, 21, 70, 70), (21, 21, 16, 16)],
    ),
    (
        "bilinear x2, 64 at 64",
        lambda lib, x: lib.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False),
        [(4, 64, 64, 64)],
    ),
    (
        "bilinear x8, 21 at 64",
        lambda lib, x: lib.interpolate(x, scale_factor=8, mode="bilinear", align_corners=False),
        [(1, 21, 64, 64)],
    ),
    ("nearest x2, 64 at 64", lambda lib, x: lib.interpolate(x, scale_factor=2, mode="nearest"), [(4, 64, 64, 64)]),
    ("max_pool2d 2x2, 64 at 568", lambda lib, x: lib.max_pool2d(x, 2), [(1, 64, 568, 568)]),
    ("max_pool2d 2x2, 16 at 256", lambda lib, x: lib.max_pool2d(x, 2), [(4, 16, 256, 256)]),
    ("avg_pool2d 2x2, 16 at 256", lambda lib, x: lib.avg_pool2d(x, 2), [(4, 16, 256, 256)]),
    ("unfold 3x3, 16 at 128", lambda lib, x: lib.unfold(x, 3, padding=1), [(1, 16, 128, 128)]),
    ("softmax, 21 at 256", lambda lib, x: lib.softmax(x, 1), [(1, 21, 256, 256)]),
    ("batch_norm, 16 at 256", _batch_norm, [(4, 16, 256, 256), (16,), (16,)]),
    ("batch_norm, 64 at 64", _batch_norm, [(4, 64, 64, 64), (64,), (64,)]),
    ("relu, 64 at 568", lambda lib, x: lib.relu(x), [(1, 64, 568, 568)]),
    ("relu, 16 at 256", lambda lib, x: lib.relu(x), [(4, 16, 256, 256)]),
    ("cat, 64 + 64 at 392", lambda lib, a, b: lib.cat([a, b], 1), [(1, 64, 392, 392), (1, 64, 392, 392)]),
]

LOSSES = [("cross_entropy, 2 at 388", 2, 1, 388, 388), ("cross_entropy, 21 at 500", 21, 1, 500, 500)]


def _tiny_multiplies(library, count=300):
    """A chain of tiny multiplications, forward and backward: nothing but the engine's own cost."""
    x = library.tensor(numbers(2), requires_grad=True)
    factor = library.tensor(np.full(2, 1.01, np.float32))
    weight = library.tensor(np.ones(2, np.float32))

    def step():
        y = x
        for _ in range(count):
            y = y * factor
        return library.grad(y, [x], weight)

    return step


def suites():
    """suite -> {case name: build function}"""
    ops = {
        f"conv2d {name}: {part}": partial(convolution, part=part, n=n, c=c, h=h, w=w, o=o, kernel=k, padding=p)
        for name, n, c, h, w, o, k, p in CONVOLUTIONS
        for part in PARTS
    }
    for part in ("forward", "backward"):
        for name, function, shapes in OPERATIONS:
            ops[f"{name}: {part}"] = partial(_operation, function=function, shapes=shapes, part=part)
        for name, classes, *size in LOSSES:
            ops[f"{name}: {part}"] = lambda library, part=part, classes=classes, size=tuple(size): _cross_entropy(
                library, part, classes, *size
            )
    return {"ops": ops, "engine": {"300 tiny multiplies, forward + backward": _tiny_multiplies}}
