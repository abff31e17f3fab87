"""Malformed calls of initializations and nets: (the call, the error, words of its message)."""

import numpy as np

import minitensor as mt
import nets
from layers import init

x = mt.zeros(2, 3)
images = mt.zeros(2, 3, 8, 9)
small = nets.UNet(1, 2, base_channels=2, depth=1, padding="same")
valid = nets.UNet(1, 2, base_channels=2, depth=2)


class Samples:
    """Two images and their labels."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.zeros((16, 16), np.uint8), np.zeros((16, 16), np.uint8)


MALFORMED_NETS = {
    **{
        f"{name}, one axis": (lambda name=name: getattr(init, name)(mt.zeros(3)), ValueError, ["(3,)"])
        for name in "kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ orthogonal_".split()
    },
    **{
        f"{name}, no tensor": (lambda name=name: getattr(init, name)([1.0]), TypeError, ["list"])
        for name in "kaiming_normal_ kaiming_uniform_ xavier_normal_ xavier_uniform_ orthogonal_".split()
    },
    "kaiming_normal_, mode": (lambda: init.kaiming_normal_(mt.zeros(2, 2), mode="fan"), ValueError, ["'fan'"]),
    "kaiming_normal_, nonlinearity": (
        lambda: init.kaiming_normal_(mt.zeros(2, 2), nonlinearity="wave"),
        ValueError,
        ["'wave'"],
    ),
    "calculate_gain, nonlinearity": (lambda: init.calculate_gain("wave"), ValueError, ["'wave'"]),
    "normal_, negative std": (lambda: init.normal_(mt.zeros(2), std=-1.0), ValueError, ["std", "-1.0"]),
    "uniform_, reversed": (lambda: init.uniform_(mt.zeros(2), 2.0, 1.0), ValueError, ["uniform_", "2.0", "1.0"]),
    "constant_, text": (lambda: init.constant_(mt.zeros(2), "1"), TypeError, ["value", "str"]),
    "bilinear_, one axis": (lambda: init.bilinear_(mt.zeros(3)), ValueError, ["(3,)"]),
    "bilinear_, channels": (lambda: init.bilinear_(mt.zeros(2, 3, 4, 4)), ValueError, ["(2, 3, 4, 4)"]),
    "bilinear_filter, size 0": (lambda: init.bilinear_filter(0), ValueError, ["0"]),
    # nets
    "UNet, no channels": (lambda: nets.UNet(0), ValueError, ["UNet", "in_channels", "0"]),
    "UNet, channels of text": (lambda: nets.UNet("3"), TypeError, ["UNet", "in_channels", "'3'"]),
    "UNet, no classes": (lambda: nets.UNet(classes=0), ValueError, ["UNet", "classes", "0"]),
    "UNet, base 0": (lambda: nets.UNet(base_channels=0), ValueError, ["UNet", "base_channels", "0"]),
    "UNet, negative depth": (lambda: nets.UNet(depth=-1), ValueError, ["UNet", "depth", "-1"]),
    "UNet, depth of a fraction": (lambda: nets.UNet(depth=1.5), TypeError, ["UNet", "depth", "1.5"]),
    "UNet, padding": (lambda: nets.UNet(padding="full", base_channels=2), ValueError, ["UNet", "padding", "'full'"]),
    "UNet, up": (lambda: nets.UNet(up="magic", base_channels=2), ValueError, ["UNet", "up", "'magic'"]),
    "UNet, norm": (lambda: nets.UNet(norm="layer", base_channels=2), ValueError, ["UNet", "norm", "'layer'"]),
    "UNet, dropout": (lambda: nets.UNet(base_channels=2, dropout=1.5), ValueError, ["Dropout", "1.5"]),
    "UNet, input channels": (lambda: small(images), ValueError, ["3", "1"]),
    "UNet, input dimensions": (lambda: small(x), ValueError, ["(2, 3)"]),
    "UNet, an image too small": (lambda: valid(mt.zeros(1, 1, 8, 8)), ValueError, ["8"]),
    **{
        f"{name}, no classes": (
            lambda name=name: getattr(nets, name)(classes=0, width=0.01),
            ValueError,
            [name, "classes", "0"],
        )
        for name in "FCN32s FCN16s FCN8s VGG16".split()
    },
    **{
        f"{name}, classes of text": (
            lambda name=name: getattr(nets, name)(classes="2", width=0.01),
            TypeError,
            [name, "classes", "'2'"],
        )
        for name in "FCN32s FCN16s FCN8s VGG16".split()
    },
    **{
        f"{name}, width 0": (lambda name=name: getattr(nets, name)(classes=2, width=0), ValueError, ["width", "0"])
        for name in "FCN32s FCN16s FCN8s VGG16".split()
    },
    **{
        f"{name}, width of text": (
            lambda name=name: getattr(nets, name)(classes=2, width="1"),
            TypeError,
            ["width", "'1'"],
        )
        for name in "FCN32s FCN16s FCN8s VGG16".split()
    },
    **{
        f"{name}, at_once of a number": (
            lambda name=name: getattr(nets, name)(classes=2, width=0.01, at_once=1),
            TypeError,
            [name, "at_once", "1"],
        )
        for name in "FCN16s FCN8s".split()
    },
    "unet_sizes, too small": (lambda: nets.unet_sizes(20, 4), ValueError, ["unet_sizes", "20"]),
    "unet_sizes, odd before a pooling": (lambda: nets.unet_sizes(573, 4), ValueError, ["unet_sizes", "573"]),
    "unet_sizes, text": (lambda: nets.unet_sizes("572"), TypeError, ["unet_sizes", "'572'"]),
    "unet_sizes, depth": (lambda: nets.unet_sizes(572, -1), ValueError, ["unet_sizes", "depth", "-1"]),
    "unet_input_size, 0": (lambda: nets.unet_input_size(0), ValueError, ["unet_input_size", "0"]),
    "unet_input_size, text": (lambda: nets.unet_input_size("4"), TypeError, ["unet_input_size", "'4'"]),
    "nearest_unet_sizes, text": (lambda: nets.nearest_unet_sizes("4"), TypeError, ["nearest_unet_sizes", "'4'"]),
    "fcn_crops, negative": (lambda: nets.fcn_crops(-1), ValueError, ["fcn_crops", "-1"]),
    "fcn_crops, text": (lambda: nets.fcn_crops("1"), TypeError, ["fcn_crops", "'1'"]),
    "predict, no net": (lambda: nets.predict(3, np.zeros((8, 8), np.uint8)), TypeError, ["predict", "int"]),
    "predict, an image of floats": (lambda: nets.predict(small, np.zeros((8, 8), complex)), TypeError, ["predict"]),
    "predict, dimensions": (lambda: nets.predict(small, np.zeros(8, np.float32)), ValueError, ["predict", "(8,)"]),
    "predict, tile": (
        lambda: nets.predict(small, np.zeros((8, 8), np.float32), tile=0),
        ValueError,
        ["predict", "tile", "0"],
    ),
    "predict, text": (lambda: nets.predict(small, "image.png"), TypeError, ["predict"]),
    "receptive_field, no net": (lambda: nets.receptive_field(3), TypeError, ["plan", "got 3"]),
    "effective_field, size": (lambda: nets.effective_field(small, 0, 8), ValueError, ["0x8"]),
    "fully_convolutional, no net": (lambda: nets.fully_convolutional(3), TypeError, ["fully_convolutional", "got 3"]),
    "parameter_groups, no net": (lambda: nets.parameter_groups(3, 0.1), TypeError, ["parameter_groups", "int"]),
    "load_weights, no net": (lambda: nets.load_weights(3, "f.pth"), TypeError, ["load_weights", "int"]),
    "load_weights, no file": (
        lambda: nets.load_weights(small, "nowhere.pth"),
        ValueError,
        ["load_weights", "nowhere.pth"],
    ),
    "load_weights, no path": (lambda: nets.load_weights(small, 3), TypeError, ["load_weights", "3"]),
    "read_weights, no file": (lambda: nets.read_weights("nowhere.pth"), ValueError, ["nowhere.pth"]),
    "read_weights, no path": (lambda: nets.read_weights(3), TypeError, ["3"]),
    "export_onnx, no net": (lambda: nets.export_onnx(3, "f.onnx"), TypeError, ["export_onnx", "int"]),
    "load_run, no run": (lambda: nets.load_run("nowhere"), ValueError, ["nowhere"]),
    "train, no net": (lambda: nets.train(3, Samples(), Samples(), steps=1, out="o"), TypeError, ["train", "int"]),
    "train, neither minutes nor steps": (
        lambda: nets.train(small, Samples(), Samples(), out="o"),
        ValueError,
        ["train", "minutes", "steps"],
    ),
    "train, both": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, minutes=1, out="o"),
        ValueError,
        ["train", "minutes=1", "steps=1"],
    ),
    "train, no folder": (lambda: nets.train(small, Samples(), Samples(), steps=1), ValueError, ["train", "out"]),
    "train, no data": (lambda: nets.train(small, 3, Samples(), steps=1, out="o"), TypeError, ["train_set"]),
    "train, empty data": (lambda: nets.train(small, [], Samples(), steps=1, out="o"), ValueError, ["train_set"]),
    "train, steps 0": (
        lambda: nets.train(small, Samples(), Samples(), steps=0, out="o", classes=2),
        ValueError,
        ["steps", "0"],
    ),
    "train, steps of text": (
        lambda: nets.train(small, Samples(), Samples(), steps="1", out="o", classes=2),
        TypeError,
        ["steps", "'1'"],
    ),
    "train, batch 0": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, out="o", batch=0, classes=2),
        ValueError,
        ["batch", "0"],
    ),
    "train, crop 0": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, out="o", crop=0, classes=2),
        ValueError,
        ["crop", "0"],
    ),
    "train, negative lr": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, out="o", lr=-1.0, classes=2),
        ValueError,
        ["lr", "-1.0"],
    ),
    "train, orientation": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, out="o", orientation="left", classes=2),
        ValueError,
        ["orientation", "'left'"],
    ),
    "train, classes": (
        lambda: nets.train(small, Samples(), Samples(), steps=1, out="o", classes=0),
        ValueError,
        ["classes", "0"],
    ),
}
