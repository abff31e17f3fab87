"""The exercises of docs/: solutions pass, blanks say what to do, and wrong answers get a message that teaches."""

import os
import shutil
import subprocess
import sys
from functools import lru_cache
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from docs.exercises.checking import checked

ROOT = Path(__file__).resolve().parent.parent
QUICK = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate],
)
NUMBERS = sorted(path.name for path in (ROOT / "docs" / "exercises").glob("[0-9][0-9]"))


def part(number, name):
    return import_module(f"docs.exercises.{number}.{name}")


@lru_cache
def properties(number):
    """The tests of an exercise. Those of Hypothesis do not look for a smallest example here, which takes long."""
    tests = [test for name, test in vars(part(number, "test_exercise")).items() if name.startswith("test_")]
    return [QUICK(test) if hasattr(test, "hypothesis") else test for test in tests]


def failures(number, answer):
    """What each failing property says of an answer."""
    found = []
    for check in properties(number):
        try:
            check(answer=answer)
        except Exception as error:
            found.append(error)
    return found


def wrong_answers():
    return [
        pytest.param(number, functions, message, id=f"{number}-{next(iter(functions.values())).__name__}")
        for number in NUMBERS
        for functions, message in part(number, "wrong").WRONG
    ]


def test_every_chapter_has_an_exercise():
    chapters = [path.name[:2] for path in (ROOT / "docs" / "chapters").glob("[0-9][0-9]_*")]
    assert sorted(chapters) == NUMBERS


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_passes(number):
    for check in properties(number):
        check(answer=checked(vars(part(number, "solution"))))


@pytest.mark.parametrize("number, functions, message", wrong_answers())
def test_a_wrong_answer_gets_a_message_that_teaches(number, functions, message):
    answer = checked(vars(part(number, "solution")) | functions)
    found = failures(number, answer)
    assert found, "this wrong answer passes"
    assert any(message in str(error) for error in found), [str(error) for error in found]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_forgotten_return_is_named(number):
    functions = [name for name in vars(part(number, "exercise")) if not name.startswith("_")]
    answer = checked({name: lambda *arguments, **options: None for name in functions})
    found = failures(number, answer)
    assert len(found) == len(properties(number)) and all("returned nothing" in str(error) for error in found)


def test_what_a_reader_types():
    """`pytest docs/exercises` fails on the blanks, each by its name; with --solution it passes."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "docs/exercises"]
    blank = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert blank.returncode == 1 and " passed" not in blank.stdout, blank.stdout
    for number in NUMBERS:
        assert f"\nexercise {number}: write" in blank.stdout
    solved = subprocess.run([*command, "--solution"], cwd=ROOT, capture_output=True, text=True)
    assert solved.returncode == 0, solved.stdout


READERS = {  # number: (what a reader wrote, a part of what the reader must see)
    "06": (
        "from importlib import import_module\nconv_transpose2d = import_module('docs.exercises.06.wrong')._not_rotated",
        "rotate it by 180 degrees first",
    ),
    "00": ("def divide_backward(grad, a, b):\n    return grad / b", "Does it return what its docstring says"),
    "13": (
        "def components(mask):\n    return mask[len(mask)]",
        "components(array of shape (3, 3)) failed in line 2, `return mask[len(mask)]`: IndexError",
    ),
}


@pytest.mark.parametrize("number", READERS)
def test_a_reader_sees_the_message_and_no_traceback(number, tmp_path):
    """A copy of the exercises. One of them is filled in wrongly."""
    written, expected = READERS[number]
    copy = shutil.copytree(ROOT / "docs" / "exercises", tmp_path / "exercises")
    (copy / number / "exercise.py").write_text(written, encoding="utf-8")
    (tmp_path / "setup.cfg").write_text("[tool:pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"exercises/{number}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and expected in done.stdout, done.stdout
    assert "Traceback" not in done.stdout and "\nE  " not in done.stdout, done.stdout
