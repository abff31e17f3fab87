"""--task instance from the command line: train, resume, evaluate, predict, and what is refused."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from nets.__main__ import main
from nets.data import cells
from nets.segmentation.metrics import AggregatedJaccard, Matching, Partition
from nets.training.loop import Training
from nets.training.run import Run
from tests.nets.commands.refused import refused
from tests.nets.tiny import TINY

STEPS = "16"


@pytest.fixture(scope="module")
def nuclei(tmp_path_factory):
    """A folder with object numbers of 16 bits, with gaps, as microscopists save them."""
    folder = tmp_path_factory.mktemp("nuclei")
    dataset = cells(length=6, size=(40, 48))
    for part in ("images", "masks"):
        (folder / part).mkdir()
    for number in range(6):
        sample = dataset.sample(number)
        Image.fromarray(sample.image).save(folder / "images" / f"{number}.png")
        Image.fromarray((sample.instances * 300).astype(np.uint16)).save(folder / "masks" / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def run(nuclei, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "instances"
    assert train(nuclei, out) == 0
    return out


def train(data, out, *options):
    options = ["--task", "instance", *TINY, "--steps", STEPS, "--out", str(out), *options]
    return main(["train", "--data", str(data), *options])


def test_a_run_leaves_its_files_and_its_scores(run):
    assert {"config.json", "best.safetensors", "decision.json", "curves.png", "predictions.png"} <= {
        path.name for path in run.iterdir()
    }
    config = json.loads((run / "config.json").read_text())
    assert (config["task"], config["border_weight"]) == ("instance", 3.0)
    for line in Run.open(run).metrics():
        assert line["f1_50"] is None or 0 <= line["f1_50"] <= 1
        assert "aji" in line and line["validation_loss"] > 0
    assert set(json.loads((run / "decision.json").read_text())) == {"foreground", "seed", "least", "views"}


class PowerCut(BaseException):
    """Ends a run as abruptly as can be done in one process."""


@pytest.mark.parametrize("step", [0, 5, 11])
def test_a_killed_run_goes_on_bit_for_bit(nuclei, run, tmp_path, monkeypatch, step):
    original = Training.train_step

    def cut_off(self, *batch):
        if self.step == step:
            raise PowerCut
        return original(self, *batch)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "train_step", cut_off)
        with pytest.raises(PowerCut):
            train(nuclei, tmp_path / "run")
    assert main(["train", "--resume", "--out", str(tmp_path / "run")]) == 0
    for name in ("best.safetensors", "last.safetensors", "decision.json"):
        assert (tmp_path / "run" / name).read_bytes() == (run / name).read_bytes()


def test_the_border_weight_changes_the_training(nuclei, run, tmp_path):
    assert train(nuclei, tmp_path / "flat", "--border-weight", "0") == 0
    assert (tmp_path / "flat" / "last.safetensors").read_bytes() != (run / "last.safetensors").read_bytes()


@pytest.fixture(scope="module")
def predicted(nuclei, run, tmp_path_factory):
    out = tmp_path_factory.mktemp("predicted")
    assert main(["predict", str(run), str(nuclei / "images"), "--out", str(out)]) == 0
    return out


def test_predict_writes_numbers_a_picture_and_a_table(predicted):
    assert len(list(predicted.iterdir())) == 3 * 6
    seen = 0
    for number in range(6):
        instances = np.asarray(Image.open(predicted / f"{number}_instances.png"))
        assert instances.dtype == np.uint16 and instances.shape == (40, 48)
        assert np.asarray(Image.open(predicted / f"{number}_overlay.png")).shape == (40, 48, 3)
        with (predicted / f"{number}_objects.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert sorted(int(row["id"]) for row in rows) == list(np.unique(instances[instances > 0]))
        for row in rows:
            places = np.argwhere(instances == int(row["id"]))
            assert row["class"] == "object" and int(row["area"]) == len(places)
            centre = float(row["centroid_row"]), float(row["centroid_column"])
            assert centre == pytest.approx(places.mean(0), abs=0.006)
            box = [int(row[side]) for side in ("top", "left", "bottom", "right")]
            assert box == [*places.min(0), *(places.max(0) + 1)]
            assert 0 < float(row["score"]) <= 1
        seen += len(rows)
    assert seen


def test_evaluate_counts_what_predict_writes(nuclei, run, predicted, capsys):
    capsys.readouterr()
    assert main(["evaluate", str(run), "--data", str(nuclei), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    matching, aji, partition = Matching(), AggregatedJaccard(), Partition()
    for number in range(6):
        truth, written = (
            np.asarray(Image.open(path)).astype(int)
            for path in (nuclei / "masks" / f"{number}.png", predicted / f"{number}_instances.png")
        )
        matching.update(truth, written)
        aji.update(truth, written)
        partition.update(truth, written)
    expected = matching.f1(0.5), matching.ap(0.5), matching.mean_ap(), aji.aji()
    assert tuple(found[key] for key in ("f1_50", "ap_50", "mean_ap", "aji")) == pytest.approx(expected)
    assert (found["v_rand"], found["v_info"]) == pytest.approx(partition.scores())
    assert {"pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu", "per_class"} <= set(found)
    assert main(["evaluate", str(run)]) == 0
    assert "F1@.5" in capsys.readouterr().out


def test_generated_streets_have_two_kinds_of_things(tmp_path, capsys):
    out = tmp_path / "street"
    options = ["--net", "fcn8s", "--width", "0.02", "--crop", "32", "--batch", "1", "--steps", "1"]
    assert main(["train", "--data", "street", "--task", "instance", *options, "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("car ") for line in lines) and any(line.startswith("person ") for line in lines)


def test_what_cannot_be_done_is_refused_in_one_line(folder, nuclei, run, tmp_path, capsys):
    out = tmp_path / "run"
    no_objects = ["train", "--task", "instance", "--data", folder, "--out", out]
    refused(capsys, *no_objects, saying=["hold classes, not objects", "classes.json", "instances"])
    refused(capsys, "train", "--data", folder, "--border-weight", "5", "--out", out, saying=["--task instance"])
    refused(capsys, "train", "--resume", "--task", "semantic", "--out", run, saying=["--task instance, got semantic"])
    refused(capsys, "train", "--resume", "--border-weight", "2", "--out", run, saying=["--border-weight 3.0, got 2"])
    refused(capsys, "train", "--task", "colours", "--out", out, saying=["colours"])
    assert not out.exists()


@pytest.mark.parametrize("field, value", [("task", "colour"), ("border_weight", -1), ("border_weight", "a")])
def test_a_damaged_config_is_refused(run, tmp_path, capsys, field, value):
    config = json.loads((run / "config.json").read_text()) | {field: value}
    (tmp_path / "config.json").write_text(json.dumps(config))
    refused(capsys, "evaluate", tmp_path, saying=[str(tmp_path / "config.json"), field])


def test_the_method_of_centres(nuclei, tmp_path, capsys):
    out = tmp_path / "run"
    assert train(nuclei, out, "--method", "centres") == 0
    config = json.loads((out / "config.json").read_text())
    assert (config["method"], config["net"]["classes"], config["border_weight"]) == ("centres", 2 + 3, 0)
    assert set(json.loads((out / "decision.json").read_text())) == {"foreground", "heat", "window", "least", "views"}
    assert main(["evaluate", str(out), "--data", str(nuclei), "--json"]) == 0
    capsys.readouterr()
    original = (out / "last.safetensors").read_bytes()
    assert main(["train", "--resume", "--steps", "20", "--out", str(out)]) == 0
    assert (out / "last.safetensors").read_bytes() != original
    assert main(["predict", str(out), str(nuclei / "images" / "0.png")]) == 0
    assert (out / "predicted" / "0_objects.csv").is_file()


def test_options_that_do_not_belong_together_are_refused(nuclei, run, tmp_path, capsys):
    begin = ["train", "--data", nuclei, "--out", tmp_path / "run", "--method", "centres"]
    refused(capsys, *begin, saying=["--method belongs to --task instance"])
    refused(capsys, *begin, "--task", "instance", "--border-weight", "3", saying=["--method watershed, got --method"])
    refused(
        capsys, "train", "--resume", "--out", run, "--method", "centres", saying=["--method watershed, got centres"]
    )
