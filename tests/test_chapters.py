"""The chapters of docs/: scripts run alone and print every number on a page; Korean pages say the same numbers."""

import re
from collections import Counter

import pytest

from docs.chapters.book import (
    CHAPTERS,
    LANGUAGES,
    ROOT,
    blocks,
    chapters,
    figure,
    figures,
    numbers,
    page,
    printed,
    quoted,
)

ALL = pytest.mark.parametrize("chapter", chapters(), ids=lambda chapter: chapter.name)


@ALL
def test_the_script_runs_alone_and_prints_all_that_the_pages_quote(chapter):
    output = printed(chapter)
    known = set(numbers(output))
    known |= {f"{float(number.replace(',', '')):g}" for number in known}  # 12.010000 may be quoted as 12.01
    for language in LANGUAGES:
        text = page(chapter, language)
        missing = [number for number in quoted(text) if number not in known]
        assert not missing, f"{chapter.name}/{language}.md quotes {missing}, which run.py does not print"
        shown = [line for block in blocks(text, "text") for line in block.splitlines()]
        assert shown and not [line for line in shown if line not in output.splitlines()]


@ALL
def test_both_languages_say_the_same(chapter):
    """The same numbers, as often; the same code, output, figure, links to files, and commands.

    0 is left out: English pads with zeros, and Korean with 0.
    """
    english, korean = page(chapter, "en"), page(chapter, "ko")
    counts = [Counter(number for number in quoted(text) if number != "0") for text in (english, korean)]
    assert counts[0] == counts[1]
    for kind in ("python", "text"):
        assert blocks(english, kind) == blocks(korean, kind)

    def targets(text, language):
        found = re.findall(r"\]\(([^)]+)\)", text) + re.findall(r"`((?:python|pytest) [^`]+)`", text)
        return Counter(re.sub(rf"\b{language}\.(md|svg)$", r"\1", target) for target in found)

    other = {"en.md": "md", "ko.md": "md"}  # each page links to the other language
    assert Counter(other.get(t, t) for t in targets(english, "en").elements()) == Counter(
        other.get(t, t) for t in targets(korean, "ko").elements()
    )


@ALL
def test_a_page_has_all_its_parts(chapter):
    number = chapter.name[:2]
    for language in LANGUAGES:
        text = page(chapter, language)
        assert text.startswith(f"# {number}. ")
        shown = [name for name in figures(chapter) if f"({name}.{language}.svg)" in text]
        assert "figure" in shown and shown == figures(chapter)
        for command in (f"`python docs/chapters/{chapter.name}/run.py`", f"`pytest docs/exercises/{number}`"):
            assert command in text
        assert re.search(r"\]\(\.\./\.\./\.\./(minitensor|layers|nets)/", text), "no file to read"
        assert re.search(r"^\*\*(Question|질문)\.\*\* (.+\n)*.*\?", text, re.M), "no question"


@ALL
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_figure_is_what_the_code_draws(chapter, language):
    for name in figures(chapter):
        drawn = figure(chapter, language, name)
        assert (chapter / f"{name}.{language}.svg").read_text(encoding="utf-8") == drawn, (
            f"python -m docs figures {chapter.name[:2]}"
        )
        assert len(drawn) < 150_000


def test_the_engine_of_the_reading_path_is_the_engine_of_chapter_00():
    text = (ROOT / "docs" / "reading.md").read_text(encoding="utf-8")
    (engine,) = [block for block in blocks(text, "python") if "class Multiply" in block]
    assert engine[: engine.index("x = Number(3.0)")].rstrip() in (CHAPTERS / "00_engine" / "run.py").read_text()


def test_a_number_is_found_wherever_it_stands():
    assert quoted("Of 1,600 windows (3x3 or 5 x 5), 8.2% are -4. `mt.conv2d` [chapter 07](07.md) FCN-32s\n") == [
        "1,600", "3", "3", "5", "5", "8.2", "4",
    ]  # fmt: skip
    assert quoted("픽셀은 96 x 144 = 13,824개\n```text\n17\n```\n") == ["96", "144", "13,824"]
