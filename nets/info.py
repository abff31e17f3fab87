"""A net described as text: every layer's output, the crops, parameters, multiplications and receptive field."""

from __future__ import annotations

from math import prod

from nets.fcn import FCN8s, FCN16s, FCN32s
from nets.geometry import field_widths, receptive_field
from nets.plan import Branch, Crop, plan_of
from nets.unet import UNet


class _Table:
    """Rows of the description, and the sums over them."""

    def __init__(self):
        self.rows = [("layer", "window", "channels x height x width", "parameters", "million MACs")]
        self.parameters = self.multiplications = 0

    def add_window(self, step, channels, size, after, depth):
        # A convolution multiplies each weight once per output pixel, a transposed one once per input pixel.
        multiplications = step.weights * prod(size if step.transposed else after)
        parameters = step.weights + step.others
        self.parameters += parameters
        self.multiplications += multiplications
        window = f"{step.kernel}x{step.kernel}"
        window += f" s{step.stride}" if step.stride > 1 else ""
        window += f" p{step.padding}" if step.padding else ""
        window += " up" if step.transposed else ""
        counts = (f"{parameters:,}", f"{multiplications / 1e6:,.1f}") if step.weights else ("", "")
        self.rows.append(("  " * depth + step.name, window, shape_text(channels, after), *counts))

    def add_note(self, name, note, channels, size, depth):
        self.rows.append(("  " * depth + name, note, shape_text(channels, size), "", ""))

    def add_crop(self, step, depth):
        self.rows.append(("  " * depth + step.name, f"from {step.offset}", "", "", ""))

    def begin(self, branch):
        """A skip begins. The rows say it by being indented."""

    def text(self):
        widths = [max(len(row[column]) for row in self.rows) for column in range(5)]
        lines = []
        for row in self.rows:
            words = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=False)]
            counts = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
            lines.append("  ".join(words + counts).rstrip())
        return "\n".join(lines)


def shape_text(channels, size):
    return f"{channels} x {size[0]} x {size[1]}"


def describe(net, height, width, in_channels):
    """The description of a net for images of height x width, as text.

    It is computed from the plan, without running the net. Deeper levels are indented, up to the step that joins them
    with their skip. Raises ValueError for sizes that do not fit the net.
    """
    size = net.fitting_size(height, width) if isinstance(net, UNet) else (height, width)
    table = _Table()
    table.add_note("image", "", in_channels, (height, width), 0)
    if size != (height, width):
        table.add_note("border", "repeats the edge", in_channels, size, 0)
    steps = plan_of(net)
    channels, output = walk(steps, in_channels, size, table, 0)
    if isinstance(net, (UNet, FCN8s, FCN16s, FCN32s)) and getattr(net, "padding", "same") == "same":
        output = (height, width)
    field = receptive_field(steps)
    lines = [
        table.text(),
        "",
        f"output           {shape_text(channels, output)}",
        f"parameters       {table.parameters:,}",
        f"multiplications  {table.multiplications / 1e9:.1f} GMAC (multiply and add counted as one)",
        f"receptive field  {field.size} pixels, {field.jump} apart, the first from {field.offset}",
    ]
    widths = field_widths(steps, max(output))
    if len(widths) > 1:
        counts = ", ".join(f"{pixels} pixels for {count}" for pixels, count in widths.items())
        lines.append(f"                 along {max(output)} outputs: {counts}")
    return "\n".join(lines)


def walk(steps, channels, size, table, depth):
    """Follow the image through a plan and tell `table` of each step; returns the channels and size at the end.

    table   has add_window, add_crop, add_note, and begin, which is called where a skip leaves the main path
    """
    for step in steps:
        if isinstance(step, Branch):
            table.begin(step)
            deep_channels, deep_size = walk(step.through, channels, size, table, depth + 1)
            skip_channels, _ = walk(step.around, channels, size, table, depth)
            size = deep_size  # the skip is cut to this size
            channels = deep_channels + skip_channels if step.joined == "concatenated" else deep_channels
            table.add_note(step.name, f"{step.joined} with skip", channels, size, depth)
        elif isinstance(step, Crop):
            table.add_crop(step, depth)
        else:
            after = tuple(step.output_size(n) for n in size)
            if min(after) < 1:
                raise ValueError(
                    f"describe: {step.name} ({step.kernel}x{step.kernel}) does not fit on {size[0]}x{size[1]}"
                )
            channels = step.channels or channels
            table.add_window(step, channels, size, after, depth)
            size = after
    return channels, size
