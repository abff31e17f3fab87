"""Texts that a folder of images or a run holds: JSON and tables, with changed parts."""

from __future__ import annotations

import json

from tests.hostile.mutate import TEXTS, changed_json, choose, mutated

CLASSES = (
    [{"id": 0, "name": "ground", "color": [0, 0, 0]}, {"id": 1, "name": "blob", "color": "#c80a0a"},
     {"id": 255, "name": "rim", "color": [255, 255, 255], "ignore": True}],
    {"classes": [{"id": 0, "name": "ground"}, {"id": 1, "name": "blob"}, {"id": 255, "ignore": True}],
     "encoding": "ids", "nodata": -9999},
    {"encoding": "binary"},
)  # fmt: skip
WORDS = ('"', '""', ",", "\n", "\r\n", ";", "\t", "\0", "name", "split", "train", "val", "test", "images/00.png", "é")


def classes_json():
    """Contents of a classes.json."""
    return [json.dumps(value).encode() for value in CLASSES]


def manifest(names):
    """Contents of a manifest.csv for these images."""
    rows = [f"{name}.png,{'val' if at % 3 == 0 else 'train'},g{at // 2}" for at, name in enumerate(names)]
    groups = [f"images/{name},p{at // 2}" for at, name in enumerate(names)]
    return ["\n".join(["name,split,fov_group", *rows]).encode(), "\n".join(["name,patient", *groups]).encode()]


def changed_table(rng, content):
    """A table with words, separators and line ends put in, cells exchanged, bytes changed."""
    text = content.decode()
    for _ in range(int(rng.integers(1, 8))):
        at = int(rng.integers(len(text) + 1))
        text = text[:at] + choose(rng, (*WORDS, *TEXTS)) * int(rng.integers(1, 4)) + text[at + int(rng.integers(3)) :]
    found = text.encode("utf-8", "surrogatepass")
    return mutated(rng, found) if int(rng.integers(3)) == 0 else found


def changed_lines(rng, content):
    """metrics.jsonl with one line changed, repeated, lost or cut."""
    lines = content.splitlines(keepends=True)
    at = int(rng.integers(len(lines)))
    kind = int(rng.integers(4))
    if kind == 0:
        lines[at:at] = [lines[at]] * int(rng.integers(1, 20))
    elif kind == 1:
        lines[at] = lines[at][: int(rng.integers(len(lines[at])))]
    else:
        lines[at] = changed_json(rng, lines[at]) + b"\n"
    return b"".join(lines)
