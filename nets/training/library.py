"""Train a net of your own, with your own data and loss, in the loop that `python -m nets train` runs.

run = nets.train(net, train_set, validation_set, minutes=5, out="runs/mine")
label = run.predict(image)
run = nets.load_run("runs/mine", net)        later: the same answers, pixel for pixel
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from layers import Module
from minitensor.arguments import check_real
from nets.data import Normalization, OwnData, as_channels, count_classes, default_crop, median_frequency_weights
from nets.data.images import read_picture
from nets.plain_files import shown
from nets.segmentation.instances import Found
from nets.training import fingerprints
from nets.training.build import OWN
from nets.training.config import Config
from nets.training.loop import Training
from nets.training.measure import MEASURES
from nets.training.results import conclude, draw, load_decision
from nets.training.run import CONCLUSION, CONFIG, CURVES, FILES, PREDICTIONS, REPORT, Run, must_be_free
from nets.training.settings import BALANCE_POWER, BATCH, LEARNING_RATE, WEIGHT_DECAY
from nets.training.sizes import check_batch_size

OWN_DATA = "own data"  # what the config says where the command has the name of a folder
LARGEST_CROP = 256


class TrainedRun:
    """A run and its trained net.

    folder    the run folder: curves.png, predictions.png, metrics.jsonl, best.safetensors ...
    net       the net with its best weights, in evaluation mode
    metrics   a dict for each validation
    """

    def __init__(self, run: Run, net: Module) -> None:
        self.folder = run.folder
        self.net = net
        self.config = run.config
        self.metrics = run.metrics()
        self._decision = load_decision(run)

    def predict(self, image: Any) -> np.ndarray:
        """The class of every pixel, uint8 (H, W): what `python -m nets predict` writes, as positions in the classes.

        image: uint8 (H, W) or (H, W, 3) of any size, or the path of an image file.
        """
        return self.find(image).label

    def find(self, image: Any) -> Found:
        """The answer of the run's task: `label`, the class of every pixel, and for objects `instances` as well."""
        if isinstance(image, (str, Path)):
            image = read_picture(Path(image), self.config.encoding.nodata).pixels
        image = np.asarray(image)
        if image.dtype != np.uint8 or image.ndim not in (2, 3):
            raise ValueError(f"predict: the image must be uint8 (H, W) or (H, W, 3), got {image.dtype} {image.shape}")
        return self._decision.find(self.net, as_channels(image, self.config.channels), self.config)

    def __repr__(self) -> str:
        if not self.metrics:
            return f"<run {self.folder}, not validated yet>"
        measure = MEASURES[self.config.task]
        best = measure.best(self.metrics)
        return f"<run {self.folder}: best validation {measure.name} {measure.of(best):.3f}, after {best['step']} steps>"


def load_run(folder: str | Path, net: Module | None = None, device: str = "cpu") -> TrainedRun:
    """The trained net of a run folder, of the command or of `train`, ready to predict.

    net: needed if the run trained a net of your own: one that is built in the same way. Its weights are replaced.
    Raises ValueError if there is no run, or no weights yet, or if the weights do not fit.
    """
    run = Run.open(folder)
    return TrainedRun(run, run.load_net(device, net))


def train(
    net: Module,
    train_set: Any,
    validation_set: Any,
    *,
    loss: Callable | None = None,
    augment: Callable | None = None,
    minutes: float | None = None,
    steps: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    classes: int | Sequence[str] | None = None,
    orientation: str = "upright",
    crop: int | None = None,
    batch: int = BATCH,
    lr: float = LEARNING_RATE,
    seed: int = 0,
    device: str = "cpu",
) -> TrainedRun:
    """Train `net` and keep the run in the folder `out`, as `python -m nets train` does.

    net              images (N, C, H, W) -> scores (N, classes, H, W); nothing but `forward` is needed
    train_set        anything with a length and sample(i) or [i] -> (image, label): uint8 (H, W) or (H, W, 3), and
                     whole numbers (H, W), 255 for pixels that do not count; likewise validation_set
    loss             loss(scores, target (N, H, W) int64) -> Tensor; default: cross entropy with class weights
    augment          augment(image, label, random_generator) -> (image, label), all of one size; default: crops,
                     mirrored, another size, another light (nets/data/augment.py)
    minutes, steps   how long to train: one of them
    resume           go on where the run in `out` was stopped
    classes          how many or their names; default: as many as the labels of both sets have
    orientation      "free" if images have no top and bottom

    Returns the run: `run.predict(image)`, `run.net`, `run.metrics`. A training that is interrupted saves everything and
    raises Interrupted. Raises ValueError or TypeError before anything is written if something does not fit.
    """
    if (minutes is None) == (steps is None):
        raise ValueError(f"train: give minutes or steps, one of them; got minutes={minutes}, steps={steps}")
    for name, value in (("minutes", minutes), ("steps", steps), ("lr", lr)):
        if value is not None:
            check_real("train", name, value)
            if not 0 < value < inf:
                raise ValueError(f"train: {name} must be above 0, got {value}")
    if steps is not None and int(steps) != steps:
        raise ValueError(f"train: steps must be a whole number, got {steps}")
    if not isinstance(net, Module):
        raise TypeError(f"train: net must be a layers.Module, got {type(net).__name__}")
    if out is None:
        raise ValueError("train: out must name the folder in which the run is kept")
    training_data = OwnData(train_set, classes, orientation, "train_set")
    validation_data = OwnData(validation_set, classes, orientation, "validation_set")
    if classes is None and len(training_data.classes) != len(validation_data.classes):
        most = max(len(training_data.classes), len(validation_data.classes))
        training_data, validation_data = (
            OwnData(data, most, orientation, name)
            for data, name in ((train_set, "train_set"), (validation_set, "validation_set"))
        )
    if resume:
        run = Run.open(out)
        _check_same(run, net, training_data)
        hashes = fingerprints.of_samples(train_set=training_data, validation_set=validation_data)
        fingerprints.check_same(f"train: {out}: ", hashes, fingerprints.read(run.path(FILES)))
        run.hold()
    else:
        if (Path(out) / CONFIG).exists():
            raise ValueError(f"train: {out} holds a run already; give resume=True or another folder")
        must_be_free(out)
        config = _config(net, training_data, crop, batch, lr, seed, device, minutes, steps)
        hashes = fingerprints.of_samples(train_set=training_data, validation_set=validation_data)
        run = Run.create(out, config, hashes)
    try:
        return _trained(run, net, training_data, validation_data, loss, augment, resume, minutes, steps)
    finally:
        run.release()


def _trained(run, net, training_data, validation_data, loss, augment, resume, minutes, steps):
    """The TrainedRun of a folder that this process holds."""
    try:
        training = Training(run, training_data, validation_data, net, loss, augment and _augmented(augment))
    except Exception:
        if not resume:
            run.discard()
        raise
    if resume:
        training.resume()
        seconds = None if minutes is None else 60.0 * minutes
        if not training.ends_at(steps, seconds):
            training.extend(steps, seconds)
    try:
        for name in CONCLUSION:
            run.path(name).unlink(missing_ok=True)
        training.run()
    except Exception:
        if training.step == 0 and not resume:
            run.discard()
        raise
    scores = conclude(training)
    print(f"\n{scores.table()}")
    draw(training, scores)
    print("\n" + shown(f"{run.path(PREDICTIONS)}  {run.path(CURVES)}  {run.path(REPORT)}"))
    return TrainedRun(run, training.best_net())


def _config(net, data, crop, batch, lr, seed, device, minutes, steps):
    side = default_crop(data, LARGEST_CROP) if crop is None else (crop, crop)
    check_batch_size(side, batch)
    description = {
        "name": OWN, "class": type(net).__name__, "in_channels": data.channels, "classes": len(data.classes)
    }  # fmt: skip
    weights = median_frequency_weights(count_classes(data), BALANCE_POWER)
    return Config(
        net=description,
        data=OWN_DATA,
        length=len(data),
        channels=data.channels,
        encoding=data.encoding,
        normalization=Normalization.of(data),
        class_weights=tuple(float(weight) for weight in weights),
        crop=side,
        orientation=data.orientation,
        batch=batch,
        learning_rate=lr,
        weight_decay=WEIGHT_DECAY,
        seed=seed,
        device=device,
        steps=steps,
        seconds=None if minutes is None else 60.0 * minutes,
    )


def _check_same(run, net, data):
    """Raise ValueError if a run was trained with another kind of net or other data."""
    for what, before, now in (
        ("net", run.config.net.get("class"), type(net).__name__),
        ("number of training images", run.config.length, len(data)),
        ("channels", run.config.channels, data.channels),
        ("classes", [entry.name for entry in run.config.classes], [entry.name for entry in data.classes]),
    ):
        if before != now:
            raise ValueError(f"train: the run in {run.folder} has the {what} {before}, got {now}")


def _augmented(function):
    """A function of images and labels as one of samples."""

    def variant(sample, rng):
        image, label = function(sample.image, sample.label, rng)
        return sample._replace(image=image, label=label, instances=None)

    return variant
