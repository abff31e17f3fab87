"""Write cupy14.txt: which of NumPy's names CuPy has, and with which arguments. Needs CuPy, but no GPU.

    python -m tests.sim.catalogue

CuPy lacks some of NumPy's functions and many of their arguments, so a text that runs on NumPy proves little. The
strict double (strict.py) offers exactly what stands in that file; it is kept because machines that run the tests
need not have CuPy. Run this again when a new CuPy is to be supported.
"""

import inspect
from pathlib import Path

import numpy as np

CATALOGUE = Path(__file__).with_name("cupy14.txt")
WIDTH = 110


def read():
    """{section: {name: its arguments, or None where any go}}, the sections being ndarray, ufuncs and functions."""
    sections, names = {}, {}
    for line in CATALOGUE.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if line.endswith(":"):
            names = sections.setdefault(line[:-1], {})
            continue
        for entry in line.split():
            name, bracket, arguments = entry.rstrip(")").partition("(")
            names[name] = arguments.split(",") if bracket else None
    return sections


def _entry(name, function):
    """name(argument,argument), or the bare name where Python cannot tell or any arguments go."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return name
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters):
        return name
    return f"{name}({','.join(p.name for p in parameters)})"


def _wrapped(entries):
    line = ""
    for entry in entries:
        if line and len(line) + 1 + len(entry) > WIDTH:
            yield line
            line = ""
        line = f"{line} {entry}".strip()
    yield line


def write():
    import cupy

    shared = [name for name in sorted(dir(np)) if not name.startswith("_") and hasattr(cupy, name)]
    ufuncs = [name for name in shared if isinstance(getattr(cupy, name), cupy.ufunc)]
    functions = [
        name
        for name in shared
        if callable(getattr(cupy, name)) and not isinstance(getattr(cupy, name), (cupy.ufunc, type))
    ]
    methods = [name for name in sorted(dir(cupy.ndarray)) if not name.startswith("_")]
    lines = [f"# CuPy {cupy.__version__}, written by `python -m tests.sim.catalogue`"]
    lines += ["ndarray:", *_wrapped(methods), "ufuncs:", *_wrapped(ufuncs), "functions:"]
    lines += _wrapped(_entry(name, getattr(cupy, name)) for name in functions)
    CATALOGUE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
