"""Chapters as notebooks: the page, its code as cells, and the script as the last cell. Nothing is copied by hand."""

from __future__ import annotations

import os
import re
from pathlib import Path

import jupytext
from nbformat.v4 import new_code_cell, new_markdown_cell

from docs.chapters.book import page

LAST = {"en": "The script of this chapter:", "ko": "이 장의 스크립트:"}
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


def notebook(chapter, language, folder):
    """The notebook of a page. Links and the figure lead from `folder`, where it will lie."""
    text = LINK.sub(lambda match: f"]({_from(folder, chapter / match[1])}", page(chapter, language))
    made = jupytext.reads(text, fmt="md")
    script = (chapter / "run.py").read_text(encoding="utf-8")
    made.cells += [new_markdown_cell(LAST[language]), new_code_cell(script.rstrip())]
    for number, cell in enumerate(made.cells):
        cell["id"] = f"{chapter.name}-{language}-{number}"  # the same each time
    made.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return made


def write(chapter, language, out):
    """Write the notebook of a page into the folder `out`, and return its path."""
    out = Path(out).resolve()
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{chapter.name}.{language}.ipynb"
    jupytext.write(notebook(chapter, language, out), path)
    return path


def _from(folder, target):
    """The path of `target` as a link from a folder. Other chapters are notebooks beside this one."""
    target = target.resolve()
    if target.name in ("en.md", "ko.md"):
        return f"{target.parent.name}.{target.stem}.ipynb"
    return Path(os.path.relpath(target, Path(folder).resolve())).as_posix()
