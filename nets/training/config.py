"""The settings of a run. They are written to config.json when the run begins, and checked when they are read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from math import isfinite

from nets.data import MIRRORINGS, Encoding, Normalization
from nets.data.encoding import check_encoding
from nets.limits import LARGEST_FACTOR, MOST_BATCH, MOST_IMAGES, MOST_SECONDS, MOST_SEED, MOST_STEPS
from nets.plain_files import is_whole, quoted
from nets.segmentation.centres import OUTPUTS
from nets.training.build import check_description
from nets.training.recipes import RECIPES, border_of
from nets.training.sizes import check_batch_size, check_halvings

FORMAT = 1
MOST_NAMED = 5  # fields in a message
TASKS = ("semantic", "instance", "panoptic")
METHODS = ("watershed", "centres")  # how the tasks "instance" and "panoptic" tell objects apart


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
    recipe            a name of RECIPES (nets/training/recipes.py); None: AdamW, with a rate that falls
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
    recipe: str | None = None
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
        values = {"validation_names": (), "method": None, "border_weight": 0.0, "recipe": None} | values
        names = {entry.name for entry in fields(cls)}
        if values.keys() != names:
            wrong = ", ".join(quoted(name) for name in sorted(values.keys() ^ names)[:MOST_NAMED])
            raise ValueError(f"these fields are missing or unknown: {wrong}")
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
    except ValueError as error:
        raise ValueError(f"{name} cannot be read: {error}") from error


def _check(values):
    """Raise ValueError for an impossible value: the file may be damaged, or changed by hand."""

    def require(name, holds, expected):
        if not holds:
            raise ValueError(f"{name} must be {expected}, got {quoted(values[name])}")

    require("data", isinstance(values["data"], str), "a string")
    require("device", values["device"] in ("cpu", "cuda"), "cpu or cuda")
    orientation = values["orientation"]
    known = isinstance(orientation, str) and orientation in MIRRORINGS
    require("orientation", known, f"one of {', '.join(MIRRORINGS)}")
    names = values["validation_names"]
    listed = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    require("validation_names", listed, "a list of strings")
    for name, least, most in (("length", 1, MOST_IMAGES), ("batch", 1, MOST_BATCH), ("seed", 0, MOST_SEED)):
        require(name, is_whole(values[name], least, most), f"a whole number from {least} to {most}")
    for name in ("learning_rate", "weight_decay", "border_weight"):
        within = _is_number(values[name]) and 0 <= values[name] <= LARGEST_FACTOR
        require(name, within, f"a number from 0 to {LARGEST_FACTOR:g}")
    steps, seconds = values["steps"], values["seconds"]
    require("steps", steps is None or is_whole(steps, 1, MOST_STEPS), "null or a whole number above 0")
    timed = seconds is None or (_is_number(seconds) and 0 < seconds <= MOST_SECONDS)
    require("seconds", timed, "null or a number above 0")
    require("steps", (steps, seconds) != (None, None), "a number where seconds is null")
    crop = values["crop"]
    require("crop", isinstance(crop, list) and len(crop) == 2 and all(map(is_whole, crop)), "two whole numbers")
    check_batch_size(crop, values["batch"])
    _check_task(values, require)


def _check_task(values, require):
    """The fields that depend on each other: the net, its channels and classes, and the task."""
    net, encoding, channels = values["net"], values["encoding"], values["channels"]
    check_description(net)
    if "depth" in net:
        check_halvings(net["depth"], values["crop"])
        if net.get("padding") == "valid":
            border_of(net, values["crop"])
    require("channels", is_whole(channels, 1, 3) and channels != 2, "1 or 3")
    require("task", values["task"] in TASKS, f"one of {', '.join(TASKS)}")
    recipe = values["recipe"]
    known = recipe is None or (isinstance(recipe, str) and recipe in RECIPES and net["name"] in RECIPES[recipe].rates)
    require("recipe", known, f"null, or a recipe for {net['name']} out of {', '.join(RECIPES)}")
    methods = (None,) if values["task"] == "semantic" else METHODS
    require("method", values["method"] in methods, f"one of {', '.join(METHODS)}, or null for the task semantic")
    _read("encoding", check_encoding, encoding)
    classes = encoding["classes"]
    outputs = _outputs(len(classes), values["method"])
    fits = net.get("in_channels") == channels and net.get("classes") == outputs
    require("net", fits, f"for {channels} channels and {outputs} outputs")
    require("class_weights", _are_positive(values["class_weights"], len(classes)), "a number above 0 for each class")
    normalization = values["normalization"]
    scaled = isinstance(normalization, dict) and _are_positive(normalization.get("std"), channels)
    require("normalization", scaled, "an object with a std above 0 for each channel")
    if values["task"] != "semantic":
        things = [entry["thing"] for entry in classes]
        require("encoding", any(things) and not all(things), "an object with classes of things and of stuff")


def _outputs(classes, method):
    return classes + (OUTPUTS if method == "centres" else 0)


def _is_number(value):
    return type(value) in (int, float) and isfinite(value)


def _are_positive(values, count):
    return (
        isinstance(values, list)
        and len(values) == count
        and all(_is_number(v) and 0 < v <= LARGEST_FACTOR for v in values)
    )
