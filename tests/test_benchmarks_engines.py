"""The other engines that run a net compute what torch computes, and cannot be mistaken for it."""

import pytest

from benchmarks import harness, net_engines, nets_cases, peers
from benchmarks.libraries import MiniTensor, Torch
from benchmarks.peer_libraries import Lacks

TINY = {"in_channels": 1, "base_channels": 2, "depth": 1, "padding": "same", "norm": "batch"}
MODES = ("infer", "train", "train with AdamW")


@pytest.fixture(autouse=True)
def cases(monkeypatch):
    for mode in MODES:
        monkeypatch.setitem(nets_cases.CASES, mode, ("unet", TINY, (2, 1, 16, 16), 3, mode))


def outputs(library, mode):
    return [library.to_numpy(found) for found in net_engines.builders()[mode](library)()]


ENGINES = (
    MiniTensor,
    net_engines.ChannelsLast,
    pytest.param(net_engines.Compiled, marks=pytest.mark.slow),  # half a minute for each
    net_engines.OnnxRuntime,
    net_engines.OpenVino,
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("engine", ENGINES)
def test_engines_agree_with_torch(engine, mode):
    if engine.name in ("onnxruntime", "openvino"):
        pytest.importorskip(engine.name)
        if mode != "infer":
            with pytest.raises(Lacks, match="training"):
                outputs(engine(1), mode)
            return
    error = harness.check(outputs(engine(1), mode), outputs(Torch(1), mode), nets_cases.tolerances(mode))
    assert error < nets_cases.NORM_TOLERANCES[1]


def test_channels_last_is_stored_that_way():
    library = net_engines.ChannelsLast(1)
    assert library.normals(1, 3, 4, 4).stride() == (48, 1, 12, 3)
    net = library.placed(nets_cases.make(library, "unet", TINY | {"classes": 2})[0])
    assert next(weight for weight in net.parameters() if weight.ndim == 4 and weight.shape[1] > 1).stride()[1] == 1


def test_the_lead_is_over_the_fastest_other():
    outcome = {"minitensor": {"seconds": 2.0}, "torch": {"seconds": 5.0}, "openvino": {"seconds": 3.0}}
    assert peers.lead(outcome | {"onnxruntime": {"word": "lacks"}}) == "1.50 openvino"
    assert peers.lead(outcome | {"minitensor": {"word": "failed"}}) == ""
