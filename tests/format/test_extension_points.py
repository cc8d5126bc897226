"""What a reader may pass over and what it must refuse: the rules of the v3 core specification on ``must_understand``.

"An implementation MUST fail to open Zarr groups or arrays if any metadata fields are present which (a) the
implementation does not recognize and (b) are not explicitly set to ``"must_understand": false``", which "is not
supported for the following extension points: data type, chunk grid, and chunk key encoding."
"""

from __future__ import annotations

from typing import Any

import pytest

import dzarr
from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format import v3
from dzarr.format.canonical import canonical
from dzarr.format.documents import dumps, loads
from dzarr.io.memory import MemoryStore

GROUP: dict[str, Any] = {"zarr_format": 3, "node_type": "group", "attributes": {"kept": [1, {"a": None}]}}
ARRAY: dict[str, Any] = GROUP | {
    "node_type": "array",
    "shape": [4],
    "data_type": "uint8",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes"}],
}
IGNORABLE = {"must_understand": False, "name": "urn:x", "configuration": {"deep": [[1.5], {"must_understand": True}]}}


@pytest.mark.parametrize("document", [ARRAY, GROUP], ids=["array", "group"])
@pytest.mark.parametrize("value", [IGNORABLE, {"must_understand": False}], ids=["extension", "bare"])
def test_an_unknown_member_that_may_be_ignored_survives_word_for_word(document: Any, value: Any) -> None:
    node = v3.parse(document | {"anything": value})
    written = v3.array_document(node) if document is ARRAY else v3.group_document(node)
    assert loads(dumps(written), "zarr.json") == document | {"anything": value}


@pytest.mark.parametrize("document", [ARRAY, GROUP], ids=["array", "group"])
@pytest.mark.parametrize(
    "value",
    [{}, {"must_understand": True}, {"must_understand": 0}, {"must_understand": None}, {"name": "urn:x"},
     None, False, 0, "", "text", [], [IGNORABLE]],
    ids=repr,
)  # fmt: skip
def test_any_other_unknown_member_is_refused_by_name(document: Any, value: Any) -> None:
    with pytest.raises(UnsupportedError, match="'anything'"):
        v3.parse(document | {"anything": value})


def test_ignored_members_are_no_part_of_what_an_array_is() -> None:
    plain, more = (v3.parse_array(each) for each in (ARRAY, ARRAY | {"anything": IGNORABLE}))
    assert canonical(plain) == canonical(more)
    assert plain != more


def test_ignored_members_survive_a_change_of_attributes() -> None:
    store = MemoryStore()
    transformers = [{"name": "mirror", "must_understand": False}]
    document = ARRAY | {"anything": IGNORABLE, "storage_transformers": transformers}
    store.set("zarr.json", [dumps(document)])
    array = dzarr.open_array(store, "r+")
    array.attrs["new"] = 1
    array[...] = 5
    found = store.get("zarr.json")
    assert found is not None
    assert loads(bytes(found[0]), "zarr.json") == document | {"attributes": {"kept": [1, {"a": None}], "new": 1}}


@pytest.mark.parametrize("given", [{}, {"storage_transformers": []}, {"storage_transformers": None}], ids=repr)
def test_no_storage_transformers(given: Any) -> None:
    assert v3.parse_array(ARRAY | given) == v3.parse_array(ARRAY)


@pytest.mark.parametrize(
    ("transformers", "error", "message"),
    [
        (["mirror"], UnsupportedError, "'mirror'"),
        ([{"name": "mirror"}], UnsupportedError, "'mirror'"),
        ([{"name": "a", "must_understand": False}, "mirror"], UnsupportedError, "'mirror'"),
        ([{"name": "sharding", "configuration": {"chunks_per_shard": [2]}}], UnsupportedError, "'sharding'"),
        ([{}], MetadataError, r"storage_transformers\[0\]"),
        ([7], MetadataError, r"storage_transformers\[0\]"),
        ([{"name": "a", "must_understand": "no"}], MetadataError, "must_understand"),
        ([{"name": "a", "type": "b"}], MetadataError, "type"),
        ({}, MetadataError, "storage_transformers"),
        ("mirror", MetadataError, "storage_transformers"),
        (False, MetadataError, "storage_transformers"),
        (0, MetadataError, "storage_transformers"),
    ],
    ids=repr,
)  # fmt: skip
def test_storage_transformers_are_refused_by_name(transformers: Any, error: type[DzarrError], message: str) -> None:
    with pytest.raises(error, match=message):
        v3.parse_array(ARRAY | {"storage_transformers": transformers})


@pytest.mark.parametrize("member", ["data_type", "chunk_grid", "chunk_key_encoding"])
def test_what_everything_depends_on_can_not_be_ignored(member: str) -> None:
    known = ARRAY[member] if isinstance(ARRAY[member], dict) else {"name": ARRAY[member]}
    for name in (known["name"], "urn:unknown"):
        with pytest.raises(DzarrError, match="must_understand"):
            v3.parse_array(ARRAY | {member: known | {"name": name, "must_understand": False}})


@pytest.mark.parametrize("member", ["data_type", "chunk_grid", "chunk_key_encoding"])
@pytest.mark.parametrize("unknown", ["urn:unknown", {"name": "urn:unknown", "configuration": {"a": 1}}], ids=repr)
def test_unknown_names_are_refused_by_name(member: str, unknown: Any) -> None:
    with pytest.raises(UnsupportedError, match="urn:unknown"):
        v3.parse_array(ARRAY | {member: unknown})


@pytest.mark.parametrize("member", ["data_type", "chunk_grid", "chunk_key_encoding"])
@pytest.mark.parametrize(
    "broken",
    [None, 3, [], {}, "", {"name": ""}, {"name": 3}, {"configuration": {}}, {"name": "default", "x": 1}],
    ids=repr,
)
def test_what_is_no_extension_is_refused_by_the_member(member: str, broken: Any) -> None:
    with pytest.raises(DzarrError, match=f"{member}|data type"):
        v3.parse_array(ARRAY | {member: broken})


@pytest.mark.parametrize(
    "configuration",
    [{"separator": "-"}, {"separator": ""}, {"separator": None}, {"separator": 1}, {"separators": "/"}, []],
    ids=repr,
)
@pytest.mark.parametrize("name", ["default", "v2"])
def test_broken_key_encodings(name: str, configuration: Any) -> None:
    with pytest.raises(MetadataError, match="chunk_key_encoding"):
        v3.parse_array(ARRAY | {"chunk_key_encoding": {"name": name, "configuration": configuration}})


@pytest.mark.parametrize("name", ["default", "v2"])
@pytest.mark.parametrize("separator", ["/", ".", None])
@pytest.mark.parametrize("shape", [(), (3,), (3, 4)], ids=repr)
def test_every_key_encoding_keeps_objects_where_the_specification_says(
    name: str, separator: str | None, shape: tuple[int, ...]
) -> None:
    store = MemoryStore()
    encoding: Any = name if separator is None else {"name": name, "configuration": {"separator": separator}}
    array = dzarr.create(store, shape=shape, dtype="u1", chunks=(2,) * len(shape), chunk_key_encoding=encoding)
    array[...] = 1
    between = separator or {"default": "/", "v2": "."}[name]
    last = tuple(-(-n // 2) - 1 for n in shape)
    parts = [*(["c"] if name == "default" else []), *map(str, last)]
    assert store.get(between.join(parts) or "0") is not None
    assert dzarr.open_array(store).read().min() == 1
