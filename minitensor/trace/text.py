"""A Trace in the terminal: every stage as a grid of numbers, with its words and formula."""

from __future__ import annotations

import numpy as np

from minitensor.trace.stages import KINDS, PADDING, ZERO, plane, top_plane

MARKS = {ZERO: "·", PADDING: "x"}  # instead of an inserted zero, and of a zero around the image


def as_text(trace) -> str:
    """The whole trace. A zero that was inserted is shown as a dot, a zero of the padding as an x."""
    parts = [trace.title, ""]
    for place, stage in enumerate(trace.stages, start=1):
        parts += [f"{place}. {stage.name} {'x'.join(map(str, plane(stage.array).shape))}: {stage.words}"]
        parts += [f"   {stage.formula}", ""]
        parts += [*(f"   {line}" for line in _grids(stage)), ""]
    made = trace.last_made()
    if made is not None:
        cell = _telling(made)
        parts.append(equation(made, cell, made.products[cell]))
    if any(kind in np.unique(stage.kinds) for stage in trace.stages for kind in MARKS):
        parts.append("· an inserted zero, x a zero of the padding")
    return "\n".join(parts).rstrip()


def equation(stage, cell, pairs) -> str:
    """How one cell is made: "full[0,1] = 1*9 + 0*8 = 9", or "output[0,0] = max(1, 2) = 2"."""
    value = number(top_plane(stage.array)[cell])
    if stage.how == "max":
        terms = f"max({', '.join(number(a) for a, _ in pairs)})"
    else:
        terms = " + ".join(f"{number(a)}*{number(b)}" for a, b in pairs)
    return f"{stage.name}[{cell[0]},{cell[1]}] = {terms} = {value}"


def _telling(stage):
    """The cell with the most products that are not 0: the one that says most."""
    return max(stage.products, key=lambda cell: sum(1 for a, b in stage.products[cell] if a and b))


def _grids(stage):
    """Lines of text: each plane of the array, with a title if there are several."""
    planes = plane(stage.array).reshape(-1, *stage.array.shape[-2:])
    kinds = stage.kinds.reshape(-1, *stage.kinds.shape[-2:])
    for position, (numbers, kind) in enumerate(zip(planes, kinds, strict=True)):
        if len(planes) > 1:
            yield f"plane {position}"
        cells = [
            [MARKS.get(k, "") if k in MARKS and value == 0 else number(value) for value, k in zip(*row, strict=True)]
            for row in zip(numbers, kind, strict=True)
        ]
        width = max((len(cell) for row in cells for cell in row), default=1)
        yield from (" ".join(f"{cell:>{width}}" for cell in row) for row in cells)


def number(value) -> str:
    """At most three digits after the point, and none for whole numbers."""
    value = round(float(value), 3)
    return str(int(value)) if value == int(value) else f"{value:g}"


def kind_names(stage) -> list[str]:
    """The kinds of cells that a stage has, in words."""
    return [KINDS[kind] for kind in np.unique(stage.kinds)]
