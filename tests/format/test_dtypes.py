"""Names of data types and their fill values, in both versions: numpy's own, structures, text and objects.

Each value comes back from its document with the same bits, and whatever else a document says is an error of ours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import (
    default_fill,
    fill_from_json,
    fill_to_json,
    in_order,
    name_v2,
    name_v3,
    parse_v2,
    parse_v3,
    to_scalar,
    unset,
    zero_d,
)
from dzarr.format.elements import TEXT

NAMES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NAMES += ["float16", "float32", "float64", "complex64", "complex128"]
RECORD = np.dtype([("x", "<f4"), ("y", "<i2"), ("p", [("a", "|u1"), ("b", "<M8[ns]")])])
OTHERS = ["M8[ns]", "M8[10us]", "M8", "m8[D]", "S5", "U3", "V3", "V8"]
PLAIN = [*map(np.dtype, NAMES + OTHERS)]


def bits(scalar: Any, dtype: np.dtype[Any]) -> bytes:
    return np.asarray(scalar, dtype).tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_core_names(name: str) -> None:
    assert parse_v3(name) == parse_v3({"name": name}) == np.dtype(name)
    assert name_v3(np.dtype(name)) == name_v3(np.dtype(name).newbyteorder(">")) == name


@pytest.mark.parametrize(
    ("document", "dtype"),
    [
        ("r8", "V1"),
        ("r24", "V3"),
        ({"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}}, "M8[ns]"),
        ({"name": "numpy.datetime64", "configuration": {"unit": "us", "scale_factor": 10}}, "M8[10us]"),
        ({"name": "numpy.timedelta64", "configuration": {"unit": "generic", "scale_factor": 1}}, "m8"),
        ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}, "U3"),
        ({"name": "null_terminated_bytes", "configuration": {"length_bytes": 12}}, "S12"),
        (
            {
                "name": "struct",
                "configuration": {
                    "fields": [
                        {"name": "x", "data_type": "float32"},
                        {
                            "name": "p",
                            "data_type": {
                                "name": "struct",
                                "configuration": {"fields": [{"name": "a", "data_type": "r16"}]},
                            },
                        },
                    ]
                },
            },
            [("x", "<f4"), ("p", [("a", "V2")])],
        ),
    ],
)
def test_extension_names(document: Any, dtype: Any) -> None:
    assert parse_v3(document) == np.dtype(dtype)
    assert name_v3(np.dtype(dtype)) == document


def test_names_that_are_only_read() -> None:
    assert parse_v3({"name": "raw_bytes", "configuration": {"length_bytes": 3}}) == np.dtype("V3")
    pairs = {"name": "structured", "configuration": {"fields": [["x", "float32"], ["y", "int8"]]}}
    assert parse_v3(pairs) == np.dtype([("x", "<f4"), ("y", "i1")])
    micro = {"name": "numpy.datetime64", "configuration": {"unit": "μs", "scale_factor": 1}}
    assert parse_v3(micro) == np.dtype("M8[us]")


def time(unit: Any = "ns", scale: Any = 1, **more: Any) -> Any:
    return {"name": "numpy.datetime64", "configuration": {"unit": unit, "scale_factor": scale} | more}


@pytest.mark.parametrize(
    "document",
    [
        None, 3, [], {}, {"name": 3}, {"name": ""}, {"name": "float32", "extra": 1}, "r0", "r7", "r12",
        {"name": "float32", "must_understand": False}, {"name": "float32", "configuration": {"a": 1}},
        {"name": "float32", "configuration": 3}, "numpy.datetime64", time("lightyear"), time(["ns"]), time({}),
        time(scale=0), time(scale=True), time(scale=2**31), time(more=1), "struct", "fixed_length_utf32",
        {"name": "fixed_length_utf32", "configuration": {"length_bytes": 10}},
        {"name": "null_terminated_bytes", "configuration": {"length_bytes": 0}},
        {"name": "struct", "configuration": {"fields": []}},
        {"name": "struct", "configuration": {"fields": [["x", "int8"], ["x", "int8"]]}},
        {"name": "struct", "configuration": {"fields": [["", "int8"]]}},
        {"name": "struct", "configuration": {"fields": ["int8"]}},
        {"name": "struct", "configuration": {"fields": [{"name": "x"}]}},
    ],
)  # fmt: skip
def test_bad_v3_names(document: Any) -> None:
    with pytest.raises(MetadataError):
        parse_v3(document)


@pytest.mark.parametrize(
    "name", ["optional", "float128", "int1", "variable_length_utf8", "complex_int4", "r9999999992"]
)
def test_unsupported_v3_names(name: str) -> None:
    with pytest.raises(UnsupportedError, match=name if name[0] != "r" else "too large"):
        parse_v3(name)


@pytest.mark.parametrize(
    ("text", "dtype", "endian"),
    [
        ("<f4", "f4", "little"), (">f4", "f4", "big"), ("|b1", "?", None), ("|u1", "u1", None), ("<i1", "i1", None),
        (">c16", "c16", "big"), ("|S5", "S5", None), ("<U4", "U4", "little"), (">U4", "U4", "big"), ("|V8", "V8", None),
        ("<M8[ns]", "M8[ns]", "little"), (">m8[25s]", "m8[25s]", "big"), ("<M8", "M8", "little"),
        ("<M8[generic]", "M8", "little"),
        ([["r", "|u1"], ["g", ">i2"]], [("r", "u1"), ("g", ">i2")], None),
        ([["x", "<f4"], ["z", "<f4", [2, 2]]], [("x", "<f4"), ("z", "<f4", (2, 2))], None),
        ([["foo", "<f4"], ["bar", [["baz", "<f4"], ["qux", "|S3"]]]],
         [("foo", "<f4"), ("bar", [("baz", "<f4"), ("qux", "S3")])], None),
        ([["x", "<f4", 3]], [("x", "<f4", (3,))], None),
    ],
)  # fmt: skip
def test_v2_spellings(text: Any, dtype: Any, endian: Any) -> None:
    assert parse_v2(text) == (np.dtype(dtype), endian)
    native = text in ("<i1", "<M8[generic]") or (isinstance(text, list) and text[0][-1] == 3)
    if not native:
        assert name_v2(*parse_v2(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        None, 3, "", "f4", "<f4 ", "float32", "|f4", "|U4", "<f4[ns]", "<S5[ns]", "<M8[lightyear]", "<M8[]", {},
        [], ["<f4"], [["x"]], [[3, "<f4"]], [["x", "<f4", [0]]], [["x", "<f4", [-1]]], [["x", "<f4", "a"]],
        [["x", "<f4"], ["x", "<f4"]], [["x", "<f4", [2], 4]], [["x", ["<f4"]]], [["x", "<f4", [2**26] * 3]],
    ],
)  # fmt: skip
def test_bad_v2_spellings(text: Any) -> None:
    with pytest.raises(MetadataError):
        parse_v2(text)


@pytest.mark.parametrize(
    "text",
    [
        "<f16",
        "<c32",
        "<i16",
        "<f1",
        "|S0",
        "<U0",
        "<t4",
        "|S99999999999",
        "<U33554432",
        [["x", "|O"]],
        [["x", [["y", "|O"]]]],
        [["x", "|S67108864", [2]]],
    ],
)
def test_unsupported_v2_spellings(text: Any) -> None:
    with pytest.raises(UnsupportedError):
        parse_v2(text)


@pytest.mark.parametrize(
    "dtype", [np.dtypes.StringDType(na_object=None), "S0", "U0", "f16", "c32", [("x", "O")]], ids=repr
)
def test_dtypes_without_a_name(dtype: Any) -> None:
    for name in (name_v2, name_v3):
        with pytest.raises(UnsupportedError):
            name(np.dtype(dtype))


def test_objects_of_v2_are_what_their_codec_makes() -> None:
    assert parse_v2("|O", ["vlen-utf8", "zstd"]) == parse_v2("|O8", ["blosc", "vlen-utf8"]) == (TEXT, None)
    for name in ("vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle", "categorize", "some.plugin"):
        assert parse_v2("|O", [name]) == (np.dtype(object), None)
    with pytest.raises(MetadataError, match="codec that encodes objects"):
        parse_v2("|O")
    assert name_v2(TEXT) == name_v2(np.dtype(object)) == "|O"


def test_text_and_bytes_of_v3() -> None:
    assert parse_v3("string") == parse_v3({"name": "string", "configuration": {}}) == TEXT
    assert parse_v3("bytes") == parse_v3("variable_length_bytes") == parse_v3("binary") == np.dtype(object)
    assert (name_v3(TEXT), name_v3(np.dtype(object))) == ("string", "bytes")
    for name in ("string", "bytes"):
        with pytest.raises(DzarrError):
            parse_v3({"name": "struct", "configuration": {"fields": [{"name": "x", "data_type": name}]}})


def test_complex_names() -> None:
    assert parse_v3("complex_float32") == np.dtype("c8")
    assert parse_v3("complex_float64") == np.dtype("c16")
    assert parse_v3("complex_float16") == np.dtype([("real", "<f2"), ("imag", "<f2")])
    assert name_v3(np.dtype("c8")) == "complex64"


def test_titles_of_fields_stand_beside_their_names() -> None:
    document = [[["a title", "x"], "<f4"], ["y", ">i2", [2]]]
    dtype, endian = parse_v2(document)
    assert dtype == np.dtype([(("a title", "x"), "<f4"), ("y", ">i2", (2,))])
    assert endian is None
    assert name_v2(dtype) == document
    assert in_order(dtype, "big") == dtype.newbyteorder(">")
    assert name_v3(np.dtype([(("a title", "x"), "<f4")])) == name_v3(np.dtype([("x", "<f4")]))
    for name in (["a title"], ["a title", 3], [], ["a", "b", "c"]):
        with pytest.raises(MetadataError):
            parse_v2([[name, "<f4"]])


def test_structures_have_neither_padding_nor_v3_arrays() -> None:
    for name in (name_v2, name_v3):
        with pytest.raises(UnsupportedError, match="repack_fields"):
            name(np.dtype([("x", "u1"), ("y", "f8")], align=True))
    with pytest.raises(UnsupportedError, match="arrays as fields"):
        name_v3(np.dtype([("x", "u1", (2,))]))


def test_structures_take_the_order_of_the_file() -> None:
    assert in_order(RECORD, "big") == RECORD.newbyteorder(">")
    assert in_order(np.dtype("f4"), "big") == np.dtype("f4")


GOOD_FILLS = [
    (True, "bool", 3, b"\1"), (False, "bool", 2, b"\0"), (0, "bool", 2, b"\0"), (1, "bool", 2, b"\1"),
    (255, "u1", 3, b"\xff"), (-128, "i1", 3, b"\x80"), (2**64 - 1, "u8", 3, b"\xff" * 8), (7.0, "u1", 3, b"\7"),
    (-(2.0**63), "i8", 2, b"\0" * 7 + b"\x80"),
    ("NaN", "f4", 3, 0x7FC00000), ("NaN", "f2", 2, 0x7E00), ("NaN", "f8", 3, 0x7FF8000000000000),
    ("Infinity", "f4", 3, 0x7F800000), ("-Infinity", "f4", 2, 0xFF800000), ("0x7fc00001", "f4", 3, 0x7FC00001),
    ("0xFFFFFFFF", "f4", 3, 0xFFFFFFFF),
    ("0x7d00", "f2", 3, 0x7D00), ("0x7ff4000000000000", "f8", 3, 0x7FF4000000000000),
    (float("nan"), "f4", 2, 0x7FC00000), (float("-inf"), "f8", 2, 0xFFF0000000000000),
    (-0.0, "f4", 3, 0x80000000), (0, "f8", 3, 0), (1e40, "f4", 3, 0x7F800000), (1, "f2", 3, 0x3C00),
    (2049, "f2", 3, 0x6800), (2051, "f2", 3, 0x6802), (16777217, "f4", 3, 0x4B800000), (0.1, "f4", 3, 0x3DCCCCCD),
    ([1.5, 2.5], "c8", 3, np.complex64(1.5 + 2.5j).tobytes()), (0, "c8", 2, b"\0" * 8),
    (["0x7fa00000", "-Infinity"], "c8", 3, bytes.fromhex("0000a07f000080ff")),
    (["NaN", -0.0], "c16", 2, bytes.fromhex("000000000000f87f0000000000000080")),
    (12345, "M8[ns]", 3, (12345).to_bytes(8, "little")), ("NaT", "m8[s]", 3, b"\0" * 7 + b"\x80"),
    (-(2**63), "M8[D]", 2, b"\0" * 7 + b"\x80"),
    (-(2.0**63), "M8[D]", 2, b"\0" * 7 + b"\x80"), (0, "M8[D]", 2, b"\0" * 8),
    ("YWI=", "S3", 2, b"ab\0"), ("YWIA", "S2", 2, b"ab"), ("", "S3", 2, b"\0\0\0"), (0, "S3", 2, b"\0\0\0"),
    ("ab", "U2", 2, "ab".encode("utf-32-le")), (0, "U1", 2, b"\0\0\0\0"), ("é", "U2", 3, b"\xe9" + b"\0" * 7),
    ([1, 2, 255], "V3", 3, b"\1\2\xff"), ("AQL/", "V3", 2, b"\1\2\xff"), (0, "V3", 2, b"\0\0\0"),
    ("AQL/", "V3", 3, b"\1\2\xff"),
    ({"x": "NaN", "y": -1}, [("x", "<f4"), ("y", ">i2")], 3, bytes.fromhex("0000c07fffff")),
    ({"x": "0x7fa00000", "y": {"z": 1}}, [("x", ">f4"), ("y", [("z", ">u2")])], 3, bytes.fromhex("7fa000000001")),
    ("AADAf///", [("x", "<f4"), ("y", "<i2")], 2, bytes.fromhex("0000c07fffff")),
    (0, [("x", "<f4"), ("c", "<i4", (3,))], 2, b"\0" * 16),
]  # fmt: skip


@pytest.mark.parametrize(("value", "dtype", "version", "expected"), GOOD_FILLS, ids=repr)
def test_good_fills(value: Any, dtype: Any, version: int, expected: Any) -> None:
    dtype = np.dtype(dtype)
    fill = fill_from_json(value, dtype, version)
    raw = expected if isinstance(expected, bytes) else expected.to_bytes(dtype.itemsize, "little")
    assert isinstance(fill, np.generic)
    assert bits(fill, dtype) == raw
    again = fill_from_json(loads(dumps({"f": fill_to_json(fill, dtype, version)}), "k")["f"], dtype, version)
    assert bits(again, dtype) == raw


BAD_FILLS = [
    (0, "bool", 3), (2, "bool", 2), ("true", "bool", 3), (None, "bool", 3),
    (256, "u1", 3), (-1, "u1", 3), (True, "u1", 3), ("0", "u1", 3), (0.5, "i4", 3), (float("nan"), "i4", 2),
    (float("inf"), "i8", 3), (2.0**64, "u8", 3), (10**400, "i8", 3), ([0], "i4", 3),
    ("nan", "f4", 3), ("0x7fc0000", "f4", 3), ("0x7fc000000", "f4", 3), ("0x7fc0000g", "f4", 3),
    ("0x 7fc0000", "f4", 3),
    ("7fc00000", "f4", 3), (True, "f4", 3), (10**400, "f8", 3), ([1.0], "f4", 3), (None, "f4", 3), ("", "f4", 2),
    (1.0, "c8", 3), ([1], "c8", 3), ([1, 2, 3], "c8", 3), (["a", 1], "c8", 3), ({}, "c8", 3),
    (1.5, "M8[s]", 3), (2**63, "M8[s]", 3), (True, "M8[s]", 3), ("2020-01-01", "M8[s]", 3),
    ("*", "S3", 2), ("YWJjZA==", "S3", 2), (1, "S3", 2), (0, "S3", 3), ("é", "S3", 2),
    ("abc", "U2", 2), (1, "U2", 2), (None, "U2", 3),
    ([1, 2], "V3", 3), ([1, 2, 256], "V3", 3), ([1, 2, True], "V3", 3), ("AQI=", "V3", 2), (0, "V3", 3), (1, "V3", 2),
    ({"x": 0}, [("x", "<f4"), ("y", ">i2")], 3), ({"x": 0, "y": 0, "z": 0}, [("x", "<f4"), ("y", ">i2")], 3),
    ({"x": 0, "y": 2**20}, [("x", "<f4"), ("y", ">i2")], 3), ([0, 0], [("x", "<f4"), ("y", ">i2")], 3),
    ("AAAA", [("x", "<f4")], 2), (0, [("x", "<f4")], 3), ({"x": 0}, [("x", "<f4", (2,))], 3),
]  # fmt: skip


@pytest.mark.parametrize(("value", "dtype", "version"), BAD_FILLS, ids=lambda x: repr(x)[:40])
def test_bad_fills(value: Any, dtype: Any, version: int) -> None:
    with pytest.raises(MetadataError, match="fill_value"):
        fill_from_json(value, np.dtype(dtype), version)


def test_null_is_a_fill_value_in_v2() -> None:
    assert fill_from_json(None, np.dtype("f4"), 2) is None
    assert fill_to_json(None, np.dtype("f4"), 2) is None
    with pytest.raises(UnsupportedError):
        fill_from_json(None, np.dtype("S0"), 2)


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", [*PLAIN, RECORD, RECORD.newbyteorder(">")], ids=str)
@given(data=st.data())
def test_fill_values_come_back_bit_for_bit(dtype: np.dtype[Any], version: int, data: st.DataObject) -> None:
    raw = data.draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    if dtype.kind == "b":
        raw = bytes([raw[0] & 1])
    if dtype.kind == "U":
        raw = "".join(chr(32 + byte) for byte in raw[::4]).encode("utf-32-le")
    value = np.frombuffer(raw, dtype)[0]
    text = dumps({"fill": fill_to_json(value, dtype, version)}, nan=False)
    again = fill_from_json(loads(text, "k")["fill"], dtype, version)
    if version == 2 and dtype.kind in "fc":
        # v2 has one NaN.
        assert np.array_equal(np.asarray(again), np.asarray(value), equal_nan=True)
    else:
        assert bits(again, dtype) == raw


@given(st.integers(0, 2**32 - 1))
@example(0x7FA00000)
@example(0xFFC00000)
@example(0x80000000)
def test_every_float32_comes_back(pattern: int) -> None:
    dtype = np.dtype("f4")
    value = np.array(pattern, "u4").view("f4")[()]
    again = fill_from_json(fill_to_json(value, dtype, 3), dtype, 3)
    assert bits(again, dtype) == pattern.to_bytes(4, "little")


OBJECTS = np.dtype(object)
VLEN_BYTES, JSON2 = ("vlen-bytes",), ("json2", "zlib")


@pytest.mark.parametrize(
    ("document", "dtype", "version", "more", "fill", "back"),
    [
        ("", "T", 3, {"data_type": "string"}, "", ""),
        ('line\n"é" 世\0', "T", 3, {"data_type": "string"}, 'line\n"é" 世\0', 'line\n"é" 世\0'),
        (None, "T", 3, {"data_type": "string"}, "", ""),
        ("", "T", 2, {}, "", ""), ("x", "T", 2, {}, "x", "x"), (None, "T", 2, {}, None, None),
        # What zarr-python makes of the default of its second version.
        (0, "T", 2, {}, "0", "0"),
        ([1, 2, 255], "O", 3, {"data_type": "bytes"}, b"\1\2\xff", "AQL/"),
        ("AQL/", "O", 3, {"data_type": "variable_length_bytes"}, b"\1\2\xff", "AQL/"),
        ([], "O", 3, {"data_type": "bytes"}, b"", ""),
        ("AQL/", "O", 2, {"codecs": VLEN_BYTES}, b"\1\2\xff", "AQL/"), (0, "O", 2, {"codecs": VLEN_BYTES}, b"", ""),
        ("", "O", 2, {"codecs": VLEN_BYTES}, b"", ""), (None, "O", 2, {"codecs": VLEN_BYTES}, None, None),
        (0, "O", 2, {"codecs": JSON2}, 0, 0), ("", "O", 2, {"codecs": JSON2}, "", ""),
        ([1, {"a": None}], "O", 2, {"codecs": JSON2}, [1, {"a": None}], [1, {"a": None}]),
    ],
)  # fmt: skip
def test_fills_of_no_fixed_size(document: Any, dtype: str, version: int, more: Any, fill: Any, back: Any) -> None:
    dtype_ = TEXT if dtype == "T" else OBJECTS
    found = fill_from_json(document, dtype_, version, **more)
    assert type(found) is type(fill)
    assert found == fill
    assert fill_to_json(found, dtype_, version, **more) == back
    assert fill_from_json(back, dtype_, version, **more) == fill


@pytest.mark.parametrize(
    ("document", "dtype", "version", "more"),
    [
        (0, "T", 3, {}), (False, "T", 2, {}), (["a"], "T", 3, {}), ({}, "T", 2, {}), ("\ud800", "T", 3, {}),
        ("*", "O", 3, {"data_type": "bytes"}), ([256], "O", 3, {"data_type": "bytes"}),
        ({}, "O", 2, {"codecs": VLEN_BYTES}), (1, "O", 2, {"codecs": VLEN_BYTES}),
        (True, "O", 3, {"data_type": "bytes"}),
    ],
)  # fmt: skip
def test_bad_fills_of_no_fixed_size(document: Any, dtype: str, version: int, more: Any) -> None:
    with pytest.raises(MetadataError, match="fill_value"):
        fill_from_json(document, TEXT if dtype == "T" else OBJECTS, version, **more)


def test_objects_that_no_document_can_spell() -> None:
    with pytest.raises(MetadataError, match="fill_value"):
        fill_to_json("text", OBJECTS, 3, "bytes")
    with pytest.raises(MetadataError, match="fill_value"):
        fill_to_json(object(), OBJECTS, 2, codecs=JSON2)
    with pytest.raises(UnsupportedError, match="bytes"):
        fill_to_json(b"x", OBJECTS, 2, codecs=JSON2)


def test_what_stands_where_v2_names_no_fill() -> None:
    assert unset(np.dtype("f4"), ()).tobytes() == b"\0" * 4
    assert unset(TEXT, ("vlen-utf8",))[()] == ""
    assert unset(OBJECTS, VLEN_BYTES)[()] == b""
    assert unset(OBJECTS, JSON2)[()] is None
    assert zero_d([1, 2], OBJECTS)[()] == [1, 2]


PAIR = [("real", "<f2"), ("imag", "<f2")]


@pytest.mark.parametrize("endian", ["little", "big"])
@pytest.mark.parametrize("value", [[1.5, -2.0], ["NaN", "0x7e01"], [-0.0, "-Infinity"]], ids=str)
def test_complex_numbers_that_numpy_lacks(value: Any, endian: Any) -> None:
    dtype = in_order(parse_v3("complex_float16"), endian)
    fill = fill_from_json(value, dtype, 3, "complex_float16")
    parts = [np.asarray(fill_from_json(part, np.dtype("f2"), 3)) for part in value]
    assert np.asarray(fill).tobytes() == b"".join(part.astype(dtype["real"]).tobytes() for part in parts)
    assert fill_to_json(fill, dtype, 3, "complex_float16") == value
    nested = {"name": "struct", "configuration": {"fields": [{"name": "z", "data_type": "complex_float16"}]}}
    outer = in_order(parse_v3(nested), endian)
    assert fill_to_json(fill_from_json({"z": value}, outer, 3, nested), outer, 3, nested) == {"z": value}
    for wrong in ({"real": 1, "imag": 2}, [1], 1.0, "AAAAAA==", [1, 2, 3], ["x", 1]):
        with pytest.raises(MetadataError, match="fill_value"):
            fill_from_json(wrong, dtype, 3, "complex_float16")


def test_a_complex_number_of_a_caller_fills_a_pair() -> None:
    fill: Any = to_scalar(1 - 2j, np.dtype(PAIR))
    assert (fill["real"], fill["imag"]) == (1, -2)


def test_nans_other_than_nan_are_written_in_hex() -> None:
    quiet = np.array(0xFFC00000, "u4").view("f4")[()]
    assert fill_to_json(quiet, np.dtype("f4"), 3) == "0xffc00000"
    assert fill_to_json(quiet, np.dtype("f4"), 2) == "NaN"
    assert fill_to_json(np.float16("nan"), np.dtype("f2"), 3) == "NaN"


def test_types_with_two_names_spell_their_fill_values_as_their_document_does() -> None:
    raw = {"name": "raw_bytes", "configuration": {"length_bytes": 2}}
    assert fill_to_json(np.void(b"\1\2"), np.dtype("V2"), 3, raw) == "AQI="
    assert fill_to_json(np.void(b"\1\2"), np.dtype("V2"), 3, "r16") == [1, 2]
    value = np.array((1,), [("x", "u1")])[()]
    assert fill_to_json(value, value.dtype, 3) == {"x": 1}
    assert fill_to_json(value, value.dtype, 3, {"name": "structured", "configuration": {}}) == "AQ=="


@pytest.mark.parametrize("dtype", [*PLAIN, RECORD], ids=str)
def test_default_fills(dtype: np.dtype[Any]) -> None:
    fill = default_fill(dtype)
    expected = b"\0" * 7 + b"\x80" if dtype.kind in "mM" else b"\0" * dtype.itemsize
    assert bits(fill, dtype) == expected
    assert bits(to_scalar(None, dtype), dtype) == expected


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (5, "u1", 5), (5.0, "u1", 5), (True, "u1", 1), (0.1, "f4", np.float32(0.1)), (1, "?", True), (1j, "c8", 1j),
        (b"ab", "S3", b"ab"), ("ab", "U3", "ab"), (np.datetime64("2020", "D"), "M8[s]", np.datetime64("2020", "s")),
        (5, "m8[s]", np.timedelta64(5, "s")), ("2020-01-01", "M8[D]", np.datetime64("2020-01-01")),
        (np.float64(2.0), "i4", 2),
        ((1, 2), [("x", "u1"), ("y", "f4")], np.array((1, 2), [("x", "u1"), ("y", "f4")])[()]),
        (b"ab", "V2", np.void(b"ab")),
    ],
)  # fmt: skip
def test_values_of_callers(value: Any, dtype: Any, expected: Any) -> None:
    found = to_scalar(value, np.dtype(dtype))
    assert isinstance(found, np.generic)
    assert found == expected


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (300, "u1"), (-1, "u1"), (1.5, "i4"), (np.nan, "i4"), (np.float64("nan"), "i8"), (2, "?"), ("5", "i4"),
        (1j, "f4"),
        (np.complex64(1j), "f4"), (b"abc", "S2"), ("abc", "U2"), ([1, 2], "f4"), ("x", "f4"), (b"abc", "V2"), (0, "V2"),
        (np.datetime64("2020-01-01T00:00:01"), "M8[D]"), ("no date", "M8[D]"), (object(), "f4"), ({}, "f4"), ([], "f4"),
    ],
)  # fmt: skip
def test_values_that_do_not_fit(value: Any, dtype: str) -> None:
    with pytest.raises(MetadataError, match="fill_value"):
        to_scalar(value, np.dtype(dtype))


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=6)
    | st.sampled_from(["<f4", "|O", "x", "r8", "name"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "configuration", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSONS)
def test_no_name_escapes_as_another_error(document: Any) -> None:
    for parse in (parse_v2, parse_v3):
        try:
            parse(document)
        except DzarrError as error:
            str(error)


@given(JSONS, st.sampled_from([*PLAIN, RECORD, TEXT, OBJECTS]), st.sampled_from([2, 3]), st.booleans())
def test_no_fill_escapes_as_another_error(document: Any, dtype: np.dtype[Any], version: int, raw: bool) -> None:
    more: dict[str, Any] = {"data_type": "bytes", "codecs": VLEN_BYTES} if raw and dtype == OBJECTS else {}
    try:
        fill = fill_from_json(document, dtype, version, **more)
        fill_to_json(fill, dtype, version, **more)
    except DzarrError as error:
        str(error)


@given(JSONS, st.sampled_from(["complex_float16", "complex64", "bool", "numpy"]))
def test_no_value_of_a_caller_escapes_as_another_error(value: Any, name: str) -> None:
    dtype = np.dtype("U2") if name == "numpy" else parse_v3(name)
    try:
        fill_to_json(to_scalar(value, dtype), dtype, 3)
    except DzarrError as error:
        str(error)
