"""Nested values with arrays in them come back as they were."""

import numpy as np
import pytest

import minitensor as mt
from nets.training.checkpoint import load_checkpoint, save_checkpoint


def test_round_trip(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    values = {
        "net": {"weight": mt.tensor([[1.0, 2.0]]), "steps": mt.tensor(3)},
        "optimizer": {"state": {0: {"mean": np.array([0.5, np.inf])}}, "groups": [{"lr": 1e-3, "betas": (0.9, 0.99)}]},
        "random": {"state": 2**100 + 1},
        "nothing": None,
        "text": "ä",
    }
    save_checkpoint(path, values)
    found = load_checkpoint(path)
    np.testing.assert_array_equal(found["net"]["weight"].numpy(), [[1.0, 2.0]])
    assert found["net"]["weight"].dtype == np.float32
    assert found["net"]["steps"].item() == 3 and found["net"]["steps"].shape == ()
    np.testing.assert_array_equal(found["optimizer"]["state"][0]["mean"].numpy(), [0.5, np.inf])
    assert found["optimizer"]["groups"] == [{"lr": 1e-3, "betas": [0.9, 0.99]}]
    assert found["random"]["state"] == 2**100 + 1
    assert found["nothing"] is None and found["text"] == "ä"


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "weights.safetensors"
    mt.save(path, {"weight": mt.zeros(2)})
    with pytest.raises(ValueError, match=r"weights.safetensors: not a checkpoint"):
        load_checkpoint(path)
