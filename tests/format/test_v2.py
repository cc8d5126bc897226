from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, MetadataError
from dzarr.format import v2
from dzarr.format.documents import dumps, loads
from dzarr.format.grid import ExplicitAxis, RegularAxis
from dzarr.format.keys import KeyEncoding
from dzarr.format.metadata import Extension, GroupMetadata

ZARRAY: dict[str, Any] = {
    "zarr_format": 2,
    "shape": [10, 20],
    "chunks": [4, 5],
    "dtype": ">i4",
    "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
    "fill_value": -1,
    "order": "F",
    "filters": [{"id": "delta", "dtype": ">i4"}, {"id": "shuffle", "elementsize": 4}],
    "dimension_separator": "/",
}
ZATTRS = {"_ARRAY_DIMENSIONS": ["y", "x"], "units": "K", "valid_max": float("inf")}


def zarray(**changes: Any) -> dict[str, Any]:
    changed = copy.deepcopy(ZARRAY) | changes
    return {name: value for name, value in changed.items() if value is not ...}


def test_everything_arrives() -> None:
    array = v2.parse_array(ZARRAY, ZATTRS)
    assert (array.zarr_format, array.shape, array.dtype, array.data_type) == (2, (10, 20), np.dtype("i4"), ">i4")
    assert array.dtype.isnative
    assert array.grid == (RegularAxis(10, 4), RegularAxis(20, 5))
    assert array.keys == KeyEncoding("v2", "/")
    assert array.fill_value == np.int32(-1)
    assert array.codecs == (
        Extension("transpose", {"order": [1, 0]}),
        Extension("bytes", {"endian": "big"}),
        Extension("numcodecs.delta", {"dtype": ">i4"}),
        Extension("numcodecs.shuffle", {"elementsize": 4}),
        Extension("numcodecs.blosc", {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}),
    )
    assert array.attributes == ZATTRS
    assert array.dimension_names == ("y", "x")


def test_documents_come_back_as_they_were() -> None:
    written = v2.array_documents(v2.parse_array(ZARRAY, ZATTRS))
    assert {name: loads(dumps(document), name) for name, document in written.items()} == {
        ".zarray": ZARRAY,
        ".zattrs": ZATTRS,
    }


@pytest.mark.parametrize(
    ("changes", "back"),
    [
        ({"compressor": None}, {}),
        ({"filters": None}, {}),
        ({"filters": None, "compressor": None}, {}),
        ({"filters": []}, {"filters": None}),
        ({"filters": ...}, {"filters": None}),
        ({"compressor": ..., "filters": None}, {"compressor": None}),
        ({"fill_value": ...}, {"fill_value": None}),
        ({"fill_value": None}, {}),
        ({"dimension_separator": ...}, {"dimension_separator": "."}),
        ({"order": "C"}, {}),
        # What compresses stands as the compressor, whatever place it was read from: the chain is the same.
        ({"filters": [{"id": "delta", "dtype": ">i4"}, {"id": "zlib", "level": 1}], "compressor": None},
         {"filters": [{"id": "delta", "dtype": ">i4"}], "compressor": {"id": "zlib", "level": 1}}),
        ({"shape": [0, 20], "chunks": [0, 5]}, {"chunks": [1, 5]}),
        ({"shape": [], "chunks": [], "order": "C"}, {}),
        ({"shape": [7], "chunks": [7], "order": "F"}, {"order": "C"}),
        ({"dtype": "|S3", "fill_value": "YWI="}, {}),
        ({"dtype": "|S3", "fill_value": 0}, {"fill_value": ""}),
        ({"dtype": "<U3", "fill_value": 0}, {"fill_value": ""}),
        ({"dtype": [["x", "<f4"], ["c", ">i4", [3]]], "fill_value": None}, {}),
        ({"dtype": "<f8", "fill_value": "-Infinity"}, {}),
        ({"dtype": "<f8", "fill_value": float("nan")}, {"fill_value": "NaN"}),
        ({"dtype": "|b1", "fill_value": 0}, {"fill_value": False}),
        ({"node_type": "array", "creator": {"x": 1}}, {}),
    ],
)  # fmt: skip
def test_what_is_written_means_the_same(changes: dict[str, Any], back: dict[str, Any]) -> None:
    array = v2.parse_array(zarray(**changes))
    documents = v2.array_documents(array)
    assert documents == {".zarray": zarray(**changes) | back}
    assert v2.parse_array(documents[".zarray"]) == array


@pytest.mark.parametrize(
    ("dtype", "configuration"),
    [
        ("<f4", {"endian": "little"}), (">f4", {"endian": "big"}), ("|u1", {}), ("|b1", {}), ("|S3", {}), ("|V3", {}),
        (">U3", {"endian": "big"}), (">M8[s]", {"endian": "big"}), ([["x", ">f4"]], {}),
    ],
)  # fmt: skip
def test_byte_order_goes_into_the_bytes_codec(dtype: Any, configuration: dict[str, Any]) -> None:
    array = v2.parse_array(zarray(dtype=dtype, fill_value=None, order="C", filters=None))
    assert array.codecs[0] == Extension("bytes", configuration)
    assert array.fill_value is None
    assert array.dtype == (np.dtype([("x", ">f4")]) if isinstance(dtype, list) else np.dtype(dtype).newbyteorder("="))


BAD: list[tuple[str, Any]] = [
    ("zarr_format", ...), ("zarr_format", 3), ("zarr_format", 2.0), ("zarr_format", "2"),
    ("shape", ...), ("shape", None), ("shape", 10), ("shape", [-1, 20]), ("shape", [10.0, 20]), ("shape", [2**63, 20]),
    ("shape", [True, 20]), ("chunks", ...), ("chunks", None), ("chunks", [4]), ("chunks", [0, 5]), ("chunks", [-4, 5]),
    ("chunks", [4.0, 5]), ("chunks", True), ("chunks", [2**63, 5]),
    ("dtype", ...), ("dtype", None), ("dtype", "i4"), ("dtype", "int32"), ("dtype", []), ("dtype", {"x": "<i4"}),
    ("fill_value", "x"), ("fill_value", 0.5), ("fill_value", 2**31), ("fill_value", []),
    ("order", ...), ("order", None), ("order", "A"), ("order", ["C"]),
    ("filters", {}), ("filters", "delta"), ("filters", [None]), ("filters", [{}]), ("filters", [{"id": 3}]),
    ("filters", [{"id": ""}]), ("compressor", []), ("compressor", "zlib"), ("compressor", {"level": 1}),
    ("compressor", {"id": None}),
    ("dimension_separator", "-"), ("dimension_separator", None), ("dimension_separator", ["."]),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value"), BAD, ids=lambda x: json.dumps(x, default=str)[:50])
def test_bad_documents_name_the_member(member: str, value: Any) -> None:
    with pytest.raises(MetadataError, match=member) as caught:
        v2.parse_array(zarray(**{member: value}))
    assert caught.value.expected is not None


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("filters", "fill", "dtype"),
    [
        ([{"id": "vlen-utf8"}], "", np.dtypes.StringDType()), ([{"id": "vlen-bytes"}], "YWI=", np.dtype(object)),
        ([{"id": "json2", "sort_keys": True}], None, np.dtype(object)),
        ([{"id": "categorize", "dtype": "|O", "labels": ["a"]}], "", np.dtype(object)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compressor", [None, {"id": "zlib", "level": 1}])
def test_objects(filters: Any, fill: Any, dtype: Any, order: str, compressor: Any) -> None:
    document = zarray(dtype="|O", filters=filters, fill_value=fill, order=order, compressor=compressor)
    array = v2.parse_array(document)
    assert array.dtype == dtype
    assert [codec.name for codec in array.codecs if codec.name.startswith("numcodecs.")] == [
        f"numcodecs.{codec['id']}" for codec in [*filters, *([compressor] if compressor else [])]
    ]
    assert v2.array_documents(array)[".zarray"] == document
    assert v2.parse_array(v2.array_documents(array)[".zarray"]) == array


def test_objects_need_a_codec_for_objects() -> None:
    with pytest.raises(MetadataError, match="encodes objects"):
        v2.parse_array(zarray(dtype="|O", filters=None, compressor=None))


def test_members_that_old_writers_left_out() -> None:
    full = zarray(fill_value=None, dimension_separator=".")
    old = {name: value for name, value in full.items() if name not in ("fill_value", "dimension_separator")}
    assert v2.parse_array(old) == v2.parse_array(full)
    assert v2.parse_array(zarray(filters=[])) == v2.parse_array(zarray(filters=None))
    scalar = v2.parse_array(zarray(shape=[], chunks=[], order="F", filters=None))
    assert (scalar.shape, scalar.grid) == ((), ())


def test_a_dtype_nested_without_end() -> None:
    dtype: Any = "|i1"
    for _ in range(5000):
        dtype = [["x", dtype]]
    with pytest.raises(MetadataError, match="nested too deeply"):
        v2.parse_array(zarray(dtype=dtype))


@pytest.mark.parametrize("names", [None, "yx", ["y"], ["y", 1], ["y", None], {"y": 0, "x": 1}, 3])
def test_the_attribute_of_dimensions_may_be_anything(names: Any) -> None:
    array = v2.parse_array(ZARRAY, {"_ARRAY_DIMENSIONS": names})
    assert array.dimension_names is None
    assert v2.array_documents(array)[".zattrs"] == {"_ARRAY_DIMENSIONS": names}


def test_dimension_names_go_into_the_attribute() -> None:
    array = replace(v2.parse_array(ZARRAY), dimension_names=("y", "x"))
    assert v2.array_documents(array)[".zattrs"] == {"_ARRAY_DIMENSIONS": ["y", "x"]}
    # The attribute is the document; whoever changes it changes the names.
    renamed = replace(array, attributes={"_ARRAY_DIMENSIONS": ["b", "a"]})
    assert v2.array_documents(renamed)[".zattrs"] == {"_ARRAY_DIMENSIONS": ["b", "a"]}
    with pytest.raises(MetadataError, match="dimension_names"):
        v2.array_documents(replace(array, dimension_names=("y", None)))


@pytest.mark.parametrize(
    "changes",
    [
        {"codecs": ()},
        {"codecs": (Extension("transpose", {"order": [1, 0]}),)},
        {"codecs": (Extension("bytes"), Extension("zstd"))},
        {"codecs": (Extension("sharding_indexed"),)},
        {"codecs": (Extension("bytes"), Extension("bytes"))},
        {"shape": (2, 2, 2), "codecs": (Extension("transpose", {"order": [0, 2, 1]}), Extension("bytes"))},
        {"grid": (ExplicitAxis(10, (0, 10)), RegularAxis(20, 5))},
        {"keys": KeyEncoding("default", "/")},
    ],
)
def test_what_v2_can_not_say(changes: dict[str, Any]) -> None:
    with pytest.raises(MetadataError, match="v2"):
        v2.array_documents(replace(v2.parse_array(ZARRAY), **changes))


def test_groups() -> None:
    assert v2.parse_group({"zarr_format": 2}) == GroupMetadata(2)
    group = v2.parse_group({"zarr_format": 2, "note": 1}, {"a": 1})
    assert v2.group_documents(group) == {".zgroup": {"zarr_format": 2, "note": 1}, ".zattrs": {"a": 1}}
    assert v2.group_documents(GroupMetadata(2)) == {".zgroup": {"zarr_format": 2}}
    for bad in ({}, {"zarr_format": 3}, {"zarr_format": True}):
        with pytest.raises(MetadataError, match="zarr_format"):
            v2.parse_group(bad)
    with pytest.raises(MetadataError, match="attributes"):
        v2.parse_group({"zarr_format": 2}, [])  # type: ignore[arg-type]


def test_consolidated_documents() -> None:
    documents = {".zgroup": {"zarr_format": 2}, "a/.zarray": ZARRAY}
    assert v2.parse_consolidated({"zarr_consolidated_format": 1, "metadata": documents}) == documents
    for bad in ({}, {"zarr_consolidated_format": 1}, {"zarr_consolidated_format": 2, "metadata": {}}):
        with pytest.raises(MetadataError):
            v2.parse_consolidated(bad)


IDS = st.sampled_from(["zlib", "delta", "blosc", "fixedscaleoffset", "zstd", "shuffle", "unheard-of"])
CODECS = st.fixed_dictionaries({"id": IDS}, optional={"level": st.integers(), "dtype": st.sampled_from(["<i4", "|u1"])})


@given(
    st.lists(st.tuples(st.integers(0, 2**63 - 1), st.integers(1, 2**63 - 1)), max_size=4),
    st.sampled_from(["<f4", ">f8", "|u1", "|S7", [["a", "<M8[s]"], ["b", "|b1"]]]),
    st.lists(CODECS, max_size=3),
    st.none() | CODECS,
    st.sampled_from("CF"),
    st.sampled_from(["/", "."]),
)
def test_models_come_back(axes: Any, dtype: Any, filters: Any, compressor: Any, order: str, separator: str) -> None:
    changes = {"dtype": dtype, "filters": filters, "compressor": compressor, "order": order}
    shapes = {"shape": [n for n, _ in axes], "chunks": [n for _, n in axes], "fill_value": None}
    array = v2.parse_array(zarray(**changes, **shapes, dimension_separator=separator), {"a": 1})
    documents = {name: loads(dumps(document), name) for name, document in v2.array_documents(array).items()}
    assert v2.parse_array(documents[".zarray"], documents[".zattrs"]) == array
    assert documents[".zarray"] == v2.array_documents(v2.parse_array(documents[".zarray"]))[".zarray"]


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "x"]), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from([*ZARRAY, "extra"]), JSONS)
def test_nothing_escapes_as_another_error(member: str, value: Any) -> None:
    try:
        v2.parse_array(zarray(**{member: value}))
    except DzarrError as error:
        str(error)
