"""Data types as callers ask for them, and what becomes of them in either version's document."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import v2, v3
from dzarr.format.asked import asked
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.define import define_array
from dzarr.format.elements import TEXT, stored_order
from dzarr.format.metadata import ArrayMetadata

OBJECT = np.dtype(object)
PAIR = np.dtype([("real", "<f2"), ("imag", "<f2")])
TIME = {"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 3}}


def defined(dtype: Any, zarr_format: int = 3, **more: Any) -> ArrayMetadata:
    return define_array(shape=(4,), dtype=dtype, zarr_format=zarr_format, context=CodecContext(), **more)


def document(dtype: Any, zarr_format: int = 3, **more: Any) -> dict[str, Any]:
    metadata = defined(dtype, zarr_format, **more)
    if zarr_format == 2:
        written = v2.array_documents(metadata)[".zarray"]
        assert v2.parse_array(written) == metadata
        return written
    written = v3.array_document(metadata)
    assert v3.parse_array(written) == metadata
    return written


@pytest.mark.parametrize(
    ("dtype", "memory", "data_type"),
    [
        (">f4", "f4", "float32"), (np.float32, "f4", "float32"), (float, "f8", "float64"), ("?", "?", "bool"),
        ("M8[ns]", "M8[ns]", TIME | {"configuration": {"unit": "ns", "scale_factor": 1}}), (TIME, "M8[3ns]", TIME),
        ({"name": "float32"}, "f4", {"name": "float32"}),
        (str, TEXT, "string"), ("str", TEXT, "string"), ("string", TEXT, "string"), (TEXT, TEXT, "string"),
        ("U", TEXT, "string"),
        (np.dtypes.StringDType(coerce=False), TEXT, "string"),
        (bytes, OBJECT, "bytes"), ("bytes", OBJECT, "bytes"),
        ("variable_length_bytes", OBJECT, "bytes"), ("S", OBJECT, "bytes"),
        ("complex_float32", "c8", "complex64"), ("complex_float16", PAIR, "complex_float16"), ("r24", "V3", "r24"),
        (PAIR, PAIR, {"name": "struct", "configuration": {"fields": [
            {"name": "real", "data_type": "float16"}, {"name": "imag", "data_type": "float16"}]}}),
        ({"name": "raw_bytes", "configuration": {"length_bytes": 2}}, "V2",
         {"name": "raw_bytes", "configuration": {"length_bytes": 2}}),
        ({"name": "structured", "configuration": {"fields": [["x", "int8"]]}}, [("x", "i1")],
         {"name": "struct", "configuration": {"fields": [{"name": "x", "data_type": "int8"}]}}),
    ],
    ids=str,
)  # fmt: skip
def test_v3(dtype: Any, memory: Any, data_type: Any) -> None:
    assert asked(dtype).dtype == np.dtype(memory)
    found = document(dtype)
    assert found["data_type"] == data_type
    assert defined(dtype).dtype == np.dtype(memory)
    serializer = {"T": "vlen-utf8", "O": "vlen-bytes"}.get(np.dtype(memory).kind, "bytes")
    assert [codec["name"] for codec in found["codecs"]] == [serializer, "zstd"]


@pytest.mark.parametrize(
    ("dtype", "name", "filters"),
    [
        (">f4", ">f4", None), ("M8[ns]", "<M8[ns]", None), (">U3", ">U3", None), ("complex_float32", "<c8", None),
        (TIME, "<M8[3ns]", None), (PAIR, [["real", "<f2"], ["imag", "<f2"]], None),
        (str, "|O", [{"id": "vlen-utf8"}]), (TEXT, "|O", [{"id": "vlen-utf8"}]), (bytes, "|O", [{"id": "vlen-bytes"}]),
    ],
    ids=str,
)  # fmt: skip
def test_v2(dtype: Any, name: Any, filters: Any) -> None:
    found = document(dtype, 2)
    assert (found["dtype"], found["filters"], found["fill_value"]) == (name, filters, None)


@pytest.mark.parametrize("name", ["bfloat16", "int4", "complex_bfloat16"])
def test_small_numbers(name: str) -> None:
    pytest.importorskip("ml_dtypes")
    assert document(name)["data_type"] == name
    bfloat16 = [["real", "bfloat16"], ["imag", "bfloat16"]]
    assert document(name, 2)["dtype"] == (bfloat16 if name.startswith("complex") else name)
    assert document(asked("bfloat16").dtype)["data_type"] == "bfloat16"


def test_objects_are_what_their_codec_says() -> None:
    for codecs, dtype in ((["vlen-utf8"], TEXT), ([{"name": "vlen-bytes"}, "zstd"], OBJECT)):
        assert defined(object, codecs=codecs).dtype == dtype
    for name, dtype in (("vlen-utf8", TEXT), ("vlen-bytes", OBJECT), ("json2", OBJECT)):
        assert defined(object, 2, codecs={"filters": [{"id": name}]}).dtype == dtype
    assert document(str, 2, codecs={"filters": [{"id": "vlen-utf8"}]})["filters"] == [{"id": "vlen-utf8"}]
    assert defined(str, 2, codecs={"filters": [{"id": "json2"}]}).dtype == OBJECT
    for zarr_format in (2, 3):
        with pytest.raises(UnsupportedError, match="dtype object"):
            defined(object, zarr_format)


@pytest.mark.parametrize(
    ("dtype", "given", "v3_fill", "v2_fill"),
    [
        (str, "é", "é", "é"), (str, None, "", None), (bytes, b"ab", "YWI=", "YWI="), (bytes, None, "", None),
        ("complex_float16", 1 - 2j, [1.0, -2.0], "ADwAwA=="), ("S3", b"ab", "YWI=", "YWI="), ("U3", "é", "é", "é"),
        ("M8[s]", "1970-01-02", 86400, 86400), ("M8[s]", "NaT", "NaT", -(2**63)),
    ],
)  # fmt: skip
def test_fills(dtype: Any, given: Any, v3_fill: Any, v2_fill: Any) -> None:
    assert document(dtype, fill_value=given)["fill_value"] == v3_fill
    assert document(dtype, 2, fill_value=given)["fill_value"] == v2_fill


@pytest.mark.parametrize(
    ("dtype", "fill"),
    [(str, 5), (str, b"x"), (str, "\ud800"), (str, ["a"]), (bytes, "x"), (bytes, 5), ("complex_float16", "x")],
)  # fmt: skip
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_fills_that_do_not_fit(dtype: Any, fill: Any, zarr_format: int) -> None:
    with pytest.raises(MetadataError, match="fill_value"):
        document(dtype, zarr_format, fill_value=fill)


@pytest.mark.parametrize(
    "dtype", ["no such", "float128x", "complex_int4", {"name": "no such"}, {}, {"name": 3}, 3.5, [("x", "O")],
              [("x",)], np.dtypes.StringDType(na_object=None), np.dtype([("x", "u1"), ("y", "f8")], align=True), "r7",
              "f16"], ids=str
)  # fmt: skip
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_what_is_no_data_type(dtype: Any, zarr_format: int) -> None:
    with pytest.raises(DzarrError):
        document(dtype, zarr_format)


@pytest.mark.parametrize(
    ("dtype", "order"),
    [
        ([("x", "<f4"), ("y", "u1")], "little"), ([("x", ">f4"), ("p", [("a", ">i2"), ("b", "S3")])], "big"),
        ([("x", ">f4"), ("y", "<i2")], "little"), ([("x", "u1"), ("y", "S2")], None), ([("x", ">i2", (3,))], "big"),
    ],
    ids=str,
)  # fmt: skip
def test_a_structure_has_one_order_in_v3(dtype: Any, order: Any) -> None:
    assert stored_order(np.dtype(dtype)) == order
    if any(len(field) == 3 for field in dtype):
        return
    codec = document(dtype)["codecs"][0]
    assert codec == ({"name": "bytes", "configuration": {"endian": order}} if order else {"name": "bytes"})
    assert defined(dtype).dtype == np.dtype(dtype).newbyteorder(">" if order == "big" else "<")
    assert defined(dtype, 2).dtype == np.dtype(dtype)
