"""Images and masks of all formats with changed bytes. Where a checksum covers them, it is made right again."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np

from tests.hostile.mutate import NUMBERS, TEXTS, choose, mutated

PNG_BEGIN = b"\x89PNG\r\n\x1a\n"
TYPES = ("u1", "<u2", ">u2", "<i4", "<i8", "<f4", ">f8", "?", "<f2", "<c8", "O", "S3", "V4", "<M8[s]")


def seeds():
    """{suffix: [contents]} of valid files."""
    from PIL import Image, PngImagePlugin

    rng = np.random.default_rng(0)
    grey = rng.integers(0, 256, (24, 20), dtype=np.uint8)
    color = rng.integers(0, 256, (24, 20, 3), dtype=np.uint8)
    deep = rng.integers(0, 60000, (24, 20), dtype=np.uint16)
    classes = rng.integers(0, 3, (24, 20), dtype=np.uint8)
    palette = Image.fromarray(classes)
    palette.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10])
    alpha = Image.fromarray(np.dstack([color, grey]))
    turned = Image.Exif()
    turned[274], turned[305] = 6, "camera"
    notes = PngImagePlugin.PngInfo()
    notes.add_text("note", "text", zip=True)
    made = {
        ".png": [(grey, {}), (color, {"exif": turned}), (deep, {}), (palette, {}), (alpha, {"pnginfo": notes}),
                 (Image.fromarray(classes > 0), {}), (classes, {})],
        ".jpg": [(grey, {}), (color, {"exif": turned, "progressive": True})],
        ".tif": [(grey, {}), (color, {"compression": "tiff_deflate"}), (deep, {"compression": "tiff_lzw"}),
                 (deep.astype(np.float32), {}), (classes, {"exif": turned})],
        ".bmp": [(grey, {}), (color, {}), (palette, {})],
        ".gif": [(palette, {}), (grey, {})],
        ".webp": [(color, {"lossless": True}), (color, {"exif": turned})],
    }  # fmt: skip
    found = {}
    for suffix, files in made.items():
        for picture, options in files:
            image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
            buffer = io.BytesIO()
            form = {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper())
            image.save(buffer, form, **options)
            found.setdefault(suffix, []).append(buffer.getvalue())
    many = io.BytesIO()
    pages = [Image.fromarray(grey)] * 3
    pages[0].save(many, "TIFF", save_all=True, append_images=pages[1:])
    found[".tif"].append(many.getvalue())
    for suffix, save in ((".npy", np.save), (".npz", np.savez_compressed)):
        for array in (grey, color, deep, deep.astype(np.float32), classes.astype(np.int64)):
            buffer = io.BytesIO()
            save(buffer, array)
            found.setdefault(suffix, []).append(buffer.getvalue())
    return found


def png(rng, content):
    """A PNG file with changed chunks and right checksums: the decoder is reached, not the check before it."""
    chunks = _chunks(content)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(len(chunks)))
        name, data = chunks[at]
        kind = int(rng.integers(6))
        if kind == 0 and name == b"IDAT":
            data = zlib.compress(mutated(rng, _inflated(data)))
        elif kind == 1:
            chunks.insert(at, (name, data))
        elif kind == 2:
            del chunks[at]
            chunks = chunks or [(b"IEND", b"")]
            continue
        elif kind == 3:
            name = choose(rng, (b"tRNS", b"PLTE", b"eXIf", b"iCCP", b"zTXt", b"acTL", b"fcTL", b"gAMA", rng.bytes(4)))
        elif kind == 4 and name == b"IHDR":
            numbers = [choose(rng, NUMBERS) % 2**32 for _ in range(2)]
            data = struct.pack(">II", *numbers) + data[8:]
        else:
            data = mutated(rng, data)
        chunks[at] = name, data
    return PNG_BEGIN + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _inflated(data):
    """What a chunk's compressed bytes say; the bytes themselves, if they are damaged already."""
    try:
        return zlib.decompress(data)
    except zlib.error:
        return data


def _chunks(content):
    found, at = [], len(PNG_BEGIN)
    while at + 8 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        found.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


def tiff(rng, content):
    """A TIFF file with changed entries of its directory: a tag, a type, a count, a value."""
    content = bytearray(content)
    order = "<" if content[:2] == b"II" else ">"
    (at,) = struct.unpack_from(order + "I", content, 4)
    if at + 2 > len(content):
        return mutated(rng, content)
    (count,) = struct.unpack_from(order + "H", content, at)
    for _ in range(int(rng.integers(1, 4))):
        entry = at + 2 + 12 * int(rng.integers(max(1, count)))
        place, form = choose(rng, ((0, "H"), (2, "H"), (4, "I"), (8, "I"), (8, "H")))
        number = choose(rng, (*NUMBERS, at, len(content))) % 256 ** struct.calcsize(form)
        if entry + 12 <= len(content):
            struct.pack_into(order + form, content, entry + place, number)
    return mutated(rng, content) if int(rng.integers(4)) == 0 else bytes(content)


def exif(rng, content):
    """A JPEG or PNG file whose EXIF block is made up."""
    from PIL import Image

    block = Image.Exif()
    block[274] = int(rng.integers(0, 12))
    block[305] = choose(rng, TEXTS).encode("utf-8", "surrogatepass")
    data = mutated(rng, block.tobytes())
    if content.startswith(PNG_BEGIN):
        chunks = [(name, part) for name, part in _chunks(content) if name != b"eXIf"]
        chunks.insert(1, (b"eXIf", data.removeprefix(b"Exif\0\0")))
        return PNG_BEGIN + b"".join(
            struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part))
            for name, part in chunks
        )
    data = data[:65000]
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + content[2:]


def array(rng, content):
    """A .npy file with a header of its own."""
    shape = choose(rng, ("(24, 20)", "(24, 20, 3)", "(0, 5)", "()", "(-1, 4)", "(2147483648, 2147483648)", "(1,)",
                         "(24, 20", "(24.0, 20)", "(True, 3)", "(9223372036854775807,)", "(1, 1, 24, 20)"))  # fmt: skip
    order = choose(rng, ("False", "True", "None", "1"))
    header = f"{{'descr': {choose(rng, TYPES)!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    version = int(rng.integers(0, 4))
    length = struct.pack("<H" if version < 2 else "<I", len(header) + 1)
    made = b"\x93NUMPY" + bytes((version, 0)) + length + header.encode() + b"\n" + content[128:]
    return mutated(rng, made) if int(rng.integers(3)) == 0 else made
