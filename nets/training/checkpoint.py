"""Checkpoints: nested Python values with arrays in them, in one safetensors file.

Everything that the rest of a training depends on is in one file, and the file is moved into place as a whole. So
whenever a run is killed, the newest checkpoint is there and complete, and its parts belong together.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np

import minitensor as mt
from minitensor.backend import is_array, to_numpy
from nets.plain_files import parse_json, reason

STRUCTURE = "structure"  # the entry of the file's metadata for everything that is not an array, as JSON
ARRAY, PAIRS = "$array", "$pairs"


def save_checkpoint(path, values):
    """Write nested dicts, lists, numbers, strings, arrays and Tensors; atomic, as `mt.save` is."""
    arrays = {}
    structure = _take_arrays(values, "", arrays)
    mt.save(path, arrays, {STRUCTURE: json.dumps(structure)})


def load_checkpoint(path):
    """What `save_checkpoint` wrote, with arrays as Tensors. Raises ValueError with the path for any other file."""
    structure = mt.load_metadata(path).get(STRUCTURE)
    if structure is None:
        raise ValueError(f"{path}: not a checkpoint of a training")
    try:
        return _put_arrays(parse_json(structure), mt.load(path))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: a damaged checkpoint, its parts do not belong together ({reason(error)})") from error


def shared_checkpoint(path, world):
    """The checkpoint of process 0's disk, in all processes: the others get its bytes and need not see the folder."""
    if world.size == 1:
        return load_checkpoint(path)
    content = np.frombuffer(path.read_bytes(), np.uint8).copy() if world.first else None
    length = world.from_first(len(content) if world.first else None)
    content = world.broadcast_(content if world.first else np.empty(length, np.uint8))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        copy.write_bytes(content.tobytes())
        return load_checkpoint(copy)


def _take_arrays(value, path, arrays):
    """`value` with each array moved into `arrays` under its path; a reference stays in its place."""
    array = value.data if isinstance(value, mt.Tensor) else value
    if is_array(array):
        arrays[path] = to_numpy(array)
        return {ARRAY: path}
    if isinstance(value, dict):
        parts = [[key, _take_arrays(part, f"{path}/{key}", arrays)] for key, part in value.items()]
        # JSON keys must be strings, but the state of an optimizer has numbers as keys.
        return dict(parts) if all(isinstance(key, str) for key in value) else {PAIRS: parts}
    if isinstance(value, (list, tuple)):
        return [_take_arrays(part, f"{path}/{position}", arrays) for position, part in enumerate(value)]
    return value


def _put_arrays(value, arrays):
    """The reverse of `_take_arrays`; tuples come back as lists."""
    if isinstance(value, list):
        return [_put_arrays(part, arrays) for part in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {ARRAY}:
        return arrays[value[ARRAY]]
    if value.keys() == {PAIRS}:
        return {key: _put_arrays(part, arrays) for key, part in value[PAIRS]}
    return {key: _put_arrays(part, arrays) for key, part in value.items()}
