"""python -m nets train in several real processes: one answer, one writer, no hang, nothing lost."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minitensor as mt
from tests.distributed.processes import ROOT, environment, finish, needs_mpi, run, start

pytestmark = needs_mpi
SMALL = ("--base", "2", "--depth", "2", "--crop", "16", "--batch", "3", "--data")
TASKS = {
    "semantic": (),
    "watershed": ("--task", "instance"),
    "centres": ("--task", "instance", "--method", "centres"),
    "panoptic": ("--task", "panoptic"),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Images with two numbered objects."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir(), (folder / "masks").mkdir()
    (folder / "classes.json").write_text('{"encoding": "instances"}')
    rng = np.random.default_rng(0)
    for number in range(10):
        mask = np.zeros((24, 20), np.uint16)
        mask[2 : 8 + number % 3, 3:9], mask[12:20, 8:16] = 1, 2
        image = (60 + 90 * (mask > 0) + rng.integers(0, 30, mask.shape)).astype(np.uint8)
        Image.fromarray(image).save(folder / "images" / f"{number}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{number}.png")
    return folder


def train(processes, data, out, *options):
    return run(processes, "-m", "nets", "train", *SMALL, data, "--out", out, *options)


def lines(out):
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("task", TASKS)
def test_processes_learn_what_one_learns(task, data, tmp_path):
    """The losses and scores of two and of three processes are those of one, up to rounding."""
    found = {}
    for processes in (1, 2, 3) if task == "semantic" else (1, 2):
        out = tmp_path / str(processes)
        code, stdout, stderr = train(processes, data, out, "--steps", "5", *TASKS[task])
        assert code == 0, stderr
        assert stdout.count("5 steps in") == 1
        found[processes] = lines(out)
        assert sorted(path.name for path in out.iterdir()) == [
            "best.safetensors", "checkpoint.safetensors", "config.json", "curves.png", "data.json", "decision.json",
            "last.safetensors", "metrics.jsonl", "predictions.png", "report.html",
        ]  # fmt: skip
    for processes in found:
        assert [line["step"] for line in found[processes]] == [line["step"] for line in found[1]]
        assert found[processes][0]["loss"] == pytest.approx(found[1][0]["loss"], rel=1e-5)  # of the first step alone
        for line, expected in zip(found[processes], found[1], strict=True):
            for name in ("loss", "validation_loss"):
                assert line[name] == pytest.approx(expected[name], rel=2e-3), (processes, name)
            assert line["validation_images"] == expected["validation_images"]
            assert line["pixel_accuracy"] == pytest.approx(expected["pixel_accuracy"], abs=0.02)


def test_any_number_of_processes_goes_on(data, tmp_path):
    out = tmp_path / "run"
    for processes, steps in ((2, 4), (1, 6), (3, 8)):
        options = ["--resume", "--out", out] if steps > 4 else [*SMALL, data, "--out", out]
        code, _, stderr = run(processes, "-m", "nets", "train", *options, "--steps", str(steps))
        assert code == 0, stderr
        assert lines(out)[-1]["step"] == steps


def test_stopped_by_a_signal_and_resumed_the_bits_are_those_of_an_uninterrupted_run(data, tmp_path):
    options = ["-m", "nets", "train", *SMALL, data, "--steps", "60", "--out"]
    code, _, stderr = run(2, *options, tmp_path / "whole")
    assert code == 0, stderr
    process = start(2, *options, tmp_path / "stopped")
    wait_for(tmp_path / "stopped" / "metrics.jsonl")
    process.send_signal(signal.SIGTERM)
    code, stdout, stderr = finish(process)
    assert code == 130, stderr
    assert stdout.count("stopped after step") == 1
    code, _, stderr = run(2, "-m", "nets", "train", "--resume", "--out", tmp_path / "stopped")
    assert code == 0, stderr
    one, other = (mt.load(tmp_path / out / "last.safetensors") for out in ("whole", "stopped"))
    for name in one:
        np.testing.assert_array_equal(one[name].numpy(), other[name].numpy(), err_msg=name)


def test_a_killed_process_ends_all_and_the_run_goes_on(data, tmp_path):
    out = tmp_path / "run"
    process = start(2, "-m", "nets", "train", *SMALL, data, "--steps", "2000", "--out", out)
    wait_for(out / "checkpoint.safetensors")
    child = children(process.pid)[-1]
    began = time.monotonic()
    os.kill(child, signal.SIGKILL)
    code, _, _ = finish(process)
    assert code != 0 and time.monotonic() - began < 20
    done = lines(out)[-1]["step"]
    code, _, stderr = run(2, "-m", "nets", "train", "--resume", "--out", out, "--steps", str(done + 3))
    assert code == 0, stderr


@pytest.mark.slow
def test_fifty_kills_at_random_moments(data, tmp_path):
    """A process or mpiexec itself; a checkpoint is written every tenth of the run. The end has the same bits."""
    options = ["-m", "nets", "train", *SMALL, data, "--steps", "400", "--out"]
    code, _, stderr = run(2, *options, tmp_path / "whole")
    assert code == 0, stderr
    out, rng, kills = tmp_path / "killed", random.Random(0), 0
    resume = ["-m", "nets", "train", "--resume", "--out", out]
    while kills < 50:
        begun = (out / "config.json").is_file()
        process = start(2, *(resume if begun else [*options, out]))
        wait_for(out / "config.json")
        time.sleep(rng.uniform(0, 4))
        targets = [process.pid, *children(process.pid)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(targets), signal.SIGKILL)
        code, _, _ = finish(process)
        if code == 0:  # it had ended: begin the run again
            compare(tmp_path / "whole", out)
            shutil.rmtree(out)
        kills += code != 0
        gone(out)
    code, _, stderr = run(2, *(resume if (out / "config.json").is_file() else [*options, out]))
    assert code == 0, stderr
    compare(tmp_path / "whole", out)


def compare(one, other):
    for name in ("last.safetensors", "best.safetensors"):
        expected, found = mt.load(one / name), mt.load(other / name)
        for key in expected:
            np.testing.assert_array_equal(found[key].numpy(), expected[key].numpy(), err_msg=key)


def gone(out):
    """Wait until no process works on the run: those of a killed mpiexec end within a second or so."""
    end = time.monotonic() + 30
    while any(str(out) in command for command in commands().values()):
        assert time.monotonic() < end
        time.sleep(0.1)


def commands():
    """{process: its command}"""
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline") as file:
            found[int(entry)] = file.read()
    return found


def test_bad_input_is_refused_once_and_leaves_nothing(data, tmp_path):
    for options, words in (
        (
            ["--out", tmp_path / "a", "--data", data, "--batch", "2", "--steps", "1"],
            "3 processes cannot share a batch of 2",
        ),
        (["--out", tmp_path / "a", "--data", tmp_path / "none", "--steps", "1"], "none"),
        (["--resume", "--out", tmp_path / "b"], "not a run folder"),
    ):
        code, _, stderr = run(3, "-m", "nets", "train", *options)
        assert code == 2 and stderr.count("python -m nets train:") == 1 and words in stderr, stderr
    assert not (tmp_path / "a").exists()
    code, _, stderr = run(2, "-m", "nets", "evaluate", tmp_path)
    assert code == 2 and "evaluate runs in one process" in stderr


def test_the_option_starts_the_processes(data, tmp_path):
    command = [sys.executable, "-m", "nets", "train", "--processes", "2", *SMALL, str(data), "--steps", "2"]
    done = subprocess.run(
        [*command, "--out", str(tmp_path / "run")], cwd=ROOT, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "2 processes share each batch" in done.stdout and len(lines(tmp_path / "run")) > 0


def wait_for(path, seconds=60):
    """Until the file is there."""
    end = time.monotonic() + seconds
    while not path.is_file():
        assert time.monotonic() < end, f"{path.name} has not come"
        time.sleep(0.05)


def children(pid):
    """The processes of Python that mpiexec has started, some levels below it."""
    python = Path(sys.executable).name
    return sorted(
        process
        for process, command in commands().items()
        if command.split("\0")[0].endswith(python) and process != pid and _ancestor(process, pid)
    )


def _ancestor(process, wanted):
    with contextlib.suppress(OSError):
        while process > 1:
            if process == wanted:
                return True
            with open(f"/proc/{process}/stat") as file:
                process = int(file.read().rpartition(")")[2].split()[1])
    return False
