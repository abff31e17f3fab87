"""Ctrl-C while `python -m nets` is imported ends it without a traceback; a program that imports nets keeps its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Presses Ctrl-C at the first import of a module. Python runs a sitecustomize.py before the program.
PRESS = """
import os, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Press())
"""


def pressed_at(folder, name, *command):
    (folder / "sitecustomize.py").write_text(PRESS.format(name=name))
    return subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))},
    )  # fmt: skip


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no such signals")
@pytest.mark.parametrize("name", ["layers", "numpy", "nets.unet", "nets.commands"])
def test_before_the_command_is_there_nothing_is_said(name, tmp_path):
    done = pressed_at(tmp_path, name, "-m", "nets", "info", "unet")
    assert done.returncode == -signal.SIGINT and done.stderr == "" and done.stdout == ""


def test_later_there_is_a_line(tmp_path):
    done = pressed_at(tmp_path, "nets.commands.info", "-m", "nets", "info", "unet")
    assert done.stderr == "python -m nets: interrupted\n" and done.returncode in (130, -signal.SIGINT)


def test_a_program_that_imports_nets_is_asked(tmp_path):
    code = "try:\n import nets\nexcept KeyboardInterrupt:\n print('mine')"
    assert pressed_at(tmp_path, "nets.unet", "-c", code).stdout == "mine\n"
