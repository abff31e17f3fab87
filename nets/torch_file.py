"""Reading the tensors of torch's .pth files without unpickling them (nets/pickle_machine.py).

Two kinds of file exist: since torch 1.6 a zip with data.pkl and one entry per storage; before that, as most weights
of 2017 are, five pickles in a row and then the storages' bytes.
"""

from __future__ import annotations

import struct
import zipfile
from io import BytesIO

from nets.pickle_machine import TensorRecord, interpret

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the old format holds this number alone
STORAGE_HEADER = struct.Struct("<q")  # the old format writes the number of elements before each storage


def read_torch_file(path):
    """The content of a .pth file: dicts, lists and tuples of NumPy arrays, numbers and strings.

    Raises ValueError for a file that holds anything else or is damaged, naming what was found.
    """
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        with open(path, "rb") as file:
            return _read_legacy(file)
    except OSError:
        raise  # the file cannot be read at all
    except Exception as error:  # a damaged file can go wrong anywhere, in zipfile and pickletools too
        reason = error if isinstance(error, ValueError) else f"damaged: {error!r}"
        raise ValueError(
            f"{path}: not a torch file of plain tensors ({reason}). Where you trust it, convert it with torch: "
            f"safetensors.torch.save_file(torch.load(path, weights_only=True), 'weights.safetensors')"
        ) from error


def _read_zip(path):
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError("the zip has no data.pkl")
        folder = names[0].removesuffix("data.pkl")
        if f"{folder}byteorder" in archive.namelist() and archive.read(f"{folder}byteorder") != b"little":
            raise ValueError("its numbers are big-endian")
        content = interpret(BytesIO(archive.read(names[0])))

        def data(storage):
            entry = archive.getinfo(f"{folder}data/{storage.key}")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError("torch never compresses, but this file is compressed")
            return archive.read(entry)

        return _with_arrays(content, data)


def _read_legacy(file):
    if interpret(file) != LEGACY_MAGIC:
        raise ValueError("it begins neither as a zip nor with torch's number")
    interpret(file)  # version of the protocol
    interpret(file)  # byte order and sizes of C types; all files in circulation are little-endian
    content = interpret(file)
    stored = {}
    for key in interpret(file):
        storage = next((found for found in _storages(content) if found.key == key), None)
        size = STORAGE_HEADER.unpack(file.read(STORAGE_HEADER.size))[0]
        if storage is None or size != storage.size:
            raise ValueError(f"storage {key} is not what the tensors say")
        stored[key] = file.read(size * storage.dtype.itemsize)
    return _with_arrays(content, lambda storage: stored[storage.key])


def _storages(content):
    if isinstance(content, TensorRecord):
        yield content.storage
    elif isinstance(content, (dict, list, tuple)):
        for item in content.values() if isinstance(content, dict) else content:
            yield from _storages(item)


def _with_arrays(content, data):
    """The same containers with every TensorRecord replaced by its array."""
    if isinstance(content, TensorRecord):
        return content.array(data(content.storage))
    if isinstance(content, dict):
        return {key: _with_arrays(value, data) for key, value in content.items()}
    if isinstance(content, (list, tuple)) and type(content) in (list, tuple):
        return type(content)(_with_arrays(item, data) for item in content)
    return content
