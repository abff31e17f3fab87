"""The API reference: docstrings are shown as they are written, each with its example and what it gives.

Docstrings of this library are plain text: sentences, and formulas or tables whose columns are aligned by spaces.
Sentences become paragraphs. Paragraphs that are aligned or indented stay as they stand, and so do lines that were
broken on purpose.
"""

from __future__ import annotations

import re

from sphinx.errors import ExtensionError

from docs.site.examples import examples, result
from docs.site.public import MODULES, public_names

MARKS = re.compile(r"([\\*`_|])")
BROKEN = 85  # a line that ends earlier, though the paragraph goes on, was broken on purpose
CODE = re.compile(r"(`[^`\n]+`)")


def as_rst(lines):
    """The lines of a docstring as reStructuredText."""
    paragraphs, current = [], []
    for line in [*lines, ""]:
        if line.strip():
            current.append(line.rstrip())
        elif current:
            paragraphs.append(current)
            current = []
    written = []
    for paragraph in paragraphs:
        if any(line.startswith(" ") or "   " in line.strip() for line in paragraph):
            written += ["::", "", *(f"    {line}" for line in paragraph), ""]
        elif any(len(line) < BROKEN for line in paragraph[:-1]):
            written += [*(f"| {_sentence(line)}" for line in paragraph), ""]
        else:
            written += [*map(_sentence, paragraph), ""]
    return written


def _sentence(line):
    """A line without marks that reStructuredText would read; `code` stays code."""
    pieces = CODE.split(line)
    return "".join(f"`{piece}`" if CODE.fullmatch(piece) else MARKS.sub(r"\\\1", piece) for piece in pieces)


def example_lines(code):
    """An example and the value of its last line, as reStructuredText."""
    try:
        value = result(code)
    except Exception as error:
        raise ExtensionError(f"an example of docs/api/examples.txt fails: {code!r}: {error!r}") from error
    shown = ["::", "", *(f"    {line}" for line in code.splitlines())]
    return [*shown, "", "gives", "", "::", "", *(f"    {line}" for line in value.splitlines()), ""]


def module_page(module_name):
    """The page of a module as MyST: one entry for each public name."""
    title = f"# {module_name}\n\n"
    entries = []
    for name, value in public_names(module_name).items():
        kind = "autoclass" if isinstance(value, type) else "autofunction"
        members = "   :members:\n" if kind == "autoclass" else ""
        entries.append(f".. {kind}:: {module_name}.{name}\n{members}")
    return title + "```{eval-rst}\n" + "\n".join(entries) + "```\n"


def _on_docstring(app, what, name, value, options, lines):
    lines[:] = as_rst(lines)
    code = app.minitensor_examples.get(name)
    if code is not None:
        lines += example_lines(code)


def _on_source(app, docname, source):
    """A page of docs/api names its module in a comment, and its entries are made here."""
    module = docname.removeprefix("api/")
    if module in MODULES:
        source[0] = module_page(module)


def setup(app):
    app.minitensor_examples = examples()
    app.connect("autodoc-process-docstring", _on_docstring)
    app.connect("source-read", _on_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
