"""Tensors shared with other libraries, both ways and without a copy."""

import numpy as np
import pytest
import torch

import minitensor as mt
from tests.sim.cupy_double import strict_cupy


def test_torch_and_minitensor_share_memory_both_ways():
    theirs = torch.arange(6.0).reshape(2, 3)
    ours = mt.from_dlpack(theirs)
    ours[0, 1] = 9
    assert theirs[0, 1] == 9 and ours.shape == (2, 3) and ours.dtype == mt.float32
    back = torch.from_dlpack(ours)
    back[1, 2] = -4
    assert ours[1, 2].item() == -4


def test_numpy_reads_a_tensor():
    x = mt.arange(4)
    array = np.from_dlpack(x)
    assert array.dtype == np.int64 and np.shares_memory(array, x.data)
    assert mt.from_dlpack(array).tolist() == [0, 1, 2, 3]
    assert x.__dlpack_device__() == (1, 0)


def test_a_transposed_tensor_keeps_its_layout():
    x = mt.rand(2, 3).transpose(0, 1)
    np.testing.assert_array_equal(torch.from_dlpack(x).numpy(), x.numpy())


def test_a_tensor_that_requires_a_gradient_is_refused():
    x = mt.ones(2, requires_grad=True)
    with pytest.raises(BufferError, match="DLPack; use .detach"):
        torch.from_dlpack(x)
    assert torch.from_dlpack(x.detach()).tolist() == [1, 1]


def test_what_is_no_dlpack_is_refused():
    with pytest.raises(TypeError, match="list has no __dlpack__"):
        mt.from_dlpack([1.0])

    class Elsewhere:
        def __dlpack_device__(self):
            return 4, 0  # OpenCL

        def __dlpack__(self):
            raise AssertionError("never asked")

    with pytest.raises(ValueError, match="device type 4"):
        mt.from_dlpack(Elsewhere())


def test_on_the_cpu_there_is_no_cuda_interface():
    x = mt.ones(2, 2)
    assert not hasattr(x, "__cuda_array_interface__")
    assert torch.as_tensor(x.numpy()).tolist() == [[1, 1], [1, 1]] and np.asarray(x).sum() == 4


class TestOnTheDevice:
    @pytest.fixture(autouse=True)
    def double(self):
        with strict_cupy() as state:
            self.state = state
            yield

    def test_the_cuda_interface_names_the_memory(self):
        x = mt.ones(2, 3, device="cuda")
        interface = x.__cuda_array_interface__
        assert interface["shape"] == (2, 3) and interface["typestr"] == "<f4" and interface["data"][0]
        with pytest.raises(BufferError, match="use .detach"):
            _ = mt.ones(2, device="cuda", requires_grad=True).__cuda_array_interface__

    def test_dlpack_stays_on_the_device(self):
        x = mt.ones(2, 3, device="cuda:1")
        assert x.__dlpack_device__() == (2, 1)
        y = mt.from_dlpack(x)
        y[0, 0] = 5
        assert y.device == "cuda:1" and x[0, 0].item() == 5
        assert self.state.uploads == 0

    def test_safetensors_go_there_and_back(self, tmp_path):
        pytest.importorskip("safetensors")
        x = mt.randn(2, 3, device="cuda")
        mt.save(tmp_path / "x.safetensors", {"x": x})
        loaded = mt.load(tmp_path / "x.safetensors")["x"]
        assert loaded.device == "cpu" and loaded.to("cuda").tolist() == x.tolist()

    def test_random_numbers_do_not_depend_on_the_device(self):
        drawn = []
        for device in ("cpu", "cuda"):
            mt.manual_seed(3)
            x = mt.randn(4, 4, device=device)
            drawn.append((x.tolist(), mt.rand(3, device=device).tolist(), mt.dropout(x, 0.5).tolist()))
        assert drawn[0] == drawn[1]
