"""Arrays large enough that kernels cut them into tiles and run these on threads: the same results as torch's."""

import numpy as np
import pytest

import minitensor as mt
from tests.parity import normal, same_as_torch

IMAGES = normal(2, 8, 160, 128)  # 1.3 MB in float32, to work on: well above what one thread does alone
LARGER = normal(2, 8, 520, 512)  # 17 MB, to pass over, which threads pay for later
CLASSES = np.random.default_rng(0).integers(0, 8, (2, 160, 128))
KERNEL, TURNED = normal(8, 8, 3, 3), normal(8, 8, 2, 2)

# name: (products summed for one number, in the gradients too; function; arrays)
LARGE = {
    "relu": (1, lambda m, x: m.relu(x), LARGER),
    "tanh": (1, lambda m, x: m.tanh(x), IMAGES),
    "mean": (LARGER.size, lambda m, x: m.mean(x, (0, 2, 3)), LARGER),
    "cat": (1, lambda m, x, y: m.cat([x, y, x], 1), LARGER, LARGER[:, :3] + 1),
    "max": (1, lambda m, x: m.max(x, 1), IMAGES),
    "bias": (IMAGES[:, 0].size, lambda m, x, b: x + b[:, None, None], IMAGES, normal(8)),
    "pad": (4, lambda m, x: m.pad(x, (1, 2, 3, 4), mode="reflect"), IMAGES),
    "softmax": (8, lambda m, x: m.softmax(x, 1), IMAGES),
    "cross_entropy": (IMAGES[:, 0].size, lambda m, x, y: m.cross_entropy(x, y), IMAGES, CLASSES),
    "conv2d": (CLASSES.size, lambda m, x, w: m.conv2d(x, w, padding=1), IMAGES, KERNEL),
    "conv2d, strided": (CLASSES.size, lambda m, x, w: m.conv2d(x, w, stride=2, groups=1), IMAGES, KERNEL),
    "conv2d, grouped": (CLASSES.size, lambda m, x, w: m.conv2d(x, w, groups=4), IMAGES, KERNEL[:, :2]),
    "conv_transpose2d": (CLASSES.size, lambda m, x, w: m.conv_transpose2d(x, w, stride=2), IMAGES, TURNED),
    "max_pool2d": (1, lambda m, x: m.max_pool2d(x, 2), IMAGES),
    "max_pool2d, overlapping": (4, lambda m, x: m.max_pool2d(x, 3, stride=2, padding=1), IMAGES),
    "avg_pool2d": (9, lambda m, x: m.avg_pool2d(x, 3, stride=2, padding=1), IMAGES),
    "interpolate": (16, lambda m, x: m.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False), IMAGES),
    "interpolate, down": (64, lambda m, x: m.interpolate(x, (50, 41), mode="bilinear", align_corners=True), IMAGES),
    "batch_norm": (
        LARGER[:, 0].size,
        lambda m, x, w, b: m.batch_norm(x, None, None, w, b, training=True),
        LARGER,
        normal(8),
        normal(8, seed=1),
    ),
    "group_norm": (IMAGES[0, :4].size, lambda m, x, w: m.group_norm(x, 2, w), IMAGES, normal(8)),
}


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", LARGE)
def test_large_arrays(name, threads):
    terms, function, *arrays = LARGE[name]
    before = mt.get_num_threads()
    mt.set_num_threads(threads)
    try:
        same_as_torch(function, *arrays, order=1, terms=terms, dtypes=[np.float32])
    finally:
        mt.set_num_threads(before)
