"""python -m nets evaluate: the right numbers, of the right images."""

import json

import numpy as np
import pytest

from nets.__main__ import main
from nets.data import open_evaluation
from nets.segmentation.metrics import confusion_matrix
from nets.training.decision import Decision
from nets.training.run import Run
from tests.nets.commands.refused import refused


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
        (tmp_path / name).write_bytes((finished_run / name).read_bytes()[: None if name == "config.json" else 300])
    refused(capsys, "evaluate", tmp_path, "--data", folder, saying=["best.safetensors"])
    (tmp_path / "best.safetensors").unlink()
    refused(capsys, "evaluate", tmp_path, "--data", folder, saying=["best.safetensors"])
