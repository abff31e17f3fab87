"""Malformed calls of convolutions and their kin, one line a call: (the call, the error, words of its message)."""

import minitensor as mt

x = mt.zeros(2, 3)
images = mt.zeros(2, 3, 8, 9)
kernel = mt.zeros(4, 3, 3, 3)

MALFORMED_IMAGES = {
    # flags that are neither True nor False
    "interpolate, corners of a number": (
        lambda: mt.interpolate(images, 4, mode="bilinear", align_corners=1),
        TypeError,
        ["interpolate", "align_corners", "1"],
    ),
    "interpolate, antialias of a number": (
        lambda: mt.interpolate(images, 4, mode="bilinear", antialias=1),
        TypeError,
        ["interpolate", "antialias", "1"],
    ),
    "interpolate, recompute of a number": (
        lambda: mt.interpolate(images, scale_factor=2, recompute_scale_factor=1),
        TypeError,
        ["interpolate", "recompute_scale_factor", "1"],
    ),
    "batch_norm, training of a number": (
        lambda: mt.batch_norm(images, None, None, training=1),
        TypeError,
        ["batch_norm", "training", "1"],
    ),
    "conv2d, dtypes": (
        lambda: mt.conv2d(images, mt.zeros(4, 3, 3, 3, dtype=mt.float64)),
        TypeError,
        ["conv2d", "x is float32", "weight is float64"],
    ),
    "conv2d, whole numbers": (
        lambda: mt.conv2d(mt.zeros(1, 3, 8, 8, dtype=mt.uint8), kernel),
        TypeError,
        ["conv2d", "uint8"],
    ),
    # convolutions
    "conv2d, channels": (
        lambda: mt.conv2d(images, mt.zeros(8, 4, 3, 3)),
        ValueError,
        ["conv2d: x has 3 channels, weight expects 4 (weight shape (8, 4, 3, 3), groups=1)"],
    ),
    "conv2d, dimensions": (lambda: mt.conv2d(x, kernel), ValueError, ["conv2d", "(2, 3)"]),
    "conv2d, weight": (lambda: mt.conv2d(images, x), ValueError, ["conv2d", "weight", "(2, 3)"]),
    "conv2d, empty weight": (lambda: mt.conv2d(images, mt.zeros(4, 3, 0, 3)), ValueError, ["conv2d", "(4, 3, 0, 3)"]),
    "conv2d, bias": (lambda: mt.conv2d(images, kernel, mt.zeros(3)), ValueError, ["conv2d", "bias", "(4,)", "(3,)"]),
    "conv2d, groups": (
        lambda: mt.conv2d(images, mt.zeros(4, 1, 3, 3), groups=3),
        ValueError,
        ["conv2d", "4", "groups=3"],
    ),
    "conv2d, no groups": (lambda: mt.conv2d(images, kernel, groups=0), ValueError, ["conv2d", "groups", "0"]),
    "conv2d, groups of text": (lambda: mt.conv2d(images, kernel, groups="1"), TypeError, ["conv2d", "groups", "'1'"]),
    "conv2d, stride": (lambda: mt.conv2d(images, kernel, stride=0), ValueError, ["conv2d", "stride", "0"]),
    "conv2d, float stride": (lambda: mt.conv2d(images, kernel, stride=1.5), TypeError, ["conv2d", "stride", "1.5"]),
    "conv2d, three strides": (lambda: mt.conv2d(images, kernel, stride=(1, 1, 1)), ValueError, ["conv2d", "(1, 1, 1)"]),
    "conv2d, dilation": (lambda: mt.conv2d(images, kernel, dilation=0), ValueError, ["conv2d", "dilation", "0"]),
    "conv2d, padding": (lambda: mt.conv2d(images, kernel, padding=-1), ValueError, ["conv2d", "padding", "-1"]),
    "conv2d, padding by name": (lambda: mt.conv2d(images, kernel, padding="full"), ValueError, ["conv2d", "'full'"]),
    "conv2d, same": (
        lambda: mt.conv2d(images, kernel, stride=2, padding="same"),
        ValueError,
        ["conv2d", "same", "(2, 2)"],
    ),
    "conv2d, too small": (
        lambda: mt.conv2d(mt.zeros(1, 3, 2, 9), kernel),
        ValueError,
        ["conv2d", "height 2", "extent 3"],
    ),
    "conv_transpose2d, channels": (
        lambda: mt.conv_transpose2d(images, mt.zeros(4, 3, 3, 3)),
        ValueError,
        ["conv_transpose2d", "3 channels", "expects 4"],
    ),
    "conv_transpose2d, groups": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), groups=2),
        ValueError,
        ["conv_transpose2d", "3", "groups=2"],
    ),
    "conv_transpose2d, bias": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), mt.zeros(3)),
        ValueError,
        ["conv_transpose2d", "(2,)", "(3,)"],
    ),
    "conv_transpose2d, output_padding": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), stride=2, output_padding=2),
        ValueError,
        ["conv_transpose2d", "output_padding 2", "stride 2"],
    ),
    "conv_transpose2d, nothing left": (
        lambda: mt.conv_transpose2d(mt.zeros(1, 3, 1, 1), mt.zeros(3, 2, 3, 3), padding=2),
        ValueError,
        ["conv_transpose2d", "height", "-1"],
    ),
    "conv2d_weight, grad": (
        lambda: mt.conv2d_weight(images, (4, 3, 3, 3), mt.zeros(2, 4, 5, 5)),
        ValueError,
        ["conv2d_weight", "(2, 4, 6, 7)", "(2, 4, 5, 5)"],
    ),
    # images
    "conv_transpose2d, dimensions": (
        lambda: mt.conv_transpose2d(x, kernel),
        ValueError,
        ["conv_transpose2d", "(2, 3)"],
    ),
    "conv_transpose2d, stride": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), stride=0),
        ValueError,
        ["conv_transpose2d", "stride", "0"],
    ),
    "conv_transpose2d, padding": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), padding=(0, -1)),
        ValueError,
        ["conv_transpose2d", "padding", "(0, -1)"],
    ),
    "conv_transpose2d, padding by name": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), padding="same"),
        TypeError,
        ["conv_transpose2d", "padding", "'same'"],
    ),
    "conv_transpose2d, dilation": (
        lambda: mt.conv_transpose2d(images, mt.zeros(3, 2, 3, 3), dilation=0),
        ValueError,
        ["conv_transpose2d", "dilation", "0"],
    ),
    "conv_transpose2d, whole numbers": (
        lambda: mt.conv_transpose2d(mt.zeros(1, 3, 8, 8, dtype=mt.int64), mt.zeros(3, 2, 3, 3)),
        TypeError,
        ["conv_transpose2d", "int64"],
    ),
    "unfold, one number in a tuple": (lambda: mt.unfold(images, (3,)), ValueError, ["unfold", "kernel_size", "(3,)"]),
    "group_norm, groups that are true": (lambda: mt.group_norm(images, True), TypeError, ["num_groups", "True"]),
}
