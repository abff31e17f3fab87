"""Numbers of 8 and 16 bits that NumPy has no type for, widened to float32 without loss."""

from __future__ import annotations

import json

import numpy as np

# Names of safetensors -> (bits of the exponent, bits of the mantissa, whether infinity exists)
FLOAT8 = {"F8_E4M3": (4, 3, False), "F8_E5M2": (5, 2, True)}


def widened(data, dtype):
    """The stored bytes as a flat float32 array; `dtype` is BF16, F8_E4M3 or F8_E5M2. Raises ValueError for others."""
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype not in FLOAT8:
        raise ValueError(f"dtype {dtype} is not known")
    return _table(*FLOAT8[dtype])[np.frombuffer(data, np.uint8)]


def _table(exponent_bits, mantissa_bits, has_infinity):
    """The value of each of the 256 bytes: (-1)^sign * 2^(exponent - bias) * 1.mantissa, subnormal at exponent 0."""
    byte = np.arange(256)
    mantissa, exponent = byte % 2**mantissa_bits, (byte & 127) >> mantissa_bits
    bias, top = 2 ** (exponent_bits - 1) - 1, 2**exponent_bits - 1
    fraction = mantissa / 2**mantissa_bits
    value = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    if has_infinity:
        value = np.where(exponent == top, np.where(mantissa == 0, np.inf, np.nan), value)
    else:
        value = np.where(byte & 127 == 127, np.nan, value)
    return np.where(byte >= 128, -value, value).astype(np.float32)


def read_widened(path, name):
    """One tensor of a checked safetensors file: 8 bytes of the header's length, a JSON header, the numbers."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entry = json.loads(file.read(length))[name]
        begin, end = entry["data_offsets"]
        file.seek(8 + length + begin)
        return widened(file.read(end - begin), entry["dtype"]).reshape(entry["shape"])
