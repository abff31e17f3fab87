"""The run folder: what a training writes, and what predict, evaluate and --resume read.

config.json               everything needed to build the net again and to continue
best.safetensors          the weights with the best mean IU on the validation images
last.safetensors          the newest weights
checkpoint.safetensors    weights, optimizer and random state at one step: where --resume goes on
metrics.jsonl             one line for each validation
curves.png  predictions.png
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import minitensor as mt
from minitensor.serialize import replacing
from nets.data import Encoding, Normalization

from .build import build_net

FORMAT = 1
CONFIG, METRICS, DECISION = "config.json", "metrics.jsonl", "decision.json"
BEST, LAST, CHECKPOINT = "best.safetensors", "last.safetensors", "checkpoint.safetensors"
CURVES, PREDICTIONS, SAMPLES = "curves.png", "predictions.png", "samples"


@dataclass(frozen=True)
class Config:
    """What a run is made of; written once, when it begins.

    net       name and arguments, as `build_net` takes them
    data      "cells", "street" or the folder
    length    images to train on: where a folder has grown since, a resumed run would not be the same run
    """

    net: dict
    data: str
    length: int
    channels: int
    encoding: Encoding
    normalization: Normalization
    class_weights: tuple[float, ...]
    crop: tuple[int, int]
    orientation: str
    batch: int
    learning_rate: float
    weight_decay: float
    seed: int
    device: str
    steps: int | None
    seconds: float | None
    task: str = "semantic"
    format: int = field(default=FORMAT)

    @property
    def classes(self):
        return self.encoding.classes

    def as_dict(self):
        """Plain values for JSON."""
        return asdict(self) | {
            "encoding": self.encoding.as_dict(),
            "normalization": self.normalization.as_dict(),
        }

    @classmethod
    def from_dict(cls, values):
        """The config that `as_dict` wrote down."""
        if values.get("format") != FORMAT:
            raise ValueError(f"format {values.get('format')!r} is not {FORMAT}")
        return cls(
            **values
            | {
                "encoding": Encoding.from_dict(values["encoding"]),
                "normalization": Normalization.from_dict(values["normalization"]),
                "class_weights": tuple(values["class_weights"]),
                "crop": tuple(values["crop"]),
            }
        )


class Run:
    """A run folder. `Run.create` begins one, `Run.open` reads one."""

    def __init__(self, folder, config):
        self.folder = Path(folder)
        self.config = config

    @classmethod
    def create(cls, folder, config):
        """A new folder with its config.json. Raises FileExistsError where a run is there already."""
        run = cls(folder, config)
        run.folder.mkdir(parents=True, exist_ok=True)
        if run.path(CONFIG).exists():
            raise FileExistsError(f"{folder}: holds a run already")
        write_text(run.path(CONFIG), json.dumps(config.as_dict(), indent=1) + "\n")
        return run

    @classmethod
    def open(cls, folder):
        """The run in `folder`. Raises ValueError where there is none or where its config cannot be read."""
        path = Path(folder) / CONFIG
        if not path.is_file():
            raise ValueError(f"{folder}: not a run folder (no {CONFIG} in it)")
        try:
            return cls(folder, Config.from_dict(json.loads(path.read_text(encoding="utf-8"))))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"{path}: cannot be read as the config of a run ({error})") from error

    def path(self, name):
        """The path of one of the run's files."""
        return self.folder / name

    def remove_leftovers(self):
        """Delete temporary files of a process that was killed while it wrote."""
        for path in self.folder.glob(".*.tmp"):
            path.unlink()

    def load_net(self, device=None):
        """The trained net with its best weights, ready to predict. Raises ValueError where there are none yet."""
        path = self.path(BEST)
        if not path.is_file():
            raise ValueError(
                f"{self.folder}: no {BEST} yet; the training has not reached its first validation"
            )
        net = build_net(self.config.net)
        net.load_state_dict(mt.load(path))
        return net.to(device or "cpu").eval()

    def metrics(self):
        """The lines of metrics.jsonl as dicts; a last line cut short by a kill is left out."""
        lines = []
        if self.path(METRICS).is_file():
            for line in self.path(METRICS).read_text(encoding="utf-8").splitlines():
                try:
                    lines.append(json.loads(line))
                except ValueError:
                    break
        return lines

    def append_metrics(self, line):
        """One more line."""
        with self.path(METRICS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def rewind_metrics(self, step):
        """Drop the lines after `step`: a killed run may have validated once more after its last checkpoint."""
        kept = [line for line in self.metrics() if line["step"] <= step]
        write_text(self.path(METRICS), "".join(json.dumps(line) + "\n" for line in kept))
        return kept


def write_text(path, text):
    """A kill leaves the old file or the new one."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
