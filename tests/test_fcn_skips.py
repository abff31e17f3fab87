"""python -m docs skips: three FCNs that differ only in their skips learn streets, and a picture shows their answers."""

import sys

import numpy as np
import pytest
from PIL import Image

import docs.__main__ as command
import minitensor as mt
from docs import fcn_skips
from docs.fcn_skips import KINDS, Answer, make, scores, typical
from layers import ConvTranspose2d


@pytest.fixture
def small(monkeypatch):
    """Few small streets, and narrow nets."""
    monkeypatch.setattr(fcn_skips, "SIZE", (48, 64))
    monkeypatch.setattr(fcn_skips, "LENGTHS", {"train": 2, "validation": 3})
    monkeypatch.setattr(fcn_skips, "WIDTH", 1 / 64)
    monkeypatch.setattr(fcn_skips, "TOLD", 1)
    fcn_skips.streets.cache_clear()
    yield
    fcn_skips.streets.cache_clear()


def test_the_picture_shows_three_trained_nets(small, tmp_path, monkeypatch, capsys):
    out = tmp_path / "skips.png"
    monkeypatch.setattr(sys, "argv", ["docs", "skips", "--steps", "2", "--out", str(out)])
    command.main()
    said = capsys.readouterr().out
    for name in KINDS:
        assert f"{name}\n  step 1 of 2: loss 1.946\n" in said  # ln 7: all scores begin with 0
    assert said.count("3 new streets: mean IU") == 3 and said.endswith(f"{out}\n")
    picture = np.asarray(Image.open(out).convert("RGB"))
    assert picture.shape[1] > 900 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 500


def test_the_nets_begin_alike_and_interpolate_for_good(small):
    made = {name: make(kind) for name, kind in KINDS.items()}
    x = mt.randn(1, 3, 48, 64)
    pooled = [net.to_pool3(x).numpy() for net in made.values()]
    assert pooled[0].any() and all(np.array_equal(pooled[0], other) for other in pooled[1:])
    for net in made.values():
        fixed = [layer.weight for layer in net.modules() if isinstance(layer, ConvTranspose2d)]
        before = [weight.numpy().copy() for weight in fixed]
        fcn_skips.train(net, 2, say=lambda words: None)
        assert fixed and all(np.array_equal(a, b.numpy()) for a, b in zip(before, fixed, strict=True))
        assert net.score_fr.weight.numpy().any()


def test_the_typical_street_has_the_median_gain(small):
    _, labels = fcn_skips.streets("validation")
    coarse, fine = labels.copy(), labels.copy()
    coarse[0, :5], coarse[1, :20], coarse[2, :40] = 6, 6, 6  # the gain grows with the rows that are wrong
    answers = {"FCN-32s": Answer(coarse, 0, 0), "FCN-8s": Answer(fine, 0, 0)}
    gains = [100 - scores(labels[at : at + 1], coarse[at : at + 1])[0] for at in range(3)]
    assert typical(answers) == int(np.argsort(gains)[1])
    assert scores(labels, fine) == (100, 100)
