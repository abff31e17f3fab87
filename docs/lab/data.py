"""The numbers of the lab, for every setting that its sliders reach. The page only looks them up."""

from __future__ import annotations

from itertools import product

import numpy as np

import minitensor as mt
from layers import init
from minitensor.kernels.conv.definition import insert_zeros, pad_zeros
from minitensor.trace import trace_backward, trace_bilinear, trace_conv2d, trace_conv_transpose2d, trace_max_pool2d
from nets.fcn import FCN8s, FCN32s
from nets.plan import plan_of, reads
from nets.segmentation.tiling import spans, tile_geometry
from nets.sizes import nearest_unet_sizes, unet_sizes
from nets.unet import UNet

SIZES, KERNELS, STRIDES, PADDINGS = (2, 3, 4), (1, 2, 3, 4), (1, 2, 3), (0, 1, 2)
DILATIONS = (1, 2)
DILATED_SIZES, DILATED_KERNELS = (2, 3), (2, 3)  # with dilation 2: others are too large for a page, or show nothing
CONV_SIZES, CONV_KERNELS = (4, 5, 6), (1, 2, 3)
BORDER_FACTORS, BORDER_SIZE, BORDER_IMAGES = (2, 3, 4), 3, ("1", "1 ... 9")
TILE_SIDES, TILES = tuple(range(150, 1001, 50)), (100, 200, 300, 388)
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
# Nets that cut images into tiles: with valid convolutions, and with padding
TILED = {
    "U-Net, valid": lambda: UNet(1, base_channels=1),
    "U-Net, same": lambda: UNet(1, base_channels=1, depth=3, padding="same"),
}
FIELD_INPUTS = dict(zip(FIELDS, (572, 500, 500), strict=True))
FIELD_OUTPUTS = dict(zip(FIELDS, (388, 500, 500), strict=True))


def everything():
    """All numbers, as plain values for JSON."""
    return {
        "ranges": {
            "size": SIZES, "kernel": KERNELS, "stride": STRIDES, "padding": PADDINGS, "dilation": DILATIONS,
            "dilated_size": DILATED_SIZES, "dilated_kernel": DILATED_KERNELS, "conv_size": CONV_SIZES,
            "conv_kernel": CONV_KERNELS, "factor": BORDER_FACTORS, "image": BORDER_IMAGES, "image_side": TILE_SIDES,
            "tile": TILES,
        },
        "conv": {key(*setting): convolution(*setting) for setting in conv_settings()},
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
        "border": {key(f, n): border(f, n) for f in BORDER_FACTORS for n in range(len(BORDER_IMAGES))},
        "tile": {name: tiles(name) for name in TILED},
        "unet": {str(depth): unet(depth) for depth in DEPTHS},
        "graph": graph(),
        "field": {name: field(name) for name in FIELDS},
    }  # fmt: skip


def key(*numbers):
    """The name of a setting, as the page makes it too."""
    return "-".join(map(str, numbers))


def conv_settings():
    """(size, kernel, stride, padding, dilation) of every setting with an output."""
    for size, kernel, stride, padding, dilation in product(CONV_SIZES, CONV_KERNELS, STRIDES, PADDINGS, DILATIONS):
        if size + 2 * padding >= dilation * (kernel - 1) + 1:
            yield size, kernel, stride, padding, dilation


def convolution(size, kernel, stride, padding, dilation):
    """The stages of one convolution of 1, 2, 3 ... with a kernel of 1, 2, 3 ..."""
    trace = trace_conv2d(counting(size), counting(kernel), stride=stride, padding=padding, dilation=dilation)
    return {stage.name: whole(stage.array[0, 0]) for stage in trace.stages}


def transposed_settings():
    """(size, kernel, stride, padding, output padding, dilation) of every setting with an output."""
    for size, kernel, stride, padding, dilation in product(SIZES, KERNELS, STRIDES, PADDINGS, DILATIONS):
        if dilation > 1 and (size not in DILATED_SIZES or kernel not in DILATED_KERNELS):
            continue
        for output_padding in range(stride):
            if (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1 + output_padding >= 1:
                yield size, kernel, stride, padding, output_padding, dilation


def transposed(size, kernel, stride, padding, output_padding, dilation):
    """The stages of one transposed convolution of 1, 2, 3 ... with a kernel of 1, 2, 3 ..."""
    x, weight = counting(size), counting(kernel)
    numbers = {"stride": stride, "padding": padding, "output_padding": output_padding, "dilation": dilation}
    trace = trace_conv_transpose2d(x, weight, **numbers)
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
    pooled, winners = mt.max_pool2d(mt.tensor(image[None, None]), kernel, stride, return_indices=True)
    unpooled = mt.max_unpool2d(pooled, winners, kernel, stride, output_size=image.shape)
    found = {stage.name: whole(stage.array[0, 0]) for stage in trace.stages}
    return found | {"unpooled": whole(unpooled.numpy()[0, 0])}


def border(factor, image):
    """An image enlarged in two ways: by FCN's transposed convolution, and by bilinear interpolation; the difference.

    FCN's kernel of 2 f - f % 2 holds bilinear weights, and ceil((f - 1) / 2) pixels are cut off on each side.
    """
    x = np.ones((BORDER_SIZE, BORDER_SIZE)) if image == 0 else counting(BORDER_SIZE)
    x = mt.tensor(x[None, None])
    side = 2 * factor - factor % 2
    weight = init.bilinear_(mt.zeros(1, 1, side, side, dtype=mt.float64))
    by_fcn = mt.conv_transpose2d(x, weight, stride=factor, padding=factor // 2)  # ceil((f - 1) / 2) = f // 2
    by_resize = mt.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
    found = {"input": x, "fcn": by_fcn, "bilinear": by_resize, "difference": by_resize - by_fcn}
    return {name: short(array.numpy()[0, 0]) for name, array in found.items()}


def tiles(name):
    """For each side of the image and each tile: [read from, to, kept from, to] of every tile along one axis.

    Places are pixels of the image; where they are below 0 or beyond its end, the net reads the mirror image.
    """
    with init.skipped():
        net = TILED[name]()
    geometry = tile_geometry(net)
    found = {"margin": geometry.margin, "mirrors": bool(geometry.border), "spans": {}}
    for side, tile in product(TILE_SIDES, TILES):
        along, _ = spans(net, side, tile, geometry)
        shift = geometry.border
        found["spans"][key(side, tile)] = [
            [span.read.start - shift, span.read.stop - shift, span.kept.start, span.kept.stop] for span in along
        ]
    return found


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
