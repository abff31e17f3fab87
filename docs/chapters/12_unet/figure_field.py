"""What one output of a U-Net and of an FCN-8s sees: the gradient of each pixel, and the square of the theory."""

from importlib import import_module

import numpy as np

from docs.chapters.draw import Drawing

run = import_module("docs.chapters.12_unet.run")

WORDS = {
    "en": {
        "title": "What one output sees, in theory and by gradient",
        "theory": "theory",
        "share": "gradient, as a share of the largest",
        "half": "50% of the gradient",
        "levels": ("1 to 1/10", "1/10 to 1/100", "1/100 to 1/1000", "less", "exactly 0"),
    },
    "ko": {
        "title": "출력 하나가 보는 것: 이론과 기울기",
        "theory": "이론",
        "share": "가장 큰 기울기에 견준 비율",
        "half": "기울기의 50%",
        "levels": ("1 ~ 1/10", "1/10 ~ 1/100", "1/100 ~ 1/1000", "그 이하", "정확히 0"),
    },
}
BLOCK, PIXEL = 4, 3  # pixels of the image that share a cell, and the size of a cell
MARGIN = 6  # cells around the theoretical field
LEVELS = np.array(["#2c115f", "#b63679", "#fb8861", "#fcfdbf", "#dfe3e8"])  # from dark to pale: also in grey print
THEORY, HALF = "#d55e00", "#00e0b0"


def _cells(field):
    """The level of each block of pixels around the theoretical field, whose corner lies on the corner of a block."""
    (top, bottom), (left, right) = field.rows, field.columns
    margin = MARGIN * BLOCK
    padded = np.pad(field.heat, margin)[top : bottom + 1 + 2 * margin, left : right + 1 + 2 * margin]
    rows, columns = (size // BLOCK for size in padded.shape)
    mean = padded.reshape(rows, BLOCK, columns, BLOCK).mean(axis=(1, 3))
    share = mean / mean.max()
    levels = np.minimum(-np.log10(np.where(share > 0, share, 1)), 3).astype(int)
    return np.where(share > 0, levels, 4)


def draw(language):
    say = WORDS[language]
    picture = Drawing(720, 470, say["title"])
    x = 20
    for name, field in run.fields().items():
        cells = _cells(field)
        picture.text(x, 26, name, bold=True)
        picture.image(x, 36, LEVELS[cells], PIXEL)
        scale = PIXEL / BLOCK
        side = field.rows[1] - field.rows[0] + 1
        near = x + MARGIN * PIXEL
        picture.rectangle(near, 36 + MARGIN * PIXEL, side * scale, side * scale, line=THEORY, thickness=3)
        half = field.side(0.5)
        down, across = (at - ends[0] for at, ends in zip(field.centre, (field.rows, field.columns), strict=True))
        picture.rectangle(
            near + (across + 0.5 - half / 2) * scale, 36 + (MARGIN * BLOCK + down + 0.5 - half / 2) * scale,
            half * scale, half * scale, line=HALF, thickness=3,
        )  # fmt: skip
        below = 36 + cells.shape[0] * PIXEL
        picture.text(x, below + 18, f"{say['theory']}: {side} x {side}")
        picture.text(x, below + 36, f"{say['half']}: {half} x {half}")
        x += cells.shape[1] * PIXEL + 60
    _legend(picture, say)
    return picture


def _legend(picture, say):
    """The meaning of the colours, in a column between the two fields and the right border."""
    x, y = 20, 306
    picture.text(x, y - 8, say["share"])
    for colour, words in zip(LEVELS, say["levels"], strict=True):
        picture.rectangle(x, y, 16, 16, colour)
        picture.text(x + 22, y + 13, words)
        y += 22
    for line, words in ((THEORY, say["theory"]), (HALF, say["half"])):
        picture.rectangle(x + 1, y + 1, 14, 14, line=line, thickness=3)
        picture.text(x + 22, y + 13, words)
        y += 22
