"""Saving and loading Tensors: safetensors files, which hold names, shapes, dtypes and numbers, and nothing that runs.

Pickle, the format inside torch's .pth files, is never read: a pickle is a program, and loading a pickle from somebody
else runs whatever that person wrote. A safetensors file is a JSON header and bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

import numpy as np

from minitensor.backend import is_array, to_numpy
from minitensor.narrow_floats import WIDENED, WidenedReader
from minitensor.tensor import Tensor

_NO_PICKLE = (
    "a pickle, as torch.save writes it; pickles are never loaded here, because loading one runs whatever program it "
    "contains. nets.load_weights(net, path) puts the tensors of such a file into a net without running it, and "
    "nets.read_weights(path) returns them. To convert it once: "
    'mt.save("weights.safetensors", nets.read_weights("weights.pth"))'
)
LONGEST_REASON = 300  # characters of a text from a file in a message
# How safetensors, which is written in Rust, names an error of the system: "... (os error 28)"
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")


@contextmanager
def replacing(path):
    """`with replacing(path) as temporary:` write to `temporary`, in the same folder; at the end it becomes `path`.

    os.replace is atomic within a file system, and fsync puts the bytes on disk before the name. So whoever reads
    `path`, at any time, even after a kill or a power cut, finds the old file or the new one, complete. An exception
    removes the temporary file and leaves the old one; an OSError, such as one of a full disk, names `path`. The umask
    decides who may read the file: safetensors itself would write it for the owner alone.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{os.urandom(4).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            mode = os.fstat(file.fileno()).st_mode & 0o777
        yield temporary
        temporary.chmod(mode)
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(temporary), temporary):
            raise OSError(error.errno, os.strerror(error.errno), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def save(path: str | PathLike, state_dict: Mapping, metadata: Mapping[str, str] | None = None) -> None:
    """Write a dict of name -> Tensor (or array), such as `module.state_dict()`, to a safetensors file, atomically.

    `metadata` is a dict of strings kept in the header, for example settings as JSON. Raises TypeError for names or
    metadata that are not strings and values that are not Tensors; FileNotFoundError if the folder is missing.
    save(state_dict, path), torch's order, works too.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    if isinstance(path, Mapping) and not isinstance(state_dict, Mapping):
        path, state_dict = state_dict, path  # torch's order
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"save: expects a dict of name -> Tensor, got {type(state_dict).__name__}")
    arrays = {name: _plain_array(name, value) for name, value in state_dict.items()}
    for key, value in ({} if metadata is None else metadata).items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"save: metadata must map strings to strings, got {key!r}: {value!r}")
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {path.parent} for {path.name}")
    with replacing(path) as temporary:
        try:
            save_file(arrays, temporary, metadata)
        except SafetensorError as error:
            number = _SYSTEM_ERROR.search(str(error))
            if number is None:
                raise ValueError(f"save: {path} cannot be written: {error}") from error
            raise OSError(int(number[1]), str(error)) from error


def _plain_array(name, value):
    """The value as a row-major NumPy array in this machine's byte order, which is what the format stores."""
    if not isinstance(name, str):
        raise TypeError(f"save: names must be strings, got {name!r}")
    array = value.data if isinstance(value, Tensor) else value
    if not is_array(array):
        raise TypeError(f"save: {name!r} must be a Tensor or an array, got {type(value).__name__}")
    array = to_numpy(array)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"save: {name!r} has dtype {array.dtype}, which holds no real numbers")
    array = np.asarray(array, array.dtype.newbyteorder("="))
    return array if array.flags.c_contiguous else array.copy()


def load(path: str | PathLike) -> dict[str, Tensor]:
    """Read a safetensors file: a dict of name -> Tensor on the CPU, in the file's order.

    Raises FileNotFoundError if there is no file, and ValueError if it is not a safetensors file; the message says what
    it is instead: a pickle (.pth, .pt), an .npz, or a file that was cut short.
    """
    with _opened(path) as file:
        widened = WidenedReader(path)
        return {name: Tensor(_readable(file, name, path, widened)) for name in file.keys()}


def load_metadata(path: str | PathLike) -> dict[str, str]:
    """The dict of strings that `save` was given as `metadata`; empty if there was none. Raises as `load` does."""
    with _opened(path) as file:
        return dict(file.metadata() or {})


@contextmanager
def _opened(path):
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"load: there is no file {path}")
    _refuse_other_formats(path)
    try:
        file = safe_open(path, framework="numpy")
    except SafetensorError as error:
        raise ValueError(f"load: {path} is not a safetensors file, or is damaged: {_said(error)}") from error
    with file:
        yield file


def _said(text):
    """A text from a file, or about one, for a message: cut, and with escapes for what would steer a terminal."""
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(text))
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]} ..."


def _readable(file, name, path, widened):
    """The tensor. bfloat16 and float8, which NumPy lacks, become float32."""
    dtype = file.get_slice(name).get_dtype()
    try:
        return widened.read(name) if dtype in WIDENED else file.get_tensor(name)
    except (TypeError, AttributeError) as error:
        raise ValueError(f"load: {name!r} in {path} has dtype {dtype}, which NumPy cannot hold") from error
    except ValueError as error:  # a shape that NumPy does not take
        raise ValueError(f"load: {_said(repr(name))} in {path} cannot be read: {_said(error)}") from error


def _refuse_other_formats(path):
    """Say what a file is that is not a safetensors file, by its first bytes."""
    import zipfile  # here, to keep `import minitensor` fast

    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
        if any(Path(name).name == "data.pkl" for name in names):
            raise ValueError(f"load: {path} is {_NO_PICKLE}")
        raise ValueError(f"load: {path} is a zip archive ({_said(', '.join(names[:3]))} ...), not a safetensors file")
    with open(path, "rb") as file:
        start = file.read(2)
    if start[:1] == b"{" and not _has_json_header(path):
        raise ValueError(
            f"load: {path} is a JSON text, not a safetensors file. If it is the index of a state in several files, "
            "nets.read_weights reads it"
        )
    # Pickles from protocol 2 on begin with the opcode PROTO, 0x80, and the number of the protocol. A safetensors file
    # begins with the length of its header in 8 bytes. With these two bytes the length would be at least 512.
    if len(start) == 2 and start[0] == 0x80 and start[1] in range(2, 6) and not _has_json_header(path):
        raise ValueError(f"load: {path} is {_NO_PICKLE}")


def _has_json_header(path):
    with open(path, "rb") as file:
        return file.read(9)[8:] == b"{"
