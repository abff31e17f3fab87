"""docs/reading.md keeps what it promises: lines and minutes are counted, and no stop needs a file that comes later."""

from tests.reading import PAGE, ROOT, rewritten, stops
from tests.test_imports import IMPORTS, MODULES

AFTERNOON = "The afternoon"
MOST_LINES, MOST_MINUTES = 3000, 210
COUNTED = 0.05  # the lines on the page may differ by this share from those of today
MODULE_OF = {path.relative_to(ROOT).as_posix(): name for name, path in MODULES.items()}

PATH = list(stops(PAGE.read_text(encoding="utf-8")))


def test_every_stop_has_files_that_exist_and_lines_that_are_true():
    for stop in PATH:
        assert stop.files and all((ROOT / name).is_file() for name in stop.files), stop
        assert abs(stop.lines - stop.counted) <= max(5, COUNTED * stop.counted), (
            f"{stop.files}: {stop.counted} lines, the page says {stop.lines}; run python -m tests.reading"
        )
        assert abs(stop.minutes - stop.estimated) <= 5, stop


def test_the_afternoon_fits_an_afternoon():
    afternoon = [stop for stop in PATH if stop.part == AFTERNOON]
    assert sum(stop.counted for stop in afternoon) <= MOST_LINES
    assert sum(stop.minutes for stop in afternoon) <= MOST_MINUTES


def test_no_stop_of_the_afternoon_needs_a_file_of_a_later_one():
    place = {name: number for number, stop in enumerate(PATH) for name in stop.files if stop.part == AFTERNOON}
    path_of = {module: name for name, module in MODULE_OF.items()}
    for name, number in place.items():
        for target, _ in IMPORTS[MODULE_OF[name]]:
            later = place.get(path_of.get(target), number)
            assert later <= number, f"stop {number + 1} reads {name}, which imports {target}"


def test_the_script_writes_what_it_reads():
    page = rewritten(PAGE.read_text(encoding="utf-8"))
    assert rewritten(page) == page
    assert [stop.files for stop in stops(page)] == [stop.files for stop in PATH]
