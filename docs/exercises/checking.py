"""What every exercise checks before its own properties."""

import inspect
import traceback
import warnings
from functools import wraps
from types import SimpleNamespace

import numpy as np

LONGEST = 60  # letters of an argument that are shown


def checked(names):
    """The functions among `names`, as attributes. Each says so if it fails or returns nothing; a list is an array."""

    def with_result(function):
        @wraps(function)
        def call(*arguments, **options):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # 0 / 0 gives nan; the property says it better
                try:
                    found = function(*arguments, **options)
                except (AssertionError, NotImplementedError):
                    raise
                except Exception as error:
                    raise AssertionError(_failed(function, arguments, error)) from error
            assert found is not None, f"{function.__name__} returned nothing: does it end with `return ...`?"
            return np.array(found) if isinstance(found, list) else found

        return call

    return SimpleNamespace(**{name: with_result(value) for name, value in names.items() if inspect.isfunction(value)})


def _failed(function, arguments, error):
    """In which line the reader's function failed, with what, and for which arguments."""
    own = inspect.getsourcefile(function)
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == own]
    place = f" in line {lines[-1].lineno}, `{lines[-1].line}`" if lines else ""
    given = ", ".join(map(_short, arguments))
    return f"{function.__name__}({given}) failed{place}: {type(error).__name__}: {error}"


def _short(argument):
    if isinstance(argument, np.ndarray) and argument.size > 1:
        return f"array of shape {argument.shape}"
    text = " ".join(repr(argument).split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
