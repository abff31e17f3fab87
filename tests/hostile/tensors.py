"""Files of tensors: .pth as zip and in the older format, safetensors, with changed instructions, headers and bytes."""

from __future__ import annotations

import io
import json
import pickletools
import struct
import zipfile

from nets.training.checkpoint import STRUCTURE
from tests.hostile.mutate import MOST_CHANGES, NUMBERS, TEXTS, as_json, changed, changed_json, choose, mutated

# Instructions of a pickle: they build, call, remember, nest and take apart
INSTRUCTIONS = (
    b"N", b"(", b")", b"]", b"}", b"t", b"l", b"d", b"0", b"1", b"2", b"a", b"e", b"s", b"u", b"b", b"R", b"o",
    b"\x81", b"\x85", b"\x86", b"\x87", b"\x88", b"\x89", b"\x8f", b"\x90", b"\x91", b"\x92", b"\x93", b"\x94", b"Q",
    b"K\x05", b"M\xff\xff", b"J\xff\xff\xff\x7f", b"\x8a\x04\xff\xff\xff\x7f", b"G\x7f\xf0\0\0\0\0\0\0", b"h\0", b"q\0",
    b"X\x03\0\0\0abc", b"\x8c\x03abc", b"cos\nsystem\n", b"cbuiltins\neval\n", b"ccollections\nOrderedDict\n",
    b"ctorch\nFloatStorage\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"c__builtin__\ngetattr\n", b"\x97", b".",
    b"j\xff\xff\xff\x7f", b"I999999999999999999999\n", b"L1L\n", b"\x80\x05", b"\x95\0\0\0\0\0\0\0\xff",
    b"\x96\x03\0\0\0\0\0\0\0abc",
)  # fmt: skip


def pth_seeds():
    """{"zip": [...], "legacy": [...]}: what torch writes for a state, a checkpoint, and tensors that share memory."""
    import torch

    from nets import UNet

    state = {
        name: torch.from_numpy(value.numpy().copy())
        for name, value in UNet(1, 2, base_channels=2, depth=1, padding="same", norm="batch").state_dict().items()
    }
    base = torch.arange(24.0)
    shared = {"a": base[3:9].reshape(2, 3), "b": base.reshape(4, 6).t(), "c": base.to(torch.bfloat16), "n": 3}
    values = (
        state,
        {"model": {f"module.{name}": value for name, value in state.items()}, "epoch": 3, "args": {"lr": 0.1}},
        shared,
    )
    found = {"zip": [], "legacy": []}
    for value in values:
        for kind, zipped in (("zip", True), ("legacy", False)):
            buffer = io.BytesIO()
            torch.save(value, buffer, _use_new_zipfile_serialization=zipped)
            found[kind].append(buffer.getvalue())
    return found


def pickle_changed(rng, content):
    """A pickle with instructions left out, repeated, exchanged, put in, and with other numbers in them."""
    try:
        places = [at for _, _, at in pickletools.genops(content)] + [len(content)]
    except (ValueError, IndexError, KeyError):
        return mutated(rng, content)
    steps = [content[a:b] for a, b in zip(places, places[1:], strict=False)]
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        at, other = (int(rng.integers(len(steps))) for _ in range(2))
        kind = int(rng.integers(6))
        if kind == 0 and len(steps) > 1:
            del steps[at]
        elif kind == 1:
            steps[at:at] = steps[at : at + int(rng.integers(1, 12))] * int(rng.integers(1, 30))
        elif kind == 2:
            steps[at], steps[other] = steps[other], steps[at]
        elif kind == 3:
            steps[at:at] = [choose(rng, INSTRUCTIONS) for _ in range(int(rng.integers(1, 6)))]
        elif kind == 4:
            steps[at:at] = [choose(rng, INSTRUCTIONS) * int(rng.integers(2, 3000))]
        else:
            steps[at] = mutated(rng, steps[at])
    return b"".join(steps)


def zipped(rng, content):
    """A zip with a changed pickle or storage, with entries compressed, renamed, repeated or lost."""
    entries = _entries(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(entries)))
        name, data, compression = entries[at]
        kind = int(rng.integers(8))
        if kind < 4:
            at = next((place for place, entry in enumerate(entries) if entry[0].endswith("data.pkl")), at)
            name, data, compression = entries[at]
            data = pickle_changed(rng, data)
        elif kind == 4:
            data = mutated(rng, data)
        elif kind == 5:
            compression = choose(rng, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
        elif kind == 6:
            name = choose(rng, (name + "x", "../" + name, name.upper(), "data.pkl", "archive/data/0", "\u202e" + name))
        elif len(entries) > 1:
            del entries[at]
            continue
        entries[at] = name, data, compression
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data, compression in entries:
            archive.writestr(name, data, compression)
    made = buffer.getvalue()
    return mutated(rng, made) if int(rng.integers(5)) == 0 else made


def _entries(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(entry.filename, archive.read(entry), zipfile.ZIP_STORED) for entry in archive.infolist()]


def legacy(rng, content):
    """The older format: several pickles, then the bytes of the storages."""
    return mutated(rng, content) if int(rng.integers(3)) == 0 else pickle_changed(rng, content)


def safetensors_changed(rng, content):
    """A safetensors file with a changed header, whose length is made right again, or with changed bytes."""
    if int(rng.integers(4)) == 0:
        return mutated(rng, content)
    (length,) = struct.unpack_from("<Q", content)
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    for _ in range(int(rng.integers(1, 4))):
        header = changed(rng, header) if int(rng.integers(3)) else _entry_changed(rng, header)
    text = as_json(rng, header)
    stated = choose(rng, (len(text),) * 6 + NUMBERS)
    return struct.pack("<Q", stated) + text + data


def structure_changed(rng, content):
    """A checkpoint whose text beside the numbers is changed (nets/training/checkpoint.py); its header fits."""
    (length,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + length])
    text = changed_json(rng, header["__metadata__"][STRUCTURE])
    header["__metadata__"][STRUCTURE] = text.decode("utf-8", "replace")
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + content[8 + length :]


def _entry_changed(rng, header):
    """A header with one tensor's type, shape or place changed to something nearly right."""
    entries = header.items() if isinstance(header, dict) else ()
    names = [name for name, entry in entries if isinstance(entry, dict) and "data_offsets" in entry]
    if not names:
        return header
    entry = header[choose(rng, names)]
    kind = int(rng.integers(4))
    if kind == 0:
        entry["dtype"] = choose(rng, ("F64", "F16", "BF16", "I64", "U8", "BOOL", "F8_E4M3", "C64", "f32", *TEXTS))
    elif kind == 1 and isinstance(entry.get("shape"), list) and entry["shape"]:
        entry["shape"][int(rng.integers(len(entry["shape"])))] = int(choose(rng, (*NUMBERS, -1, 2**62)))
    elif kind == 2:
        entry["data_offsets"] = [int(choose(rng, NUMBERS)), int(choose(rng, NUMBERS))]
    else:
        entry["data_offsets"] = header[choose(rng, names)]["data_offsets"]
    return header
