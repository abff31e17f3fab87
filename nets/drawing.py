"""A net drawn from itself: every layer as a box, deeper levels lower, skips as arcs with what is cropped.

The boxes stand in the order in which the image passes. Each pooling inside a branch leads one level down, each joining
leads up again, so a U-Net becomes its U, and an FCN a staircase.
"""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from nets.info import walk
from nets.plan import plan_of
from nets.unet import UNet

WIDTH, HEIGHT, GAP, LEVEL, MARGIN, TOP = 74, 46, 10, 96, 20, 90
COLOURS = {"image": "#9cc9ee", "window": "#f7d48b", "pool": "#e6e6e6", "up": "#d9efe7", "joined": "#56b890"}
WORDS = {
    "image": "image",
    "window": "convolution",
    "pool": "pooling",
    "up": "up-convolution",
    "joined": "joined with a skip",
}


class Box(NamedTuple):
    """One layer. kind: a key of COLOURS; lines: what is written in it; depth: its level."""

    name: str
    kind: str
    lines: tuple[str, ...]
    depth: int


class Arc(NamedTuple):
    """A skip from one box to another (their numbers), and what happens on the way."""

    start: int
    end: int
    words: str


class Drawing:
    """Collects boxes and arcs while `walk` follows the image."""

    def __init__(self, channels, size):
        self.boxes = [Box("image", "image", ("image", _shape(channels, size)), 0)]
        self.arcs = []
        self._open = []  # (number of the box where a skip leaves, depth, words of what happens on it)

    def begin(self, branch):
        self._open.append((len(self.boxes) - 1, branch, []))

    def add_window(self, step, channels, size, after, depth):
        words = f"{step.kernel}x{step.kernel}" + (f" /{step.stride}" if step.stride > 1 else "")
        if self._on_skip(step):
            self._open[-1][2].append(f"{step.name} {words}")
            return
        kind = "up" if step.transposed else "window" if step.weights else "pool"
        self.boxes.append(Box(step.name, kind, (words, _shape(channels, after)), depth))

    def add_crop(self, step, depth):
        if self._open and step in self._open[-1][1].around:
            self._open[-1][2].append(f"crop {step.offset}")
        else:
            self.boxes.append(Box(step.name, "joined", ("crop", f"from {step.offset}"), depth))

    def add_note(self, name, note, channels, size, depth):
        start, _, words = self._open.pop()
        self.boxes.append(Box(name, "joined", (note.split()[0], _shape(channels, size)), depth))
        self.arcs.append(Arc(start, len(self.boxes) - 1, ", ".join(words) or "skip"))

    def _on_skip(self, step):
        return bool(self._open) and step in self._open[-1][1].around


def as_svg(net, height, width, in_channels):
    """The picture as text. Raises ValueError for sizes that do not fit the net."""
    size = net.fitting_size(height, width) if isinstance(net, UNet) else (height, width)
    drawing = Drawing(in_channels, size)
    walk(plan_of(net), in_channels, size, drawing, 0)
    levels = max(box.depth for box in drawing.boxes)
    wide = 2 * MARGIN + len(drawing.boxes) * (WIDTH + GAP)
    tall = TOP + levels * LEVEL + HEIGHT + MARGIN + 30
    title = f"{type(net).__name__} on {height}x{width}"
    legend = "".join(
        f'<rect x="{MARGIN + 150 * place}" y="40" width="14" height="14" fill="{COLOURS[kind]}" stroke="#555"/>'
        f'<text x="{MARGIN + 150 * place + 20}" y="52" font-size="12">{WORDS[kind]}</text>'
        for place, kind in enumerate(COLOURS)
    )
    parts = [_box(box, place) for place, box in enumerate(drawing.boxes)]
    parts += [_link(drawing.boxes, place) for place in range(1, len(drawing.boxes))]
    parts += [_arc(arc, drawing.boxes) for arc in drawing.arcs]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" viewBox="0 0 {wide} {tall}" '
        f'font-family="sans-serif" role="img"><title>{escape(title)}</title>'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="{MARGIN}" y="26" font-size="16" font-weight="bold">{escape(title)}</text>'
        f"{legend}{''.join(parts)}</svg>\n"
    )


def _corner(box, place):
    return MARGIN + place * (WIDTH + GAP), TOP + box.depth * LEVEL


def _box(box, place):
    x, y = _corner(box, place)
    texts = "".join(
        f'<text x="{x + WIDTH / 2}" y="{y + 18 + 16 * line}" font-size="11" text-anchor="middle">{escape(text)}</text>'
        for line, text in enumerate(box.lines)
    )
    return (
        f'<g><title>{escape(box.name)}</title><rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
        f'fill="{COLOURS[box.kind]}" stroke="#555"/>{texts}</g>'
    )


def _link(boxes, place):
    (x, y), (to_x, to_y) = _corner(boxes[place - 1], place - 1), _corner(boxes[place], place)
    middle = HEIGHT / 2
    return (
        f'<line x1="{x + WIDTH}" y1="{y + middle}" x2="{to_x}" y2="{to_y + middle}" stroke="#555" stroke-width="1.2"/>'
    )


def _arc(arc, boxes):
    """A dashed line above the level on which the skip leaves."""
    (x, y), (to_x, to_y) = _corner(boxes[arc.start], arc.start), _corner(boxes[arc.end], arc.end)
    top = min(y, to_y) - 14
    path = f"M {x + WIDTH / 2} {y} V {top} H {to_x + WIDTH / 2} V {to_y}"
    middle = (x + to_x + WIDTH) / 2
    return (
        f'<path d="{path}" fill="none" stroke="#0072b2" stroke-dasharray="5 4"/>'
        f'<text x="{middle}" y="{top - 4}" font-size="11" text-anchor="middle" fill="#0072b2">{escape(arc.words)}'
        "</text>"
    )


def _shape(channels, size):
    side = f"{size[0]}²" if size[0] == size[1] else f"{size[0]}x{size[1]}"
    return f"{channels} x {side}"
