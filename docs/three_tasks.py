"""One net, three answers: a street and a field of cells, each as image, semantic, instance and panoptic segmentation.

A net that was trained for the panoptic task answers all three questions: the class of every pixel, the objects, and
both in one map. So the picture needs two runs only. It shows the truth of each image above what the net says.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nets.canvas import INK, new_figure, save_figure
from nets.data import IGNORE
from nets.data.sample import instance_classes
from nets.segmentation.instances import Found, outlines
from nets.segmentation.metrics import Confusion
from nets.segmentation.paint import WHITE, paint_objects
from nets.segmentation.panoptic import PanopticTally
from nets.segmentation.semantic import overlay
from nets.training.extras import needed
from nets.training.progress import clock
from nets.training.results import load_decision
from nets.training.run import DECISION, Run

MINUTES = {"street": 10, "cells": 5}
COLUMNS = (
    ("image", "what the net sees"),
    ("semantic", "the class of every pixel"),
    ("instance", "every object by itself"),
    ("panoptic", "classes and objects in one map"),
)
SHADES = (1.0, 0.7, 0.85, 0.55)  # brightness of the objects of a class, in turn, so that neighbours differ
OPACITY = 0.65
INCHES = 2.9  # width of a picture
HEAD, GAP, FOOT = 0.6, 0.12, 0.55  # inches above, between and below the two rows of a block


def trained(folder, minutes=None):
    """The finished runs of the street and of the cells in `folder`; what is missing is trained, or goes on."""
    from nets.__main__ import main

    found = []
    for data, usual in MINUTES.items():
        out = Path(folder) / f"three-tasks-{data}"
        if not (out / DECISION).is_file():
            begin = ["--task", "panoptic", "--data", data, "--minutes", str(minutes or usual)]
            if main(["train", *(["--resume"] if out.exists() else begin), "--out", str(out)]):
                raise SystemExit(f"python -m docs tasks: the training in {out} did not end")
        found.append(Run.open(out))
    return found


def block(run):
    """(title, [four pictures of the truth], [four of the prediction], [notes below the prediction]) of a run."""
    config = run.config
    _, validation = run.open_data()
    samples = [validation.sample(index) for index in range(len(validation))]
    sample = max(samples, key=lambda each: each.instances.max())  # the image with the most objects
    found = load_decision(run).find(run.load_net(), sample.image, config)
    classes = instance_classes(sample.label, sample.instances)
    rows = [
        _pictures(sample.image, label, instances, of, config.classes)
        for label, instances, of in (
            (sample.label, sample.instances, classes),
            (found.label, found.instances, {entry.id: entry.label for entry in found.objects}),
        )
    ]
    title = f"{Path(config.data).name}: a U-Net, trained for {clock(run.metrics()[-1]['seconds'])} minutes"
    return title, *rows, _notes(sample, found, config)


def _pictures(image, label, instances, classes_of, classes):
    plain = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    return [
        plain,
        overlay(image, label, classes, OPACITY),
        paint_objects(image, instances),
        _panoptic(image, label, instances, classes_of, classes),
    ]


def _panoptic(image, label, instances, classes_of, classes):
    """Stuff in the colour of its class, each object in a shade of its class's colour, with a white outline."""
    painted = overlay(image, label, classes, OPACITY).astype(np.float32)
    for number, position in classes_of.items():
        if position != IGNORE:
            where = instances == number
            shade = SHADES[number % len(SHADES)] * np.array(classes[position].color, np.float32)
            painted[where] = (1 - OPACITY) * image[where].reshape(where.sum(), -1) + OPACITY * shade
    painted[outlines(instances)] = WHITE
    return painted.astype(np.uint8)


def _notes(sample, found: Found, config):
    """What each answer is worth on this image, in its own measure."""
    confusion = Confusion(len(config.classes))
    confusion.update(sample.label, found.label)
    tally = PanopticTally(config.classes)
    tally.update(sample, found)
    scores = tally.scores()
    objects = f"{found.instances.max()} objects, in truth {sample.instances.max()}"
    f1 = f"F1@.5 {scores.instances.f1_50:.2f}"
    return ["", f"mean IU {confusion.scores().mean_iu:.2f}", f"{f1}: {objects}", f"PQ {scores.pq:.2f}"]


def write(path, found_runs):
    """The picture as a PNG file: a block of two rows for each run, truth above prediction."""
    patch = needed("matplotlib.patches").Patch
    blocks = [block(run) for run in found_runs]
    talls = [INCHES * rows[0].shape[0] / rows[0].shape[1] for _, rows, *_ in blocks]  # heights of the pictures
    heights = [2 * tall + HEAD + GAP + FOOT for tall in talls]
    figure = new_figure((INCHES * len(COLUMNS), sum(heights)))
    parts = figure.subfigures(len(blocks), 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, height, run, (title, truth, prediction, notes) in zip(parts, heights, found_runs, blocks, strict=True):
        part.suptitle(title, x=0.03, y=1 - 0.1 / height, va="top", ha="left", fontsize=11, weight="bold", color=INK)
        grid = part.subplots(2, len(COLUMNS))
        part.subplots_adjust(
            left=0.03, right=0.997, top=1 - HEAD / height, bottom=FOOT / height, wspace=0.03, hspace=0.08
        )
        for axes_row, pictures in zip(grid, (truth, prediction), strict=True):
            for axes, picture in zip(axes_row, pictures, strict=True):
                axes.imshow(picture, interpolation="nearest")
                axes.set_xticks([]), axes.set_yticks([])
                axes.spines[:].set_visible(False)
        for axes, (name, question) in zip(grid[0], COLUMNS, strict=True):
            axes.set_title(f"{name}: {question}", fontsize=9, color=INK)
        for axes, note in zip(grid[1], notes, strict=True):
            axes.set_xlabel(note, fontsize=9, color=INK)
        for axes, name in zip(grid[:, 0], ("truth", "prediction"), strict=True):
            axes.set_ylabel(name, fontsize=10, color=INK)
        part.legend(
            handles=[
                patch(facecolor=np.array(entry.color) / 255, edgecolor="#8a929c", label=entry.name)
                for entry in run.config.classes
            ],
            loc="lower left", bbox_to_anchor=(0.02, 0.0), ncols=len(run.config.classes), frameon=False, fontsize=9,
        )  # fmt: skip
    save_figure(figure, path)
