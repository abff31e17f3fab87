"""python -m nets on the strict double: training with --device cuda, resuming, predicting and evaluating."""

import json

import pytest

from tests.sim.cupy_double import strict_cupy

pytest.importorskip("PIL")
pytest.importorskip("tqdm")
pytest.importorskip("matplotlib")
pytest.importorskip("safetensors")

from nets.__main__ import main
from tests.nets.tiny import TINY, write_folder


def run(*arguments):
    assert main([str(argument) for argument in arguments]) == 0


def losses(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line["validation_loss"] for line in lines]


def test_a_run_on_the_device_is_the_run_on_the_cpu(tmp_path, capsys):
    data = write_folder(tmp_path / "data")
    on_cpu, on_gpu = tmp_path / "cpu", tmp_path / "cuda"
    options = ["--data", data, *TINY]
    run("train", *options, "--steps", 2, "--out", on_cpu)
    run("train", "--resume", "--steps", 4, "--out", on_cpu)
    with strict_cupy() as state:
        run("train", *options, "--steps", 2, "--device", "cuda", "--out", on_gpu)
        run("train", "--resume", "--steps", 4, "--out", on_gpu)
        assert state.launches.total() > 100
        run("predict", on_gpu, next((data / "images").iterdir()), "--device", "cuda")
    assert losses(on_gpu) == pytest.approx(losses(on_cpu), rel=1e-3)
    assert (on_gpu / "predicted").is_dir()
