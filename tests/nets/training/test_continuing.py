"""A damaged checkpoint is refused with its name, before training goes on; nothing in the folder changes."""

import json
import os
import shutil

import numpy as np
import pytest

import minitensor as mt
from nets.training.checkpoint import STRUCTURE, load_checkpoint, save_checkpoint
from nets.training.run import CHECKPOINT, CONFIG
from tests.nets.commands.refused import refused


def entry(*path, value):
    """A change: the entry at a path of keys becomes a value; Ellipsis removes it."""

    def change(saved):
        *way, last = path
        for key in way:
            saved = saved[key]
        if value is ...:
            del saved[last]
        else:
            saved[last] = value

    return change


def array(*path, change):
    """A change: the array at a path of keys becomes change(array)."""

    def changed(saved):
        *way, last = path
        for key in way:
            saved = saved[key]
        saved[last] = change(saved[last].numpy().copy())

    return changed


DAMAGES = {
    **{f"no {name}": entry(name, value=...) for name in ("net", "optimizer", "plan", "step", "losses", "best_score")},
    **{
        f"{name} {value!r}": entry(name, value=value)
        for name in ("step", "elapsed", "best_score")
        for value in ("1", None, -5, True, [], 1e308, 10**30)
        if (name, value) != ("best_score", None)
    },
    **{
        f"plan with {name} {value!r}": entry("plan", name, value=value)
        for name, value in [
            ("steps", None), ("steps", "20"), ("steps", 3), ("steps", 1.5), ("seconds", -1), ("seconds", "x"),
            ("next_validation", None), ("next_validation", 10**40), ("validations_left", -1), ("validations_left", 1e9),
            ("steps", ...), ("color", 3),
        ]
    },
    "plan a list": entry("plan", value=[1, 2]),
    "a net without a tensor": entry("net", "outc.conv.bias", value=...),
    "a net with a text": entry("net", "outc.conv.bias", value="abc"),
    "a net of another shape": array("net", "outc.conv.bias", change=lambda a: np.zeros(7, np.float32)),
    "a loss too few": array("losses", change=lambda a: a[1:]),
    "losses of NaN": array("losses", change=lambda a: a * np.nan),
    "losses a number": entry("losses", value=3.0),
    "no time for a step": array("step_seconds", change=lambda a: a * 0),
    "an image that is not there": array("validation_order", change=lambda a: a + 1000),
    "an image twice": array("validation_order", change=lambda a: np.zeros(2, np.int64)),
    "no images": array("validation_order", change=lambda a: a[:0]),
    "images by fractions": array("validation_order", change=lambda a: a.astype(np.float32)),
    "an optimizer without moments": entry("optimizer", "state", "0.exp_avg", value=...),
    "an optimizer with more": entry("optimizer", "state", "0.color", value=np.zeros(3)),
    "an optimizer of another shape": array("optimizer", "state", "0.exp_avg", change=lambda a: a[:1]),
    "an optimizer before its start": array("optimizer", "state", "0.step", change=lambda a: np.array(-1)),
    "an optimizer without groups": entry("optimizer", "param_groups", value=[]),
    "an optimizer with a group of text": entry("optimizer", "param_groups", value=["x"]),
    "an optimizer with 1,000 betas": entry("optimizer", "param_groups", 0, "betas", value=[0.9] * 1000),
    "an optimizer of 1,000 groups": entry("optimizer", "param_groups", value=[{"params": []}] * 1000),
    "an optimizer with a long option": entry("optimizer", "param_groups", 0, "x" * 5000, value=1),
    "an optimizer with an option that rings": entry("optimizer", "param_groups", 0, "\a\x1b[2J", value=1),
    "an optimizer with betas of text": entry("optimizer", "param_groups", 0, "betas", value=["x", "y"]),
}  # fmt: skip


@pytest.fixture
def copied(finished_run, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in (CONFIG, CHECKPOINT):
        shutil.copy(finished_run / name, run / name)
    return run


@pytest.mark.parametrize("change", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_refused(copied, capsys, change):
    saved = load_checkpoint(copied / CHECKPOINT)
    change(saved)
    save_checkpoint(copied / CHECKPOINT, saved)
    before = sorted(os.listdir(copied))
    command = ["train", "--resume", "--steps", "40", "--out", copied]
    said = refused(capsys, *command, saying=[str(copied / CHECKPOINT), "not a checkpoint of this run"])
    assert len(said) < 1000 and said.strip().isprintable()
    assert sorted(os.listdir(copied)) == before


STRUCTURES = {
    "no JSON": "{",
    "nested deeply": "[" * 100_000,
    "a list": "[]",
    "a number of many digits": "1" * 5000,
    "an array that is not there": '{"net": {"$array": "/nowhere"}}',
    "an array named by a list": '{"net": {"$array": []}}',
    "pairs that are none": '{"$pairs": [1, 2]}',
    "pairs with keys that are dicts": '{"$pairs": [[{}, 2]]}',
    "half of a character": '{"net": "\\ud800"}',
}


@pytest.mark.parametrize("structure", STRUCTURES.values(), ids=STRUCTURES)
def test_a_damaged_structure_is_refused(copied, capsys, structure):
    mt.save(copied / CHECKPOINT, {"a": mt.zeros(2)}, {STRUCTURE: structure})
    command = ["train", "--resume", "--steps", "40", "--out", copied]
    refused(capsys, *command, saying=[str(copied / CHECKPOINT)])


LOSSES = {
    "none": {},
    "a number": {"losses": 3.0},
    "a text": {"losses": "1 2 3"},
    "of two axes": {"losses": np.zeros((2, 2))},
    "of whole numbers": {"losses": np.zeros(3, np.int64)},
    "NaN": {"losses": np.array([1.0, np.nan])},
    "no dict": [1, 2],
}


@pytest.mark.parametrize("values", LOSSES.values(), ids=LOSSES)
def test_report_refuses_a_checkpoint_without_losses(finished_run, tmp_path, capsys, values):
    """`report` draws the losses again: it reads the checkpoint too."""
    run = shutil.copytree(finished_run, tmp_path / "run")
    save_checkpoint(run / CHECKPOINT, values)
    refused(capsys, "report", run, saying=[str(run / CHECKPOINT), "not a checkpoint of a run"])


def test_the_undamaged_one_goes_on(copied):
    saved = load_checkpoint(copied / CHECKPOINT)
    assert json.dumps(saved["plan"])
    save_checkpoint(copied / CHECKPOINT, saved)
    from nets.__main__ import main

    assert main(["train", "--resume", "--steps", "22", "--out", str(copied)]) == 0
