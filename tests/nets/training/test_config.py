"""Run folders that were damaged: the file and the field are named."""

import json
from dataclasses import replace

import pytest

from nets.training.run import Run
from tests.nets.commands.refused import refused


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


def test_settings_that_could_not_be_read_again_begin_no_run(finished_run, tmp_path):
    config = replace(Run.open(finished_run).config, learning_rate=1e300)
    with pytest.raises(ValueError, match="could not be read again: learning_rate must be a number from 0 to 1e"):
        Run.create(tmp_path / "run", config)
    assert not (tmp_path / "run").exists()
