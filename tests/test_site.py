"""The site of docs/ builds without a warning, its links lead somewhere, and every public name has a running example."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from docs.chapters.book import LANGUAGES, ROOT, blocks, chapters, page
from docs.site.examples import FILE, examples, result
from docs.site.notebooks import write
from docs.site.public import MODULES, public_names
from docs.site.steps import LAB, trace_command, write_steps

NAMES = [f"{module}.{name}" for module in MODULES for name in public_names(module)]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as a reader builds it."""
    out = tmp_path_factory.mktemp("site") / "html"
    done = subprocess.run(
        [sys.executable, "-m", "docs", "build", "--out", str(out)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


class Links(HTMLParser):
    """The addresses that a page links to or loads, and the places in it that links can lead to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loaded, self.places = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.places |= {given[name] for name in ("id", "name") if given.get(name)}
        address = given.get("href") or given.get("src")
        if address:
            (self.links if tag == "a" else self.loaded).append(address)


def test_the_site_builds_and_works_from_disk(site):
    """No warning, no link that leads nowhere, nothing loaded from elsewhere, and every public name with its example."""
    pages = {path: Links(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    wrong = []
    for path, found in pages.items():
        for address in found.links + found.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                wrong += [(path.name, address)] * (address in found.loaded and parts.scheme != "data")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                wrong.append((path.name, address))
            elif (
                parts.fragment
                and target in pages
                and target.name != "lab.html"
                and unquote(parts.fragment) not in pages[target].places
            ):
                wrong.append((path.name, address))
    assert not wrong, wrong[:20]
    look = {address for path, found in pages.items() if path.name == "en.html" for address in found.loaded}
    assert any(address.startswith("../../_static/figures.css") for address in look)
    for chapter, sections in LAB.items():
        for language in LANGUAGES:
            frame = f"../../lab.html#lang={language}&only={sections}"
            assert frame in pages[site / "chapters" / chapter / f"{language}.html"].loaded
    places = set().union(*(found.places for path, found in pages.items() if path.parent.name == "api"))
    assert not [name for name in NAMES if name not in places]
    assert len(pages) > 40


def test_korean_pages_say_that_they_are_korean(site):
    for chapter in chapters():
        for language in LANGUAGES:
            text = (site / "chapters" / chapter.name / f"{language}.html").read_text(encoding="utf-8")
            assert re.search(r'<html[^>]* lang="(\w+)"', text)[1] == language


def test_every_public_name_has_an_example():
    """All of them run while the site is built; one that fails stops it."""
    known = examples()
    assert not set(NAMES) - set(known), f"write examples into {FILE}: {sorted(set(NAMES) - set(known))}"
    assert not set(known) - set(NAMES), f"not public, but in {FILE}: {sorted(set(known) - set(NAMES))}"
    for name, code in known.items():
        assert name.split(".")[-1] in code, f"the example of {name} does not use it"
    with pytest.raises(NameError):
        result("unknown(1)")


def test_notebooks_are_the_pages(tmp_path):
    for chapter in chapters():
        for language in LANGUAGES:
            made = json.loads(Path(write(chapter, language, tmp_path)).read_text(encoding="utf-8"))
            code = ["".join(cell["source"]) for cell in made["cells"] if cell["cell_type"] == "code"]
            script = (chapter / "run.py").read_text(encoding="utf-8")
            assert code == [block.rstrip() for block in (*blocks(page(chapter, language), "python"), script)]
            text = "".join("".join(cell["source"]) for cell in made["cells"][:-2] if cell["cell_type"] == "markdown")
            for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
                assert (tmp_path / target).exists() or target.endswith(".ipynb"), target


def test_a_page_that_leads_nowhere_is_an_error(tmp_path):
    """The build must fail where it should: a copy of one page with a wrong link."""
    source = tmp_path / "docs"
    source.mkdir()
    (source / "index.md").write_text("# One page\n\n[nowhere](nowhere.md)\n", encoding="utf-8")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", "-c", str(ROOT / "docs" / "site")]
    done = subprocess.run([*command, str(source), str(tmp_path / "out")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0 and "nowhere" in done.stderr


def test_the_trace_commands_of_the_chapters_work(tmp_path):
    """A command that fails stops the build; the others write what the page of the site shows in a frame."""
    commands = [trace_command(page(chapter, language)) for chapter in chapters() for language in LANGUAGES]
    found = [arguments for arguments in commands if arguments]
    assert len(found) >= 8
    for number, arguments in enumerate(found):
        write_steps(arguments, tmp_path / f"{number}.html")
        assert "<script>" in (tmp_path / f"{number}.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="--kernel 9"):
        write_steps(["trace", "conv2d", "--kernel", "9"], tmp_path / "wrong.html")
