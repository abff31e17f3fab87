"""What the tests of nets share."""

import pytest

from layers import init
from nets.__main__ import main
from tests.nets.tiny import TINY, write_folder


@pytest.fixture
def unfilled(monkeypatch):
    """Nets are made with zeros for weights: full-size ones then cost neither seconds of drawing nor memory."""
    monkeypatch.setattr(init, "_fill_normal", lambda tensor, mean, std: tensor)
    monkeypatch.setattr(init, "_fill_uniform", lambda tensor, low, high: tensor)


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """The data set of most tests. Not to be written to."""
    return write_folder(tmp_path_factory.mktemp("data") / "blobs")


@pytest.fixture(scope="session")
def finished_run(folder, tmp_path_factory):
    """A run of 20 steps on it. Not to be written to."""
    out = tmp_path_factory.mktemp("runs") / "finished"
    assert main(["train", "--data", str(folder), *TINY, "--steps", "20", "--out", str(out)]) == 0
    return out
