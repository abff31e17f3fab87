"""The lab as one HTML file that needs nothing else: the page, its code, its texts and all numbers."""

from __future__ import annotations

import json
from pathlib import Path

from docs.lab.data import everything

HERE = Path(__file__).resolve().parent


def page():
    """The text of the file."""
    texts = json.loads((HERE / "texts.json").read_text(encoding="utf-8"))
    parts = {
        "/*DATA*/null": _script_json(everything()),
        "/*TEXTS*/null": _script_json(texts),
        "/*CODE*/": (HERE / "lab.js").read_text(encoding="utf-8"),
    }
    text = (HERE / "lab.html").read_text(encoding="utf-8")
    for mark, content in parts.items():
        text = text.replace(mark, content)
    return text


def write(path):
    """Write the page to a file; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(), encoding="utf-8")
    return path


def _script_json(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).replace("</", "<\\/")
