"""python -m nets info: a net's shapes, crops, parameters and receptive field."""

from __future__ import annotations

from pathlib import Path

import minitensor as mt
from layers import init
from nets.drawing import as_svg
from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.field import effective_field, pass_gradients
from nets.field_picture import save_field, summary
from nets.info import describe
from nets.training.run import write_text
from nets.unet import UNet
from nets.vgg import VGG16, fully_convolutional, scaled

# Name -> a function that makes the net at a share of its full width, and the image size that its paper uses.
NETS = {
    "unet": (lambda width: UNet(in_channels=1, base_channels=scaled(64, width)), (572, 572)),
    "unet-released": (lambda width: UNet.released(base_channels=scaled(64, width)), (572, 572)),
    "unet-same": (lambda width: UNet(base_channels=scaled(64, width), padding="same", norm="batch"), (512, 512)),
    "fcn32s": (lambda width: FCN32s(width=width), (500, 500)),
    "fcn16s": (lambda width: FCN16s(width=width), (500, 500)),
    "fcn8s": (lambda width: FCN8s(width=width), (500, 500)),
    "vgg16": (lambda width: VGG16(width=width), (224, 224)),
}
# The field is measured on a narrow net: its windows are those of the wide one, and it takes seconds instead of minutes.
FIELD_WIDTH = 1 / 8
FIELD_SEED = 0


def add_arguments(parser):
    parser.add_argument("net", choices=sorted(NETS), help="which net to describe, at its full width")
    parser.add_argument("--svg", metavar="FILE", help="draw the net: every layer, its sizes, the skips and their crops")
    parser.add_argument(
        "--field", metavar="FILE", help="draw what the middle output sees, in theory and by gradient, as a PNG file"
    )
    parser.add_argument("--input", nargs=2, type=int, metavar=("H", "W"), help="size of the image")


def main(options):
    """Print the description that the arguments ask for. Raises ValueError for a size that does not fit."""
    make, usual = NETS[options.net]
    height, width = options.input or usual
    if height < 1 or width < 1:
        raise ValueError(f"--input must be two sizes of at least 1, got {height} {width}")
    if options.field is not None and Path(options.field).suffix.lower() != ".png":
        raise ValueError(f"--field writes a PNG file, so its name ends in .png, got {options.field}")
    with init.skipped():  # only shapes are asked for
        net = make(1.0)
    channels = next(net.parameters()).shape[1]
    print(describe(net, height, width, channels))
    if options.svg is not None:
        write_text(Path(options.svg), as_svg(net, height, width, channels))
    if options.field is not None:
        print(*draw_field(options.net, make, height, width, options.field), sep="\n")


def draw_field(name, make, height, width, path):
    """Measure the receptive field of the middle output of a new net, and draw it. Returns the sizes as lines."""
    mt.manual_seed(FIELD_SEED)
    net = make(FIELD_WIDTH)
    if isinstance(net, VGG16):
        net = fully_convolutional(net)
    field = effective_field(pass_gradients(net), height, width, seed=FIELD_SEED)
    save_field(Path(path), field, f"What one output of {name} sees on {height}x{width}: by gradient, and in theory")
    return ["", f"one output, new random weights, 1/{1 / FIELD_WIDTH:.0f} of the channels:", *summary(field)]
