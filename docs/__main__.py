"""The pages of this folder as a site, as notebooks, and the figures of the chapters.

python -m docs build        docs/_build/html/index.html, which opens from disk; a warning is an error
python -m docs notebooks    docs/_build/notebooks/, one notebook for each page of the chapters
python -m docs lab          docs/_build/lab.html, one page with sliders, all numbers by our own kernels
python -m docs figures 06   draw the figures of chapter 06 again; of all chapters if none is named
python -m docs tasks        train two nets (15 minutes) and draw images/three-tasks.png
python -m docs skips        train FCN-32s, FCN-16s and FCN-8s (20 minutes) and draw images/fcn-skips.png
"""

from __future__ import annotations

import argparse
import shutil
import sys
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from docs.chapters.book import LANGUAGES, chapters, figure, figures

DOCS = Path(__file__).resolve().parent
BUILT = DOCS / "_build"


def need(module):
    """End with one line if an optional package is missing."""
    if find_spec(module) is None:
        sys.exit(f'python -m docs: {module} is missing; pip install -e ".[docs]"')


def build(out):
    """Make the site in the folder `out`, from nothing. Returns Sphinx's exit status."""
    need("sphinx"), need("myst_parser"), need("furo")
    from sphinx.cmd.build import main as sphinx

    shutil.rmtree(out, ignore_errors=True)
    status = sphinx(["-q", "-W", "--keep-going", "-b", "html", "-c", str(DOCS / "site"), "-d", f"{out}.doctrees",
                     str(DOCS), str(out)])  # fmt: skip
    shutil.rmtree(f"{out}.doctrees", ignore_errors=True)
    if not status:
        write_lab(out / "lab.html")
        print(f"{out / 'index.html'}: open it in a browser")
    return status


def write_lab(path):
    """The lab, one HTML file."""
    from docs.lab.build import write

    print(f"{write(path)}: open it in a browser")


def write_notebooks(out):
    """One .ipynb for each page of the chapters."""
    need("jupytext")
    from docs.site.notebooks import write

    for chapter in chapters():
        for language in LANGUAGES:
            print(write(chapter, language, out))


def write_figures(only):
    """Draw the figures of the chapters whose numbers are in `only`, or of all."""
    numbers = [chapter.name[:2] for chapter in chapters()]
    unknown = [number for number in only if number not in numbers]
    if unknown:
        sys.exit(f"python -m docs figures: no chapter {unknown[0]}; there are {numbers[0]} to {numbers[-1]}")
    for chapter in chapters():
        if not only or chapter.name[:2] in only:
            for name, language in product(figures(chapter), LANGUAGES):
                path = chapter / f"{name}.{language}.svg"
                path.write_text(figure(chapter, language, name), encoding="utf-8")
                print(path, f"{path.stat().st_size / 1024:.0f} KB")


def write_tasks(options):
    """images/three-tasks.png, of runs in options.runs that are trained first if they are missing."""
    from docs.three_tasks import trained, write

    write(options.out, trained(options.runs, options.minutes))
    print(options.out)


def write_skips(options):
    """images/fcn-skips.png, after training the three nets."""
    from docs.fcn_skips import draw, learn

    draw(learn(options.steps, lambda words: print(words, flush=True)), options.out)
    print(options.out)


def main():
    parser = argparse.ArgumentParser(
        prog="python -m docs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, folder in (("build", "html"), ("notebooks", "notebooks")):
        command = commands.add_parser(name)
        command.add_argument(
            "--out", type=Path, default=BUILT / folder, help="the folder to write (default: %(default)s)"
        )
    commands.add_parser("lab").add_argument("--out", type=Path, default=BUILT / "lab.html", help="the file to write")
    commands.add_parser("figures").add_argument("only", nargs="*", metavar="CHAPTER")
    tasks = commands.add_parser("tasks")
    tasks.add_argument("--out", type=Path, default=DOCS / "images" / "three-tasks.png", help="the file to write")
    tasks.add_argument("--runs", type=Path, default=Path("runs"), help="where the two runs are, or will be")
    tasks.add_argument("--minutes", type=float, help="of each training (default: 10 for the street, 5 for the cells)")
    skips = commands.add_parser("skips")
    skips.add_argument("--out", type=Path, default=DOCS / "images" / "fcn-skips.png", help="the file to write")
    skips.add_argument("--steps", type=int, default=600, help="of each training (default: %(default)s)")
    options = parser.parse_args()
    if options.command == "figures":
        write_figures(options.only)
    elif options.command == "lab":
        write_lab(options.out)
    elif options.command == "tasks":
        write_tasks(options)
    elif options.command == "skips":
        write_skips(options)
    elif options.command == "notebooks":
        write_notebooks(options.out)
    else:
        sys.exit(build(options.out))


if __name__ == "__main__":
    main()
