"""Files: what is saved comes back, what is not a safetensors file is refused, and a killed save harms nothing."""

import io
import json
import os
import pickle
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import save_file as torch_save_file

import minitensor as mt


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_everything_comes_back(tmp_path):
    rng = np.random.default_rng(0)
    state = {
        "weight": mt.tensor(rng.standard_normal((2, 3, 4)).astype(np.float32), requires_grad=True),
        "double": mt.tensor(rng.standard_normal(5)),
        "half": mt.tensor(np.array([0.5, 2.0], np.float16)),
        "count": mt.tensor(7),
        "one": mt.tensor(0.25),
        "mask": mt.tensor([True, False]),
        "bytes": mt.tensor(np.arange(6, dtype=np.uint8)),
        "empty": mt.zeros(0, 3),
        "turned": mt.tensor(rng.standard_normal((3, 4))).transpose(0, 1),
        "every other": mt.Tensor(np.arange(10.0)[::2]),
        "backwards": mt.Tensor(np.arange(4)[::-1]),
        "big endian": np.arange(3, dtype=">i4"),
        "array": np.eye(2),
    }
    path = tmp_path / "state.safetensors"
    mt.save(path, state)
    loaded = mt.load(path)
    assert sorted(loaded) == sorted(state)
    for name, value in state.items():
        expected = value.data if isinstance(value, mt.Tensor) else value
        result = loaded[name]
        assert result.shape == expected.shape and result.dtype == expected.dtype.newbyteorder("="), name
        np.testing.assert_array_equal(result.data, expected)
        assert not result.requires_grad
        result.data[...] = 0  # writable, and memory of its own
    assert names_in(tmp_path) == ["state.safetensors"]


def test_files_are_exchanged_with_the_library_itself(tmp_path):
    save_file({"a": np.arange(3.0)}, tmp_path / "theirs")
    np.testing.assert_array_equal(mt.load(tmp_path / "theirs")["a"].data, [0, 1, 2])
    mt.save(str(tmp_path / "ours"), {"a": mt.ones(2)})
    np.testing.assert_array_equal(load_file(tmp_path / "ours")["a"], [1, 1])


def test_metadata(tmp_path):
    mt.save(tmp_path / "with", {"a": mt.ones(1)}, {"config": '{"lr": 0.1}'})
    assert mt.load_metadata(tmp_path / "with") == {"config": '{"lr": 0.1}'}
    mt.save(tmp_path / "without", {})
    assert mt.load_metadata(tmp_path / "without") == {} and mt.load(tmp_path / "without") == {}


@pytest.mark.parametrize(
    ("state", "metadata", "message"),
    [
        ([("a", 1)], None, "dict of name -> Tensor, got list"),
        ({1: mt.zeros(1)}, None, "names must be strings, got 1"),
        ({"a": 3.0}, None, "'a' must be a Tensor or an array, got float"),
        ({"a": np.array(["text"])}, None, "'a' has dtype <U4"),
        ({"a": mt.zeros(1)}, {"epoch": 3}, "metadata must map strings to strings, got 'epoch': 3"),
    ],
)
def test_what_cannot_be_saved_is_named_and_the_old_file_stays(state, metadata, message, tmp_path):
    path = tmp_path / "state"
    mt.save(path, {"old": mt.ones(1)})
    with pytest.raises(TypeError, match=message):
        mt.save(path, state, metadata)
    assert list(mt.load(path)) == ["old"] and names_in(tmp_path) == ["state"]


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file .*absent"):
        mt.load(tmp_path / "absent")
    with pytest.raises(FileNotFoundError, match="there is no file"):
        mt.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no folder .*absent"):
        mt.save(tmp_path / "absent" / "file", {})


class Trap:
    """Unpickling this would create a file: what the refusal to unpickle is for."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def torch_zip(path, trap):
    torch.save({"weight": torch.ones(2), "trap": Trap(trap)}, path)


def torch_legacy(path, trap):
    torch.save({"weight": torch.ones(2), "trap": Trap(trap)}, path, _use_new_zipfile_serialization=False)


def plain_pickle(path, trap):
    path.write_bytes(pickle.dumps(Trap(trap), protocol=4))


@pytest.mark.parametrize("write", [torch_zip, torch_legacy, plain_pickle])
def test_pickles_are_refused_unread(write, tmp_path):
    path, trap = tmp_path / "weights.pth", str(tmp_path / "sprung")
    write(path, trap)
    with pytest.raises(ValueError, match=r"pickles are never loaded here, because .*To convert it once"):
        mt.load(path)
    assert not os.path.exists(trap)


def npz():
    file = io.BytesIO()
    np.savez(file, a=np.ones(2))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a safetensors file"),
        (b"\x80", "not a safetensors file"),
        (b"not tensors at all, just text", "not a safetensors file"),
        (npz(), r"zip archive \(a.npy"),
    ],
)
def test_other_files_are_refused(content, message, tmp_path):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        mt.load(tmp_path / "file")


def test_a_file_cut_short_is_refused(tmp_path):
    path = tmp_path / "whole"
    mt.save(path, {"a": mt.ones(100)})
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="cut is not a safetensors file, or is damaged"):
        mt.load(tmp_path / "cut")


def test_a_header_as_long_as_a_pickle_begins_is_no_pickle(tmp_path):
    """A header of 0x0280 bytes makes a file that begins like a pickle of protocol 2."""
    path = tmp_path / "state"
    mt.save(path, {"a": mt.ones(1)}, {"note": ""})
    header = int.from_bytes(path.read_bytes()[:8], "little")
    mt.save(path, {"a": mt.ones(1)}, {"note": "x" * (0x0280 - header)})
    assert path.read_bytes()[:2] == b"\x80\x02"
    np.testing.assert_array_equal(mt.load(path)["a"].data, [1])


def test_dtypes_that_numpy_lacks_are_named_or_widened(tmp_path):
    packed = torch.ones(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2)  # two numbers in each byte
    torch_save_file({"a": packed}, tmp_path / "state")
    with pytest.raises(ValueError, match="'a' in .* has dtype F4, which NumPy cannot hold"):
        mt.load(tmp_path / "state")
    torch_save_file({"a": torch.ones(2, dtype=torch.bfloat16)}, tmp_path / "state")
    assert mt.load(tmp_path / "state")["a"].dtype == mt.float32


def test_a_failing_save_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "state"
    mt.save(path, {"old": mt.ones(1)})

    def full_disk(arrays, filename, metadata):
        filename.write_bytes(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr("safetensors.numpy.save_file", full_disk)
    with pytest.raises(OSError, match="no space"):
        mt.save(path, {"new": mt.ones(1)})
    assert list(mt.load(path)) == ["old"] and names_in(tmp_path) == ["state"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_save_leaves_the_old_file(tmp_path):
    """Killed when all bytes are written and only the name is missing: the worst moment."""
    path = tmp_path / "state"
    mt.save(path, {"old": mt.ones(1)})
    program = """
        import os, signal, sys
        import minitensor as mt
        os.replace = lambda *names: os.kill(os.getpid(), signal.SIGKILL)
        mt.save(sys.argv[1], {"new": mt.ones(1)})
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    assert list(mt.load(path)) == ["old"]


def test_importing_the_library_does_not_import_safetensors():
    program = "import sys, minitensor; sys.exit('safetensors' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_tensor_of_too_many_axes_is_refused_by_name(tmp_path):
    path = tmp_path / "deep.safetensors"
    header = json.dumps({"a": {"dtype": "F32", "shape": [1] * 115, "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(ValueError, match=r"'a' in .*deep\.safetensors cannot be read"):
        mt.load(path)
