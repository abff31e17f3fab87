"""The receptive field of one output as a picture: the gradient of each pixel, and the square of the theory."""

from __future__ import annotations

import numpy as np

from nets.canvas import BLUE, INK, PALE, new_figure, save_figure
from nets.training.extras import needed

SHARES = (0.5, 0.95)  # of the gradient: the squares that are drawn and named
DECADES = 4  # orders of magnitude that the colours tell apart below the strongest pixel
NOTHING = "#dfe3e8"  # the colour of pixels whose gradient is exactly 0
HATCH = "////"  # of what lies outside the image
MARGIN = 1 / 10  # shown on every side of the theoretical field, as a share of it
SQUARES = ("#2fd6a3", "#0072b2")  # of the shares; told apart by their dashes as well
DASHES = ((0, (1, 1)), (0, (5, 2)))
THEORY = "#d55e00"


def summary(field):
    """The sizes of a field as two lines, as `python -m nets info` prints them."""
    parts = ", ".join(f"{100 * share:.0f}% in {(side := field.side(share))} x {side}" for share in SHARES)
    return [
        f"in theory        rows {_span(field.rows)} and columns {_span(field.columns)}: {theory_words(field)}",
        f"by gradient      {parts} pixels around its middle",
    ]


def theory_words(field):
    """The size of the theoretical field: "188 x 188"."""
    return " x ".join(str(last - first + 1) for first, last in (field.rows, field.columns))


def save_field(path, field, title):
    """Draw an EffectiveField and write it as a PNG file: the heat on the left, a cut through its middle on the right.

    Raises ImportError if Matplotlib is not installed.
    """
    figure = new_figure((11.0, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.05))
    _heat(left, field)
    _cut(right, field)
    figure.colorbar(
        left.images[0],
        ax=left,
        location="bottom",
        shrink=0.8,
        pad=0.02,
        label="mean gradient, as a share of the largest",
    )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, color=INK, weight="bold")
    handles = [*_squares(field, left), *_surroundings(field)]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), frameon=False, fontsize=9)
    save_figure(figure, path)


def _heat(axes, field):
    """The heat on a logarithmic scale, with the squares."""
    log_scale = needed("matplotlib.colors").LogNorm
    share = field.heat / field.heat.max()
    lowest = 10.0**-DECADES
    height, width = share.shape
    axes.patch.set(facecolor="white", edgecolor=PALE, hatch=HATCH)
    rectangle = needed("matplotlib.patches").Rectangle
    axes.add_patch(rectangle((-0.5, -0.5), width, height, facecolor=NOTHING, zorder=0))
    axes.imshow(
        np.ma.masked_equal(np.where(share > 0, np.maximum(share, lowest), 0), 0),
        norm=log_scale(lowest, 1), cmap="magma_r", interpolation="nearest",
    )  # fmt: skip
    axes.set_xlabel("column of the image")
    axes.set_ylabel("row of the image")
    axes.set_xlim(*_shown(field.columns))
    axes.set_ylim(*reversed(_shown(field.rows)))


def _squares(field, axes):
    """Draw the square of the theory and those of the shares; returns what the legend shows."""
    rectangle = needed("matplotlib.patches").Rectangle
    drawn = []

    def add(rows, columns, **look):
        corner = columns[0] - 0.5, rows[0] - 0.5
        size = columns[1] - columns[0] + 1, rows[1] - rows[0] + 1
        drawn.append(axes.add_patch(rectangle(corner, *size, fill=False, linewidth=1.8, **look)))

    add(field.rows, field.columns, edgecolor=THEORY, label=f"theory: {theory_words(field)} pixels")
    for share, colour, dashes in zip(SHARES, SQUARES, DASHES, strict=True):
        side = field.side(share)
        spans = [(at - (side - 1) / 2, at + (side - 1) / 2) for at in field.centre]
        words = f"{100 * share:.0f}% of the gradient: {side} x {side}"
        add(*spans, edgecolor=colour, linestyle=dashes, label=words)
    return drawn


def _surroundings(field):
    """What the legend says about the pixels that are not coloured."""
    patch = needed("matplotlib.patches").Patch
    named = [patch(facecolor=NOTHING, edgecolor=PALE, label="exactly 0")]
    inside = all(
        0 <= least and most < size
        for (least, most), size in zip(map(_shown, (field.rows, field.columns)), field.heat.shape, strict=True)
    )
    return named if inside else [*named, patch(facecolor="white", edgecolor=PALE, hatch=HATCH, label="no image")]


def _shown(ends):
    """The part of an axis that is drawn: the theoretical field and a margin."""
    margin = MARGIN * (ends[1] - ends[0] + 1)
    return ends[0] - 0.5 - margin, ends[1] + 0.5 + margin


def _cut(axes, field):
    """How much of the gradient lies in each column, and where the theory ends."""
    columns = field.heat.sum(axis=0) / field.heat.sum()
    seen = np.flatnonzero(columns)
    axes.plot(seen, columns[seen], color=BLUE, linewidth=1.4)
    for edge in (field.columns[0] - 0.5, field.columns[1] + 0.5):
        axes.axvline(edge, color=THEORY, linewidth=1.8)
    axes.set_yscale("log")
    axes.set_xlim(*_shown(field.columns))
    axes.set_xlabel("column of the image")
    axes.set_title("share of the gradient in each column", fontsize=10, color=INK, loc="left")
    axes.grid(color="#eceff3", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _span(ends):
    return f"{ends[0]} to {ends[1]}"
