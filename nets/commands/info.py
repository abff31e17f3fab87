"""python -m nets info: a net's shapes, crops, parameters and receptive field."""

from __future__ import annotations

from pathlib import Path

from layers import init
from nets.drawing import as_svg
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.info import describe
from nets.training.run import write_text
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
    parser.add_argument("--svg", metavar="FILE", help="draw the net: every layer, its sizes, the skips and their crops")
    parser.add_argument("--input", nargs=2, type=int, metavar=("H", "W"), help="size of the image")


def main(options):
    """Print the description that the arguments ask for. Raises ValueError for a size that does not fit."""
    make, usual = NETS[options.net]
    height, width = options.input or usual
    if height < 1 or width < 1:
        raise ValueError(f"--input must be two sizes of at least 1, got {height} {width}")
    with init.skipped():  # only shapes are asked for
        net = make()
    channels = next(net.parameters()).shape[1]
    print(describe(net, height, width, channels))
    if options.svg is not None:
        write_text(Path(options.svg), as_svg(net, height, width, channels))
