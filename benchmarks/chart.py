"""Pictures of what was measured, as PNG: ratios as bars, growth and training as lines."""

from __future__ import annotations

import os
from contextlib import contextmanager

# Okabe and Ito's colours: told apart by everyone. What a colour says, position or line style says again without it.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#777777"
TICKS = (0.1, 0.25, 0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 12, 16, 32, 64)
BAR_INCHES = 0.19
ROOM_FOR_NUMBERS = 1.25  # the axis goes so much beyond the longest bar, so that its number stands inside


@contextmanager
def _figure(path, **settings):
    """A new figure and its axes, written to `path` at the end: to another name first, and moved into place."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(layout="constrained", **settings)
    yield figure, axes
    temporary = f"{path}.part.png"
    figure.savefig(temporary, dpi=120)
    plt.close(figure)
    os.replace(temporary, path)


def draw_ratios(path, results, facts):
    """A bar a case, to the right of 1 where ours is faster; ratios on a logarithmic axis, each with its number."""
    ratios = [result.ratio for result in results]
    with _figure(path, figsize=(10, 1.3 + BAR_INCHES * len(results))) as (_, axes):
        positions = range(len(results))
        colors = [BLUE if ratio >= 1 else ORANGE for ratio in ratios]
        axes.barh(positions, [ratio - 1 for ratio in ratios], left=1, color=colors, height=0.75)
        axes.set_xscale("log", base=2)
        lowest, highest = min(1, *ratios) / ROOM_FOR_NUMBERS, max(1, *ratios) * ROOM_FOR_NUMBERS
        axes.set_xlim(lowest, highest)
        ticks = [tick for tick in TICKS if lowest <= tick <= highest]
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.set_xticks([], minor=True)
        for position, ratio in enumerate(ratios):
            right = ratio >= 1
            axes.annotate(
                f"{ratio:.2f}",
                (ratio, position),
                (3 if right else -3, 0),
                textcoords="offset points",
                ha="left" if right else "right",
                va="center",
                fontsize=7,
            )
        axes.set_yticks(positions, [result.case for result in results], fontsize=8)
        axes.set_ylim(len(results) - 0.4, -0.6)  # the first case on top, no empty band above and below
        axes.grid(axis="x", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.axvline(1, color="black", linewidth=1)
        axes.set_xlabel("torch's time / minitensor's time (right of 1: minitensor is faster)")
        axes.set_title(f"{facts['processor']}, {facts['threads']} threads, torch {facts['torch']}", fontsize=9)


def draw_growth(path, results, facts):
    """Time and memory of every work against its size, both axes logarithmic: the slope is the exponent."""
    works = list(dict.fromkeys((result["work"], result["along"]) for result in results))
    with _figure(path, nrows=len(works), ncols=2, figsize=(9, 2.3 * len(works)), squeeze=False) as (figure, axes):
        for (work, along), (left, right) in zip(works, axes, strict=True):
            members = [r for r in results if (r["work"], r["along"]) == (work, along)]
            sizes = [member["size"] for member in members]
            for panel, key, unit, scale in ((left, "seconds", "ms", 1e3), (right, "bytes", "MiB", 2**-20)):
                for side, (name, color, style) in enumerate((("minitensor", BLUE, "o-"), ("torch", ORANGE, "s--"))):
                    panel.loglog(sizes, [m[key][side] * scale for m in members], style, color=color, label=name)
                panel.set_xticks(sizes, [f"{size**0.5:.0f}²" if along == "pixels" else f"{size}" for size in sizes])
                panel.set_xticks([], minor=True)
                panel.yaxis.set_major_formatter("{x:g}")
                panel.yaxis.set_minor_formatter("")
                panel.set_ylabel(unit)
                panel.set_xlabel(along if along == "pixels" else "images in the batch")
                panel.set_title(work, fontsize=9)
                panel.grid(color="#dddddd", linewidth=0.6)
        axes[0][0].legend(fontsize=8)
        figure.suptitle(f"{facts['processor']}, {facts['threads']} threads", fontsize=9)


def draw_curves(path, curves, facts):
    """The losses of the three trainings above, their differences below."""
    losses, pairs = curves["losses"], (("ours", "torch32", BLUE, "-"), ("torch32", "torch64", ORANGE, "--"))
    names = {"ours": "minitensor", "torch32": "torch float32", "torch64": "torch float64"}
    with _figure(path, nrows=2, figsize=(8, 7), sharex=True) as (_, (above, below)):
        looks = {"torch64": (GREEN, "-", 4), "torch32": (ORANGE, "--", 2), "ours": (BLUE, ":", 2)}
        for side, (color, style, linewidth) in looks.items():
            above.plot(losses[side], style, color=color, linewidth=linewidth, label=names[side])
        above.set_ylabel("loss")
        above.set_title(f"Small U-Net from the same weights, torch {facts['torch']}", fontsize=9)
        for a, b, color, style in pairs:
            differences = [abs(x - y) for x, y in zip(losses[a], losses[b], strict=True)]
            below.semilogy(differences, style, color=color, label=f"|{names[a]} - {names[b]}|")
        below.set_xlabel("step")
        below.set_ylabel("difference of losses")
        for panel in (above, below):
            panel.legend(fontsize=8)
            panel.grid(color="#dddddd", linewidth=0.6)
