"""python -m nets evaluate: the right numbers, of the right images."""

import json

import numpy as np
import pytest
from scipy import ndimage

from nets.__main__ import main
from nets.data import open_evaluation
from nets.segmentation.metrics import Boundaries, Partition, confusion_matrix
from nets.training.decision import Decision
from nets.training.run import Run
from tests.nets.commands.refused import refused


def test_evaluate_prints_one_json_object_with_the_right_numbers(finished_run, folder, capsys):
    assert main(["evaluate", str(finished_run), "--data", str(folder), "--json"]) == 0
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert printed.out.count("\n") == 1 and printed.err.count("\n") == 1
    pixels = {"pixel_accuracy", "mean_accuracy", "mean_iu", "frequency_weighted_iu", "per_class"}
    assert set(found) == pixels | {"boundary_f1", "boundary_iou", "v_rand", "v_info"}

    run = Run.open(finished_run)
    net, decision = run.load_net(), Decision.load(run)
    dataset = open_evaluation(folder, run.config.encoding, run.config.channels)
    matrix, boundaries, partition = np.zeros((2, 2), int), Boundaries(2), Partition()
    for index in range(len(dataset)):
        sample = dataset.sample(index)
        answer = decision.class_map(net, sample.image, run.config)
        matrix += confusion_matrix(sample.label, answer, 2)
        boundaries.update(sample.label, answer)
        partition.update(*(ndimage.label(label == 1)[0] for label in (sample.label, answer)))
    (a, b), (c, d) = matrix.tolist()
    total, iu = a + b + c + d, (a / (a + b + c), d / (b + c + d))
    assert total == sum((dataset.sample(i).label != 255).sum() for i in range(len(dataset)))
    assert found["pixel_accuracy"] == pytest.approx((a + d) / total)
    assert found["mean_accuracy"] == pytest.approx((a / (a + b) + d / (c + d)) / 2)
    assert found["mean_iu"] == pytest.approx(sum(iu) / 2)
    assert found["frequency_weighted_iu"] == pytest.approx(((a + b) * iu[0] + (c + d) * iu[1]) / total)
    assert [entry["iu"] for entry in found["per_class"]] == pytest.approx(iu)
    assert [entry["pixels"] for entry in found["per_class"]] == [a + b, c + d]
    f1s, ious = zip(*boundaries.scores(), strict=True)
    assert tuple(entry["boundary_f1"] for entry in found["per_class"]) == f1s
    assert tuple(entry["boundary_iou"] for entry in found["per_class"]) == ious
    known = [[value for value in values if value is not None] for values in (f1s, ious)]
    assert found["boundary_f1"] == pytest.approx(np.mean(known[0])) and 0 <= found["boundary_f1"] <= 1
    assert found["boundary_iou"] == pytest.approx(np.mean(known[1]))
    assert (found["v_rand"], found["v_info"]) == partition.scores()


def test_evaluate_prints_a_table(finished_run, capsys):
    assert main(["evaluate", str(finished_run)]) == 0
    printed = capsys.readouterr().out
    assert "mean IU" in printed and "class 1" in printed
    assert "mean boundary F1" in printed and "segments (connected regions of class 1): V_rand" in printed


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
