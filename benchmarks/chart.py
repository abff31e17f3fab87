"""The ratios of a benchmark run as bars around 1, where both sides are equally fast."""

from __future__ import annotations

import os


def draw(path, results, facts):
    """Write a PNG: a bar a case, to the right of 1 where ours is faster. Ratios stand on a logarithmic axis."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.24 * len(results)), layout="constrained")
    ratios = [result.ratio for result in results]
    positions = range(len(results))
    # Okabe and Ito's blue and orange: told apart by everyone; the side of 1 says the same without colour.
    colors = ["#0072B2" if ratio >= 1 else "#E69F00" for ratio in ratios]
    axes.barh(positions, [ratio - 1 for ratio in ratios], left=1, color=colors)
    axes.set_yticks(positions, [result.case for result in results], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log", base=2)
    ticks = [
        tick
        for tick in (0.25, 0.5, 0.7, 1, 1.4, 2, 4, 8, 16)
        if min(ratios) / 1.3 <= tick <= max(ratios) * 1.3
    ]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xlabel("torch's time / minitensor's time (right of 1: minitensor is faster)")
    axes.set_title(f"{facts['processor']}, {facts['threads']} threads, torch {facts['torch']}", fontsize=9)
    temporary = f"{path}.part.png"
    figure.savefig(temporary, dpi=120)
    plt.close(figure)
    os.replace(temporary, path)
