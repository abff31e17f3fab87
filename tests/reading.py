"""python -m tests.reading: count the lines of each stop of docs/reading.md, and write them into the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reading.md"
LINES_PER_MINUTE = {"The afternoon": 15, "The evening: why it is fast": 12, "Behind the house": 20}
STOP = re.compile(r"^\*(`.*`): (\d+(?:,\d+)?) lines, (\d+) minutes\*$", re.M)


class Stop(NamedTuple):
    """One stop of the path."""

    part: str
    files: list[str]
    lines: int  # as the page says
    minutes: int

    @property
    def counted(self):
        return sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in self.files)

    @property
    def estimated(self):
        """Minutes, in steps of five."""
        return max(5, round(self.counted / LINES_PER_MINUTE[self.part] / 5) * 5)


def stops(page):
    """Every stop of the page, in order."""
    titles = "|".join(map(re.escape, LINES_PER_MINUTE))
    _, *pieces = re.split(rf"^# ({titles})$", page, flags=re.M)  # title, text, title, text, ...
    for part, text in zip(pieces[::2], pieces[1::2], strict=True):
        for files, lines, minutes in STOP.findall(text):
            yield Stop(part, re.findall(r"`([^`]+)`", files), int(lines.replace(",", "")), int(minutes))


def rewritten(page):
    """The page with lines and minutes as they are now."""
    found = iter(list(stops(page)))

    def line(match):
        stop = next(found)
        return f"*{match[1]}: {stop.counted:,} lines, {stop.estimated} minutes*"

    return STOP.sub(line, page)


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(rewritten(text), encoding="utf-8")
    for part in LINES_PER_MINUTE:
        members = [stop for stop in stops(rewritten(text)) if stop.part == part]
        print(f"{part}: {sum(s.lines for s in members):,} lines, {sum(s.minutes for s in members) / 60:.1f} hours")
