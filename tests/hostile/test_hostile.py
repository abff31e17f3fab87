"""A few hundred hostile files in the default run, and the proof that the attack sees what it looks for.

python -m tests.hostile --minutes N goes on for as long as you like.
"""

import json

import numpy as np
import pytest

pytest.importorskip("resource")  # not on Windows
pytest.importorskip("torch")

from tests.hostile import kinds, mutate, parent
from tests.hostile.parent import Child, Tally, attack
from tests.hostile.planted import FAULTS

EACH = 8  # cases of each kind in the default run
FIRST = 500_000  # their numbers: others than those that `python -m tests.hostile` begins with


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """The folder of the valid files, made once."""
    folder = tmp_path_factory.mktemp("hostile")
    kinds.Seeds.create(folder / "seeds")
    return folder


def test_every_file_is_read_or_refused(workspace):
    child, tally = Child(workspace), Tally()
    cases = [(kind, FIRST + number) for kind in kinds.KINDS for number in range(EACH)]
    try:
        attack(child, cases, lambda: True, tally)
    finally:
        child.end()
    assert not tally.findings, tally.findings[0]
    assert tally.cases == EACH * len(kinds.KINDS)
    assert sum(tally.refused.values()) > tally.cases / 3  # they do harm
    assert sum(tally.read.values()) > tally.cases / 20  # and not all are stopped at the door


def test_each_fault_is_found(workspace, monkeypatch):
    monkeypatch.setattr(parent, "PATIENCE", 2.0)
    monkeypatch.setattr(parent, "SECONDS", 1.0)
    child, tally = Child(workspace, plant="faults"), Tally()
    try:
        attack(child, [(kind, 1) for kind in list(kinds.KINDS)[: len(FAULTS) + 1]], lambda: True, tally)
    finally:
        child.end()
    found = [f"{finding.what} {finding.detail}" for finding in tally.findings]
    assert len(found) == len(FAULTS)
    for expected, text in zip(FAULTS, found, strict=True):
        assert expected in text, (expected, text)
    assert tally.cases == len(FAULTS) + 1  # what does nothing wrong is no finding
    assert f"| **all** | **{tally.cases}** |" in tally.table()[-1]


def test_the_same_number_makes_the_same_file(workspace, tmp_path):
    from tests.hostile.child import make

    seeds = kinds.Seeds(workspace / "seeds")
    for kind in kinds.KINDS:
        contents = []
        for _ in range(2):
            make(kind, 3, seeds, tmp_path / "case")
            contents.append(
                {p.relative_to(tmp_path): p.read_bytes() for p in (tmp_path / "case").rglob("*.*") if p.is_file()}
            )
        assert contents[0] == contents[1] and contents[0], kind


def test_changed_json_is_mostly_json():
    rng, content = np.random.default_rng(0), json.dumps({"a": [1, {"b": None}], "c": "text"}).encode()
    valid = 0
    for _ in range(300):
        made = mutate.changed_json(rng, content)
        try:
            json.loads(made)
            valid += 1
        except (ValueError, RecursionError):
            pass
    assert 100 < valid < 300
