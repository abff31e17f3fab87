"""A Trace as a PNG picture, or as a GIF that shows one stage after the other and then each sum. Needs Pillow."""

from __future__ import annotations

import numpy as np

from minitensor.serialize import replacing
from minitensor.trace.stages import HATCHED, top_plane
from minitensor.trace.svg import FILLS, _wrapped
from minitensor.trace.text import equation, number

CELL, MARGIN, LINE = 40, 20, 18
STAGE_MILLISECONDS, SUM_MILLISECONDS = 1400, 500
MOST_SUMS = 36  # cells whose sums a GIF shows one by one
INK, HOT = "#222222", "#d55e00"


def save_png(trace, path) -> None:
    """All stages below each other."""
    frames = [_frame(trace, stage, None, None) for stage in trace.stages]
    width = max(frame.width for frame in frames)
    image = _pillow().new("RGB", (width, sum(frame.height for frame in frames)), "white")
    y = 0
    for frame in frames:
        image.paste(frame, (0, y))
        y += frame.height
    with replacing(path) as temporary:
        image.save(temporary, format="png")


def save_gif(trace, path) -> None:
    """One picture for each stage; then each cell of the last sum with its products, up to MOST_SUMS of them."""
    frames = [(_frame(trace, stage, None, None), STAGE_MILLISECONDS) for stage in trace.stages]
    made = trace.last_made()
    if made is not None:
        for cell, pairs in list(made.products.items())[:MOST_SUMS]:
            frames.append((_frame(trace, made, cell, pairs), SUM_MILLISECONDS))
    width, height = (max(getattr(frame, side) for frame, _ in frames) for side in ("width", "height"))
    pictures = []
    for frame, _ in frames:
        picture = _pillow().new("RGB", (width, height), "white")
        picture.paste(frame, (0, 0))
        pictures.append(picture)
    with replacing(path) as temporary:
        pictures[0].save(
            temporary, format="gif", save_all=True, append_images=pictures[1:], loop=0,
            duration=[milliseconds for _, milliseconds in frames],
        )  # fmt: skip


def _frame(trace, stage, hot, pairs):
    """A picture of one stage; the cell `hot` is marked, and its products are written below."""
    from PIL import ImageDraw, ImageFont

    numbers, kinds = top_plane(stage.array), top_plane(stage.kinds)
    lines = _wrapped(stage.words)
    if pairs is not None:
        lines = _wrapped(equation(stage, hot, pairs))
    font, bold = ImageFont.load_default(13), ImageFont.load_default(15)
    widest = max(bold.getlength(trace.title), *(font.getlength(line) for line in [*lines, stage.name]))
    size = (
        int(max(CELL * numbers.shape[1], widest)) + 2 * MARGIN,
        3 * LINE + CELL * len(numbers) + LINE * len(lines) + 2 * MARGIN,
    )
    image = _pillow().new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    draw.text((MARGIN, MARGIN), trace.title, fill=INK, font=bold)
    draw.text((MARGIN, MARGIN + 1.5 * LINE), stage.name, fill=INK, font=font)
    top = MARGIN + 3 * LINE
    for (i, j), value in np.ndenumerate(numbers):
        box = (MARGIN + CELL * j, top + CELL * i, MARGIN + CELL * (j + 1), top + CELL * (i + 1))
        draw.rectangle(box, fill=FILLS[kinds[i, j]], outline=HOT if (i, j) == hot else "#555555",
                       width=3 if (i, j) == hot else 1)  # fmt: skip
        if kinds[i, j] in HATCHED:
            draw.line((box[0], box[3], box[2], box[1]), fill="#bbbbbb")
        draw.text((box[0] + CELL / 2, box[1] + CELL / 2), number(value), fill=INK, font=font, anchor="mm")
    for place, line in enumerate(lines):
        draw.text((MARGIN, top + CELL * len(numbers) + 6 + LINE * place), line, fill=INK, font=font)
    return image


def _pillow():
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("pictures need Pillow: pip install pillow") from error
    return Image
