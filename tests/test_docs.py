"""The Python blocks of README.md and docs/ run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from minitensor.kernels import table

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
# the code of a Korean page is that of the English one beside it (tests/test_chapters.py)
WITH_CODE = [page for page in PAGES if page.name != "ko.md"]


def name(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_python_blocks_run(page, tmp_path, monkeypatch):
    """Blocks of one page share their names, as in one session; files they write go to a temporary folder."""
    monkeypatch.chdir(tmp_path)
    # docs/new-kernel.md registers a kernel: it goes into a copy of the table, so that no other test meets it.
    monkeypatch.setattr(table, "_kernels", {key: dict(kernels) for key, kernels in table._kernels.items()})
    names = {}
    for block in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        exec(compile(block, str(page), "exec"), names)


def test_readme_starts_with_two_commands():
    """The Start section has exactly two `sh` blocks of one line each: .ci/run takes the second as the test command."""
    start = (ROOT / "README.md").read_text().split("## Start")[1].split("\n## ")[0]
    blocks = re.findall(r"^```sh\n(.*?)^```", start, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2 and all(block.count("\n") == 1 for block in blocks)
    assert "nets train" in blocks[0] and "pytest" in blocks[1]


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}, which is not there"
