"""The command line: what it writes, what it prints, and one line with exit code 2 for what it cannot do."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minitensor as mt
from nets.__main__ import BAD_INPUT, FAILED, main
from nets.data import open_evaluation
from nets.segmentation.metrics import confusion_matrix
from nets.training.decision import Decision
from nets.training.loop import Training
from nets.training.run import Run
from tests.nets.tiny import TINY, write_folder

ROOT = Path(__file__).parents[2]


def refused(capsys, *arguments, saying):
    """Exit code 2, nothing on stdout, one line on stderr that holds every part of `saying`."""
    capsys.readouterr()
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as error:  # argparse's way out
        code = error.code
    captured = capsys.readouterr()
    assert code == BAD_INPUT
    assert captured.out == ""
    assert captured.err.count("\n") == 1 and captured.err.endswith("\n"), captured.err
    for part in saying:
        assert part in captured.err


# Training


def test_a_run_leaves_its_files(finished_run):
    names = {path.name for path in finished_run.iterdir()}
    assert names == {
        "config.json", "metrics.jsonl", "best.safetensors", "last.safetensors", "checkpoint.safetensors",
        "curves.png", "predictions.png", "decision.json",
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
    for part in (
        "8 images",
        "mean IU",
        str(out / "predictions.png"),
        f"nets predict {out}",
        f"nets evaluate {out}",
    ):
        assert part in printed


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
    original = Training._train_step

    def poisoned(self, x, label):
        return original(self, np.full_like(x, np.nan) if self.step == 7 else x, label)

    monkeypatch.setattr(Training, "_train_step", poisoned)
    out = tmp_path / "run"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "20", "--out", str(out)]) == FAILED
    message = capsys.readouterr().err.splitlines()[-1]
    assert "the loss of step 8 is nan" in message and str(out) in message and "--lr" in message
    for name in ("best.safetensors", "last.safetensors"):
        assert all(np.isfinite(tensor.numpy()).all() for tensor in mt.load(out / name).values())


def test_weights_that_are_not_finite_are_never_saved(folder, tmp_path, monkeypatch, capsys):
    original = Training._train_step

    def poisoned(self, *batch):
        loss = original(self, *batch)
        if self.step == 7:  # the step before a validation: its loss is still fine
            weight = next(self.net.parameters())
            weight.data = np.full_like(weight.data, np.inf)
        return loss

    monkeypatch.setattr(Training, "_train_step", poisoned)
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
        ("--depth", "40"): ["--depth 40", "64x64", "--depth 6"],
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
    refused(
        capsys,
        "train",
        "--resume",
        "--steps",
        "4",
        "--out",
        out,
        saying=[str(data), "not the data of the run"],
    )


def test_a_folder_that_has_grown_is_not_divided_anew_to_evaluate(tmp_path, capsys):
    data = write_folder(tmp_path / "data", count=6)
    out = tmp_path / "run"
    assert main(["train", "--data", str(data), *TINY, "--steps", "1", "--out", str(out)]) == 0
    for part in ("images", "masks"):
        (data / part / "00.png").rename(data / part / "renamed.png")  # as many as before, divided otherwise
    refused(capsys, "evaluate", out, saying=[str(data), "not the data of the run"])
    assert main(["evaluate", str(out), "--data", str(data)]) == 0


def test_a_first_step_that_fails_leaves_no_folder(folder, tmp_path, capsys, monkeypatch):
    def fails(self, x, label):
        raise FloatingPointError("no")

    monkeypatch.setattr(Training, "_train_step", fails)
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


# Prediction


def test_predict_writes_ids_and_colors_of_images_of_any_size(finished_run, tmp_path, capsys):
    rng = np.random.default_rng(0)
    sizes = {"one": (1, 1), "odd": (37, 101), "rgb": (20, 24, 3)}
    for name, size in sizes.items():
        Image.fromarray(rng.integers(0, 256, size, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    out = tmp_path / "out"
    images = [str(tmp_path / f"{name}.png") for name in sizes]
    assert main(["predict", str(finished_run), *images, "--out", str(out)]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(sizes)
    run = Run.open(finished_run)
    net, decision = run.load_net(), Decision.load(run)
    for name, size in sizes.items():
        label = np.asarray(Image.open(out / f"{name}_label.png"))
        assert label.shape == size[:2] and label.dtype == np.uint8
        color = np.asarray(Image.open(out / f"{name}_color.png"))
        palette = np.array([entry.color for entry in run.config.classes])
        np.testing.assert_array_equal(color, palette[label])
        image = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
        if name != "rgb":  # Pillow's grey is rounded in another way
            np.testing.assert_array_equal(label, decision.class_map(net, image, run.config))
    assert len(list(out.iterdir())) == 3 * len(sizes)


def test_bad_prediction_input_is_refused_and_leaves_nothing(finished_run, folder, tmp_path, capsys):
    good, bad = folder / "images" / "00.png", tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    (tmp_path / "sub").mkdir()
    twin = tmp_path / "sub" / "00.png"
    twin.write_bytes(good.read_bytes())
    out = tmp_path / "out"
    refused(capsys, "predict", finished_run, good, bad, "--out", out, saying=["bad.png"])
    refused(capsys, "predict", finished_run, good, tmp_path / "none.png", "--out", out, saying=["none.png"])
    refused(capsys, "predict", finished_run, good, twin, "--out", out, saying=["00.png", "sub"])
    refused(capsys, "predict", tmp_path, good, "--out", out, saying=[str(tmp_path), "config.json"])
    refused(capsys, "predict", finished_run, good, "--out", good, saying=["is not a folder"])
    refused(capsys, "predict", finished_run, saying=["IMAGE"])
    assert not out.exists()


def test_inputs_are_not_written_over(finished_run, folder, tmp_path, capsys):
    for name in ("a.png", "a_label.png"):
        (tmp_path / name).write_bytes((folder / "images" / "00.png").read_bytes())
    images = [tmp_path / "a.png", tmp_path / "a_label.png"]
    refused(capsys, "predict", finished_run, *images, "--out", tmp_path, saying=["a_label.png", "--out"])
    assert sorted(tmp_path.iterdir()) == images


def test_a_folder_of_images_is_predicted(finished_run, folder, tmp_path, capsys):
    assert main(["predict", str(finished_run), str(folder / "images"), "--out", str(tmp_path / "out")]) == 0
    assert len(list((tmp_path / "out").iterdir())) == 3 * 8
    (tmp_path / "empty").mkdir()
    refused(capsys, "predict", finished_run, tmp_path / "empty", saying=["holds no image"])


def test_a_gpu_that_is_not_there_is_refused(finished_run, folder, capsys, monkeypatch):
    monkeypatch.setattr("minitensor.cuda.is_available", lambda: False)
    monkeypatch.setattr("minitensor.cuda.why_not", lambda: "there is none")
    image = folder / "images" / "00.png"
    refused(
        capsys, "predict", finished_run, image, "--device", "cuda", saying=["--device cuda: there is none"]
    )
    refused(capsys, "evaluate", finished_run, "--device", "cuda", saying=["--device cuda: there is none"])


# Evaluation


def test_evaluate_prints_one_json_object_with_the_right_numbers(finished_run, folder, capsys):
    assert main(["evaluate", str(finished_run), "--data", str(folder), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert printed.out.count("\n") == 1 and printed.err.count("\n") == 1
    assert set(found) == {"pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu", "per_class"}

    run = Run.open(finished_run)
    net, decision = run.load_net(), Decision.load(run)
    dataset = open_evaluation(folder, run.config.encoding, run.config.channels)
    matrix = np.zeros((2, 2), int)
    for index in range(len(dataset)):
        sample = dataset.sample(index)
        matrix += confusion_matrix(sample.label, decision.class_map(net, sample.image, run.config), 2)
    (a, b), (c, d) = matrix.tolist()
    total, iu = a + b + c + d, (a / (a + b + c), d / (b + c + d))
    assert total == sum((dataset.sample(i).label != 255).sum() for i in range(len(dataset)))
    assert found["pixel_accuracy"] == pytest.approx((a + d) / total)
    assert found["mean_accuracy"] == pytest.approx((a / (a + b) + d / (c + d)) / 2)
    assert found["mean_iu"] == pytest.approx(sum(iu) / 2)
    assert found["frequency_weighted_iu"] == pytest.approx(((a + b) * iu[0] + (c + d) * iu[1]) / total)
    assert [entry["iu"] for entry in found["per_class"]] == pytest.approx(iu)
    assert [entry["pixels"] for entry in found["per_class"]] == [a + b, c + d]


def test_evaluate_prints_a_table(finished_run, capsys):
    assert main(["evaluate", str(finished_run)]) == 0
    printed = capsys.readouterr().out
    assert "mean IU" in printed and "class 1" in printed


def test_bad_evaluation_input_is_refused(finished_run, tmp_path, capsys):
    refused(capsys, "evaluate", finished_run, "--data", tmp_path / "none", "--json", saying=["none"])
    refused(capsys, "evaluate", tmp_path, "--json", saying=[str(tmp_path)])
    config = tmp_path / "broken" / "config.json"
    config.parent.mkdir()
    config.write_text("{")
    refused(capsys, "evaluate", config.parent, saying=[str(config)])
    refused(capsys, "evaluate", saying=["RUN"])


def test_damaged_weights_are_refused(finished_run, folder, tmp_path, capsys):
    for name in ("config.json", "best.safetensors"):
        (tmp_path / name).write_bytes(
            (finished_run / name).read_bytes()[: None if name == "config.json" else 300]
        )
    refused(capsys, "evaluate", tmp_path, "--data", folder, saying=["best.safetensors"])
    (tmp_path / "best.safetensors").unlink()
    refused(capsys, "evaluate", tmp_path, "--data", folder, saying=["best.safetensors"])


def damaged(values, path, value):
    """The config with the entry at `path`, a tuple of keys, replaced."""
    key, *rest = path
    return values | {key: damaged(values[key], rest, value) if rest else value}


@pytest.mark.parametrize(
    "path, value",
    [
        (["net"], "unet"),
        (["net"], {"in_channels": 1, "classes": 2}),
        (["net", "classes"], 3),
        (["orientation"], "sideways"),
        (["orientation"], []),
        (["encoding", "classes"], []),
        (["encoding", "classes"], [5, 6]),
        (["encoding", "kind"], "foo"),
        (["channels"], "x"),
        (["crop"], [16]),
        (["encoding", "kind"], "colors"),
        (["normalization"], 5),
        (["normalization", "std"], [0.0]),
        (["class_weights"], [1.0, "a"]),
        (["seed"], None),
        (["steps"], None),
    ],
)
def test_a_damaged_config_is_refused(finished_run, tmp_path, capsys, path, value):
    config = json.loads((finished_run / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(damaged(config, path, value)))
    for command in (["evaluate", tmp_path], ["train", "--resume", "--out", tmp_path]):
        refused(capsys, *command, saying=[str(tmp_path / "config.json"), path[0]])


@pytest.mark.parametrize("line", ["5", "{}", "null", "{cut", '{"step": "one"}'])
def test_damaged_metrics_are_refused(finished_run, tmp_path, line):
    whole = (finished_run / "metrics.jsonl").read_text()
    (tmp_path / "config.json").write_bytes((finished_run / "config.json").read_bytes())
    (tmp_path / "metrics.jsonl").write_text(f"{line}\n{whole}")
    with pytest.raises(ValueError, match="metrics.jsonl: line 1"):
        Run.open(tmp_path).metrics()
    (tmp_path / "metrics.jsonl").write_text(whole + whole[:30])
    assert len(Run.open(tmp_path).metrics()) == len(whole.splitlines())


# The rest


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


@pytest.mark.parametrize("module, use", [("tqdm", "progress"), ("matplotlib", "pictures")])
def test_a_missing_extra_names_the_pip_command(module, use, folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    out = tmp_path / "run"
    command = ["train", "--data", folder, *TINY, "--steps", "2", "--out", out]
    refused(capsys, *command, saying=[use, "pip install 'minitensor[train]'"])
    assert not out.exists()
