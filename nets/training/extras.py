"""The packages that only pictures and progress need. They are imported when needed; if one is missing, one line says
so.
"""

from __future__ import annotations

import importlib

USES = {
    "tqdm": "the progress bar needs tqdm",
    "matplotlib": "curves and pictures need matplotlib",
}


def needed(module):
    """The module. Raises ImportError with the pip command if it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{USES[module]}: pip install 'minitensor[train]'") from error
