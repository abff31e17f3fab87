"""What is left when a training ends: the pictures, drawn with the best weights."""

from __future__ import annotations

from pathlib import Path

from nets.segmentation.metrics import ClassScore, Scores

from .report import save_curves, save_predictions
from .run import CURVES, PREDICTIONS
from .validation import class_map

PICTURED = 4
TITLES = {"unet": "U-Net", "fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}


def best_line(metrics):
    """The first of the best lines of metrics.jsonl: the one whose weights best.safetensors holds."""
    return max(metrics, key=lambda line: line["mean_iu"])


def scores_of(line):
    """The Scores that a line of metrics.jsonl holds."""
    numbers = {name: line[name] for name in Scores._fields if name != "per_class"}
    return Scores(**numbers, per_class=tuple(ClassScore(**entry) for entry in line["per_class"]))


def write_pictures(training):
    """curves.png and predictions.png."""
    run = training.run_folder
    net = run.load_net(run.config.device)
    chosen = training.validation_order[:PICTURED]
    samples = [training.validation.sample(int(position)) for position in chosen]
    predictions = [class_map(net, sample.image, run.config.normalization) for sample in samples]
    save_curves(run.path(CURVES), training.losses, training.metrics)
    mean_iu = best_line(training.metrics)["mean_iu"]
    title = f"{TITLES[run.config.net['name']]} on {Path(run.config.data).name}: mean IU {mean_iu:.3f}"
    save_predictions(run.path(PREDICTIONS), samples, predictions, run.config.classes, title)
