"""Malformed calls of layers: (the call, the error, words of its message)."""

import layers
import minitensor as mt

x = mt.zeros(2, 3)
images = mt.zeros(2, 3, 8, 9)


MALFORMED_LAYERS = {
    **{
        f"{name}, no channels": (
            lambda name=name: getattr(layers, name)(0, 4, 3),
            ValueError,
            [name, "in_channels", "0"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, negative channels": (
            lambda name=name: getattr(layers, name)(3, -4, 3),
            ValueError,
            [name, "out_channels", "-4"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, channels of text": (
            lambda name=name: getattr(layers, name)("3", 4, 3),
            TypeError,
            [name, "in_channels", "'3'"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, kernel 0": (lambda name=name: getattr(layers, name)(3, 4, 0), ValueError, [name, "kernel_size", "0"])
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, kernel of a fraction": (
            lambda name=name: getattr(layers, name)(3, 4, 1.5),
            TypeError,
            [name, "kernel_size", "1.5"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, three sizes": (
            lambda name=name: getattr(layers, name)(3, 4, (3, 3, 3)),
            ValueError,
            [name, "kernel_size", "(3, 3, 3)"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, stride 0": (
            lambda name=name: getattr(layers, name)(3, 4, 3, stride=0),
            ValueError,
            [name, "stride", "0"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, negative padding": (
            lambda name=name: getattr(layers, name)(3, 4, 3, padding=-1),
            ValueError,
            [name, "padding", "-1"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, dilation 0": (
            lambda name=name: getattr(layers, name)(3, 4, 3, dilation=0),
            ValueError,
            [name, "dilation", "0"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, groups": (
            lambda name=name: getattr(layers, name)(3, 4, 3, groups=2),
            ValueError,
            [name, "groups", "2"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, no groups": (
            lambda name=name: getattr(layers, name)(3, 4, 3, groups=0),
            ValueError,
            [name, "groups", "0"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, bias of a number": (
            lambda name=name: getattr(layers, name)(3, 4, 3, bias=4),
            TypeError,
            [name, "bias", "4"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, padding mode": (
            lambda name=name: getattr(layers, name)(3, 4, 3, padding_mode="mirror"),
            ValueError,
            [name, "'mirror'"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, device": (
            lambda name=name: getattr(layers, name)(3, 4, 3, device="tpu"),
            ValueError,
            ["device", "'tpu'"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, dtype": (
            lambda name=name: getattr(layers, name)(3, 4, 3, dtype="complex64"),
            TypeError,
            ["dtype", "complex64"],
        )
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, input channels": (lambda name=name: getattr(layers, name)(4, 2, 3)(images), ValueError, ["3", "4"])
        for name in "Conv2d ConvTranspose2d".split()
    },
    **{
        f"{name}, input dimensions": (lambda name=name: getattr(layers, name)(3, 2, 3)(x), ValueError, ["(2, 3)"])
        for name in "Conv2d ConvTranspose2d".split()
    },
    "Conv2d, padding by name": (lambda: layers.Conv2d(3, 4, 3, padding="full"), ValueError, ["Conv2d", "'full'"]),
    "Conv2d, same with a stride": (
        lambda: layers.Conv2d(3, 4, 3, stride=2, padding="same"),
        ValueError,
        ["Conv2d", "same"],
    ),
    "ConvTranspose2d, output_padding": (
        lambda: layers.ConvTranspose2d(3, 4, 3, output_padding=1)(images),
        ValueError,
        ["output_padding", "1"],
    ),
    "Linear, no features": (lambda: layers.Linear(0, 3), ValueError, ["Linear", "in_features", "0"]),
    "Linear, features of text": (lambda: layers.Linear(3, "3"), TypeError, ["Linear", "out_features", "'3'"]),
    "Linear, fraction": (lambda: layers.Linear(1.5, 3), TypeError, ["Linear", "in_features", "1.5"]),
    "Linear, bias of a number": (lambda: layers.Linear(3, 3, bias=3), TypeError, ["Linear", "bias", "3"]),
    "Linear, input": (lambda: layers.Linear(4, 2)(x), ValueError, ["(2, 3)", "4"]),
    **{
        f"{name}, no features": (lambda name=name: getattr(layers, name)(0), ValueError, [name, "num_features", "0"])
        for name in "BatchNorm1d BatchNorm2d InstanceNorm2d".split()
    },
    **{
        f"{name}, features of text": (
            lambda name=name: getattr(layers, name)("3"),
            TypeError,
            [name, "num_features", "'3'"],
        )
        for name in "BatchNorm1d BatchNorm2d InstanceNorm2d".split()
    },
    **{
        f"{name}, affine of a number": (
            lambda name=name: getattr(layers, name)(3, affine=3),
            TypeError,
            [name, "affine", "3"],
        )
        for name in "BatchNorm1d BatchNorm2d InstanceNorm2d".split()
    },
    **{
        f"{name}, eps of text": (lambda name=name: getattr(layers, name)(3, eps="0"), TypeError, [name, "eps", "'0'"])
        for name in "BatchNorm1d BatchNorm2d InstanceNorm2d".split()
    },
    **{
        f"{name}, input channels": (
            lambda name=name: getattr(layers, name)(4)(images if name != "BatchNorm1d" else x),
            ValueError,
            ["3", "4"],
        )
        for name in "BatchNorm1d BatchNorm2d InstanceNorm2d".split()
    },
    **{
        f"{name}, momentum of text": (
            lambda name=name: getattr(layers, name)(3, momentum="0.1"),
            TypeError,
            [name, "momentum", "'0.1'"],
        )
        for name in "BatchNorm1d BatchNorm2d".split()
    },
    **{
        f"{name}, track_running_stats of a number": (
            lambda name=name: getattr(layers, name)(3, track_running_stats=1),
            TypeError,
            [name, "track_running_stats", "1"],
        )
        for name in "BatchNorm1d BatchNorm2d".split()
    },
    "BatchNorm2d, input dimensions": (lambda: layers.BatchNorm2d(3)(x), ValueError, ["BatchNorm2d", "(2, 3)"]),
    "GroupNorm, groups": (lambda: layers.GroupNorm(2, 3), ValueError, ["GroupNorm", "2", "3"]),
    "GroupNorm, no groups": (lambda: layers.GroupNorm(0, 3), ValueError, ["GroupNorm", "0"]),
    "GroupNorm, channels of text": (lambda: layers.GroupNorm(1, "3"), TypeError, ["GroupNorm", "'3'"]),
    "GroupNorm, eps of text": (lambda: layers.GroupNorm(1, 3, eps="0"), TypeError, ["GroupNorm", "eps", "'0'"]),
    "GroupNorm, affine of a number": (
        lambda: layers.GroupNorm(1, 3, affine=2),
        TypeError,
        ["GroupNorm", "affine", "2"],
    ),
    "LayerNorm, no shape": (lambda: layers.LayerNorm(()), ValueError, ["LayerNorm", "()"]),
    "LayerNorm, shape of text": (lambda: layers.LayerNorm("3"), TypeError, ["LayerNorm", "'3'"]),
    "LayerNorm, negative": (lambda: layers.LayerNorm(-3), ValueError, ["LayerNorm", "-3"]),
    "LayerNorm, eps of text": (lambda: layers.LayerNorm(3, eps="0"), TypeError, ["LayerNorm", "eps", "'0'"]),
    **{
        f"{name}, kernel 0": (lambda name=name: getattr(layers, name)(0), ValueError, [name, "kernel_size", "0"])
        for name in "MaxPool2d AvgPool2d".split()
    },
    **{
        f"{name}, kernel of text": (
            lambda name=name: getattr(layers, name)("2"),
            TypeError,
            [name, "kernel_size", "'2'"],
        )
        for name in "MaxPool2d AvgPool2d".split()
    },
    **{
        f"{name}, stride 0": (lambda name=name: getattr(layers, name)(2, 0), ValueError, [name, "stride", "0"])
        for name in "MaxPool2d AvgPool2d".split()
    },
    **{
        f"{name}, padding": (lambda name=name: getattr(layers, name)(2, 2, 2), ValueError, [name, "padding", "2"])
        for name in "MaxPool2d AvgPool2d".split()
    },
    **{
        f"{name}, ceil_mode of a number": (
            lambda name=name: getattr(layers, name)(2, ceil_mode=1),
            TypeError,
            [name, "ceil_mode", "1"],
        )
        for name in "MaxPool2d AvgPool2d".split()
    },
    "MaxPool2d, dilation 0": (lambda: layers.MaxPool2d(2, dilation=0), ValueError, ["MaxPool2d", "dilation", "0"]),
    "MaxPool2d, return_indices of a number": (
        lambda: layers.MaxPool2d(2, return_indices=1),
        TypeError,
        ["MaxPool2d", "return_indices", "1"],
    ),
    "AvgPool2d, divisor 0": (
        lambda: layers.AvgPool2d(2, divisor_override=0)(images),
        ValueError,
        ["avg_pool2d", "divisor_override", "0"],
    ),
    "AdaptiveAvgPool2d, size 0": (
        lambda: layers.AdaptiveAvgPool2d(-1)(images),
        ValueError,
        ["adaptive_avg_pool2d", "-1"],
    ),
    "AdaptiveAvgPool2d, size of text": (
        lambda: layers.AdaptiveAvgPool2d("2")(images),
        TypeError,
        ["adaptive_avg_pool2d", "'2'"],
    ),
    "MaxUnpool2d, kernel 0": (lambda: layers.MaxUnpool2d(0), ValueError, ["MaxUnpool2d", "kernel_size", "0"]),
    **{
        f"{name}, p above 1": (lambda name=name: getattr(layers, name)(1.5), ValueError, [name, "p", "1.5"])
        for name in "Dropout Dropout2d".split()
    },
    **{
        f"{name}, p below 0": (lambda name=name: getattr(layers, name)(-0.5), ValueError, [name, "p", "-0.5"])
        for name in "Dropout Dropout2d".split()
    },
    **{
        f"{name}, p of text": (lambda name=name: getattr(layers, name)("0.5"), TypeError, [name, "p", "'0.5'"])
        for name in "Dropout Dropout2d".split()
    },
    "LeakyReLU, slope of text": (
        lambda: layers.LeakyReLU("0.1")(x),
        TypeError,
        ["leaky_relu", "negative_slope", "'0.1'"],
    ),
    "Softmax, axis of text": (lambda: layers.Softmax("1")(x), TypeError, ["softmax", "'1'"]),
    "Softplus, beta of text": (lambda: layers.Softplus("1")(x), TypeError, ["softplus", "beta", "'1'"]),
    "GELU, approximation": (lambda: layers.GELU("fast")(x), ValueError, ["gelu", "'fast'"]),
    "PixelShuffle, factor 0": (lambda: layers.PixelShuffle(0)(images), ValueError, ["pixel_shuffle", "0"]),
    "PixelShuffle, factor of text": (lambda: layers.PixelShuffle("2")(images), ValueError, ["pixel_shuffle", "'2'"]),
    "Flatten, axis of text": (lambda: layers.Flatten("1")(x), TypeError, ["flatten", "'1'"]),
    "Unflatten, sizes": (lambda: layers.Unflatten(1, (2, 2))(x), ValueError, ["(2, 2)", "3"]),
    "Unflatten, sizes of text": (lambda: layers.Unflatten(1, "22"), TypeError, ["Unflatten", "'22'"]),
    "Upsample, neither": (lambda: layers.Upsample(), ValueError, ["Upsample", "size", "scale_factor"]),
    "Upsample, both": (lambda: layers.Upsample(4, 2), ValueError, ["Upsample", "size", "scale_factor"]),
    "Upsample, mode": (lambda: layers.Upsample(4, mode="cubic")(images), ValueError, ["interpolate", "'cubic'"]),
    "Upsample, factor 0": (
        lambda: layers.Upsample(scale_factor=0)(images),
        ValueError,
        ["interpolate", "scale_factor", "0"],
    ),
    "Upsample, corners of nearest": (
        lambda: layers.Upsample(4, align_corners=True)(images),
        ValueError,
        ["align_corners", "nearest"],
    ),
    "Unfold, kernel 0": (lambda: layers.Unfold(0)(images), ValueError, ["unfold", "kernel_size", "0"]),
    "Fold, size 0": (lambda: layers.Fold(0, 2)(mt.zeros(1, 4, 4)), ValueError, ["fold", "output_size", "0"]),
}
