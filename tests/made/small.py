"""Numbers of a few bits, one to a byte and packed; the packing of larger ones; and pairs of small floats."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from tests.made.case import BIG, LITTLE, PLAIN, Case, codec, shard, sharding, v2, v3

EXTENSION = "zarr-extensions, data-types/"
PACKBITS = "zarr-extensions, codecs/packbits"

SMALL_FLOATS: dict[str, tuple[bytes, list[float]]] = {
    "float8_e5m2": (b"\x3c\xc1\x01\x7c", [1.0, -2.5, 2**-16, np.inf]),
    "float8_e4m3": (b"\x38\xbc\x01\x78", [1.0, -1.5, 2**-9, np.inf]),
    "float8_e3m4": (b"\x30\xb8\x01\x70", [1.0, -1.5, 2**-6, np.inf]),
    "float8_e4m3b11fnuz": (b"\x58\xdc\x01\x80", [1.0, -1.5, 2**-13, np.nan]),
    "float8_e4m3fnuz": (b"\x40\xc4\x01\x80", [1.0, -1.5, 2**-10, np.nan]),
    "float8_e5m2fnuz": (b"\x40\xc2\x01\x80", [1.0, -1.5, 2**-17, np.nan]),
    "float8_e8m0fnu": (b"\x7f\x80\x00\xff", [1.0, 2.0, 2**-127, np.nan]),
    # The bits above the number mean nothing.
    "float6_e2m3fn": (b"\xc8\x6c\x01\x1f", [1.0, -1.5, 0.125, 7.5]),
    "float6_e3m2fn": (b"\xcc\x6e\x01\x1f", [1.0, -1.5, 0.0625, 28.0]),
    "float4_e2m1fn": (b"\xf2\x7b\x01\x57", [1.0, -1.5, 0.5, 6.0]),
    "bfloat16": (struct.pack("<4H", 0x3F80, 0xC020, 0x0001, 0x7F80), [1.0, -2.5, 2**-133, np.inf]),
}
SMALL_INTEGERS: dict[str, tuple[bytes, list[int]]] = {
    "int2": (b"\xfe\x01\x00\x57", [-2, 1, 0, -1]),
    "uint2": (b"\xfe\x01\x00\x57", [2, 1, 0, 3]),
    "int4": (b"\xf8\x07\x00\x5f", [-8, 7, 0, -1]),
    "uint4": (b"\xf8\x07\x00\x5f", [8, 7, 0, 15]),
}


def bits(width: int, values: bytes) -> bytes:
    """Elements of `width` bits one after the other, the lowest bit first."""
    number = sum((value & ((1 << width) - 1)) << (k * width) for k, value in enumerate(values))
    return number.to_bytes(-(-width * len(values) // 8), "little")


WIDTHS = {"int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4_e2m1fn": 4, "float6_e2m3fn": 6, "float6_e3m2fn": 6}
SMALL: dict[str, tuple[bytes, Any]] = {**SMALL_FLOATS, **SMALL_INTEGERS}


def small(name: str, values: Any) -> Any:
    # Every number here is one of float32, and a missing element is the fill value, 1.
    return np.array([*values, 1], "f4" if name in SMALL_FLOATS else "i1")


SUB_BYTE = [
    *[
        Case(name, EXTENSION + name, v3(name, [5], [4], {"c/0": data}, fill=1, codecs=[LITTLE]),
             small(name, values), name, needs=("ml_dtypes",))
        for name, (data, values) in SMALL.items()
    ],
    *[
        Case(f"{name}, packbits", PACKBITS,
             v3(name, [5], [4], {"c/0": bits(width, SMALL[name][0])}, fill=1, codecs=[codec("packbits")]),
             small(name, SMALL[name][1]), name, needs=("ml_dtypes",))
        for name, width in WIDTHS.items()
    ],
    Case("bfloat16, big endian", EXTENSION + "bfloat16", v3("bfloat16", [2], [2], {"c/0": b"\x3f\x80\xc0\x20"},
         fill="0x7fc1", codecs=[BIG]), np.array([1.0, -2.5], "f4"), "bfloat16", needs=("ml_dtypes",)),
    Case("uint4, sharded", "sharding_indexed", v3("uint4", [4], [4], {"c/0": shard([b"\1\2", None])}, fill=9,
         codecs=[sharding([2])]), np.array([1, 2, 9, 9], "i1"), "uint4", needs=("ml_dtypes",)),
    Case("bool, packbits", PACKBITS, v3("bool", [5], [5], {"c/0": b"\x0d"}, fill=False,
         codecs=[codec("packbits")]), np.array([1, 0, 1, 1, 0], "?")),
    Case("bool, packbits, padding first", PACKBITS, v3("bool", [5], [5], {"c/0": b"\3\x0d"},
         fill=False, codecs=[codec("packbits", padding_encoding="first_byte")]), np.array([1, 0, 1, 1, 0], "?")),
    Case("bool, packbits, padding last", PACKBITS, v3("bool", [5], [5], {"c/0": b"\x0d\3"},
         fill=False, codecs=[codec("packbits", padding_encoding="last_byte")]), np.array([1, 0, 1, 1, 0], "?")),
    Case("uint8, packbits of 4", PACKBITS, v3("uint8", [2], [2], {"c/0": b"\x95"},
         codecs=[codec("packbits", last_bit=3)]), np.array([5, 9], "u1")),
    Case("int16, packbits from 4 to 7", PACKBITS, v3("int16", [2], [2], {"c/0": b"\x8f"},
         codecs=[codec("packbits", first_bit=4, last_bit=7)]), np.array([-16, -128], "i2")),
    Case("v2 |b1, packbits", "numcodecs, packbits", v2("|b1", [5], [5], {"0": b"\3\xb0"}, fill_value=False,
         filters=[{"id": "packbits"}]), np.array([1, 0, 1, 1, 0], "?")),
    Case("int4, fill out of range", EXTENSION + "int4", v3("int4", [1], [1], {}, fill=8, codecs=[PLAIN]),
         error="MetadataError", word="fill_value", needs=("ml_dtypes",)),
    Case("float4, a fill value that it doesn't have", EXTENSION + "float4_e2m1fn", v3("float4_e2m1fn", [1], [1], {},
         fill="NaN", codecs=[PLAIN]), error="MetadataError", word="fill_value", needs=("ml_dtypes",)),
]  # fmt: skip
COMPLEX_SMALL: dict[str, bytes] = {  # each is 1 - 1.5j
    "complex_float16": struct.pack("<2e", 1, -1.5),
    "complex_bfloat16": struct.pack("<2H", 0x3F80, 0xBFC0),
    "complex_float8_e5m2": b"\x3c\xbe",
    "complex_float8_e4m3": b"\x38\xbc",
    "complex_float8_e3m4": b"\x30\xb8",
    "complex_float8_e4m3b11fnuz": b"\x58\xdc",
    "complex_float8_e4m3fnuz": b"\x40\xc4",
    "complex_float8_e5m2fnuz": b"\x40\xc2",
    "complex_float6_e2m3fn": b"\x08\x2c",
    "complex_float6_e3m2fn": b"\x0c\x2e",
    "complex_float4_e2m1fn": b"\x02\x0b",
}
COMPLEX_SMALL_CASES = [
    Case(name, EXTENSION + name, v3(name, [2], [1], {"c/0": data}, fill=[1, -1.5]), np.full(2, 1 - 1.5j, "c8"),
         "any complex", needs=("ml_dtypes",))
    for name, data in COMPLEX_SMALL.items()
] + [
    Case("complex_float8_e8m0fnu", EXTENSION + "complex_float8_e8m0fnu", v3("complex_float8_e8m0fnu", [2], [1], {
         "c/0": b"\x7f\x80"}, fill=[1, 2]), np.full(2, 1 + 2j, "c8"), "any complex", needs=("ml_dtypes",)),
]  # fmt: skip

CASES = [*SUB_BYTE, *COMPLEX_SMALL_CASES]
