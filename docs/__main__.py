"""python -m docs build | figures | notebooks: the site, the figures and the notebooks of the chapters."""

from __future__ import annotations

import argparse

from docs.chapters.book import LANGUAGES, chapters, figure


def write_figures(only):
    """Draw the figures of the chapters whose names begin with one of `only`, or of all."""
    for chapter in chapters():
        if not only or chapter.name.startswith(tuple(only)):
            for language in LANGUAGES:
                path = chapter / f"figure.{language}.svg"
                path.write_text(figure(chapter, language), encoding="utf-8")
                print(path, f"{path.stat().st_size / 1024:.0f} KB")


def main():
    parser = argparse.ArgumentParser(prog="python -m docs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    figures = commands.add_parser("figures", help="draw the figures again: python -m docs figures 06")
    figures.add_argument("only", nargs="*", metavar="CHAPTER", help="numbers of chapters; all if none is named")
    options = parser.parse_args()
    if options.command == "figures":
        write_figures(options.only)


if __name__ == "__main__":
    main()
