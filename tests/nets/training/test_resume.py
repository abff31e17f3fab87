"""However a run is stopped, resuming it gives bit for bit what an uninterrupted run gives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import minitensor.serialize
from nets.__main__ import INTERRUPTED, main
from nets.training.loop import Training
from tests.nets.tiny import TINY

ROOT = Path(__file__).parents[3]
STEPS = 20
WEIGHTS = ("best.safetensors", "last.safetensors")


class PowerCut(BaseException):
    """Ends a run as abruptly as can be done in one process."""


def train(folder, out, *options):
    return main(["train", "--data", str(folder), *TINY, "--steps", str(STEPS), "--out", str(out), *options])


def assert_same_run(out, finished_run):
    for name in WEIGHTS:
        assert (out / name).read_bytes() == (finished_run / name).read_bytes()
    lines, expected = (
        [json.loads(line) | {"seconds": 0} for line in (run / "metrics.jsonl").read_text().splitlines()]
        for run in (out, finished_run)
    )
    assert lines == expected


def test_two_runs_with_the_same_seed_are_equal(folder, finished_run, tmp_path):
    assert train(folder, tmp_path / "again") == 0
    assert_same_run(tmp_path / "again", finished_run)
    assert train(folder, tmp_path / "other", "--seed", "1") == 0
    assert (tmp_path / "other" / WEIGHTS[0]).read_bytes() != (finished_run / WEIGHTS[0]).read_bytes()


@pytest.mark.parametrize("step", [2, 3, 7, 19])
def test_cut_off_in_a_step(folder, finished_run, tmp_path, monkeypatch, step):
    original = Training.train_step

    def cut_off(self, *batch):
        if self.step == step:
            raise PowerCut
        return original(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", cut_off)
        with pytest.raises(PowerCut):
            train(folder, tmp_path / "run")
    assert train(folder, tmp_path / "run", "--resume") == 0
    assert_same_run(tmp_path / "run", finished_run)


@pytest.mark.parametrize("write", [2, 3, 4, 5, 6, 7])
def test_cut_off_while_writing(folder, finished_run, tmp_path, monkeypatch, write):
    """The replaced file is the old one or the new one; its siblings may be one validation apart."""
    replace, count = os.replace, []

    def cut_off(source, target):
        count.append(target)
        if len(count) == write:
            raise PowerCut
        return replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(minitensor.serialize.os, "replace", cut_off)
        with pytest.raises(PowerCut):
            train(folder, tmp_path / "run")
    assert train(folder, tmp_path / "run", "--resume") == 0
    assert_same_run(tmp_path / "run", finished_run)


def start(folder, out):
    options = ["--data", str(folder), *TINY, "--steps", "20000", "--out", str(out)]
    process = subprocess.Popen(
        [sys.executable, "-m", "nets", "train", *options], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (out / "config.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


def test_ctrl_c_saves_and_says_how_to_resume(folder, tmp_path):
    out = tmp_path / "run"
    process = start(folder, out)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED, stderr
    assert f"python -m nets train --resume --out {out}" in stdout.decode()
    assert b"Traceback" not in stderr
    assert (out / "checkpoint.safetensors").exists()


def test_killed_and_interrupted_at_any_moment(folder, finished_run, tmp_path):
    """kill -9 from outside, several times over, until the run is through."""
    out = tmp_path / "run"
    options = ["--data", str(folder), *TINY, "--steps", str(STEPS), "--out", str(out)]
    command = [sys.executable, "-m", "nets", "train", *options]
    script = (
        "import os, sys, threading, time\n"
        "from nets.training import loop\n"
        "save = loop.Training.save\n"
        "def killed(self):\n"
        "    save(self)\n"
        "    threading.Thread(target=lambda: (time.sleep(0.01), os.kill(os.getpid(), 9))).start()\n"
        "loop.Training.save = killed\n"
        "from nets.__main__ import main\n"
        "main(sys.argv[1:])\n"
    )
    killed = subprocess.run([sys.executable, "-c", script, *command[3:]], cwd=ROOT, capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    resumed = subprocess.run([*command, "--resume"], cwd=ROOT, capture_output=True, timeout=120)
    assert resumed.returncode == 0, resumed.stderr
    assert_same_run(out, finished_run)
    assert not list(out.glob(".*"))


@pytest.mark.parametrize("missing", ["decision.json", "curves.png", "predictions.png"])
def test_killed_while_it_draws(folder, finished_run, tmp_path, missing):
    out = tmp_path / "run"
    shutil.copytree(finished_run, out)
    expected = (out / missing).read_bytes()
    (out / missing).unlink()
    assert train(folder, out, "--resume") == 0
    assert (out / missing).read_bytes() == expected
    assert_same_run(out, finished_run)


def test_a_bound_given_again_changes_nothing(folder, tmp_path, capsys):
    """An extension is kept at once, and the same bound again goes on as if nothing had been said."""
    out = tmp_path / "run"
    resume = ["train", "--resume", "--out", str(out)]
    assert main(["train", "--data", str(folder), *TINY, "--steps", "2", "--out", str(out)]) == 0
    assert main([*resume, "--steps", "6"]) == 0
    capsys.readouterr()
    assert main([*resume, "--steps", "6"]) == 2
    assert f"{out}: finished after 6 steps" in capsys.readouterr().err
    assert main(resume) == 2


def test_a_run_of_no_time_makes_one_step_and_can_be_resumed(folder, tmp_path):
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--minutes", "1e-12", "--out", str(out)]) == 0
    assert [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()] == [1]
    assert main(["train", "--resume", "--steps", "2", "--out", str(out)]) == 0
