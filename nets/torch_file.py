"""Reading the tensors of torch's .pth files without unpickling them (nets/pickle_machine.py).

There are two kinds of files. Since torch 1.6 a file is a zip with data.pkl and one entry per storage. Older files, such
as most weights of 2017, are five pickles in a row, followed by the bytes of the storages.

No file can make reading expensive: reading takes at most a few times the file's size in memory, and time in proportion
to the file's length. Each container is converted once and each storage is read once, even if the file mentions them
often.
"""

from __future__ import annotations

import os
import struct
import zipfile
from io import BytesIO

from nets.file_kinds import PICKLE, START, kind_of_bytes, kind_of_zip
from nets.pickle_machine import Unknown, interpret
from nets.plain_files import shown
from nets.torch_tensors import LONGEST_TEXT, TensorRecord

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of the old format holds this number alone
TEXT_MAGIC = f"L{LEGACY_MAGIC}L".encode()  # the same in pickle protocols 0 and 1
STORAGE_HEADER = struct.Struct("<q")  # the old format writes the number of elements before each storage
DEEPEST = 100  # levels of containers within containers
LARGEST_PICKLE = 16 << 20  # bytes of data.pkl; the numbers of the tensors lie elsewhere
LONGEST_BYTEORDER = 16  # bytes of the entry that says "little" or "big"
# All tensors together may take this many times the file's size, because tensors may share parts of a storage.
MOST_COPIES = 4
LEAST_COPIES = 1 << 20  # bytes that all tensors together may take even if the file is tiny


def read_torch_file(path):
    """The content of a .pth file: dicts, lists and tuples of NumPy arrays, numbers and strings.

    Everything else becomes an `Unknown` that names it; nothing is called. Raises ValueError for a file that is damaged
    or was not written by torch. The message says what was found.
    """
    with open(path, "rb"):
        pass  # if the file cannot be read at all, say so
    try:
        if zipfile.is_zipfile(path):
            return _read_zip(path)
        with open(path, "rb") as file:
            return _read_legacy(_Bounded(file))
    except Exception as error:  # a damaged file can go wrong anywhere, in zipfile and pickletools too
        known = isinstance(error, ValueError) and not isinstance(error, UnicodeError)
        reason = (
            shown(str(error)[: 2 * LONGEST_TEXT]) if known else f"it is damaged or cut short ({type(error).__name__})"
        )
        raise ValueError(f"{path}: not a file of weights that torch wrote: {reason}{_advice(path, error)}") from error


def _advice(path, error):
    """What may help, beginning with a full stop; empty for a damaged file."""
    if isinstance(error, _WholeObject):
        return f". {whole_object_advice(path) if error.is_module else SAVE_TENSORS}"
    if isinstance(error, _TorchScript):
        return f". With torch: torch.save(torch.jit.load({str(path)!r}).state_dict(), 'weights.pth')"
    return ""


SAVE_TENSORS = "In the program that made it, save the tensors alone: torch.save(model.state_dict(), 'weights.pth')"


def whole_object_advice(path, entry=None):
    """How to convert a file with a module of torch, or with one under the name `entry`, with torch itself."""
    part = "" if entry is None else f"[{entry!r}]"
    return (
        f"{SAVE_TENSORS}. Or convert the file, if you trust it, because this runs it, and if its classes can be "
        f"imported: torch.save(torch.load({str(path)!r}, weights_only=False){part}.state_dict(), 'weights.pth')"
    )


class _WholeObject(ValueError):
    """The file is one object of some class, not a state dict."""

    def __init__(self, unknown):
        super().__init__(f"it is {unknown.what}, and not the tensors alone")
        self.is_module = unknown.is_module


class _TorchScript(ValueError):
    """The file is a program of torch.jit."""


class _Bounded:
    """A binary file that is never asked for more bytes than it has left, because a pickle may claim any length."""

    def __init__(self, file):
        self.file, self.size = file, os.fstat(file.fileno()).st_size

    def read(self, count):
        if not 0 <= count <= self.size - self.file.tell():
            raise ValueError("it ends in the middle")
        return self.file.read(count)

    def peek(self, most):
        """The next bytes, at most `most` of them, which stay to be read."""
        place = self.file.tell()
        start = self.file.read(most)
        self.file.seek(place)
        return start

    def readline(self):
        return self.file.readline()

    def tell(self):
        return self.file.tell()


def _read_zip(path):
    size = os.path.getsize(path)
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        names = [name for name in entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(names) != 1:
            raise ValueError(kind_of_zip(list(entries)))
        if names[0].replace("data.pkl", "constants.pkl") in entries:
            raise _TorchScript("it is a TorchScript program")
        folder = names[0].removesuffix("data.pkl")

        def stored(name, most):
            entry = entries[name]
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise ValueError("its zip is compressed, which torch never does: pack it again without (zip -0)")
            if entry.file_size > min(most, size):
                raise ValueError(f"its entry {name[:LONGEST_TEXT]} claims {entry.file_size} bytes")
            return archive.read(entry)

        if f"{folder}byteorder" in entries and stored(f"{folder}byteorder", LONGEST_BYTEORDER) != b"little":
            raise ValueError("its numbers are big-endian")
        content = interpret(BytesIO(stored(names[0], LARGEST_PICKLE)))
        return _Converter(lambda storage: stored(f"{folder}data/{storage.key}", size), size).converted(content)


def _read_legacy(file):
    start = file.peek(START)
    kind = kind_of_bytes(start)
    if kind is not None:
        raise ValueError(kind)
    if not start.startswith((PICKLE, TEXT_MAGIC)):
        raise ValueError("its first bytes are not those of torch.save")
    magic = interpret(file)
    if type(magic) is not int or magic != LEGACY_MAGIC:
        raise ValueError(f"it is a pickle, but not one of torch.save. {SAVE_TENSORS}")
    interpret(file)  # version of the protocol
    system = interpret(file)
    if type(system) is dict and system.get("little_endian") is False:
        raise ValueError("its numbers are big-endian")
    storages, stored = {}, {}
    content = interpret(file, storages)
    keys = interpret(file)
    if type(keys) is not list:
        raise ValueError("it does not list its storages")
    for key in keys:
        storage = storages.get(key) if type(key) in (str, int) else None
        if type(storage) is Unknown:  # how long is it?
            raise ValueError(f"it holds {storage.what}")
        size = STORAGE_HEADER.unpack(file.read(STORAGE_HEADER.size))[0]
        if storage is None or size != storage.size:
            raise ValueError(f"its storage {str(key)[:LONGEST_TEXT]} is not described by any tensor")
        stored[key] = file.read(size * storage.element.itemsize)
    return _Converter(lambda storage: stored[storage.key], file.size).converted(content)


class _Converter:
    """Turns TensorRecords into arrays. `read(storage)` returns the bytes of a storage; `size` is the file's size."""

    def __init__(self, read, size):
        self.read, self.bytes_left = read, max(LEAST_COPIES, MOST_COPIES * size)
        self.unread = size
        self.storages, self.arrays, self.containers = {}, {}, {}

    def converted(self, content, depth=0):
        """The same containers with every TensorRecord replaced by its array. Equal TensorRecords share one array."""
        if type(content) is TensorRecord:
            return self.array(content)
        if type(content) not in (dict, list, tuple):
            if type(content) is Unknown and depth == 0:
                raise _WholeObject(content)
            return content
        if depth >= DEEPEST:
            raise ValueError(f"its containers are nested more than {DEEPEST} deep")
        if id(content) not in self.containers:
            if type(content) is dict:
                made = {key: self.converted(value, depth + 1) for key, value in content.items()}
            else:
                made = type(content)(self.converted(item, depth + 1) for item in content)
            self.containers[id(content)] = made
        return self.containers[id(content)]

    def array(self, record):
        record.check()
        if record not in self.arrays:
            self.bytes_left -= record.nbytes
            if self.bytes_left < 0:
                raise ValueError(f"its tensors would take more than {MOST_COPIES} times the memory of the file")
            key = record.storage.key
            if key not in self.storages:
                self.storages[key] = self.read(record.storage)
                self.unread -= len(self.storages[key])
                if self.unread < 0:  # a zip may give the same bytes many names
                    raise ValueError("its storages have more bytes than the file")
            self.arrays[record] = record.array(self.storages[key])
        return self.arrays[record]
