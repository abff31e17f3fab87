"""Which images to train on and which to validate on: the same answer for the same seed."""

from __future__ import annotations

import csv
import re
from io import StringIO
from typing import NamedTuple

import numpy as np

from nets.plain_files import quoted, read_text

VALIDATION_SHARE = 0.15
MOST_VALIDATION = 100  # more images make each validation slower and the curve hardly smoother
GROUP_COLUMNS = ("fov_group", "group", "sequence", "patient")
VALIDATION_WORDS = ("val", "valid", "validation")


class Split(NamedTuple):
    """The positions of the images of both sides, and in a few words how they were chosen."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    how: str


def split(names, seed, manifest=None):
    """Split `names` by the manifest's `split` column, else by its groups, else by shuffling.

    A group (tiles of one field of view, frames of one drive) is never on both sides: its images are so similar that the
    validation would measure only memory. A single image is used for both sides.
    """
    if seed < 0:
        raise ValueError(f"split: seed must not be negative, got {seed}")
    rows = {} if manifest is None else _read_manifest(manifest, names)
    if len(names) == 1:
        return Split((0,), (0,), "one image, used for training and validation alike")
    told = _by_column(names, rows)
    if told is not None:
        return told
    groups, kept = _groups(names, rows)
    rng = np.random.default_rng([seed, 2])
    order = rng.permutation(len(groups))
    wanted = min(MOST_VALIDATION, max(1, round(VALIDATION_SHARE * len(names))))
    validation = []
    for position in order:
        fits = len(validation) + len(groups[position]) <= 1.25 * wanted
        if fits and len(validation) < wanted:
            validation += groups[position]
    if not validation:  # every group is larger than the share: take the smallest
        validation = list(min((groups[position] for position in order), key=len))
    train = sorted(set(range(len(names))) - set(validation))
    return Split(tuple(train), tuple(sorted(validation)), f"shuffled by seed {seed}{kept}")


def _by_column(names, rows):
    """The split that the manifest's column `split` gives; None if it gives no complete one."""
    sides = {"train": [], "validation": [], "test": []}
    for position, name in enumerate(names):
        word = (rows.get(name, {}).get("split") or "").strip().lower()
        side = "validation" if word in VALIDATION_WORDS else word
        if side in sides:
            sides[side].append(position)
    if sides["test"] and not sides["validation"]:
        sides["validation"], sides["test"] = sides["test"], []
    if not sides["train"] or not sides["validation"]:
        return None
    left_out = len(names) - len(sides["train"]) - len(sides["validation"])
    how = "by manifest.csv" + (f", {left_out} neither" if left_out else "")
    return Split(tuple(sides["train"]), tuple(sides["validation"]), how)


def _groups(names, rows):
    """(lists of positions, a remark). An image that the manifest does not name is a group of its own.

    If one group contains all images, it must be divided, because otherwise one side would be empty. The remark says so.
    """
    said = ""
    for column in GROUP_COLUMNS:
        groups = {}
        for position, name in enumerate(names):
            value = rows.get(name, {}).get(column)
            groups.setdefault(("group", value) if value else ("alone", name), []).append(position)
        if 1 < len(groups) < len(names):
            return list(groups.values()), f", groups of {column} kept together"
        if len(groups) == 1:
            said = f" though all images are of one {column}"
    return [[position] for position in range(len(names))], said


def _read_manifest(path, names):
    """{name: row} of a table with a column `name`, which stands for images/NAME.png.

    Raises ValueError if the table says how to split but names none of the images: ignoring it would divide groups.
    """
    table = csv.DictReader(StringIO(read_text(path), newline=""))
    try:
        columns = [column.strip().lower() for column in table.fieldnames or ()]
        table.fieldnames = columns
        rows = {_below_images(row["name"]): row for row in table if row.get("name")}
    except csv.Error as error:
        raise ValueError(f"{path}: cannot be read ({error})") from error
    # A name may stand there with its suffix or without. "slide.v2" could be either, so it is entered in both ways.
    found = {name.rsplit(".", 1)[0]: row for name, row in rows.items()} | rows
    # If the separator is not a comma, the header is a single column. Its words still show what the table is for.
    words = set(re.split(r"\W+", " ".join(columns)))
    if words & {"split", *GROUP_COLUMNS} and not found.keys() & set(names):
        raise ValueError(
            f"{path}: no row names an image; looked for {names[0]!r}, with its suffix or without, in a column "
            f"'name' of a table separated by commas, which has the columns {quoted(', '.join(columns))}"
        )
    return found


def _below_images(name):
    """A name of the table as a path below images/."""
    return name.strip().replace("\\", "/").removeprefix("./").removeprefix("images/")
