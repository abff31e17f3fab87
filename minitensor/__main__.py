"""python -m minitensor trace OPERATION: what an operation does, stage by stage, with all numbers."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

import minitensor as mt
from minitensor.serialize import replacing
from minitensor.trace import trace_backward, trace_bilinear, trace_conv2d, trace_conv_transpose2d, trace_max_pool2d
from minitensor.trace.page import as_html
from minitensor.trace.svg import as_svg
from minitensor.trace.text import as_text

OPERATIONS = ("conv2d", "conv_transpose2d", "bilinear", "max_pool2d", "backward")
BAD_INPUT = 2


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python -m minitensor", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="trace")
    trace = commands.add_parser("trace", help="show an operation stage by stage")
    trace.add_argument("operation", choices=OPERATIONS)
    trace.add_argument("--size", nargs=2, type=int, default=(3, 3), metavar=("H", "W"), help="of the image (3 3)")
    trace.add_argument(
        "--kernel", nargs="+", type=int, default=[2], metavar="K", help="one size, or height and width (2)"
    )
    trace.add_argument("--stride", nargs="+", type=int, metavar="S", help="default: 1; max_pool2d: the kernel")
    trace.add_argument("--padding", nargs="+", type=int, default=[0], metavar="P")
    trace.add_argument("--output-padding", nargs="+", type=int, default=[0], metavar="P", help="conv_transpose2d")
    trace.add_argument("--dilation", nargs="+", type=int, default=[1], metavar="D")
    trace.add_argument("--groups", type=int, default=1)
    trace.add_argument("--channels", type=int, default=1, help="of the image (1)")
    trace.add_argument("--filters", type=int, default=1, help="channels of the result (1)")
    trace.add_argument(
        "--to", nargs=2, type=int, metavar=("H", "W"), help="bilinear: the size to reach (twice the size)"
    )
    trace.add_argument("--align-corners", action="store_true", help="bilinear")
    trace.add_argument("--seed", type=int, help="random whole numbers instead of 1, 2, 3 ...")
    trace.add_argument("--json", action="store_true", help="print JSON instead of text")
    for kind in ("svg", "png", "gif", "html"):
        trace.add_argument(f"--{kind}", metavar="FILE", help="write a file of this kind")
    options = parser.parse_args(arguments)
    try:
        made = _traced(options)
        _write(made, options)
    except (ValueError, TypeError, OSError, ImportError) as error:
        print(f"{parser.prog} trace: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    print(json.dumps(made.as_dict()) if options.json else as_text(made))
    return 0


def _traced(options):
    """The Trace that the options ask for."""
    pairs = {name: _pair(name, getattr(options, name)) for name in ("kernel", "padding", "output_padding", "dilation")}
    stride = None if options.stride is None else _pair("stride", options.stride)
    if min(options.size) < 1 or min(options.channels, options.filters, options.groups) < 1 or min(pairs["kernel"]) < 1:
        raise ValueError("sizes, channels, filters, groups and kernels must be at least 1")
    x = _numbers((1, options.channels, *options.size), options.seed)
    if options.operation == "backward":
        return _example_graph(x)
    if options.operation == "bilinear":
        size = options.to or tuple(2 * n for n in options.size)
        return trace_bilinear(x, size, options.align_corners)
    if options.operation == "max_pool2d":
        return trace_max_pool2d(x, pairs["kernel"], stride, pairs["padding"], pairs["dilation"])
    settings = {"stride": stride or (1, 1), "padding": pairs["padding"], "dilation": pairs["dilation"]}
    if options.channels % options.groups or options.filters % options.groups:
        raise ValueError(f"{options.channels} channels and {options.filters} filters do not divide into "
                         f"{options.groups} groups")  # fmt: skip
    if options.operation == "conv2d":
        shape = (options.filters, options.channels // options.groups, *pairs["kernel"])
        return trace_conv2d(x, _numbers(shape, options.seed, 1), groups=options.groups, **settings)
    shape = (options.channels, options.filters // options.groups, *pairs["kernel"])
    return trace_conv_transpose2d(
        x, _numbers(shape, options.seed, 1), output_padding=pairs["output_padding"], groups=options.groups, **settings
    )


def _example_graph(x):
    """loss = mean(relu(x w + b)^2), with numbers of both signs."""
    x = mt.tensor(x - x.mean())
    w, b = (mt.tensor(value, dtype=x.dtype, requires_grad=True) for value in (2.0, 1.0))
    return trace_backward(((x * w + b).relu() ** 2).mean(), {w: "w", b: "b"})


def _pair(name, numbers):
    if len(numbers) > 2:
        raise ValueError(f"--{name.replace('_', '-')}: one number, or height and width; got {numbers}")
    return (numbers[0], numbers[-1])


def _numbers(shape, seed, stream=0):
    """1, 2, 3 ... in this shape, or whole numbers from -4 to 5 at random."""
    if seed is None:
        return np.arange(1.0, np.prod(shape) + 1).reshape(shape)
    return np.random.default_rng([seed, stream]).integers(-4, 6, shape).astype(np.float64)


def _write(trace, options):
    """The files that were asked for."""
    for path, text in ((options.svg, as_svg), (options.html, as_html)):
        if path is not None:
            with replacing(path) as temporary:
                Path(temporary).write_text(text(trace), encoding="utf-8")
    if options.png or options.gif:
        from minitensor.trace.picture import save_gif, save_png

        for path, save in ((options.png, save_png), (options.gif, save_gif)):
            if path is not None:
                save(trace, path)


if __name__ == "__main__":
    sys.exit(main())
