"""Numbers of 8 and 16 bits that NumPy has no type for, widened to float32 without loss."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np


class Float8(NamedTuple):
    """How a number of 8 bits is coded: a sign, an exponent, a mantissa, and what its special codes mean.

    A number is (-1)^sign * 2^(exponent - bias) * 1.mantissa; at exponent 0 it is 2^(1 - bias) * 0.mantissa.
    """

    exponent_bits: int
    mantissa_bits: int
    bias: int
    special: str  # "ieee": the highest exponent is infinity or NaN; "fn": all bits set is NaN; "fnuz": -0 is NaN


# The names are those of safetensors. Sources: Micikevicius et al., "FP8 Formats for Deep Learning", 2022; the formats
# with "fnuz" are Graphcore's and AMD's (finite, NaN, unsigned zero).
FLOAT8 = {
    "F8_E4M3": Float8(4, 3, 7, "fn"),
    "F8_E4M3FNUZ": Float8(4, 3, 8, "fnuz"),
    "F8_E5M2": Float8(5, 2, 15, "ieee"),
    "F8_E5M2FNUZ": Float8(5, 2, 16, "fnuz"),
}
POWER = "F8_E8M0"  # a power of 2, the scale of a block in the MX formats: 2^(byte - 127); 255 is NaN
WIDENED = ("BF16", POWER, *FLOAT8)


def widened(data, dtype):
    """The stored bytes as a flat float32 array; `dtype` is one of WIDENED. Raises ValueError for others."""
    if dtype == "BF16":  # the upper half of a float32
        return (np.frombuffer(data, "<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype not in WIDENED:
        raise ValueError(f"dtype {dtype} is not known")
    return _table(dtype)[np.frombuffer(data, np.uint8)]


def _table(dtype):
    """The value of each of the 256 bytes."""
    byte = np.arange(256)
    if dtype == POWER:
        return np.where(byte == 255, np.nan, 2.0 ** (byte - 127)).astype(np.float32)
    exponent_bits, mantissa_bits, bias, special = FLOAT8[dtype]
    mantissa, exponent = byte % 2**mantissa_bits, (byte & 127) >> mantissa_bits
    fraction = mantissa / 2**mantissa_bits
    value = np.where(exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - bias))
    if special == "ieee":
        value = np.where(exponent == 2**exponent_bits - 1, np.where(mantissa == 0, np.inf, np.nan), value)
    elif special == "fn":
        value = np.where(byte & 127 == 127, np.nan, value)
    value = np.where(byte >= 128, -value, value)
    if special == "fnuz":
        value[128] = np.nan
    return value.astype(np.float32)


class WidenedReader:
    """The tensors of WIDENED dtypes in a checked safetensors file.

    The file is 8 bytes with the length of the header, a JSON header, and the numbers. The header is parsed once,
    because a file may hold many tensors.
    """

    def __init__(self, path):
        self.path, self.header, self.begin = path, None, 0

    def read(self, name):
        """One tensor as float32."""
        with open(self.path, "rb") as file:
            if self.header is None:
                length = int.from_bytes(file.read(8), "little")
                self.header, self.begin = json.loads(file.read(length)), 8 + length
            entry = self.header[name]
            begin, end = entry["data_offsets"]
            file.seek(self.begin + begin)
            return widened(file.read(end - begin), entry["dtype"]).reshape(entry["shape"])
