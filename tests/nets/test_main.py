"""The command line as a whole: help, unknown commands, pipes."""

import subprocess
import sys
from pathlib import Path

import pytest

from nets.__main__ import main
from tests.nets.commands.refused import refused

ROOT = Path(__file__).parents[2]


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m nets info fcn8s | head -1"
    piped = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, timeout=60)
    assert piped.stderr == b"" and piped.stdout.count(b"\n") == 1


def test_info_and_help(capsys):
    assert main(["info", "unet"]) == 0
    assert "31,030,658" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--help"])
    assert stopped.value.code == 0 and "--minutes" in capsys.readouterr().out


def test_unknown_commands(capsys):
    refused(capsys, "fly", saying=["fly"])
    refused(capsys, saying=["COMMAND"])
