"""The numbers of the lab, for every setting that its sliders reach. The page only looks them up."""

from __future__ import annotations

import numpy as np

import minitensor as mt
from layers import init
from minitensor.kernels.conv.definition import insert_zeros, pad_zeros
from minitensor.trace import trace_backward, trace_bilinear, trace_conv_transpose2d, trace_max_pool2d
from nets.fcn import FCN8s, FCN32s
from nets.plan import plan_of, reads
from nets.sizes import nearest_unet_sizes, unet_sizes
from nets.unet import UNet

SIZES, KERNELS, STRIDES, PADDINGS = (2, 3, 4), (1, 2, 3, 4), (1, 2, 3), (0, 1, 2)
MATRIX_SIZE, MATRIX_KERNELS, MATRIX_STRIDES, MATRIX_PADDINGS = 4, (1, 2, 3), (1, 2), (0, 1)
BOARD_KERNELS, BOARD_STRIDES, BOARD_SIZE = (1, 2, 3, 4, 5, 6), (1, 2, 3, 4), 6
BILINEAR_FROM, BILINEAR_TO = (2, 3, 4, 5, 6), (2, 3, 4, 5, 6, 7, 8, 10, 12)
POOL_KERNELS, POOL_STRIDES = (2, 3), (1, 2, 3)
DEPTHS, MOST_SIDE = (1, 2, 3, 4, 5), 700
DIGITS = 4
# Nets whose receptive field is shown, the side of the image, and that of the output.
FIELDS = {
    "U-Net 572 -> 388": lambda: UNet(1, base_channels=1),
    "FCN-32s 500": lambda: FCN32s(classes=1, width=1 / 64),
    "FCN-8s 500": lambda: FCN8s(classes=1, width=1 / 64),
}
FIELD_INPUTS = dict(zip(FIELDS, (572, 500, 500), strict=True))
FIELD_OUTPUTS = dict(zip(FIELDS, (388, 500, 500), strict=True))


def everything():
    """All numbers, as plain values for JSON."""
    return {
        "ranges": {"size": SIZES, "kernel": KERNELS, "stride": STRIDES, "padding": PADDINGS},
        "transposed": {
            key(*setting): transposed(*setting) for setting in transposed_settings()
        },
        "early": early_padding(),
        "matrix": {
            key(k, s, p): matrix(k, s, p) for k in MATRIX_KERNELS for s in MATRIX_STRIDES for p in MATRIX_PADDINGS
        },
        "board": {key(k, s): board(k, s) for k in BOARD_KERNELS for s in BOARD_STRIDES},
        "bilinear": {
            key(n, m, int(corners)): bilinear(n, m, corners)
            for n in BILINEAR_FROM
            for m in BILINEAR_TO
            for corners in (False, True)
        },
        "pool": {key(k, s): pool(k, s) for k in POOL_KERNELS for s in POOL_STRIDES},
        "unet": {str(depth): unet(depth) for depth in DEPTHS},
        "graph": graph(),
        "field": {name: field(name) for name in FIELDS},
    }  # fmt: skip


def key(*numbers):
    """The name of a setting, as the page makes it too."""
    return "-".join(map(str, numbers))


def transposed_settings():
    """(size, kernel, stride, padding, output padding) of every setting with an output."""
    for size in SIZES:
        for kernel in KERNELS:
            for stride in STRIDES:
                for padding in PADDINGS:
                    for output_padding in range(stride):
                        if (size - 1) * stride - 2 * padding + kernel + output_padding >= 1:
                            yield size, kernel, stride, padding, output_padding


def transposed(size, kernel, stride, padding, output_padding):
    """The stages of one transposed convolution of 1, 2, 3 ... with a kernel of 1, 2, 3 ..."""
    x, weight = counting(size), counting(kernel)
    trace = trace_conv_transpose2d(x, weight, stride=stride, padding=padding, output_padding=output_padding)
    return {stage.name: whole(stage.array[0, 0]) for stage in trace.stages} | {
        "kinds": ["".join(map(str, row)) for row in trace.stage("padded").kinds[0, 0]]
    }


def early_padding():
    """The misconception: pad first, and insert zeros afterwards."""
    x = counting(2)[None, None]
    right = pad_zeros(insert_zeros(x, (2, 2)), (2, 2), (2, 2))
    wrong = insert_zeros(pad_zeros(x, (2, 2), (2, 2)), (2, 2))
    return {"right": whole(right[0, 0]), "wrong": whole(wrong[0, 0])}


def matrix(kernel, stride, padding):
    """The convolution of a 4x4 image as a matrix, and the gradient of the image as backward gives it."""
    weight = mt.tensor(counting(kernel)[None, None])
    pixels = MATRIX_SIZE**2
    units = mt.tensor(np.eye(pixels).reshape(pixels, 1, MATRIX_SIZE, MATRIX_SIZE))
    columns = mt.conv2d(units, weight, stride=stride, padding=padding)
    c = columns.numpy().reshape(pixels, -1).T  # (positions, pixels): column j is the answer to unit image j
    x = mt.zeros(1, 1, MATRIX_SIZE, MATRIX_SIZE, dtype=mt.float64, requires_grad=True)
    y = mt.conv2d(x, weight, stride=stride, padding=padding)
    g = counting(y.shape[2])[None, None]
    (grad,) = mt.grad(y, [x], mt.tensor(g))
    return {"c": whole(c), "g": whole(g[0, 0]), "grad": whole(grad.numpy()[0, 0])}


def board(kernel, stride):
    """What a transposed convolution with a kernel of ones makes of ones: how often each pixel is written."""
    x, weight = mt.ones(1, 1, BOARD_SIZE, BOARD_SIZE), mt.ones(1, 1, kernel, kernel)
    y = mt.conv_transpose2d(x, weight, stride=stride).numpy()[0, 0]
    start = (BOARD_SIZE // 2) * stride  # far from the borders
    return {"phases": whole(y[start : start + stride, start : start + stride]), "image": whole(y)}


def bilinear(size, target, corners):
    """The matrix of one axis, and what it makes of 1, 2, 3 ..."""
    trace = trace_bilinear(np.arange(1.0, size + 1)[None], (1, target), corners)
    return {"matrix": short(trace.stage("B").array), "row": short(trace.result[0, 0, 0])}


def pool(kernel, stride):
    """Max pooling of a 6x6 image: the results, which tap won, and the gradient of their sum."""
    image = np.random.default_rng(3).permutation(36).reshape(6, 6).astype(np.float64)
    trace = trace_max_pool2d(image, kernel, stride)
    return {stage.name: whole(stage.array[0, 0]) for stage in trace.stages}


def unet(depth):
    """For every side up to MOST_SIDE that fits a valid U-Net: its sizes level by level, and the crops."""
    found, side = {}, nearest_unet_sizes(1, depth)[1]
    while side <= MOST_SIDE:
        sizes = unet_sizes(side, depth)
        found[str(side)] = {**sizes._asdict(), "levels": [list(level) for level in sizes.levels]}
        side += 2**depth
    return found


def field(name):
    """For each pixel of one row of the output: the first and the last pixel of the image that it sees."""
    with init.skipped():
        net = FIELDS[name]()
    plan, outputs = plan_of(net), FIELD_OUTPUTS[name]
    return {"input": FIELD_INPUTS[name], "seen": [list(reads(plan, y, y)) for y in range(outputs)]}


def graph():
    """What backward does with mean(relu(x w + b)^2)."""
    x = mt.tensor([[1.0, -2.0, 3.0]])
    w, b = (mt.tensor(value, requires_grad=True) for value in (2.0, 1.0))
    trace = trace_backward(((x * w + b).relu() ** 2).mean(), {w: "w", b: "b"})
    return [{"name": stage.name, "array": short(stage.array), "words": stage.words} for stage in trace.stages]


def counting(side):
    """1, 2, 3 ... in a square, float64."""
    return np.arange(1.0, side * side + 1).reshape(side, side)


def whole(array):
    """Nested lists of whole numbers. Raises ValueError if one is not whole."""
    array = np.asarray(array)
    if (array != np.rint(array)).any():
        raise ValueError("the lab shows whole numbers here")
    return array.astype(int).tolist()


def short(array):
    """Nested lists of numbers with few digits."""
    return np.round(np.asarray(array, np.float64), DIGITS).tolist()
