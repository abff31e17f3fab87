"""Links from a page to a file of the repository lead to a page with its text, so that the site works from disk."""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from sphinx.addnodes import download_reference
from sphinx.util.osutil import relative_uri

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "source"  # of the site


def _on_doctree(app, doctree):
    """Turn downloads of source files into links to their pages."""
    docname = app.env.docname
    for node in list(doctree.findall(download_reference)):
        path = (ROOT / "docs" / docname).parent.joinpath(node["reftarget"]).resolve()
        name = path.relative_to(ROOT).as_posix()
        if not path.is_file():
            raise FileNotFoundError(f"{docname} links to {name}, which is not there")
        app.env.minitensor_sources = getattr(app.env, "minitensor_sources", set()) | {name}
        address = relative_uri(app.builder.get_target_uri(docname), f"{FOLDER}/{name}.html")
        link = nodes.reference("", "", internal=False, refuri=address)
        link += [child.deepcopy() for child in node.children]
        node.replace_self(link)


def _on_finish(app, error):
    """Write the page of each file that was linked."""
    if error is not None:
        return
    for name in sorted(getattr(app.env, "minitensor_sources", ())):
        page = Path(app.outdir) / FOLDER / f"{name}.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        text = (ROOT / name).read_text(encoding="utf-8")
        look = HtmlFormatter(full=True, title=name, linenos="inline", lineanchors="line")
        page.write_text(highlight(text, get_lexer_for_filename(name), look), encoding="utf-8")


def _on_page(app, docname, template, context, doctree):
    """A Korean page says so, for screen readers and hyphenation."""
    if docname.endswith("/ko"):
        context["language"] = "ko"


def setup(app):
    app.connect("html-page-context", _on_page)
    app.connect("doctree-read", _on_doctree, priority=100)  # before Sphinx collects what to copy
    app.connect("build-finished", _on_finish)
    return {"parallel_read_safe": False}
