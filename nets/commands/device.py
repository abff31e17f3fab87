"""The option --device, the same for every command."""

from __future__ import annotations

from minitensor import cuda


def add_device(parser):
    """None stands for the CPU, or for the device of the run that is resumed."""
    parser.add_argument("--device", choices=["cpu", "cuda"], help="default: cpu")


def usable(device):
    """The device to compute on. Raises ValueError where it is a GPU and there is none, or no CuPy to use it."""
    if device == "cuda" and not cuda.is_available():
        raise ValueError(f"--device cuda: {cuda.why_not()}")
    return device or "cpu"
