"""The options --device and --max-pixels, the same for every command."""

from __future__ import annotations

from minitensor import cuda
from nets.data.decoding import PIXELS_OPTION, allow_pixels


def add_device(parser):
    """Add --device. If it is not given: the CPU, or the device of the run that is resumed."""
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cpu")


def usable(device):
    """The device to compute on. Raises ValueError for a GPU if there is no GPU or no CuPy to use it."""
    if device == "cuda" and not cuda.is_available():
        raise ValueError(f"--device cuda: {cuda.why_not()}")
    return device or "cpu"


def add_max_pixels(parser):
    """Add the limit on the pixels of an image file: a small damaged or hostile file may claim to be huge."""
    parser.add_argument(PIXELS_OPTION, type=int, metavar="N", help="open image files of up to N pixels (default: 179 "
                        "million)")  # fmt: skip


def obey_max_pixels(options):
    """Set the limit of --max-pixels. Raises ValueError for a limit below 1."""
    if options.max_pixels is None:
        return
    if options.max_pixels < 1:
        raise ValueError(f"{PIXELS_OPTION} must be at least 1, got {options.max_pixels}")
    allow_pixels(options.max_pixels)
