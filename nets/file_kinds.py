"""What a file is that holds no weights of torch, said in words, by its first bytes or by the names in its zip.

Downloads fail and leave a web page; a clone without Git LFS leaves a pointer; other programs have formats of their own.
"""

from __future__ import annotations

from pathlib import PurePosixPath

START = 512  # bytes that tell what a file is: a tar archive says so at 257
TAR_PLACE, TAR = 257, b"ustar"
# The first bytes of a file, in small letters -> what it is, and what to do
STARTS = {
    b"<!doctype html": "it is a web page, as a failed download leaves it: download the file again",
    b"<html": "it is a web page, as a failed download leaves it: download the file again",
    b"<?xml": "it is an XML text, as a failed download leaves it: download the file again",
    b"version https://git-lfs": "it is a pointer of Git LFS and not the file itself: run `git lfs pull`",
    b"\x89hdf": "it is an HDF5 file, as Keras and others write it, and not one of torch",
    b"\x93numpy": "it is a NumPy array (.npy) and has no names of tensors",
    b"\x1f\x8b": "it is compressed with gzip: unpack it first",
    b"bzh": "it is compressed with bzip2: unpack it first",
    b"7z\xbc\xaf": "it is a 7z archive: unpack it first",
    b"\xfd7zxz": "it is compressed with xz: unpack it first",
    b"matlab 5.0": "it is a MATLAB file, as MatConvNet writes it, and not one of torch",
    b"gguf": "it is a GGUF file, which holds language models",
    b"pk\x03\x04": "it is a zip archive that was cut short: download or copy it again",
    b"{": "it is a JSON text: the index of a file in several parts must have a name that ends in .json",
    b"\x89png": "it is a picture",
    b"\xff\xd8\xff": "it is a picture",
}
# ONNX begins with the fields 1 (its version) and 2 (the producer) of a protocol buffer.
ONNX_VERSION, ONNX_PRODUCER = b"\x08", b"\x12"
PICKLE = b"\x80"  # the first byte of a pickle from protocol 2 on
EXPORTED = ("models/model.json", "serialized_exported_program.json")  # in a file of torch.export
WEIGHTS = (".pth", ".pt", ".bin", ".ckpt", ".safetensors")


def kind_of_bytes(start):
    """What a file that begins with these bytes is; None if it may be a pickle, or is not known."""
    if not start:
        return "it is empty"
    small = start.lower().lstrip()
    for mark, kind in STARTS.items():
        if small.startswith(mark):
            return kind
    if start[TAR_PLACE : TAR_PLACE + len(TAR)] == TAR:
        return "it is a tar archive: unpack it, and give the file of weights inside"
    if start[:1] == ONNX_VERSION and start[2:3] in (ONNX_PRODUCER, b":"):
        return "it is an ONNX file, which holds a whole net and is not read here"
    return None


def kind_of_zip(names):
    """What a zip archive with entries of these names is, if it has no data.pkl."""
    suffixes = {PurePosixPath(name).suffix for name in names if not name.endswith("/")}
    if suffixes == {".npy"}:
        return "it is an .npz file of NumPy: mt.save('weights.safetensors', dict(np.load(path))) converts it"
    if any(name.endswith(EXPORTED) for name in names):
        return "it is a program of torch.export (.pt2), and not the tensors alone"
    inside = [name for name in names if name.endswith(WEIGHTS)]
    if inside:
        return f"it is a zip archive: unpack it, and give {PurePosixPath(inside[0]).name}"
    if any(name.endswith("data.pkl") for name in names):
        return "it is a zip archive with a file of torch inside that was packed again with its folders: unpack it"
    return "it is a zip archive without data.pkl, which every file of torch has"
