"""What a run shows and leaves: rows as they come, a bar of progress, and a JSON file."""

from __future__ import annotations

import json
import os
import sys
import tempfile


def progress(items):
    """The items, with a bar on standard error where that is a terminal and tqdm is installed."""
    if sys.stderr.isatty():
        try:
            from tqdm import tqdm
        except ImportError:
            return items
        return tqdm(items, unit="case", leave=False)
    return items


def say(text=""):
    """A line on standard output, at once, past a bar of progress."""
    tqdm = sys.modules.get("tqdm")
    if tqdm is not None and sys.stderr.isatty():
        tqdm.tqdm.write(text)
    else:
        print(text, flush=True)


def write_json(path, content):
    """Written to a temporary name and moved into place: a killed run leaves no half-written file."""
    folder = os.path.dirname(os.path.abspath(path))
    file = tempfile.NamedTemporaryFile("w", dir=folder, suffix=".part", delete=False)
    try:
        with file:
            json.dump(content, file, indent=1)
        os.replace(file.name, path)
    except BaseException:
        os.unlink(file.name)
        raise


def facts_line(facts):
    """The machine in one line."""
    return ", ".join(f"{key} {value}" for key, value in facts.items())
