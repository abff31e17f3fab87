"""What the tests of nets share."""

import pytest

from layers import init


@pytest.fixture
def unfilled(monkeypatch):
    """Nets are made with zeros for weights: full-size ones then cost neither seconds of drawing nor memory."""
    monkeypatch.setattr(init, "_fill_normal", lambda tensor, mean, std: tensor)
    monkeypatch.setattr(init, "_fill_uniform", lambda tensor, low, high: tensor)
