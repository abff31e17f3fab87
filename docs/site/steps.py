"""A page of the chapters that names a `python -m minitensor trace ...` command shows what it makes, in a frame."""

from __future__ import annotations

import io
import re
import shlex
from contextlib import redirect_stdout
from pathlib import Path

from sphinx.errors import ExtensionError
from sphinx.util.osutil import relative_uri

from docs.chapters.book import CHAPTERS
from minitensor.__main__ import main as minitensor

COMMAND = re.compile(r"`python -m minitensor (trace [^`]+)`")
FOLDER = "steps"  # of the site
FRAME = (
    '<section><h2>{title}</h2><iframe src="{address}" title="{title}" loading="lazy"'
    ' style="width: 100%; height: 42rem; border: 1px solid #999"></iframe></section>'
)
TITLES = {"en": "Stage by stage", "ko": "단계별로 보기"}


def trace_command(text):
    """The arguments of the trace command that a page names, or None."""
    found = COMMAND.search(text)
    return found and shlex.split(found[1])


def write_steps(arguments, path):
    """Write the HTML page of a trace command. Raises ValueError if the command fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with redirect_stdout(io.StringIO()):
        if minitensor([*arguments, "--html", str(path)]):
            raise ValueError(f"python -m minitensor {shlex.join(arguments)} fails")


def _on_page(app, docname, template, context, doctree):
    _, _, name = docname.partition("chapters/")
    folder, _, language = name.partition("/")
    arguments = trace_command((CHAPTERS / f"{name}.md").read_text(encoding="utf-8")) if language in TITLES else None
    if arguments is None:
        return
    target = f"{FOLDER}/{folder}.html"
    try:
        write_steps(arguments, Path(app.outdir) / target)
    except ValueError as error:
        raise ExtensionError(str(error)) from error
    address = relative_uri(app.builder.get_target_uri(docname), target)
    context["body"] += FRAME.format(title=TITLES[language], address=address)


def setup(app):
    app.connect("html-page-context", _on_page)
    return {"parallel_read_safe": True}
