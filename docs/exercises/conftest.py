"""pytest docs/exercises/06 tests your exercise.py; with --solution it tests the solution beside it."""

import importlib.util

import pytest
from hypothesis import settings

# one failing example with one message teaches more than a group of them
settings.register_profile("exercises", max_examples=30, deadline=None, derandomize=True, report_multiple_bugs=False)
settings.load_profile("exercises")


def pytest_addoption(parser):
    parser.addoption("--solution", action="store_true", help="test solution.py instead of exercise.py")


@pytest.fixture(scope="module")
def answer(request):
    """The module under test: what the reader wrote, or the solution."""
    name = "solution" if request.config.getoption("--solution") else "exercise"
    path = request.path.parent / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_{path.parent.name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
