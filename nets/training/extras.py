"""The packages that only pictures and the progress bar need. They are imported when they are first used."""

from __future__ import annotations

import importlib

USES = {"tqdm": "the progress bar needs tqdm", "matplotlib": "curves and pictures need matplotlib"}


def needed(module):
    """The module. Raises ImportError with the pip command if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{USES[module]}: pip install 'minitensor[train]'") from error
