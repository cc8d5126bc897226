"""Data types and fill values, as bytes that the specifications spell: v3's and the registered extensions'."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np

from tests.made.case import BIG, PLAIN, Case, codec, shard, sharding, v2, v3

NAT = np.datetime64("NaT")


def time(name: str, unit: str, scale: int = 1) -> dict[str, Any]:
    return codec(f"numpy.{name}", unit=unit, scale_factor=scale)


def longs(*values: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(values)}q", *values)


MIN = -(2**63)
EXTENSION = "zarr-extensions, data-types/"
CORE = "Zarr v3 core, "

SHAPES = [
    Case("0-d", CORE + "chunk key encoding 'default': the key of a 0-d array is c", v3("int32", [], [],
         {"c": b"\7\0\0\0"}),
         np.array(7, "i4")),
    Case("0-d, v2 keys", CORE + "chunk key encoding 'v2': the key of a 0-d array is 0",
         v3("int32", [], [], {"0": b"\7\0\0\0"}, chunk_key_encoding={"name": "v2"}), np.array(7, "i4")),
    Case("0-d, v2", "Zarr v2, chunks", v2("<i4", [], [], {"0": b"\7\0\0\0"}), np.array(7, "i4")),
    Case("0-d, missing", CORE + "fill_value", v3("float32", [], [], {}, fill=2.5), np.array(2.5, "f4"), fill=2.5),
    Case("0-d, sharded", "sharding_indexed", v3("int32", [], [], {"c": shard([b"\7\0\0\0"])}, codecs=[sharding([])]),
         np.array(7, "i4")),
    Case("0-d, string", EXTENSION + "string", v3("string", [], [], {"c": b"\1\0\0\0\2\0\0\0ab"}, fill="",
         codecs=[codec("vlen-utf8")]), np.array("ab", "T")),
    Case("empty", CORE + "shape", v3("int16", [0], [3], {}), np.zeros(0, "i2")),
    Case("empty within", CORE + "shape", v3("int16", [3, 0, 2], [2, 2, 2], {}), np.zeros((3, 0, 2), "i2")),
    Case("empty, chunks of length 0", "zarr-python before 3.2 wrote these", v3("int16", [3, 0], [2, 0], {}),
         np.zeros((3, 0), "i2")),
    Case("empty, v2", "Zarr v2, shape", v2("<i2", [0, 4], [1, 2], {}), np.zeros((0, 4), "i2")),
    Case("empty, v2, chunks of length 0", "zarr-python 2 wrote these", v2("<i2", [0, 4], [0, 2], {}),
         np.zeros((0, 4), "i2")),
    Case("empty, sharded", "sharding_indexed", v3("int16", [0], [4], {}, codecs=[sharding([2])]), np.zeros(0, "i2")),
    Case("empty, string", EXTENSION + "string", v3("string", [0], [4], {}, fill="", codecs=[codec("vlen-utf8")]),
         np.zeros(0, "T")),
]  # fmt: skip

TIMES = [
    *[
        Case(f"datetime64[{scale}{unit}]", EXTENSION + "numpy.datetime64",
             v3(time("datetime64", unit, scale), [3], [3], {"c/0": longs(0, -1, MIN)}, fill="NaT"),
             np.array([0, -1, MIN], "i8").view(f"M8[{scale}{unit}]"), fill=NAT)
        for unit, scale in [("Y", 1), ("M", 1), ("W", 2), ("D", 1), ("h", 6), ("m", 1), ("s", 1), ("ms", 1), ("us", 10),
                            ("ns", 1), ("ps", 1), ("fs", 1), ("as", 2**31 - 1)]
    ],
    Case("datetime64[μs], the other spelling", EXTENSION + "numpy.datetime64",
         v3(time("datetime64", "μs"), [1], [1], {"c/0": longs(5)}), np.array([5], "M8[us]")),
    Case("datetime64, generic", EXTENSION + "numpy.datetime64",
         v3(time("datetime64", "generic"), [1], [1], {"c/0": longs(MIN)}, fill=MIN), np.array([MIN]).view("M8")),
    Case("datetime64, big endian, missing chunks", EXTENSION + "numpy.datetime64",
         v3(time("datetime64", "s"), [2], [1], {"c/0": longs(86400, order=">")}, fill=MIN, codecs=[BIG]),
         np.array(["1970-01-02", "NaT"], "M8[s]"), fill=NAT),
    *[
        Case(f"timedelta64[{scale}{unit}]", EXTENSION + "numpy.timedelta64",
             v3(time("timedelta64", unit, scale), [3], [2], {"c/0": longs(7, MIN)}, fill=-3),
             np.array([7, MIN, -3], "i8").view(f"m8[{scale}{unit}]"), fill=np.timedelta64(-3 * scale, unit))
        for unit, scale in [("Y", 1), ("W", 1), ("h", 2), ("ns", 100)]
    ],
    *[
        Case(f"v2 <M8[ns], fill {fill!r}", "Zarr v2, fill value encoding",
             v2("<M8[ns]", [2], [1], {"0": longs(1)}, fill_value=fill),
             np.array([1, MIN if fill in ("NaT", None) else fill], "i8").view("M8[ns]"))
        for fill in ("NaT", 0, MIN, None)
    ],
    Case("v2 >m8[10s]", "Zarr v2, data type encoding", v2(">m8[10s]", [2], [2], {"0": longs(3, -3, order=">")}),
         np.array([3, -3], "m8[10s]")),
]  # fmt: skip

POINT = np.dtype([("x", "<f4"), ("n", "<i2")])
FIELDS = [{"name": "x", "data_type": "float32"}, {"name": "n", "data_type": "int16"}]
PACKED = struct.pack("<fhfh", 1.5, 2, -0.0, -1)
POINTS = np.array([(1.5, 2), (-0.0, -1), (4.0, 5)], POINT)
NESTED = np.dtype([("at", POINT), ("when", "<M8[s]"), ("tag", "V3")])
NESTED_FIELDS = [
    {"name": "at", "data_type": codec("struct", fields=FIELDS)},
    {"name": "when", "data_type": time("datetime64", "s")},
    {"name": "tag", "data_type": "r24"},
]
OLD_FILL = base64.b64encode(struct.pack("<fh", 4.0, 5)).decode()
BIG_POINTS = POINTS.astype(POINT.newbyteorder(">"))

STRUCTURES = [
    Case("struct", EXTENSION + "struct", v3(codec("struct", fields=FIELDS), [3], [2], {"c/0": PACKED},
         fill={"x": 4.0, "n": 5}), POINTS),
    Case("struct, big endian", EXTENSION + "struct", v3(codec("struct", fields=FIELDS), [3], [2],
         {"c/0": struct.pack(">fhfh", 1.5, 2, -0.0, -1)}, fill={"x": 4.0, "n": 5}, codecs=[BIG]), BIG_POINTS),
    Case("struct, nested", EXTENSION + "struct",
         v3(codec("struct", fields=NESTED_FIELDS), [2], [1], {"c/0": struct.pack("<fhq3s", 1.5, 2, 60, b"abc")},
            fill={"at": {"x": "NaN", "n": 1}, "when": "NaT", "tag": [1, 2, 3]}),
         np.array([((1.5, 2), 60, b"abc"), ((np.nan, 1), NAT, b"\1\2\3")], NESTED)),
    Case("struct, sharded", "sharding_indexed", v3(codec("struct", fields=FIELDS), [3], [4], {
         "c/0": shard([PACKED, None])}, fill={"x": 4.0, "n": 5}, codecs=[sharding([2])]), POINTS),
    Case("structured, pairs for fields, no byte order, base64 fill", EXTENSION + "structured",
         v3(codec("structured", fields=[["x", "float32"], ["n", "int16"]]), [3], [2], {"c/0": PACKED}, fill=OLD_FILL,
            codecs=[PLAIN]), POINTS),
    Case("v2 structure", "Zarr v2, data type encoding",
         v2([["x", "<f4"], ["n", "<i2"]], [3], [2], {"0": PACKED}, fill_value=OLD_FILL), POINTS),
    Case("v2 structure with arrays, both byte orders, null fill", "Zarr v2, data type encoding",
         v2([["a", ">i2", [2, 2]], ["b", [["c", "|S2"], ["d", "<f8"]]]], [2], [1],
            {"1": struct.pack(">4h", 1, 2, 3, 4) + b"xy" + struct.pack("<d", 0.5)}, fill_value=None),
         np.array([(np.zeros((2, 2)), (b"", 0)), ([[1, 2], [3, 4]], (b"xy", 0.5))],
                  [("a", ">i2", (2, 2)), ("b", [("c", "S2"), ("d", "<f8")])])),
    Case("v2 structure, fill 0", "zarr-python 2 wrote these",
         v2([["x", "<f4"], ["n", "<i2"]], [1], [1], {}, fill_value=0), np.zeros(1, POINT)),
]  # fmt: skip

RAW = [
    Case("r24", CORE + "data types, raw", v3("r24", [2], [1], {"c/0": b"abc"}, fill=[1, 2, 255], codecs=[PLAIN]),
         np.array([b"abc", b"\1\2\xff"], "V3")),
    Case("raw_bytes", "zarr-python's name of raw bytes", v3(codec("raw_bytes", length_bytes=3), [2], [1],
         {"c/0": b"abc"}, fill="AQL/", codecs=[PLAIN]), np.array([b"abc", b"\1\2\xff"], "V3")),
    Case("v2 |V3", "Zarr v2, fill value encoding", v2("|V3", [2], [1], {"0": b"abc"}, fill_value="AQL/"),
         np.array([b"abc", b"\1\2\xff"], "V3")),
    Case("v2 |V3, null fill", "Zarr v2, fill value encoding", v2("|V3", [1], [1], {}, fill_value=None),
         np.zeros(1, "V3")),
]  # fmt: skip

NAN32 = np.array([0x7FC00000, 0x7FA00001], "u4").view("f4")
COMPLEX = [
    Case("complex64", CORE + "data types", v3("complex64", [2], [1], {"c/0": struct.pack("<2f", 1.5, -0.0)},
         fill=["NaN", "-Infinity"]), np.array([complex(1.5, -0.0), complex(np.nan, -np.inf)], "c8")),
    Case("complex128, hex fill", CORE + "fill_value",
         v3("complex128", [1], [1], {}, fill=["0x7ff8000000000001", "0xfff0000000000000"], codecs=[BIG]),
         np.array([0x7FF8000000000001, 0xFFF0000000000000], "u8").view("c16")),
    Case("complex_float32", EXTENSION + "complex_float32", v3("complex_float32", [1], [1], {
         "c/0": struct.pack("<2f", 1, 2)}, fill=[0, 0]), np.array([1 + 2j], "c8")),
    Case("complex_float64", EXTENSION + "complex_float64", v3("complex_float64", [1], [1], {
         "c/0": struct.pack(">2d", 1, 2)}, fill=[0, 0], codecs=[BIG]), np.array([1 + 2j], "c16")),
    Case("v2 >c8", "Zarr v2, data type encoding", v2(">c8", [2], [1], {"0": struct.pack(">2f", 1, -2)}, fill_value=[0,
         "NaN"]),
         np.array([1 - 2j, complex(0, np.nan)], "c8")),
    Case("float32, a NaN with a payload for fill", CORE + "fill_value", v3("float32", [2], [1], {
         "c/0": struct.pack("<I", 0x7FC00000)}, fill="0x7fa00001"), NAN32),
    Case("v2, NaN and Infinity as bare tokens",
         "Python's json wrote these", v2("<f4", [1], [1], {}, fill_value=float("-inf")),
         np.array([-np.inf], "f4")),
    Case("v2, no fill_value at all", "zarr.js and others wrote these", v2("<f4", [1], [1], {}, fill_value=...),
         np.zeros(1, "f4")),
]  # fmt: skip
CASES = [*SHAPES, *TIMES, *STRUCTURES, *RAW, *COMPLEX]
