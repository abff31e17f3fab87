"""The settings of a run. They are written to config.json when the run begins, and checked when they are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from math import isfinite

from nets.data import MIRRORINGS, Encoding, Normalization
from nets.segmentation.centres import OUTPUTS
from nets.training.build import NET_NAMES, OWN

FORMAT = 1
TASKS = ("semantic", "instance", "panoptic")
METHODS = ("watershed", "centres")  # how the tasks "instance" and "panoptic" tell objects apart
ENCODINGS = ("ids", "binary", "instances", "colors")


@dataclass(frozen=True)
class Config:
    """The settings of one run.

    net               name and arguments, as `build_net` takes them
    data              "cells", "street", the folder, or "own data"
    length            number of training images; a run is not continued if its folder has changed
    validation_names  the images of a folder that the run does not train on; () for generated images
    task              one of TASKS
    method            one of METHODS; None for the task "semantic"
    border_weight     w0 of U-Net's weight map (nets/data/weight_map.py); 0: every pixel has the weight of its class
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
    validation_names: tuple[str, ...] = ()
    task: str = "semantic"
    method: str | None = None
    border_weight: float = 0.0
    format: int = field(default=FORMAT)

    @property
    def classes(self):
        return self.encoding.classes

    @property
    def outputs(self):
        """Channels of the net's output."""
        return _outputs(len(self.classes), self.method)

    @property
    def things(self):
        """Positions of the classes of countable objects."""
        return tuple(position for position, entry in enumerate(self.classes) if entry.thing)

    @property
    def background(self):
        """Position of the first class that is no thing: the class of the borders between touching objects."""
        return next(position for position, entry in enumerate(self.classes) if not entry.thing)

    def as_dict(self):
        """Plain values for JSON."""
        return asdict(self) | {"encoding": self.encoding.as_dict(), "normalization": self.normalization.as_dict()}

    @classmethod
    def from_dict(cls, values):
        """The config that `as_dict` wrote down. Raises ValueError with the field that is wrong."""
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise ValueError(f"format must be {FORMAT}")
        values = {"validation_names": (), "method": None, "border_weight": 0.0} | values
        names = {entry.name for entry in fields(cls)}
        if values.keys() != names:
            raise ValueError(f"these fields are missing or unknown: {', '.join(sorted(values.keys() ^ names))}")
        _check(values)
        return cls(
            **values
            | {
                "encoding": _read("encoding", Encoding.from_dict, values["encoding"]),
                "normalization": _read("normalization", Normalization.from_dict, values["normalization"]),
                "class_weights": tuple(values["class_weights"]),
                "crop": tuple(values["crop"]),
                "validation_names": tuple(values["validation_names"]),
            }
        )


def _read(name, reader, values):
    try:
        return reader(values)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{name} cannot be read ({error!r})") from error


def _check(values):
    """Raise ValueError for an impossible value: the file may be damaged, or changed by hand."""

    def require(name, holds, expected):
        if not holds:
            raise ValueError(f"{name} must be {expected}, got {values[name]!r}")

    net, encoding, channels = values["net"], values["encoding"], values["channels"]
    named = isinstance(net, dict) and net.get("name") in (*NET_NAMES, OWN)
    require("net", named, f"an object whose name is one of {', '.join(NET_NAMES)}")
    require("data", isinstance(values["data"], str), "a string")
    require("channels", channels in (1, 3), "1 or 3")
    known = isinstance(encoding, dict) and encoding.get("kind") in ENCODINGS
    require("encoding", known, f"an object whose kind is one of {', '.join(ENCODINGS)}")
    classes = encoding.get("classes")
    require("encoding", isinstance(classes, list) and classes, "an object with classes")
    require(
        "encoding",
        (encoding.get("colors") is None) == (encoding["kind"] != "colors"),
        "an object; with colors if its kind is colors",
    )
    require("task", values["task"] in TASKS, f"one of {', '.join(TASKS)}")
    known = values["method"] in ((None,) if values["task"] == "semantic" else METHODS)
    require("method", known, f"one of {', '.join(METHODS)}, or null for the task semantic")
    outputs = _outputs(len(classes), values["method"])
    fits = net.get("in_channels") == channels and net.get("classes") == outputs
    require("net", fits, f"for {channels} channels and {outputs} outputs")
    require("class_weights", _are_positive(values["class_weights"], len(classes)), "a number for each class")
    normalization = values["normalization"]
    scaled = isinstance(normalization, dict) and _are_positive(normalization.get("std"), channels)
    require("normalization", scaled, "an object with a std above 0 for each channel")
    crop = values["crop"]
    require("crop", _are_positive(crop, 2) and all(isinstance(n, int) for n in crop), "two whole numbers")
    orientation = values["orientation"]
    known = isinstance(orientation, str) and orientation in MIRRORINGS
    require("orientation", known, f"one of {', '.join(MIRRORINGS)}")
    for name, least in (("length", 1), ("batch", 1), ("seed", 0)):
        whole = isinstance(values[name], int) and values[name] >= least
        require(name, whole, f"a whole number from {least} up")
    for name in ("learning_rate", "weight_decay"):
        require(name, _is_number(values[name]) and values[name] >= 0, "a number from 0 up")
    require("device", values["device"] in ("cpu", "cuda"), "cpu or cuda")
    steps, seconds = values["steps"], values["seconds"]
    require("steps", steps is None or isinstance(steps, int) and steps > 0, "null or a whole number above 0")
    require("seconds", seconds is None or _is_number(seconds) and seconds > 0, "null or a number above 0")
    require("steps", (steps, seconds) != (None, None), "a number where seconds is null")
    weight = values["border_weight"]
    require("border_weight", _is_number(weight) and weight >= 0, "a number from 0 up")
    if values["task"] != "semantic":
        things = [isinstance(entry, dict) and bool(entry.get("thing")) for entry in classes]
        require("encoding", any(things) and not all(things), "an object with classes of things and of stuff")
    names = values["validation_names"]
    listed = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    require("validation_names", listed, "a list of strings")


def _outputs(classes, method):
    return classes + (OUTPUTS if method == "centres" else 0)


def _is_number(value):
    return isinstance(value, (int, float)) and isfinite(value)


def _are_positive(values, count):
    return isinstance(values, list) and len(values) == count and all(_is_number(v) and v > 0 for v in values)
