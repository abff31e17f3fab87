"""pytest docs/exercises/06 tests your exercise.py; with --solution it tests the solution beside it."""

import importlib.util

import pytest
from hypothesis import Phase, settings

from docs.exercises.checking import checked

# one failing example with one message teaches more than a group of them
settings.register_profile(
    "exercises",
    max_examples=30,
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
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
    return checked(vars(module))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Of a blank, and of a property that does not hold, show the message alone. With -v, show all that pytest knows."""
    report = yield
    if report.failed and call.when == "call" and item.config.option.verbose <= 0:
        message = str(call.excinfo.value).split("\nassert ")[0]
        if not call.excinfo.errisinstance((AssertionError, NotImplementedError)):
            message = (
                f"The test cannot work with what your function returned ({call.excinfo.typename}: {message}). "
                "Does it return what its docstring says, a number, an array or several of them?"
            )
        report.longrepr = f"{message}\n(The property is {item.location[0]}, {item.originalname}. With -v you see more.)"
    return report
