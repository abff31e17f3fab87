"""A Trace as one HTML page that needs nothing else: every stage, and each sum when its cell is pointed at."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from minitensor.trace.svg import FILL_OF

TEMPLATE = Path(__file__).with_name("page.html")
COLOURS, TITLE, DATA = "/*COLOURS*/", "<!--TITLE-->", "/*DATA*/null"


def as_html(trace) -> str:
    """The page as text: page.html with the trace as JSON inside."""
    data = json.dumps(trace.as_dict()).replace("</", "<\\/")  # so that no text can end the script
    colours = "".join(f"td.{kind}{{background:{fill}}}" for kind, fill in FILL_OF.items())
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.replace(COLOURS, colours).replace(TITLE, escape(trace.title)).replace(DATA, data)
