"""python -m nets train: what it writes, what it prints, what it refuses."""

import json

import numpy as np
import pytest
from PIL import Image

import minitensor as mt
from nets.__main__ import FAILED, main
from nets.training.loop import Training
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY, write_folder


def test_a_run_leaves_its_files(finished_run):
    names = {path.name for path in finished_run.iterdir()}
    assert names == {
        "config.json", "metrics.jsonl", "best.safetensors", "last.safetensors", "checkpoint.safetensors",
        "curves.png", "predictions.png", "report.html", "decision.json", "data.json",
    }  # fmt: skip
    lines = [json.loads(line) for line in (finished_run / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(2, 21, 2))
    assert all(0 <= line["mean_iu"] <= 1 and line["loss"] > 0 for line in lines)
    for picture in ("curves.png", "predictions.png"):
        with Image.open(finished_run / picture) as image:
            assert min(image.size) > 300


def test_it_says_what_to_do_next(folder, tmp_path, capsys):
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "2", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for part in ("8 images", "mean IU", str(out / "predictions.png"), f"nets predict {out}", f"nets evaluate {out}"):
        assert part in printed


def test_a_crop_larger_than_the_images_says_what_it_does(folder, tmp_path, capsys):
    options = ["train", "--data", str(folder), *TINY, "--steps", "1"]
    assert main([*options, "--out", str(tmp_path / "small")]) == 0
    assert "larger than some images" not in capsys.readouterr().out
    assert main([*options, "--crop", "32", "--out", str(tmp_path / "large")]) == 0
    assert "larger than some images (the smallest: 24x20): their mirror image" in capsys.readouterr().out


def test_a_time_bounds_a_run(folder, tmp_path):
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--minutes", "0.02", "--out", str(out)]) == 0
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] > 4
    assert main(["train", "--resume", "--minutes", "0.03", "--out", str(out)]) == 0
    assert len((out / "metrics.jsonl").read_text().splitlines()) > len(lines)


@pytest.mark.parametrize("net", ["fcn32s", "fcn16s", "fcn8s"])
def test_the_fcns_train(net, folder, tmp_path):
    options = ["--net", net, "--width", "0.02", "--crop", "32", "--batch", "1", "--steps", "1"]
    assert main(["train", "--data", str(folder), *options, "--out", str(tmp_path / net)]) == 0


def test_default_folders_are_numbered_and_the_latest_is_resumed(tmp_path, folder, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    refused(capsys, "train", "--resume", saying=["nothing to resume"])
    for _ in range(2):
        assert main(["train", "--data", str(folder), *TINY, "--steps", "2"]) == 0
    assert {path.name for path in (tmp_path / "runs").iterdir()} == {"unet-blobs", "unet-blobs-2"}
    assert main(["train", "--resume", "--steps", "4"]) == 0
    assert "resuming runs/unet-blobs-2 after step 2" in capsys.readouterr().out


def test_nan_stops_the_run_and_keeps_the_last_good_weights(folder, tmp_path, capsys, monkeypatch):
    original = Training.train_step

    def poisoned(self, x, label):
        return original(self, np.full_like(x, np.nan) if self.step == 7 else x, label)

    monkeypatch.setattr(Training, "train_step", poisoned)
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "20", "--out", str(out)]) == FAILED
    message = capsys.readouterr().err.splitlines()[-1]
    assert "the loss of step 8 is nan" in message and str(out) in message and "--lr" in message
    for name in ("best.safetensors", "last.safetensors"):
        assert all(np.isfinite(tensor.numpy()).all() for tensor in mt.load(out / name).values())


def test_weights_that_are_not_finite_are_never_saved(folder, tmp_path, monkeypatch, capsys):
    original = Training.train_step

    def poisoned(self, *batch):
        loss = original(self, *batch)
        if self.step == 7:  # the step before a validation: its loss is still fine
            weight = next(self.net.parameters())
            weight.data = np.full_like(weight.data, np.inf)
        return loss

    monkeypatch.setattr(Training, "train_step", poisoned)
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "20", "--out", str(out)]) == FAILED
    assert "after step 8" in capsys.readouterr().err
    for name in ("best.safetensors", "last.safetensors", "checkpoint.safetensors"):
        assert all(np.isfinite(tensor.numpy()).all() for tensor in mt.load(out / name).values())


def test_bad_training_input_is_refused_and_leaves_nothing(folder, finished_run, tmp_path, capsys):
    out = tmp_path / "out"
    cases = {
        ("--data", tmp_path / "nowhere"): ["nowhere"],
        ("--data", tmp_path): ["images"],
        ("--net", "vgg"): ["--net", "vgg"],
        ("--task", "dreams"): ["--task", "dreams"],
        ("--minutes", "-1"): ["--minutes", "-1"],
        ("--minutes", "nan"): ["--minutes", "nan"],
        ("--steps", "0"): ["--steps", "'0'"],
        ("--steps", "3", "--minutes", "1"): ["--minutes", "--steps"],
        ("--seed", "-3"): ["--seed", "-3"],
        ("--lr", "0"): ["--lr", "'0'"],
        ("--net", "fcn8s", "--base", "4"): ["--base", "fcn8s"],
        ("--width", "0.5"): ["--width", "unet"],
        ("--steps", "9" * 400): ["--steps"],
        ("--steps", "9" * 13): ["--steps", "to 1,000,000,000,000"],
        ("--minutes", "1e300"): ["--minutes", "1e300"],
        ("--lr", "1e300"): ["--lr", "to 1,000,000"],
        ("--border-weight", "1e300"): ["--border-weight", "1e300"],
        ("--crop", "100000"): ["crop", "100000x100000"],
        ("--crop", "1"): ["1x1", "give a larger --crop"],
        ("--batch", "1000000000"): ["batch", "4096", "1000000000"],
        ("--\x1b[31m",): ["--\\x1b[31m"],
        ("--depth", "8"): ["--depth 8", "64x64", "--depth 6"],
        ("--depth", "40"): ["depth must be a whole number from 1 to 10, got 40"],
        ("--depth", "4", "--crop", "16", "--batch", "1"): ["--batch 1", "--depth 4", "16x16"],
        ("--resume",): ["out"],
        ("--frobnicate",): ["--frobnicate"],
    }
    for options, saying in cases.items():
        refused(capsys, "train", "--data", folder, *options, "--out", out, saying=saying)
        assert not out.exists(), options


def test_a_run_is_not_overwritten_and_not_mixed(folder, finished_run, capsys):
    before = {path.name: path.read_bytes() for path in finished_run.iterdir()}
    refused(capsys, "train", "--out", finished_run, saying=[str(finished_run), "--resume"])
    resume = ["train", "--resume", "--out", finished_run]
    refused(capsys, *resume, saying=["finished after 20 steps"])
    refused(capsys, *resume, "--steps", "10", saying=["20 steps"])
    refused(capsys, *resume, "--base", "8", "--steps", "30", saying=["--base 2", "8"])
    refused(capsys, *resume, "--width", "1", saying=["unet", "no --width"])
    refused(capsys, *resume, "--data", "cells", "--steps", "30", saying=["--data", str(folder), "cells"])
    assert before == {path.name: path.read_bytes() for path in finished_run.iterdir()}


def test_a_folder_that_has_changed_is_not_resumed(tmp_path, capsys):
    data = write_folder(tmp_path / "data", count=6)
    out = tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "2", "--out", str(out)]) == 0
    for part in ("images", "masks"):
        (data / part / "00.png").rename(data / part / "more.png")
        Image.open(data / part / "01.png").save(data / part / "new.png")
    refused(capsys, "train", "--resume", "--steps", "4", "--out", out, saying=["00.png: is missing"])


def test_a_folder_that_has_grown_is_not_divided_anew_to_evaluate(tmp_path, capsys):
    data = write_folder(tmp_path / "data", count=6)
    out = tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "1", "--out", str(out)]) == 0
    for part in ("images", "masks"):
        (data / part / "00.png").rename(data / part / "renamed.png")  # as many as before, divided otherwise
    refused(capsys, "evaluate", out, saying=["00.png: is missing"])
    assert main(["evaluate", str(out), "--data", str(data)]) == 0


def test_a_first_step_that_fails_leaves_no_folder(folder, tmp_path, capsys, monkeypatch):
    def fails(self, x, label):
        raise FloatingPointError("no")

    monkeypatch.setattr(Training, "train_step", fails)
    out = tmp_path / "run"
    command = ["train", "--data", str(folder), *TINY, "--steps", "2", "--out", str(out)]
    assert main(command) == FAILED
    assert "no weights" in capsys.readouterr().err and not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    assert main(command) == FAILED
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


@pytest.mark.filterwarnings("error")
def test_names_are_drawn_as_they_are(tmp_path, capsys):
    data = write_folder(tmp_path / "dollar$a_$b")
    names = [{"id": 0, "name": r"cost $x_$ \frac"}, {"id": 1, "name": "_細胞"}]
    (data / "classes.json").write_text(json.dumps(names))
    out = tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "1", "--out", str(out)]) == 0
    assert (out / "predictions.png").is_file() and "on these same images" in capsys.readouterr().out


@pytest.mark.parametrize("module, use", [("tqdm", "progress"), ("matplotlib", "pictures")])
def test_a_missing_extra_names_the_pip_command(module, use, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    out = tmp_path / "run"
    command = ["train", "--data", folder, *TINY, "--steps", "2", "--out", out]
    refused(capsys, *command, saying=[use, "pip install 'minitensor[train]'"])
    assert not out.exists()
