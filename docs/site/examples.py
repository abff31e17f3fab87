"""The examples of the API reference: read from docs/api/examples.txt, run, and shown with what they give."""

from __future__ import annotations

import ast
import io
import os
import re
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

FILE = Path(__file__).resolve().parent.parent / "api" / "examples.txt"
ENTRY = re.compile(r"^([\w.]+): (.*(?:\n(?:    .*)?(?=\n|\Z))*)", re.M)


def examples():
    """{full name: code} of the file."""
    text = "".join(line for line in FILE.read_text(encoding="utf-8").splitlines(True) if not line.startswith("#"))
    return {name: re.sub(r"^    ", "", code, flags=re.M).rstrip() for name, code in ENTRY.findall(text)}


def result(code):
    """Run an example, and return the value of its last line as Python writes it. Raises what the example raises."""
    import numpy as np

    import layers
    import minitensor.distributed
    import minitensor.trace
    import nets

    names = {"mt": minitensor, "minitensor": minitensor, "layers": layers, "nets": nets, "np": np}
    *before, last = ast.parse(code).body
    minitensor.manual_seed(0)
    here = os.getcwd()
    silence = io.StringIO()
    with TemporaryDirectory() as folder, redirect_stdout(silence), redirect_stderr(silence):
        os.chdir(folder)
        try:
            exec(compile(ast.Module(before, []), "example", "exec"), names)
            return repr(eval(compile(ast.Expression(last.value), "example", "eval"), names))
        finally:
            os.chdir(here)
