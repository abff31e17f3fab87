"""What the tools and the tests know about the chapters: their folders, what their scripts print, and their numbers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

CHAPTERS = Path(__file__).resolve().parent
ROOT = CHAPTERS.parent.parent
LANGUAGES = ("en", "ko")
SLOWEST = 20  # seconds of a processor that a script may take
PATIENCE = 10  # times as long by the clock: a machine may be busy with other work

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"!?\[[^\]]*\]\([^)]*\)")
COMMAND = re.compile(r"`[^`\n]*(?:/|python |pytest |\.py)[^`\n]*`")  # a path or a command quotes no result
TITLE = re.compile(r"^# \d+\.", re.M)
NAME = re.compile(r"(?:FCN|VGG|F)-?\d+s?|[A-Za-z_][A-Za-z_.]*\d\w*", re.A)  # conv2d, float64, FCN-32s, VGG-16
NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def chapters():
    """The folder of every chapter, in order."""
    return sorted(path for path in CHAPTERS.iterdir() if re.match(r"\d\d_", path.name))


def printed(chapter):
    """What the script of a chapter prints, run alone as a reader runs it. Raises TimeoutError if it takes too long."""
    before = os.times()
    with TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(chapter / "run.py")],
            cwd=folder,
            env=os.environ | {"PYTHONPATH": str(ROOT)},  # stands for `pip install -e .`
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=SLOWEST * PATIENCE,
            check=True,
        )
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    if spent > SLOWEST:
        raise TimeoutError(f"{chapter.name}/run.py took {spent:.0f} s; a reader waits at most {SLOWEST}")
    return done.stdout


def page(chapter, language):
    """The text of a page."""
    return (chapter / f"{language}.md").read_text(encoding="utf-8")


def blocks(text, kind):
    """The fenced blocks of one kind: "python" runs, "text" is quoted from what the script prints."""
    return [body for name, body in FENCE.findall(text) if name == kind]


def numbers(text):
    """Every number in a text, as written, without those in names such as conv2d and FCN-32s: "3x3" is 3 and 3."""
    text = re.sub(r"(?<=\d)\s?[x×]\s?(?=\d)", " ", text)
    return NUMBER.findall(NAME.sub(" ", text))


def quoted(text):
    """The numbers that the prose of a page quotes: all but those in code, links, commands and the title."""
    for pattern in (FENCE, LINK, COMMAND, TITLE):
        text = pattern.sub(" ", text)
    return numbers(text)


def figures(chapter):
    """The names of the figures of a chapter: figure.py draws the first, and figure_NAME.py one more."""
    return sorted(path.stem for path in chapter.glob("figure*.py"))


def figure(chapter, language, name="figure"):
    """Draw a figure of a chapter; returns its SVG text."""
    return import_module(f"docs.chapters.{chapter.name}.{name}").draw(language).svg()
