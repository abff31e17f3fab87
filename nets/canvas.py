"""What the pictures of training and of nets are drawn on: Matplotlib's figures, with or without a screen."""

from __future__ import annotations

import warnings

from minitensor.serialize import replacing
from nets.training.extras import needed

DOTS_PER_INCH = 110
INK, PALE, BLUE, ORANGE = "#22272e", "#c9ced6", "#2f6fb0", "#d97706"


def new_figure(size, layout=None):
    """A figure of `size` = (width, height) inches, drawn with Agg."""
    needed("matplotlib")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=DOTS_PER_INCH, layout=layout)
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure, path):
    """Write a figure as a PNG file. If the process is killed meanwhile, the old file or the new one is there."""
    with replacing(path) as temporary, warnings.catch_warnings():
        # Letters that the font does not have are drawn as boxes. One warning per letter would not help.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(temporary, format="png")
