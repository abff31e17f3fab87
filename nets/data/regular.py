"""Reading only real files: a pipe or a device would be waited for, perhaps for ever."""

from __future__ import annotations


def check_regular(path):
    """Raise ValueError if the path is a pipe, a device or a folder. A path that is not there is left to the reader."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: is not a file, but a folder, a pipe or a device")
