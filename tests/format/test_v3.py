from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import v3
from dzarr.format.documents import dumps, loads
from dzarr.format.dtypes import fill_from_json, name_v3
from dzarr.format.grid import ExplicitAxis, RegularAxis
from dzarr.format.keys import KeyEncoding
from dzarr.format.metadata import ArrayMetadata, Extension, GroupMetadata

DOCUMENT: dict[str, Any] = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [10, 20],
    "data_type": "float32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 5]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": "NaN",
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
    "attributes": {"units": "K", "range": [0, 1.5]},
    "dimension_names": ["y", None],
}


def document(**changes: Any) -> dict[str, Any]:
    """The document with members changed, or left out where the value is ``...``."""
    changed = copy.deepcopy(DOCUMENT) | changes
    return {name: value for name, value in changed.items() if value is not ...}


def test_everything_arrives() -> None:
    array = v3.parse_array(DOCUMENT)
    assert array == v3.parse(DOCUMENT)
    assert (array.zarr_format, array.shape, array.dtype, array.data_type) == (3, (10, 20), np.dtype("f4"), "float32")
    assert array.grid == (RegularAxis(10, 4), RegularAxis(20, 5))
    assert array.keys == KeyEncoding("default", "/")
    assert isinstance(array.fill_value, np.float32)
    assert np.isnan(array.fill_value)
    assert array.codecs == (Extension("bytes", {"endian": "little"}), Extension("crc32c"))
    assert array.attributes == DOCUMENT["attributes"]
    assert array.dimension_names == ("y", None)
    assert array.extra == {}


def test_a_document_comes_back_as_it_was() -> None:
    assert loads(dumps(v3.array_document(v3.parse_array(DOCUMENT))), "zarr.json") == DOCUMENT


def test_what_may_be_left_out() -> None:
    array = v3.parse_array(document(attributes=..., dimension_names=...))
    assert (array.attributes, array.dimension_names) == ({}, None)
    assert "dimension_names" not in v3.array_document(array)
    assert v3.parse_array(document(storage_transformers=[])) == v3.parse_array(DOCUMENT)
    scalar = document(
        shape=[], chunk_grid={"name": "regular", "configuration": {"chunk_shape": []}}, dimension_names=[]
    )
    assert v3.parse_array(scalar).shape == ()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("default", KeyEncoding("default", "/")),
        ({"name": "default"}, KeyEncoding("default", "/")),
        ({"name": "default", "configuration": {"separator": "."}}, KeyEncoding("default", ".")),
        ("v2", KeyEncoding("v2", ".")),
        ({"name": "v2", "configuration": {}}, KeyEncoding("v2", ".")),
        ({"name": "v2", "configuration": {"separator": "/"}}, KeyEncoding("v2", "/")),
    ],
)
def test_key_encodings(value: Any, expected: KeyEncoding) -> None:
    array = v3.parse_array(document(chunk_key_encoding=value))
    assert array.keys == expected
    assert v3.parse_array(v3.array_document(array)) == array


def rectilinear(*lengths: Any, **more: Any) -> dict[str, Any]:
    return {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": list(lengths)} | more}


@pytest.mark.parametrize(
    ("size", "lengths", "axis"),
    [
        # The example of the extension's specification.
        (6, 4, RegularAxis(6, 4)),
        (6, [1, 2, 3], ExplicitAxis(6, (0, 1, 3, 6))),
        (6, [[4, 2]], ExplicitAxis(6, (0, 4, 8))),
        (6, [[1, 3], 3], ExplicitAxis(6, (0, 1, 2, 3, 6))),
        (6, [4, 4, 4], ExplicitAxis(6, (0, 4, 8, 12))),
        (0, [], ExplicitAxis(0, (0,))),
        (5, [[1, 1], 4], ExplicitAxis(5, (0, 1, 5))),
    ],
)
def test_rectilinear_grids(size: int, lengths: Any, axis: Any) -> None:
    array = v3.parse_array(document(shape=[size, 10], chunk_grid=rectilinear(lengths, [3, 7])))
    assert array.grid == (axis, ExplicitAxis(10, (0, 3, 10)))
    assert v3.parse_array(v3.array_document(array)) == array


BAD: list[tuple[str, Any]] = [
    ("zarr_format", ...), ("zarr_format", 2), ("zarr_format", True), ("zarr_format", 3.0), ("zarr_format", "3"),
    ("node_type", ...), ("node_type", "group"), ("node_type", None),
    ("shape", ...), ("shape", None), ("shape", 10), ("shape", "10"), ("shape", [-1, 2]), ("shape", [True, 2]),
    ("shape", [1.0, 2]), ("shape", [None, 2]), ("shape", [2**63, 2]), ("shape", {"0": 1}), ("shape", [10]),
    ("data_type", ...), ("data_type", None), ("data_type", 3), ("data_type", {"configuration": {}}),
    ("chunk_grid", ...), ("chunk_grid", None), ("chunk_grid", "regular"), ("chunk_grid", {"name": "regular"}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, 0]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, -5]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, 5.0]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, True]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, 2**63]}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": "4"}}),
    ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [4, 5], "origin": 0}}),
    ("chunk_grid", {"name": "regular", "configuration": [4, 5]}),
    ("chunk_grid", DOCUMENT["chunk_grid"] | {"must_understand": False}),
    ("chunk_grid", DOCUMENT["chunk_grid"] | {"kind": "x"}),
    ("chunk_grid", rectilinear(4)), ("chunk_grid", rectilinear(4, [5])), ("chunk_grid", rectilinear(4, 0)),
    ("chunk_grid", rectilinear(4, [[5]])), ("chunk_grid", rectilinear(4, [[5, 0]])),
    ("chunk_grid", rectilinear(4, [0, 20])),
    ("chunk_grid", rectilinear(4, 5, kind="reference")), ("chunk_grid", rectilinear(4, "5")),
    ("chunk_grid", rectilinear(4, [2**62, 2**62])), ("chunk_grid", rectilinear(4, 5, more=1)),
    ("chunk_key_encoding", ...), ("chunk_key_encoding", None), ("chunk_key_encoding", {"name": 1}),
    ("chunk_key_encoding", {"name": "default", "configuration": {"separator": "-"}}),
    ("chunk_key_encoding", {"name": "default", "configuration": {"separator": None}}),
    ("chunk_key_encoding", {"name": "default", "configuration": {"seperator": "/"}}),
    ("chunk_key_encoding", {"name": "default", "separator": "/"}),
    ("fill_value", ...), ("fill_value", None), ("fill_value", "nan"), ("fill_value", [0.0]), ("fill_value", False),
    ("codecs", ...), ("codecs", None), ("codecs", []), ("codecs", "bytes"), ("codecs", [None]), ("codecs", [{}]),
    ("codecs", [{"name": "bytes", "configuration": None}]), ("codecs", [{"name": "bytes", "endian": "little"}]),
    ("codecs", [{"id": "zlib"}]), ("codecs", [{"name": "bytes", "must_understand": "no"}]),
    ("codecs", [[]]), ("codecs", [""]),
    ("attributes", None), ("attributes", []), ("attributes", "x"),
    ("dimension_names", ["y"]), ("dimension_names", ["y", 1]), ("dimension_names", "yx"),
    ("dimension_names", [["y"], "x"]),
]  # fmt: skip


@pytest.mark.parametrize(("member", "value"), BAD, ids=lambda x: json.dumps(x, default=str)[:50])
def test_bad_documents_name_the_member(member: str, value: Any) -> None:
    with pytest.raises(MetadataError, match=member) as caught:
        v3.parse_array(document(**{member: value}))
    assert caught.value.expected is not None


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"data_type": "float128"}, "float128"),
        ({"data_type": {"name": "optional", "configuration": {}}}, "optional"),
        ({"chunk_grid": {"name": "hexagonal"}}, "hexagonal"),
        ({"chunk_grid": rectilinear(4, [[1, 2**40]])}, "too many explicit chunks"),
        ({"chunk_key_encoding": "fanout"}, "fanout"),
        ({"storage_transformers": [{"name": "cache"}]}, "storage transformers"),
        ({"shape": [1] * 65}, "too many dimensions"),
        ({"licence": "CC0"}, "licence"),
        ({"ext": {"must_understand": True}}, "ext"),
        ({"ext": {}}, "ext"),
        ({"consolidated_metadata": None}, "consolidated_metadata"),
    ],
)
def test_legal_and_declined_by_name(changes: dict[str, Any], name: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        v3.parse_array(document(**changes))


def test_members_that_may_be_ignored_come_back() -> None:
    note = {"must_understand": False, "purpose": [1, 2]}
    array = v3.parse_array(document(dzarr=note))
    assert array.extra == {"dzarr": note}
    assert v3.array_document(array)["dzarr"] == note


def test_codecs_that_may_be_passed_over_say_so_again() -> None:
    codec = {"name": "hint", "must_understand": False}
    array = v3.parse_array(document(codecs=["bytes", codec]))
    assert not array.codecs[1].must_understand
    assert v3.array_document(array)["codecs"] == [{"name": "bytes"}, codec]


@pytest.mark.parametrize("sharded", [False, True])
def test_structures_lie_in_memory_as_in_the_file(sharded: bool) -> None:
    fields = {"name": "struct", "configuration": {"fields": [{"name": "x", "data_type": "uint16"}]}}
    codec = {"name": "bytes", "configuration": {"endian": "big"}}
    if sharded:
        inner = {"chunk_shape": [1, 1], "codecs": [codec], "index_codecs": ["bytes"]}
        codec = {"name": "sharding_indexed", "configuration": inner}
    array = v3.parse_array(document(data_type=fields, codecs=[codec], fill_value={"x": 1}))
    assert array.dtype == np.dtype([("x", ">u2")])
    assert array.fill_value.tobytes() == b"\0\1"
    assert v3.parse_array(v3.array_document(array)) == array


def test_a_data_type_nested_without_end() -> None:
    data_type: Any = "int8"
    for _ in range(5000):
        data_type = {"name": "struct", "configuration": {"fields": [{"name": "x", "data_type": data_type}]}}
    with pytest.raises(MetadataError, match="nested too deeply"):
        v3.parse_array(document(data_type=data_type))


def test_equality_is_of_bits() -> None:
    nan, other = v3.parse_array(DOCUMENT), v3.parse_array(document(fill_value="0x7fc00001"))
    assert nan == v3.parse_array(DOCUMENT)
    assert nan != other
    assert v3.parse_array(document(fill_value=0.0)) != v3.parse_array(document(fill_value=-0.0))
    assert nan != "a document"


GROUP = {"zarr_format": 3, "node_type": "group", "attributes": {"a": [1]}}


def test_groups() -> None:
    group = v3.parse(GROUP)
    assert group == GroupMetadata(3, {"a": [1]})
    assert v3.group_document(v3.parse_group(GROUP)) == GROUP
    assert v3.parse_group({"zarr_format": 3, "node_type": "group"}) == GroupMetadata(3)


def test_consolidated_metadata() -> None:
    record = {"kind": "inline", "must_understand": False, "metadata": {"x": DOCUMENT}, "dzarr": {"epoch": 1}}
    group = v3.parse_group(GROUP | {"consolidated_metadata": record})
    assert group.consolidated == {"x": DOCUMENT}
    assert v3.group_document(group) == GROUP | {"consolidated_metadata": record}
    emptied = v3.group_document(replace(group, consolidated={}))
    assert emptied["consolidated_metadata"] == record | {"metadata": {}}
    assert v3.group_document(replace(group, consolidated=None)) == GROUP
    added = v3.group_document(replace(v3.parse_group(GROUP), consolidated={"x": DOCUMENT}))
    assert added["consolidated_metadata"] == {"kind": "inline", "must_understand": False, "metadata": {"x": DOCUMENT}}


def test_consolidated_metadata_of_other_kinds() -> None:
    other = {"kind": "elsewhere", "must_understand": False, "url": "x"}
    group = v3.parse_group(GROUP | {"consolidated_metadata": other})
    assert group.consolidated is None
    assert v3.group_document(group)["consolidated_metadata"] == other
    assert v3.parse_group(GROUP | {"consolidated_metadata": None}) == v3.parse_group(GROUP)
    with pytest.raises(UnsupportedError, match="kind"):
        v3.parse_group(GROUP | {"consolidated_metadata": {"kind": "elsewhere"}})


@pytest.mark.parametrize(
    "changes",
    [
        {"zarr_format": 2}, {"node_type": "array"}, {"attributes": None}, {"consolidated_metadata": []},
        {"consolidated_metadata": {"kind": "inline"}},
        {"consolidated_metadata": {"kind": "inline", "metadata": []}},
    ],
)  # fmt: skip
def test_bad_groups(changes: dict[str, Any]) -> None:
    with pytest.raises(MetadataError):
        v3.parse_group(GROUP | changes)
    with pytest.raises(UnsupportedError, match="shape"):
        v3.parse_group(GROUP | {"shape": [1]})


@pytest.mark.parametrize("parse", [v3.parse, v3.parse_array, v3.parse_group])
def test_nodes_of_no_kind(parse: Callable[[Any], Any]) -> None:
    for bad in ({}, {"zarr_format": 3}, {"zarr_format": 3, "node_type": "dataset"}, {"node_type": ["array"]}):
        with pytest.raises(MetadataError):
            parse(bad)


@st.composite
def arrays(draw: st.DrawFn) -> ArrayMetadata:
    shape = tuple(draw(st.lists(st.integers(0, 100), max_size=4)))
    axes = []
    for size in shape:
        if draw(st.booleans()):
            axes.append(RegularAxis(size, draw(st.integers(1, 30))))
        else:
            steps = draw(st.lists(st.integers(1, 9), min_size=size, max_size=size + 3))
            axes.append(ExplicitAxis(size, (0, *(sum(steps[: k + 1]) for k in range(len(steps))))))
    dtype = np.dtype(draw(st.sampled_from(["f2", "f4", "f8", "c8", "u8", "i1", "?", "M8[ms]", "S3", "V5"])))
    raw = draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
    name = draw(st.sampled_from(["default", "v2"]))
    names = st.lists(st.none() | st.text(max_size=3), min_size=len(shape), max_size=len(shape))
    return ArrayMetadata(
        zarr_format=3,
        shape=shape,
        dtype=dtype,
        data_type=name_v3(dtype),
        grid=tuple(axes),
        keys=KeyEncoding(name, draw(st.sampled_from(["/", "."]))),  # type: ignore[arg-type]
        fill_value=np.frombuffer(raw if dtype.kind != "b" else b"\1", dtype)[0],
        codecs=(Extension("transpose", {"order": list(range(len(shape)))}), Extension("bytes", {"endian": "little"})),
        attributes=draw(st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=4), max_size=3)),
        dimension_names=draw(st.none() | names.map(tuple)),
        extra=draw(st.sampled_from([{}, {"dzarr": {"must_understand": False, "epoch": 3}}])),
    )


@given(arrays())
def test_models_come_back(array: ArrayMetadata) -> None:
    assert v3.parse(loads(dumps(v3.array_document(array)), "zarr.json")) == array


JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "configuration", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(st.sampled_from([*DOCUMENT, "storage_transformers", "extra"]), JSONS)
def test_nothing_escapes_as_another_error(member: str, value: Any) -> None:
    try:
        v3.parse(document(**{member: value}))
    except DzarrError as error:
        str(error)


def test_fill_value_survives_without_a_name() -> None:
    # A short model made by hand, as a creator does.
    array = v3.parse_array(document(fill_value="0xffc00000"))
    assert v3.array_document(array)["fill_value"] == "0xffc00000"
    assert fill_from_json("0xffc00000", array.dtype, 3).tobytes() == array.fill_value.tobytes()  # type: ignore[union-attr]
