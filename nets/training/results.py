"""The end of a training: find the decision, and draw the pictures with the best weights."""

from __future__ import annotations

from pathlib import Path

from nets.plain_files import shown
from nets.training.decision import Decision, decide
from nets.training.measure import MEASURES
from nets.training.objects import METHODS, decide_objects
from nets.training.page import Gallery, write_page
from nets.training.report import best_words, save_curves, save_image, save_predictions
from nets.training.rows import SHOWN
from nets.training.run import CURVES, PREDICTIONS
from nets.training.validation import score

PICTURED = 4
PICTURED_PIXELS = 4 * 512 * 512
TITLES = {"unet": "U-Net", "fcn32s": "FCN-32s", "fcn16s": "FCN-16s", "fcn8s": "FCN-8s"}


def title_of(description):
    """What to call a net in a picture, from its description in the config: for a net of the user's own, its class."""
    return TITLES.get(description["name"], description.get("class"))


def load_decision(run):
    """How the answers of a run are made of what its net says, as it was decided when the training ended."""
    return METHODS.get(run.config.method, Decision).load(run)


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
    data = training.best_net(), training.validation, run.config
    if run.config.task != "semantic":
        decision = decide_objects(*data, training.validation_order)
        scores = score(*data, decision, training.validation_order)
    else:
        decision, scores = decide(*data, training.validation_order)
    decision.save(run)
    return scores


def draw(training, scores):
    """curves.png, predictions.png and report.html."""
    run = training.run_folder
    config = run.config
    net, decision = training.best_net(), load_decision(run)
    samples = _pictured(training)
    found = [decision.find(net, sample.image, config) for sample in samples]
    measure = MEASURES[config.task]
    value = measure.of(scores.as_dict())
    save_curves(run.path(CURVES), training.losses, training.metrics, measure, value)
    best = best_words(measure.best(training.metrics), measure, value)
    title = f"{title_of(config.net)} on {shown(Path(config.data).name)}: {measure.name} {best}"
    row, legend = SHOWN[config.task]
    rows = [row(sample, answer, config.classes) for sample, answer in zip(samples, found, strict=True)]
    save_predictions(run.path(PREDICTIONS), rows, legend(config.classes, samples), title)
    gallery = Gallery(net, training.validation, config, decision, training.validation_order)
    write_page(run, training.metrics, scores, gallery)


def watch(training):
    """curves.png and report.html of a training that goes on, without images."""
    run = training.run_folder
    save_curves(run.path(CURVES), training.losses, training.metrics, training.measure)
    write_page(run, training.metrics)
