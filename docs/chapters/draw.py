"""What the figures of the chapters are drawn with: grids of numbers, images, curves and arrows, as SVG text.

Colours say what a number is, and the legend says it in words: input blue, kernel orange, inserted zeros grey, padding
hatched, output green. The colours are those of Okabe and Ito, which colour-blind readers can tell apart.
"""

from __future__ import annotations

from html import escape

import numpy as np

CELL = 34  # pixels of one cell of a grid
LETTER = 13  # size of the letters
FILLS = {
    "plain": "#ffffff",
    "input": "#a6d3f2",
    "kernel": "#f6c777",
    "zero": "#d5d5d5",
    "padding": "url(#hatched)",
    "output": "#8fd6bd",
    "gradient": "#e7b3d1",
}
CLASS_COLOURS = ("#222222", "#56b4e9", "#009e73", "#e69f00", "#cc79a7", "#d55e00", "#f0e442", "#0072b2")
HATCHED = (
    '<pattern id="hatched" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#ffffff"/><rect width="2" height="6" fill="#9a9a9a"/></pattern>'
)
ARROW = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#333333"/></marker>'
)
GREYS = 12  # levels of grey: runs of equal pixels become one stroke


class Drawing:
    """An SVG picture of `width` x `height` pixels. `title` is what a screen reader says."""

    def __init__(self, width, height, title):
        self.width, self.height, self.title = width, height, title
        self.parts = []

    def text(self, x, y, words, anchor="start", size=LETTER, bold=False):
        """Words with their base line at (x, y)."""
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(
            f'<text x="{_short(x)}" y="{_short(y)}" text-anchor="{anchor}" font-size="{size}"{weight}>'
            f"{escape(words)}</text>"
        )

    def rectangle(self, x, y, width, height, fill="none", line="#555555", thickness=1):
        """A rectangle with its corner at (x, y)."""
        stroke = f' stroke="{line}" stroke-width="{thickness}"' if line else ""
        self.parts.append(
            f'<rect x="{_short(x)}" y="{_short(y)}" width="{_short(width)}" height="{_short(height)}"'
            f' fill="{fill}"{stroke}/>'
        )

    def arrow(self, x, y, to_x, to_y, line="#333333"):
        """An arrow from (x, y) to (to_x, to_y)."""
        self.parts.append(
            f'<line x1="{_short(x)}" y1="{_short(y)}" x2="{_short(to_x)}" y2="{_short(to_y)}" stroke="{line}"'
            ' stroke-width="1.5" marker-end="url(#tip)"/>'
        )

    def grid(self, x, y, numbers, kind="plain", cell=CELL, digits=None):
        """An array (rows, columns) as cells with numbers. `kind` is one name of FILLS, or an array of names."""
        numbers = np.atleast_2d(numbers)
        kinds = np.broadcast_to(np.asarray(kind), numbers.shape)
        for (i, j), number in np.ndenumerate(numbers):
            left, top = x + j * cell, y + i * cell
            self.rectangle(left, top, cell, cell, FILLS[str(kinds[i, j])])
            size = min(LETTER, cell // 2)
            self.text(left + cell / 2, top + cell / 2 + size / 3, written(number, digits), "middle", size)

    def image(self, x, y, pixels, pixel=2):
        """A grey image (H, W) from 0 to 1, or a map of colours: an array (H, W) of strings."""
        pixels = np.asarray(pixels)
        if pixels.dtype.kind == "f":
            levels = np.round(np.clip(pixels, 0, 1) * (GREYS - 1)) / (GREYS - 1) * 255
            pixels = np.vectorize(lambda v: f"#{round(v):02x}{round(v):02x}{round(v):02x}")(levels)
        runs = {}
        for i, row in enumerate(pixels):
            borders = [0, *(np.flatnonzero(row[1:] != row[:-1]) + 1).tolist(), len(row)]
            for start, stop in zip(borders[:-1], borders[1:], strict=True):
                runs.setdefault(str(row[start]), []).append(f"M{start} {i}h{stop - start}")
        # each colour is one path of horizontal strokes, one pixel thick
        paths = "".join(f'<path stroke="{colour}" d="{"".join(path)}"/>' for colour, path in sorted(runs.items()))
        place = f"translate({_short(x)} {_short(y + pixel / 2)}) scale({pixel})"
        self.parts.append(f'<g transform="{place}" shape-rendering="crispEdges">{paths}</g>')
        self.rectangle(x, y, pixels.shape[1] * pixel, pixels.shape[0] * pixel)

    def curve(self, points, line="#0072b2", thickness=2, dashed=False):
        """A line through points (x, y) of the picture."""
        through = " ".join(f"{_short(x)},{_short(y)}" for x, y in points)
        dashes = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(
            f'<polyline points="{through}" fill="none" stroke="{line}" stroke-width="{thickness}"{dashes}/>'
        )

    def dot(self, x, y, fill="#d55e00", radius=4):
        """A disk around (x, y)."""
        self.parts.append(f'<circle cx="{_short(x)}" cy="{_short(y)}" r="{radius}" fill="{fill}"/>')

    def legend(self, x, y, names):
        """Colours and what they mean: {kind: words}, in one row."""
        for kind, words in names.items():
            self.rectangle(x, y, 16, 16, FILLS[kind])
            self.text(x + 22, y + 13, words)
            x += 22 + wide(words) + 22

    def svg(self):
        """The picture as SVG text. Same drawing, same text: a test compares it with the file."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" width="{self.width}"'
            f' role="img" font-family="sans-serif" fill="#111111">'
        )
        body = [f"<title>{escape(self.title)}</title>", f"<defs>{HATCHED}{ARROW}</defs>"]
        paper = f'<rect width="{self.width}" height="{self.height}" fill="#ffffff"/>'
        return "\n".join([head, *body, paper, *self.parts, "</svg>"]) + "\n"


def written(number, digits=None):
    """A number as short as it can be written: 3, 0.25, -1.5."""
    if isinstance(number, str):
        return number
    if digits is not None:
        return f"{float(number):.{digits}f}"
    return f"{float(number):.4g}"


def wide(words):
    """About how many pixels the words take; a Korean letter is twice as wide as a Latin one."""
    return sum(12.5 if ord(letter) > 0x1100 else 7 for letter in words)


def _short(value):
    return f"{value:.1f}".removesuffix(".0")
