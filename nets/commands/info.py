"""python -m nets info: a net's shapes, crops, parameters and receptive field."""

from __future__ import annotations

from layers import init
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.info import describe
from nets.unet import UNet
from nets.vgg import VGG16

# Name -> a function that makes the net, and the image size that its paper uses.
NETS = {
    "unet": (lambda: UNet(in_channels=1), (572, 572)),
    "unet-released": (UNet.released, (572, 572)),
    "unet-same": (lambda: UNet(padding="same", norm="batch"), (512, 512)),
    "fcn32s": (FCN32s, (500, 500)),
    "fcn16s": (FCN16s, (500, 500)),
    "fcn8s": (FCN8s, (500, 500)),
    "vgg16": (VGG16, (224, 224)),
}


def add_arguments(parser):
    parser.add_argument("net", choices=sorted(NETS), help="which net to describe, at its full width")
    parser.add_argument("--input", nargs=2, type=int, metavar=("H", "W"), help="size of the image")


def main(options):
    """Print the description that the arguments ask for. Raises ValueError for a size that does not fit."""
    make, usual = NETS[options.net]
    height, width = options.input or usual
    if height < 1 or width < 1:
        raise ValueError(f"--input must be two sizes of at least 1, got {height} {width}")
    with init.skipped():  # only shapes are asked for
        net = make()
    print(describe(net, height, width, next(net.parameters()).shape[1]))
