"""A Trace as an SVG picture: the stages side by side, every cell with its number.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart. Their lightness differs too, and padding
is hatched, so the picture also reads in grey print. Each stage names its kinds of cells in words.
"""

from __future__ import annotations

from html import escape

import numpy as np

from minitensor.trace.stages import HATCHED, KINDS, top_plane
from minitensor.trace.text import kind_names, number

CELL, GAP, MARGIN, HEAD, FOOT, TITLE = 34, 40, 16, 24, 60, 34
FONT = 'font-family="sans-serif"'
# fill of each kind, in the order of KINDS: input, zero, padding, kernel, product, output, gradient, cropped
FILLS = ("#9cc9ee", "#e6e6e6", "#ffffff", "#f7d48b", "#d9efe7", "#56b890", "#e3a7cd", "#ffffff")
FILL_OF = dict(zip(KINDS, FILLS, strict=True))
CHARACTER = 6.2  # width of a letter of the small text
HATCH = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="6" height="6" fill="#fff"/><line x1="0" y1="0" x2="0" y2="6" stroke="#bbb" stroke-width="1.5"/>'
    "</pattern>"
)
LONGEST_LINE = 30  # letters of the words under a stage


def as_svg(trace, columns=3) -> str:
    """The picture as text. `columns`: how many stages stand in one row."""
    rows = [trace.stages[start : start + columns] for start in range(0, len(trace.stages), columns)]
    parts, y, widest = [], MARGIN + TITLE, MARGIN * 2 + len(trace.title) * CHARACTER * 1.3
    for row in rows:
        x, tallest = MARGIN, 0
        for stage in row:
            drawing, width, height = _stage(stage, x, y)
            parts.append(drawing)
            x, tallest = x + width + GAP, max(tallest, height)
        widest, y = max(widest, x - GAP + MARGIN), y + tallest + GAP
    head = f'<text x="{MARGIN}" y="{MARGIN + 16}" font-size="16" font-weight="bold">{escape(trace.title)}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{widest:.0f}" height="{y:.0f}" '
        f'viewBox="0 0 {widest:.0f} {y:.0f}" role="img" {FONT}>'
        f"<title>{escape(trace.title)}</title><defs>{HATCH}</defs>"
        f'<rect width="100%" height="100%" fill="#fff"/>{head}{"".join(parts)}</svg>\n'
    )


def _stage(stage, x, y):
    """(drawing, width, height) of one stage at (x, y)."""
    numbers, kinds = top_plane(stage.array), top_plane(stage.kinds)
    words = _wrapped(stage.words)
    width = max(CELL * numbers.shape[1], max(map(len, [*words, stage.name])) * CHARACTER + 10)
    cells = "".join(
        _cell(x + CELL * j, y + HEAD + CELL * i, value, kinds[i, j]) for (i, j), value in np.ndenumerate(numbers)
    )
    shape = "x".join(map(str, numbers.shape))
    planes = int(np.prod(stage.array.shape[:-2], dtype=int))
    more = f" (1 of {planes} planes)" if planes > 1 else ""
    below = y + HEAD + CELL * len(numbers)
    lines = [*words, f"[{', '.join(kind_names(stage))}]"]
    text = "".join(
        f'<text x="{x}" y="{below + 16 + 14 * place}" font-size="11" fill="#444">{escape(line)}</text>'
        for place, line in enumerate(lines)
    )
    title = f'<text x="{x}" y="{y + 15}" font-size="13" font-weight="bold">{escape(stage.name)} {shape}{more}</text>'
    return title + cells + text, width, HEAD + CELL * len(numbers) + 16 + 14 * len(lines)


def _cell(x, y, value, kind):
    fill = "url(#hatch)" if kind in HATCHED else FILLS[kind]
    text = number(value)
    size = 13 if len(text) <= 4 else 9
    return (
        f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="{fill}" stroke="#555" stroke-width="0.8"/>'
        f'<text x="{x + CELL / 2}" y="{y + CELL / 2 + 4.5}" font-size="{size}" text-anchor="middle">{text}</text>'
    )


def _wrapped(text):
    """Lines of at most LONGEST_LINE letters, cut between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > LONGEST_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
