"""One training a folder: the second is refused while the first one lives, however the first one ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import minitensor as mt
from nets.__main__ import main
from nets.training.run import LOCK, Run
from tests.nets.tiny import TINY

ROOT = Path(__file__).parents[3]


def test_a_second_training_in_the_same_folder_is_refused(folder, tmp_path, capsys):
    out = tmp_path / "run"
    command = [
        sys.executable,
        "-m",
        "nets",
        "train",
        "--data",
        str(folder),
        *TINY,
        "--steps",
        "100000",
        "--out",
        str(out),
    ]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (out / "checkpoint.safetensors").is_file():
            assert time.monotonic() < end
            time.sleep(0.05)
        assert main(["train", "--resume", "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert "another training writes into this folder" in error and str(out) in error
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (out / LOCK).exists()  # nobody holds it any more
        run = Run.open(out)
        run.hold()
        with pytest.raises(ValueError, match="another training writes"):
            Run.open(out).hold()
        run.release()
        assert not (out / LOCK).exists()
    finally:
        first.kill()
        first.wait()


def test_a_failed_start_leaves_no_lock(finished_run, folder, tmp_path, capsys):
    before = sorted(os.listdir(finished_run))
    assert main(["train", "--resume", "--out", str(finished_run), "--seed", "77"]) == 2
    assert sorted(os.listdir(finished_run)) == before


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
@pytest.mark.parametrize("make", [lambda path, target: path.symlink_to(target), lambda path, _: os.mkfifo(path)])
def test_a_lock_that_leads_elsewhere_or_waits_is_refused(finished_run, tmp_path, capsys, make):
    """A run folder may come from a stranger: nothing outside it is written, and no pipe is waited for."""
    out, target = tmp_path / "run", tmp_path / "elsewhere"
    shutil.copytree(finished_run, out)
    make(out / LOCK, target)
    assert main(["train", "--resume", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert str(out / LOCK) in error and error.count("\n") == 1
    assert not target.exists()


def test_weights_of_complex_numbers_are_refused_by_name(finished_run, tmp_path, capsys):
    run = shutil.copytree(finished_run, tmp_path / "run")
    state = {name: value.numpy() for name, value in mt.load(run / "best.safetensors").items()}
    first = next(iter(state))
    save_file(state | {first: state[first].astype(np.complex64)}, run / "best.safetensors")
    with pytest.raises(ValueError, match=r"best\.safetensors: does not fit the net"):
        Run.open(run).load_net()
