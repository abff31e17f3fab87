"""A run's folder holds one run: leftovers of another are refused, and only own files are removed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nets.__main__ import main
from nets.training.run import ALL, CHECKPOINT, METRICS, Run
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ALL)
def test_leftovers_of_another_run_are_refused(folder, tmp_path, capsys, name):
    out = tmp_path / "run"
    out.mkdir()
    (out / name).write_text("old")
    refused(capsys, "train", "--data", folder, *TINY, "--steps", "2", "--out", out, saying=[str(out), "run"])
    assert os.listdir(out) == [name] and (out / name).read_text() == "old"


def test_a_link_that_leads_nowhere_is_a_leftover_too(folder, tmp_path, capsys):
    """metrics.jsonl is written line by line: through a link, the lines would be written elsewhere."""
    out = tmp_path / "run"
    out.mkdir()
    (out / METRICS).symlink_to(tmp_path / "elsewhere")
    refused(capsys, "train", "--data", folder, *TINY, "--steps", "2", "--out", out, saying=[str(out), METRICS])
    assert not (tmp_path / "elsewhere").exists()


def test_a_failing_new_run_removes_only_its_own_files(folder, tmp_path, capsys):
    out = tmp_path / "run"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    command = ["train", "--data", str(folder), *TINY, "--steps", "2", "--lr", "1e6", "--out", str(out)]
    assert main(command) == 1
    assert "another --out" in capsys.readouterr().err
    assert (out / "notes.txt").read_text() == "mine"


def test_of_two_new_runs_in_a_folder_one_is_made(finished_run, tmp_path):
    config = Run.open(finished_run).config
    first = Run.create(tmp_path / "run", config)
    with pytest.raises(ValueError, match="another training writes into this folder"):
        Run.create(tmp_path / "run", config)
    first.discard()
    assert not (tmp_path / "run").exists()


def test_two_resumes_at_the_same_time(folder, tmp_path):
    """One goes on and the other is refused; no line of metrics is written twice."""
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "2", "--out", str(out)]) == 0
    command = [sys.executable, "-m", "nets", "train", "--resume", "--out", str(out), "--steps", "200"]
    both = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    errors = [process.communicate(timeout=180)[1] for process in both]
    codes = sorted(process.returncode for process in both)
    # On a busy machine the second may begin when the first has ended: then there is nothing left to do.
    assert codes == [0, 2], errors
    refusal = next(error for process, error in zip(both, errors, strict=True) if process.returncode == 2)
    assert "another training writes into this folder" in refusal or "finished after 200 steps" in refusal
    steps = [line["step"] for line in Run.open(out).metrics()]
    assert steps == sorted(set(steps)) and steps[-1] == 200
    assert (out / CHECKPOINT).is_file() and (out / METRICS).is_file() and not list(out.glob(".*"))
