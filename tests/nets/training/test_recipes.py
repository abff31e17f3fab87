"""The papers' recipes: what they set, that they train and go on with the same bits, and what they refuse."""

import json
from collections import defaultdict
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import minitensor as mt
from nets.__main__ import main
from nets.data import cells
from nets.fcn import FCN8s
from nets.training.recipes import RECIPES, without_border
from nets.training.run import Run
from tests.nets.commands.refused import refused
from tests.nets.tiny import write_folder

UNET = ["--base", "2", "--depth", "1"]
FCN = ["--width", "0.02", "--crop", "32"]
OPTIONS = "out weights net base depth width seed device batch lr data crop task method border_weight recipe".split()
CASES = {
    "unet-paper": ["--net", "unet", *UNET],
    "fcn-paper": ["--net", "fcn32s", *FCN],
    "fcn-at-once": ["--net", "fcn8s", *FCN],
    "fcn-cvpr": ["--net", "fcn16s", *FCN, "--batch", "2"],
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("recipes") / "data", size=(40, 40))


def train(data, out, recipe, *options):
    return main(["train", "--recipe", recipe, "--data", str(data), *CASES[recipe], *options, "--out", str(out)])


@pytest.mark.parametrize("recipe", CASES)
def test_a_run_goes_on_with_the_same_bits(data, tmp_path, recipe):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert train(data, whole, recipe, "--steps", "6") == 0
    assert train(data, parts, recipe, "--steps", "3") == 0
    before = mt.load(parts / "last.safetensors")
    assert main(["train", "--resume", "--out", str(parts), "--steps", "6"]) == 0
    expected, found = mt.load(whole / "last.safetensors"), mt.load(parts / "last.safetensors")
    for name in expected:
        np.testing.assert_array_equal(found[name].numpy(), expected[name].numpy(), err_msg=name)
    assert any((found[name].numpy() != before[name].numpy()).any() for name in found)  # it learns
    assert (whole / "predictions.png").is_file() and f"--recipe {recipe}" in (whole / "report.html").read_text()
    config = Run.open(whole).config
    assert config.recipe == recipe
    assert config.learning_rate == RECIPES[recipe].rates[config.net["name"]]
    assert config.batch == (2 if recipe == "fcn-cvpr" else 1)


def test_u_net_reads_more_than_it_predicts(data, tmp_path):
    out = tmp_path / "run"
    assert train(data, out, "unet-paper", "--steps", "1") == 0
    run = Run.open(out)
    assert run.config.net["padding"] == "valid" and run.config.net["dropout"] == 0.5
    with mt.no_grad():
        scores = run.load_net()(mt.zeros(1, 1, *run.config.crop))
    assert scores.shape[2] < run.config.crop[0] and scores.shape[2] >= 40


def test_the_truth_is_cut_to_the_middle():
    label = np.arange(100).reshape(1, 10, 10)
    make = without_border(lambda samples, normalization: (label, label, label[:, None]), 3)
    x, first, second = make(None, None)
    assert x is label
    np.testing.assert_array_equal(first, label[:, 3:7, 3:7])
    np.testing.assert_array_equal(second, label[:, None, 3:7, 3:7])


def test_objects_get_the_papers_border_weight(tmp_path):
    from PIL import Image

    folder = tmp_path / "data"
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    dataset = cells(length=3, size=(48, 48))
    for number in range(3):
        sample = dataset.sample(number)
        Image.fromarray(sample.image).save(folder / "images" / f"{number}.png")
        Image.fromarray(sample.instances.astype(np.uint16)).save(folder / "masks" / f"{number}.png")
    out = tmp_path / "run"
    assert train(folder, out, "unet-paper", "--task", "instance", "--steps", "2") == 0
    assert json.loads((out / "config.json").read_text())["border_weight"] == 10.0


def test_a_stage_starts_as_the_stage_before_with_a_score_of_zero(data, tmp_path):
    first, second = tmp_path / "32s", tmp_path / "16s"
    assert train(data, first, "fcn-paper", "--steps", "2", "--lr", "1e-6") == 0
    options = ["--net", "fcn16s", *FCN, "--weights", str(first), "--steps", "1", "--lr", "1e-30"]
    assert main(["train", "--recipe", "fcn-paper", "--data", str(data), *options, "--out", str(second)]) == 0
    before, after = mt.load(first / "best.safetensors"), mt.load(second / "last.safetensors")
    np.testing.assert_array_equal(after["score_fr.weight"].numpy(), before["score_fr.weight"].numpy())
    assert np.abs(after["score_pool4.weight"].numpy()).max() < 1e-20  # 0, and one step at a rate of 1e-30
    assert before["score_fr.weight"].numpy().any()


def test_biases_learn_twice_as_fast_and_a_summed_loss_is_a_sum(data, tmp_path):
    from nets.training.losses import terms_of
    from nets.training.recipes import optimizer_of, set_rates

    out = tmp_path / "run"
    assert train(data, out, "fcn-paper", "--steps", "1") == 0
    config = Run.open(out).config
    net = FCN8s(classes=2, width=0.02)
    optimizer = optimizer_of(net, config)
    set_rates(optimizer, config, 0.5)  # the schedule's factor does not count
    assert [group["lr"] for group in optimizer.param_groups] == [1e-10, 2e-10]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [5e-4, 0]
    scores, label = mt.randn(1, 2, 4, 4), mt.zeros(1, 4, 4, dtype=mt.int64)
    (term,) = terms_of(config, mt.ones(2))(scores, label)
    assert term.item() == pytest.approx(16 * mt.cross_entropy(scores, label).item(), rel=1e-5)


def test_what_does_not_fit_is_refused(data, tmp_path, capsys):
    def no(*options, saying):
        refused(capsys, "train", "--data", data, "--out", tmp_path / "none", *options, saying=saying)
        assert not (tmp_path / "none").exists()

    no("--recipe", "unet-paper", "--net", "fcn8s", saying=["--recipe unet-paper trains unet, got --net fcn8s"])
    no("--recipe", "fcn-at-once", "--net", "fcn16s", saying=["trains fcn8s"])
    no("--recipe", "fcn-paper", "--net", "fcn16s", *FCN, saying=["--weights", "trained fcn32s"])
    no("--recipe", "unet-paper", *UNET, "--crop", "41", saying=["41"])
    no("--recipe", "nothing", saying=["--recipe"])
    out = tmp_path / "run"
    assert train(data, out, "unet-paper", "--steps", "1") == 0
    refused(capsys, "train", "--resume", "--out", out, "--recipe", "fcn-cvpr", saying=["has --recipe unet-paper"])
    values = json.loads((out / "config.json").read_text()) | {"recipe": "fcn-paper"}
    (out / "config.json").write_text(json.dumps(values))
    refused(capsys, "evaluate", out, saying=["config.json", "recipe"])


def test_a_summed_loss_is_for_one_process(data, tmp_path):
    """At the beginning and at --resume; --processes auto then takes one without measuring."""
    from nets.commands.processes import fastest_count
    from nets.commands.runs import _opened
    from nets.training.recipes import check_alone

    out = tmp_path / "run"
    assert train(data, out, "fcn-at-once", "--steps", "1") == 0
    config, two = Run.open(out).config, SimpleNamespace(size=2, first=True)
    with pytest.raises(ValueError, match="fcn-at-once: its loss is a sum, which one process computes, not 2"):
        check_alone(two, config)
    options = defaultdict(lambda: None, out=str(out))
    batch_of_two = replace(config, batch=2)  # so that two processes could share it
    (out / "config.json").write_text(json.dumps(batch_of_two.as_dict()))
    with pytest.raises(ValueError, match="its loss is a sum"):
        _opened(SimpleNamespace(**{name: options[name] for name in OPTIONS}), two)
    assert fastest_count("no mpiexec is started", config) == 1
    check_alone(SimpleNamespace(size=1), config)
