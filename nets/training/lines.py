"""The lines of metrics.jsonl: which numbers each must have to be read again."""

from __future__ import annotations

from nets.limits import MOST_IMAGES, MOST_STEPS
from nets.plain_files import is_whole
from nets.training.measure import MEASURES

COUNTS = {"step": MOST_STEPS, "validation_images": MOST_IMAGES}
NUMBERS = ("seconds", "validation_loss")  # a validation of ignored pixels alone has the loss NaN
SHARES = ("mean_iu",)


def check_line(line, config):
    """Raise ValueError, in words that follow "line 3 ...", if a value is not a line of a run with this config."""
    if not isinstance(line, dict):
        raise ValueError("is not an object")
    for name, most in COUNTS.items():
        if not is_whole(line.get(name), 0, most):
            raise ValueError(f"has no whole number {name!r}")
    for name in NUMBERS:
        if type(line.get(name)) not in (int, float):
            raise ValueError(f"has no number {name!r}")
    key = MEASURES[config.task].key
    if key not in line:
        raise ValueError(f"has no {key!r}")
    for name in (*SHARES, key):
        value = line.get(name)
        missing = value is None and name == key  # there was nothing to find
        if not missing and (type(value) not in (int, float) or not 0 <= value <= 1):
            raise ValueError(f"has no number {name!r} from 0 to 1")
