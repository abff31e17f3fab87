"""The two pictures that a run leaves: curves.png shows how it learned, predictions.png what it learned."""

from __future__ import annotations

import numpy as np

from minitensor.serialize import replacing
from nets.canvas import BLUE, INK, ORANGE, PALE, new_figure, save_figure
from nets.data.images import pillow
from nets.training.extras import needed

ROW_INCHES = 2.3  # height of one row of pictures
WIDEST_INCHES = 13.0


def save_curves(path, losses, validations, measure, final=None):
    """curves.png: the loss of every step with its running mean, and the validations' loss and score.

    losses       one number per step
    validations  the lines of metrics.jsonl
    measure      the Measure of the run's task
    final        the score of the finished run, which differs from the best validation (see `best_words`)
    """
    figure = new_figure((9.6, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    steps = np.arange(1, len(losses) + 1)
    window = max(1, len(losses) // 30)
    left.plot(steps, losses, color=PALE, linewidth=0.8, label="each step")
    left.plot(steps, running_mean(losses, window), color=BLUE, linewidth=1.8, label=f"mean of {window} steps")
    at = [line["step"] for line in validations]
    left.plot(
        at, [line["validation_loss"] for line in validations], "o-", color=ORANGE, markersize=4, label="validation"
    )
    left.set_ylabel("loss (weighted cross entropy)")
    top = np.percentile(losses, 99) if len(losses) else 1.0
    left.set_ylim(0, 1.1 * max(float(top), *[line["validation_loss"] for line in validations[-3:]], 1e-3))
    right.plot(at, [measure.of(line) for line in validations], "o-", color=ORANGE, markersize=4)
    best = measure.best(validations)
    if best is not None:
        right.axhline(measure.of(best), color=PALE, linewidth=1, linestyle="--", zorder=0)
        right.set_title(best_words(best, measure, final), fontsize=9, color=INK, loc="left")
    right.set_ylabel(f"{measure.name} on the validation images")
    right.set_ylim(0, 1)
    left.legend(frameon=False, fontsize=9)
    for axes in (left, right):
        axes.set_xlabel("step")
        axes.set_xlim(0, max(len(losses), 1) * 1.02)
        axes.grid(color="#eceff3", linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def best_words(best, measure, final=None):
    """The two figures that a finished run has, in words: both pictures say the same.

    The curve's best point is the score of the plain answer: the most probable class, the image as it is. At the end the
    final decision is chosen for the same weights (mirrored views, thresholds), and the score changes with it.
    """
    before = f"{measure.of(best):.3f}"
    if final is None:
        return f"best {before} at step {best['step']}"
    return f"{final:.3f} with the final decision, {before} before it (step {best['step']})"


def running_mean(values, window):
    """The mean of each value and the window - 1 values before it; at the beginning, of as many as there are."""
    values = np.asarray(values, float)
    total = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(ends - window, 0)
    return (total[ends] - total[starts]) / (ends - starts)


def save_predictions(path, rows, legend, title):
    """predictions.png: one Row of four pictures per sample; `legend` is [(name, colour)]."""
    columns = ("image", "truth", "prediction", "error")
    height, width = rows[0].pictures[0].shape[:2]
    wide = min(ROW_INCHES * width / height, WIDEST_INCHES / len(columns))
    tall = wide * height / width
    head, foot = 0.62, 0.3 + 0.27 * -(-len(legend) // _legend_columns(wide * len(columns)))
    size = (wide * len(columns), tall * len(rows) + head + foot)
    figure = new_figure(size)
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    figure.subplots_adjust(
        left=0.008, right=0.992, bottom=foot / size[1], top=1 - head / size[1], wspace=0.03, hspace=0.03
    )
    for axes_row, row in zip(grid, rows, strict=True):
        for axes, picture in zip(axes_row, row.pictures, strict=True):
            axes.imshow(picture, interpolation="nearest")
            axes.set_axis_off()
        axes_row[-1].text(
            0.98, 0.03, row.note, transform=axes_row[-1].transAxes, ha="right", fontsize=8, color="white",
            bbox={"facecolor": "black", "alpha": 0.6, "linewidth": 0, "pad": 2},
        )  # fmt: skip
    for axes, name in zip(grid[0], columns, strict=True):
        axes.set_title(name, fontsize=11, color=INK, pad=5)
    figure.suptitle(
        title, x=0.01, y=1 - 0.1 / size[1], ha="left", va="top", fontsize=12, color=INK, weight="bold", parse_math=False
    )
    _legend(figure, legend, wide * len(columns))
    save_figure(figure, path)


def _legend_columns(inches):
    return max(2, int(inches / 1.35))


def _legend(figure, entries, inches):
    patch = needed("matplotlib.patches").Patch
    handles = [
        patch(facecolor=np.array(color) / 255, edgecolor="#8a929c", linewidth=0.6, label=str(number))
        for number, (_, color) in enumerate(entries)
    ]
    legend = figure.legend(
        handles=handles, loc="lower center", ncols=min(len(handles), _legend_columns(inches)), frameon=False,
        fontsize=9, handlelength=1.1, handleheight=1.1, columnspacing=1.4, borderaxespad=0.4, labelcolor=INK,
    )  # fmt: skip
    # Matplotlib reads $ as the beginning of a formula and leaves out labels that begin with _. So names are set here.
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set(text=name, parse_math=False)


def save_image(path, array, palette=None):
    """An array (H, W) or (H, W, 3) as a PNG file; uint16 as 16 bits.

    palette   uint8 (256, 3): the colours in which a viewer shows the numbers of an array uint8 (H, W). The file's
              pixels are still the numbers.
    """
    image = pillow().fromarray(array)
    if palette is not None:
        image.putpalette(palette.tobytes())
    with replacing(path) as temporary:
        image.save(temporary, format="png")
