"""What is left when a training ends: the pictures, drawn with the best weights."""

from __future__ import annotations

from pathlib import Path

from nets.segmentation.metrics import ClassScore, Scores

from .report import save_curves, save_image, save_predictions
from .run import CURVES, PREDICTIONS
from .validation import class_map

PICTURED = 4
PICTURED_PIXELS = 4 * 512 * 512
TITLES = {"unet": "U-Net", "fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}


def best_line(metrics):
    """The first of the best lines of metrics.jsonl: the one whose weights best.safetensors holds."""
    return max(metrics, key=lambda line: line["mean_iu"])


def scores_of(line):
    """The Scores that a line of metrics.jsonl holds."""
    numbers = {name: line[name] for name in Scores._fields if name != "per_class"}
    return Scores(**numbers, per_class=tuple(ClassScore(**entry) for entry in line["per_class"]))


def save_samples(folder, training):
    """The pictured validation images as files."""
    folder.mkdir(exist_ok=True)
    for sample in _pictured(training):
        save_image(folder / f"{sample.name}.png", sample.image)


def _pictured(training):
    """The first few validation images; fewer where they are large."""
    samples, pixels = [], 0
    for position in training.validation_order[:PICTURED]:
        sample = training.validation.sample(int(position))
        pixels += sample.label.size
        if samples and pixels > PICTURED_PIXELS:
            break
        samples.append(sample)
    return samples


def write_pictures(training):
    """curves.png and predictions.png."""
    run = training.run_folder
    net = run.load_net(run.config.device)
    samples = _pictured(training)
    predictions = [class_map(net, sample.image, run.config) for sample in samples]
    save_curves(run.path(CURVES), training.losses, training.metrics)
    mean_iu = best_line(training.metrics)["mean_iu"]
    title = f"{TITLES[run.config.net['name']]} on {Path(run.config.data).name}: mean IU {mean_iu:.3f}"
    save_predictions(run.path(PREDICTIONS), samples, predictions, run.config.classes, title)
