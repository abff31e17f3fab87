"""The end of a training: find the decision, and draw the pictures with the best weights."""

from __future__ import annotations

from pathlib import Path

from nets.training.decision import Decision, decide
from nets.training.report import save_curves, save_image, save_predictions
from nets.training.run import CURVES, PREDICTIONS

PICTURED = 4
PICTURED_PIXELS = 4 * 512 * 512
TITLES = {"unet": "U-Net", "fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}


def title_of(description):
    """What to call a net in a picture, from its description in the config: for a net of the user's own, its class."""
    return TITLES.get(description["name"], description.get("class"))


def best_line(metrics):
    """The last of the best lines of metrics.jsonl: the line whose weights are in best.safetensors."""
    return max(metrics, key=lambda line: (line["mean_iu"], line["step"]))


def save_samples(folder, training):
    """The pictured validation images as files."""
    folder.mkdir(exist_ok=True)
    for sample in _pictured(training):
        save_image(folder / f"{sample.name}.png", sample.image)


def _pictured(training):
    """The first few validation images; fewer if they are large."""
    samples, pixels = [], 0
    for position in training.validation_order[:PICTURED]:
        sample = training.validation.sample(int(position))
        pixels += sample.label.size
        if samples and pixels > PICTURED_PIXELS:
            break
        samples.append(sample)
    return samples


def conclude(training):
    """Find the decision for the best weights, write it down, and return the Scores on the validation images."""
    run = training.run_folder
    net = training.best_net()
    decision, scores = decide(net, training.validation, run.config, training.validation_order)
    decision.save(run)
    return scores


def draw(training, scores):
    """curves.png and predictions.png."""
    run = training.run_folder
    config = run.config
    net, decision = training.best_net(), Decision.load(run)
    samples = _pictured(training)
    predictions = [decision.class_map(net, sample.image, config) for sample in samples]
    save_curves(run.path(CURVES), training.losses, training.metrics)
    title = f"{title_of(config.net)} on {Path(config.data).name}: mean IU {scores.mean_iu:.3f}"
    save_predictions(run.path(PREDICTIONS), samples, predictions, config.classes, title)
