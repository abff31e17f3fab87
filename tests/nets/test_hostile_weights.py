"""Weights that mean harm: each attack is refused by a short message, in little time and memory, and runs nothing."""

import os
import pickle
import random
import struct
import time
import tracemalloc
import zipfile
import zlib
from argparse import Namespace
from collections import defaultdict

import numpy as np
import pytest
import torch

import nets
from nets.torch_file import LEGACY_MAGIC, read_torch_file

SECONDS, BYTES = 30.0, 100 << 20  # for one small file, on a slow machine
LONGEST_MESSAGE = 1000


def zipped(path, content, compression=zipfile.ZIP_STORED, entries=()):
    """A zip as torch writes it, with data.pkl and more entries."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("a/data.pkl", content)
        for name, data in entries:
            archive.writestr(name, data)
    return path


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def storage(key, size):
    """The instructions that describe a FloatStorage."""
    parts = b"ctorch\nFloatStorage\n" + text(key) + text("cpu") + b"J" + struct.pack("<i", size)
    return b"(" + text("storage") + parts + b"tQ"


def tensor(key, size, offset=0, count=None):
    """The instructions that make a tensor of one axis, a window of a storage."""
    window = b"J" + struct.pack("<i", offset) + b"J" + struct.pack("<i", size if count is None else count)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage(key, size) + window + b"\x85K\x01\x85\x89N" + b"tR"


def laughs(levels=60):
    """Lists that hold the list before them twice, so that the last would have 2^levels parts."""
    made = b"]q\x00"
    for level in range(1, levels):
        made += b"](h" + bytes([level - 1]) + b"h" + bytes([level - 1]) + b"eq" + bytes([level])
    return b"\x80\x02" + made


def again(instructions, count=20_000):
    """Instructions that read memo entries and leave one value, many times over; the value is dropped."""
    return (instructions + b"0") * count


DEEP = 200_000
LONG = b"\x8b" + struct.pack("<i", 8_000_000) + b"\x7f" * 8_000_000  # a number of 64 million bits
MANY = b"(" + b"N" * 300_000 + b"t"  # a tuple of many values
ATTACKS = {
    "a key that is nested deeply": b"\x80\x02})" + b"\x85" * DEEP + b"Ns.",
    "a call of what is nested deeply": b"\x80\x02)" + b"\x85" * DEEP + b")R.",
    "a dict of pairs with such a key": b"\x80\x02ccollections\nOrderedDict\n])" + b"\x85" * DEEP + b"N\x86a\x85R.",
    "a value that is nested deeply": b"\x80\x02}" + text("w") + b")" + b"\x85" * DEEP + b"s.",
    "lists that hold each other": laughs() + b"}" + text("w") + b"h\x3bs.",
    "a name that is as long as its file": b"\x80\x02c" + b"m" * 1_000_000 + b"\nn\n)R.",
    "many marks": b"\x80\x02" + b"N" * 30_000 + b"(t" * 30_000 + b".",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a}" + text("w") + b"h\x00s.",
    "takes from below a mark": b"\x80\x02N(\x85.",
    "ends a run that never began": b"\x80\x02t.",
    "a text that claims more than there is": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "a global named by numbers": b"\x80\x04K\x01K\x02\x93.",
    "a storage of another name": b"\x80\x02}" + text("w") + tensor("../../etc/passwd", 4) + b"s.",
    "shape is a text": b"\x80\x02ctorch._utils\n_rebuild_tensor\n("
    + storage("0", 4)
    + b"K\x00"
    + text("ab") * 2
    + b"tR.",
    "a long number as a key, often": b"\x80\x02" + LONG + b"q\x000}" + b"h\x00Ns" * 20_000 + b".",
    "a long number as an offset": b"\x80\x02}"
    + text("w")
    + b"ctorch._utils\n_rebuild_tensor\n("
    + storage("0", 4)
    + LONG
    + b"K\x01\x85\x89tRs.",
    "a long number as a storage's name": b"\x80\x02}"
    + text("w")
    + b"("
    + text("storage")
    + b"ctorch\nFloatStorage\n"
    + LONG
    + text("cpu")
    + b"K\x01tQs.",
    "long axes": b"\x80\x02"
    + LONG
    + b"q\x000("
    + b"h\x00" * 100_000
    + b"tq\x010}"
    + text("w")
    + b"ctorch._utils\n_rebuild_tensor\n("
    + storage("0", 4)
    + b"K\x00h\x01h\x01tRs.",
    "a dict of many pairs, often": b"\x80\x02ccollections\nOrderedDict\nq\x000("
    + (text("a") + b"N\x86") * 30_000
    + b"tq\x01\x85q\x020"
    + again(b"h\x00h\x02R")
    + b"N.",
    "many arguments, often": b"\x80\x02ctorch._utils\n_rebuild_parameter\nq\x000"
    + MANY
    + b"q\x010"
    + again(b"h\x00h\x01R")
    + b"N.",
    "a storage of many parts, often": b"\x80\x02("
    + text("storage")
    + b"ctorch\nFloatStorage\n"
    + text("0")
    + text("cpu")
    + b"K\x01"
    + b"N" * 300_000
    + b"tq\x010"
    + again(b"h\x01Q")
    + b"N.",
    "a call that makes a call that makes a call": b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\nq\x000"
    + b"(h\x00NNNt"
    + b"q\x010(h\x00Nh\x01Nt" * 10_000
    + b"q\x010h\x00h\x01R.",
    "windows that together exceed the file": b"\x80\x02}("
    + b"".join(text(f"w{i}") + tensor("0", 100_000, i, 99_000) for i in range(900))
    + b"u.",
}


def attacked(path):
    """What reading gives, within the limits of time and memory; a ValueError that names the file is returned."""
    tracemalloc.start()
    began = time.perf_counter()
    try:
        result = nets.load_weights(nets.UNet(1, 2, 2), path)
    except ValueError as error:
        result = error
        assert str(path) in str(error) and len(str(error)) < LONGEST_MESSAGE
    took, (_, peak) = time.perf_counter() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert took < SECONDS and peak < BYTES
    return result


@pytest.mark.parametrize("content", ATTACKS.values(), ids=ATTACKS)
def test_attacks_in_a_zip(content, tmp_path):
    data = [("a/data/0", np.zeros(100_000, np.float32).tobytes())]
    assert isinstance(attacked(zipped(tmp_path / "weights.pth", content, entries=data)), ValueError)


@pytest.mark.parametrize("content", ATTACKS.values(), ids=ATTACKS)
def test_attacks_in_the_old_format(content, tmp_path):
    path = tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps(LEGACY_MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) + content)
    assert isinstance(attacked(path), ValueError)


def test_entries_that_share_their_bytes_are_refused(tmp_path):
    """A zip whose entries lie within each other: each is as long as the file, and there are many."""
    path, count = tmp_path / "weights.pth", 200
    content = b"\x80\x02}(" + b"".join(text(f"w{i}") + tensor(str(i), 1) for i in range(count)) + b"u."
    inner = bytearray()
    with open(tmp_path / "inner", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/data.pkl", content)
        infos, places = [], []
        for number in reversed(range(count)):  # a header for each storage, one after the other, then the numbers
            info = zipfile.ZipInfo(f"a/data/{number}")
            info.CRC = 0  # what counts stands in the directory at the end
            infos.append(info)
            places.append(len(inner))
            inner += info.FileHeader()
        inner += bytes(1_000_000)
        start = archive.fp.tell()
        for info, place in zip(infos, places, strict=True):
            data = bytes(inner[place + len(info.FileHeader()) :])
            info.header_offset, info.file_size, info.compress_size = start + place, len(data), len(data)
            info.CRC = zlib.crc32(data)
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive.fp.write(inner)
        archive.start_dir = archive.fp.tell()
        archive._didModify = True
    os.replace(tmp_path / "inner", path)
    with zipfile.ZipFile(path) as archive:
        sizes = [entry.file_size for entry in archive.infolist()]
    assert sum(sizes) > 100 * path.stat().st_size
    assert isinstance(attacked(path), ValueError)


@pytest.mark.parametrize("name", ["a/data.pkl", "a/byteorder", "a/data/0"])
def test_compressed_entries_are_refused(name, tmp_path):
    content = b"\x80\x02}" + text("w") + tensor("0", 1_000_000) + b"s."
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        for entry, data in (("a/data.pkl", content), ("a/byteorder", b"little"), ("a/data/0", bytes(4_000_000))):
            method = zipfile.ZIP_DEFLATED if entry == name else zipfile.ZIP_STORED
            archive.writestr(entry, data, compress_type=method)
    assert "compresse" in str(attacked(path))


def test_many_storages_take_no_more_than_their_number(tmp_path):
    count = 20_000
    content = b"\x80\x02}(" + b"".join(text(f"w{i}") + tensor(str(i), 1) for i in range(count)) + b"u."
    keys = pickle.dumps([str(i) for i in range(count)], 2)
    numbers = struct.pack("<qf", 1, 0.5) * count
    path = tmp_path / "weights.pth"
    head = pickle.dumps(LEGACY_MAGIC, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2)
    path.write_bytes(head + content + keys + numbers)
    began = time.perf_counter()
    assert len(read_torch_file(path)) == count
    assert time.perf_counter() - began < 2 * SECONDS


def test_names_of_one_window_share_an_array(tmp_path):
    state = {f"w{i}": torch.ones(1000) for i in range(1)}
    state |= {f"tied{i}": state["w0"] for i in range(2000)}
    for legacy in (False, True):
        torch.save(state, tmp_path / "tied.pth", _use_new_zipfile_serialization=not legacy)
        read = read_torch_file(tmp_path / "tied.pth")
        assert len({id(array) for array in read.values()}) == 1 and len(read) == 2001


class Harm:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.filterwarnings("ignore:invalid escape sequence")  # pickletools, of a damaged text
def test_a_damaged_file_is_refused_with_its_name(tmp_path):
    """Bytes changed, removed, repeated: whatever is wrong, the message names the file and is short."""
    rng, path = random.Random(0), tmp_path / "weights.pth"
    net = nets.UNet(1, 2, 1, depth=1)
    content = {
        "epoch": 3,
        "score": np.float64(0.5),
        "net": {n: torch.ones(v.shape) for n, v in net.state_dict().items()},
    }
    refused = 0
    for zipped in (True, False):
        torch.save(content, path, _use_new_zipfile_serialization=zipped)
        whole = path.read_bytes()
        for _ in range(300):
            damaged, place = bytearray(whole), rng.randrange(len(whole))
            what = rng.randrange(3)
            if what == 0:
                damaged[place] = rng.randrange(256)
            elif what == 1:
                del damaged[place : place + 4]
            else:
                damaged[place:place] = damaged[place - 100 : place]
            path.write_bytes(damaged)
            try:
                nets.load_weights(net, path)
            except ValueError as error:
                assert str(path) in str(error) and len(str(error)) < LONGEST_MESSAGE
                refused += 1
    assert refused > 300


def test_what_is_no_tensor_is_passed_over_and_never_called(tmp_path):
    """Checkpoints of people's own trainers: pytorch-fcn's has NumPy scalars beside the weights."""
    trace = tmp_path / "it_ran"
    net = nets.UNet(1, 2, 2)
    state = {name: torch.from_numpy(value.numpy().copy()) for name, value in net.state_dict().items()}
    beside = {
        "epoch": 3, "best_mean_iu": np.float64(0.5), "confusion": np.eye(3), "device": torch.device("cpu"),
        "size": torch.Size([1, 2]), "seen": {1, 2}, "frozen": frozenset("ab"), "counts": defaultdict(list, a=[1]),
        "arguments": Namespace(lr=0.1), "optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}, "harm": Harm(trace),
    }  # fmt: skip
    torch.save(beside | {"model_state_dict": state}, tmp_path / "checkpoint.pth")
    assert nets.load_weights(net, tmp_path / "checkpoint.pth")[1:] == ([], [])
    torch.save(beside | state, tmp_path / "flat.pth")
    assert nets.load_weights(net, tmp_path / "flat.pth")[1:] == ([], [])
    assert not trace.exists()
