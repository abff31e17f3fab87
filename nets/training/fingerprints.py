"""What the data of a run looked like: a hash of each file or sample, so that a change is noticed and named.

A run that goes on with other images or masks is no continuation: a net could be validated on images that it was trained
on, and the curves would show a mixture. data.json in the run folder keeps {name: hash}.
"""

from __future__ import annotations

import hashlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from nets.limits import LARGEST_LIST
from nets.plain_files import check_regular, quoted, read_json, shown

BYTES = 16  # of a hash: two files with the same one do not occur by accident
WHAT_NOW = "a run goes on with the data it began with: put that back, or begin a new run"


def of_folder(folder, datasets):
    """{path below the folder: hash} of all images and masks of datasets made from it."""
    paths = {path.relative_to(folder).as_posix(): path for dataset in datasets for path in dataset.files()}
    return dict(zip(paths, _hashes(paths.values()), strict=True))


def of_samples(**datasets):
    """{"train_set: sample 0": hash} of the user's own datasets.

    A dataset that makes a sample anew each time it is read, with random numbers, has no hashes.
    """
    found = {}
    for name, dataset in datasets.items():
        if _of_sample(dataset.sample(0)) == _of_sample(dataset.sample(0)):
            found |= {f"{name}: sample {index}": _of_sample(dataset.sample(index)) for index in range(len(dataset))}
    return found


def read(path):
    """The content of a data.json; {} if there is none, as in runs of earlier versions."""
    if not path.is_file():
        return {}
    values = read_json(path, LARGEST_LIST)
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError(f"{path}: cannot be read as the hashes of a run's data")
    return values


def as_text(hashes):
    """The content of data.json."""
    return json.dumps(hashes, indent=0) + "\n"


def check_folder(folder, before):
    """Raise ValueError with the name of the first file that has changed since the hashes `before`, or is missing."""
    paths = [_below(Path(folder), name) for name in before]
    for path in paths:
        if not path.is_file():
            check_regular(path)
            raise ValueError(f"{shown(path)}: is missing; {WHAT_NOW}")
    for path, now, then in zip(paths, _hashes(paths), before.values(), strict=True):
        if now != then:
            raise ValueError(f"{path}: has changed since the run began; {WHAT_NOW}")


def check_same(where, now, before):
    """Raise ValueError with the name of the first sample whose hash differs, or that is new or missing."""
    for name in {**before, **now} if before else ():
        if name not in before:
            raise ValueError(f"{where}{name} is new since the run began; {WHAT_NOW}")
        if name not in now:
            raise ValueError(f"{where}{name} is missing; {WHAT_NOW}")
        if now[name] != before[name]:
            raise ValueError(f"{where}{name} has changed since the run began; {WHAT_NOW}")


def _below(folder, name):
    """A path below the folder. Raises ValueError for a name that leads elsewhere."""
    path = Path(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name:
        raise ValueError(f"{folder}: the hashes of the run's data name {quoted(name)}, which is not in this folder")
    return folder / path


def _hashes(paths):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_of_file, paths))


def _of_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=BYTES)).hexdigest()


def _of_sample(sample):
    digest = hashlib.blake2b(digest_size=BYTES)
    for array in (sample.image, sample.label):
        digest.update(repr((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()
