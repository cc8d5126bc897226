"""Hierarchies as others leave them: groups that no document makes, names with every legal character, both formats in
one place, attributes that JSON's letter forbids, members that can't be read, and NetCDF's names of dimensions. What
dzarr doesn't understand it keeps as it is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import dzarr
from dzarr.changes import create_node, delete_node
from dzarr.errors import (
    DzarrError,
    MetadataError,
    NodeExistsError,
    NodeNotFoundError,
    NodeTypeError,
    OptionError,
    StoreError,
)
from dzarr.format.nczarr import dimension_names
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store
from dzarr.node import LISTINGS, find_node, implicit_group

SMALL: dict[str, Any] = {"shape": (4,), "dtype": "i4", "chunks": (2,)}
ZARRAY = {
    "zarr_format": 2, "shape": [4], "chunks": [2], "dtype": "<i4", "compressor": None, "fill_value": 0, "order": "C",
    "filters": None,
}  # fmt: skip


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def form(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def put(store: Store, key: str, document: Any) -> None:
    store.set(key, [document if isinstance(document, bytes) else json.dumps(document).encode()])


def text(store: Store, key: str) -> str:
    answer = store.get(key)
    assert answer is not None
    return bytes(answer[0]).decode()


# Groups without documents


@pytest.fixture
def bare(store: Store) -> Store:
    """Arrays of v2 in folders, as writers left them that made no groups."""
    put(store, "a/.zarray", ZARRAY)
    put(store, "s/deep/b/.zarray", ZARRAY)
    put(store, "s/deep/.zattrs", {"title": "no group"})
    put(store, "notes/readme.txt", b"x")
    put(store, "v3/x/zarr.json", {"zarr_format": 3, "node_type": "group"})
    return store


def test_a_folder_that_holds_v2_nodes_is_a_group(bare: Store) -> None:
    g = dzarr.open_group(bare)
    assert g.zarr_format == 2
    assert list(g) == ["a", "s"]
    assert [name for name, _ in g.groups()] == ["s"]
    assert dict(g["s/deep"].attrs) == {"title": "no group"}
    assert g["s"]["deep"]["b"].read().tolist() == [0] * 4
    assert "s" in g
    assert "notes" not in g
    assert "v3" not in g, "v3 has no groups without documents"
    assert "b (4,)" in repr(g.tree())
    assert dzarr.open_group(bare, path="s").path == "s"
    with pytest.raises(NodeNotFoundError, match=r"'v3/zarr\.json'.*only x/"):
        dzarr.open(bare, path="v3")
    with pytest.raises(NodeNotFoundError):
        dzarr.open(bare, path="s", zarr_format=3)
    assert implicit_group(bare, "nothing") is None


def test_a_group_without_a_document_gets_one_with_its_first_attribute(bare: Store) -> None:
    g = dzarr.open_group(bare, "r+", path="s/deep")
    g.attrs["more"] = 1
    assert json.loads(text(bare, "s/deep/.zgroup")) == {"zarr_format": 2}
    assert dict(dzarr.open_group(bare, path="s/deep").attrs) == {"title": "no group", "more": 1}


def test_nothing_is_put_over_a_group_without_a_document(bare: Store) -> None:
    g = dzarr.open_group(bare, "r+")
    for overwrite in (False, True):
        with pytest.raises(NodeExistsError, match=r"without a document.*'s'"):
            g.create_array("s", overwrite=overwrite, **SMALL)
        with pytest.raises(NodeExistsError, match=r"without a document.*'s'"):
            dzarr.store(np.arange(3), bare, path="s", zarr_format=2, overwrite=overwrite)
    with pytest.raises(NodeExistsError, match=r"without a document.*'s'"):
        g.move("a", "s")
    assert list(g) == ["a", "s"]
    assert g["s/deep/b"].shape == (4,)
    del g["s"]
    g.move("a", "s")
    assert list(g) == ["s"]


def test_a_group_without_a_document_can_be_made_one_but_not_an_array(bare: Store) -> None:
    g = dzarr.open_group(bare, "r+")
    with pytest.raises(NodeExistsError, match=r"without a document.*'s'"):
        g.create_array("s", **SMALL)
    assert g.require_group("s").path == "s"
    assert g.create_group("s").path == "s"
    assert list(g["s"]) == ["deep"]
    g.create_array("s", overwrite=True, **SMALL)
    assert not [key for key in bare.list("s") if "deep" in key]


def test_a_group_without_a_document_is_consolidated(bare: Store) -> None:
    assert list(dzarr.consolidate(bare)) == ["a", "s"]
    assert json.loads(text(bare, ".zgroup")) == {"zarr_format": 2}
    told = json.loads(text(bare, ".zmetadata"))["metadata"]
    assert sorted(told) == [
        ".zgroup", "a/.zarray", "s/.zgroup", "s/deep/.zattrs", "s/deep/.zgroup", "s/deep/b/.zarray",
    ]  # fmt: skip
    assert dict(dzarr.open_group(bare, consolidated="verify")["s/deep"].attrs) == {"title": "no group"}


def test_a_group_without_a_document_moves_and_goes(bare: Store) -> None:
    g = dzarr.open_group(bare, "r+")
    g.move("s", "t")
    assert dict(g["t/deep"].attrs) == {"title": "no group"}
    assert g["t/deep/b"].shape == (4,)
    del g["t"]
    assert list(g) == ["a"]


def test_a_folder_of_other_things_costs_few_listings(store: Store) -> None:
    for k in range(100):
        put(store, f"junk/{k}/x/y/data.bin", b"x")
    with dzarr.observe() as seen, pytest.raises(NodeNotFoundError):
        dzarr.open(store, path="junk")
    assert seen.by_kind["list"] <= LISTINGS + 1
    g = dzarr.create_group(store)
    with dzarr.observe() as seen:
        assert "junk" not in g
        g.create_array("a", **SMALL)
    assert "list" not in seen.by_kind, "v3 has no such groups, and names that are known are not listed"


def test_half_a_removal_leaves_no_group_behind(bare: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process dies once the documents are gone: a folder that still held nodes would be a group again."""

    def die(self: Any, prefix: str) -> None:
        raise StoreError("dead")

    monkeypatch.setattr(type(bare), "delete_dir", die)
    with pytest.raises(StoreError, match="dead"):
        delete_node(bare, "s")
    assert find_node(bare, "s") is None
    assert find_node(bare, "s/deep/b") is None


# Names

NAMES = [
    "Größe", "温度", "🌡", "a b", " leading and trailing ", "a.b", ".hidden", "..a", "a..", "_", "_x", "-", "%20",
    "a%2Fb", "#", "?x=1", "a&b", "*", "[0]", "{}", "'", '"', "a:b", "a|b", "<a>", "~", "$HOME", "a\tb", "a\nb", "zarr",
    "zarr.json.old", "c", "0", "0.0", "c0", "attributes.json", "ZARR.JSON", "e\u0301", "\u00e9", "x" * 200, "\u200b",
    "con", "nul", ".dzip",
]  # fmt: skip


def test_names(store: Store, form: int, tmp_path: Path) -> None:
    g = dzarr.create_group(store, zarr_format=form)
    for name in NAMES:
        g.create_array(name, attributes={"name": name}, **SMALL).write(..., 1)
        g.create_group(f"below/{name}/{name}")
    assert list(g) == sorted([*NAMES, "below"])
    assert len(g["below"]) == len(NAMES)
    for name, array in g.arrays():
        assert array.attrs["name"] == name
        assert array.read().tolist() == [1] * 4
    again = dzarr.consolidate(g)
    assert list(again) == list(g)
    assert again[f"below/{NAMES[0]}/{NAMES[0]}"].path == f"below/{NAMES[0]}/{NAMES[0]}"
    if isinstance(store, LocalStore):
        theirs = zarr.open_group(tmp_path, mode="r", zarr_format=form, use_consolidated=False)  # type: ignore[arg-type]
        assert sorted(theirs) == list(g)
        assert all(theirs[name].attrs["name"] == name for name in NAMES)
        assert dict(zarr.open_consolidated(tmp_path)["Größe"].attrs) == {"name": "Größe"}


@pytest.mark.parametrize(
    "name", ["", "/", "..", "a/../b", ".", "a//b", "a\0b", "a\\b", "...", "__x", "a/__x", "zarr.json"]
)
def test_names_that_may_not_be(store: Store, name: str) -> None:
    g = dzarr.create_group(store)
    for act in (lambda: g.create_group(name), lambda: g.create_array(name, **SMALL), lambda: g.move("x", name)):
        with pytest.raises((NodeTypeError, StoreError, NodeNotFoundError)):
            act()
    assert list(g) == []


def test_a_name_that_is_no_unicode_is_an_error_of_ours(store: Store) -> None:
    g = dzarr.create_group(store)
    try:
        g.create_group("a\ud800")
    except DzarrError:
        return
    assert list(g) == ["a\ud800"]


# Both formats


def test_members_are_of_the_format_that_their_group_was_opened_in(store: Store) -> None:
    three = dzarr.create_group(store, attributes={"form": 3})
    three.create_array("a", attributes={"form": 3}, **SMALL)
    put(store, ".zgroup", {"zarr_format": 2})
    put(store, "a/.zarray", ZARRAY)
    put(store, "a/.zattrs", {"form": 2})
    put(store, "only/.zarray", ZARRAY)
    for form in (2, 3):
        g = dzarr.open_group(store, zarr_format=form)
        assert g["a"].attrs["form"] == form
        assert dict(g.arrays())["a"].zarr_format == form
        assert sorted(g) == ["a", "only"]
        assert g["only"].zarr_format == 2
    assert dzarr.open_group(store).zarr_format == 3


def test_a_group_of_v2_asks_for_its_own_documents_first(store: Store) -> None:
    g = dzarr.create_group(store, zarr_format=2)
    g.create_array("a", attributes={"_ARRAY_DIMENSIONS": ["x"]}, **SMALL)
    read = dzarr.open_group(store, zarr_format=2)
    with dzarr.observe() as seen:
        assert read["a"].dimension_names == ("x",)
    assert [request.key for request in seen.log] == ["a/.zarray", "a/.zattrs", "a/.nczarray"]


# Attributes

LETTER = (
    '{"zarr_format": 3, "node_type": "group", "later": {"must_understand": false, "z": [1e400, NaN], "a": 1}, '
    '"attributes": {"b": NaN, "a": [Infinity, -Infinity], "big": 123456789012345678901234567890, "f": 1.0, "n": -0.0, '
    '"nested": {"z": null, "a": {"x": NaN}}, "\\ud800": "\\udfff", "": ""}}'
)


def test_what_another_writer_put_into_a_document_survives_a_change(store: Store) -> None:
    """NaN is no JSON and stands in v3 documents all the same; so do large numbers, lone surrogates, unknown members."""
    put(store, "zarr.json", LETTER.replace("1e400, ", "").encode())
    g = dzarr.open_group(store, "r+")
    assert math.isnan(g.attrs["b"])
    g.attrs["new"] = 1
    after = text(store, "zarr.json")
    expected = json.loads(LETTER.replace("1e400, ", ""))
    expected["attributes"]["new"] = 1
    assert json.dumps(json.loads(after)) == json.dumps(expected), "the same members in the same order"
    g.attrs["copied"] = g.attrs["a"]
    assert dzarr.open_group(store).attrs["copied"] == [math.inf, -math.inf]


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"x": np.float32("nan")}])
def test_no_new_nan_comes_into_a_v3_document(store: Store, value: Any) -> None:
    put(store, "zarr.json", LETTER.replace("1e400, ", "").encode())
    g = dzarr.open_group(store, "r+")
    before = text(store, "zarr.json")
    with pytest.raises(MetadataError, match=r"attributes\.y.*zarr\.json"):
        g.attrs["y"] = value
    with pytest.raises(MetadataError, match=r"attributes\.y"):
        g.create_array("a", attributes={"y": value}, **SMALL)
    assert text(store, "zarr.json") == before
    assert list(g) == []


def test_a_number_that_only_json_can_hold_is_not_made_something_else(store: Store) -> None:
    put(store, "zarr.json", LETTER.encode())
    g = dzarr.open_group(store, "r+")
    with pytest.raises(MetadataError, match=r"later\.z\[0\]"):
        g.attrs["new"] = 1
    assert text(store, "zarr.json") == LETTER


def test_attributes_of_v2_survive_a_change(store: Store) -> None:
    attributes = (
        '{"zarr_format": 3, "consolidated_metadata": {"kind": "x"}, "b": NaN, "a": 12345678901234567890123, '
        '"": [-Infinity]}'
    )
    put(store, ".zgroup", {"zarr_format": 2, "unknown": [1]})
    put(store, ".zattrs", attributes.encode())
    g = dzarr.open_group(store, "r+")
    g.attrs["new"] = None
    assert json.dumps(json.loads(text(store, ".zattrs"))) == json.dumps(json.loads(attributes) | {"new": None})
    assert json.loads(text(store, ".zgroup"))["unknown"] == [1]
    g = dzarr.consolidate(g)
    assert json.dumps(dict(g.attrs)) == json.dumps(json.loads(attributes) | {"new": None})
    dzarr.open_group(store, consolidated="verify")


def test_nan_survives_in_a_record(store: Store) -> None:
    g = dzarr.create_group(store)
    g.create_group("s")
    put(store, "s/zarr.json", b'{"zarr_format": 3, "node_type": "group", "attributes": {"x": NaN}}')
    dzarr.consolidate(g)
    assert math.isnan(dzarr.open_group(store, consolidated="verify")["s"].attrs["x"])
    g["s"].attrs["y"] = 1
    attributes = dzarr.open_group(store, consolidated="verify")["s"].attrs
    assert math.isnan(attributes["x"])
    assert attributes["y"] == 1


def test_a_name_twice_is_an_error(store: Store) -> None:
    put(store, "zarr.json", b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": {"x": 1, "x": 2}}}')
    with pytest.raises(MetadataError, match=r"twice.*zarr\.json.*\['x'\]"):
        dzarr.open(store)


# Members that can't be read


def test_a_store_that_fails_for_one_member_hides_no_other_and_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    g = dzarr.create_group(store)
    for name in "abc":
        g.create_array(name, **SMALL)
    get = type(store).get

    def refuse(self: Any, key: str) -> Any:
        if key.startswith("b/"):
            raise StoreError("403 Forbidden", key=key)
        return get(self, key)

    monkeypatch.setattr(type(store), "get", refuse)
    arrays = g.arrays()
    assert [next(arrays)[0] for _ in range(2)] == ["a", "c"]
    with pytest.raises(StoreError, match=r"403.*'b/"):
        next(arrays)
    assert "b (unreadable: 403 Forbidden)" in repr(g.tree())
    assert "2 arrays" in repr(g)


def test_a_group_whose_members_cannot_be_listed_hides_no_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    g = dzarr.create_group(store)
    g.create_array("s/a", **SMALL)
    g.create_array("t/a", **SMALL)
    list_dir = type(store).list_dir

    def refuse(self: Any, prefix: str) -> Any:
        if prefix == "s":
            raise StoreError("timeout", key=prefix)
        return list_dir(self, prefix)

    monkeypatch.setattr(type(store), "list_dir", refuse)
    shown = repr(g.tree())
    assert "s (unreadable: timeout)" in shown
    assert "a (4,)" in shown


# Dimension names


def test_xarray_names_of_v2(store: Store) -> None:
    put(store, ".zarray", ZARRAY)
    put(store, ".zattrs", {"_ARRAY_DIMENSIONS": ["time"]})
    assert dzarr.open_array(store).dimension_names == ("time",)


@pytest.mark.parametrize(
    ("document", "attributes", "beside"),
    [
        ({}, {"_nczarr_array": {"dimension_references": ["/g1/time"], "storage": "chunked"}}, None),
        ({}, {"_NCZARR_ARRAY": {"dimrefs": ["/time"]}}, None),
        ({"_NCZARR_ARRAY": {"dimrefs": ["/time"], "storage": "chunked"}}, {}, None),
        ({}, None, {"dimrefs": ["/time"], "storage": "chunked"}),
        ({"_NCZARR_ARRAY": {"dimrefs": ["/other"]}}, {"_ARRAY_DIMENSIONS": ["time"]}, {"dimrefs": ["/third"]}),
        ({"_NCZARR_ARRAY": {"dimrefs": ["/a", "/b"]}}, {"_nczarr_array": 5}, {"dimrefs": ["time"]}),
    ],
)
def test_names_of_nczarr(store: Store, document: Any, attributes: Any, beside: Any) -> None:
    put(store, ".zarray", ZARRAY | document)
    if attributes is not None:
        put(store, ".zattrs", attributes)
    if beside is not None:
        put(store, ".nczarray", beside)
    a = dzarr.open_array(store, "r+")
    assert a.dimension_names == ("time",)
    a.attrs["new"] = 1
    assert json.loads(text(store, ".zattrs")) == (attributes or {}) | {"new": 1}
    assert json.loads(text(store, ".zarray")) == ZARRAY | document


def test_names_of_nczarr_in_v3(store: Store) -> None:
    a = dzarr.create(store, path="a", attributes={"_nczarr_array": {"dimension_references": ["/lat"]}}, **SMALL)
    assert dzarr.open_array(store, path="a").dimension_names == ("lat",)
    assert a.refresh().dimension_names == ("lat",)
    named = dzarr.create(
        store, path="b", dimension_names=["x"], attributes={"_nczarr_array": {"dimension_references": ["/y"]}}, **SMALL
    )
    assert named.refresh().dimension_names == ("x",)


def test_what_is_no_name_of_a_dimension() -> None:
    for bad in (None, 5, {}, {"dimrefs": "x"}, {"dimrefs": [1]}, {"dimrefs": []}, {"dimrefs": ["a", "b"]}):
        assert dimension_names(1, {"_NCZARR_ARRAY": bad}) is None


# Flags


@pytest.mark.parametrize("value", ["no", "", 0, 1, None])
def test_overwrite_is_true_or_false(store: Store, value: Any) -> None:
    g = dzarr.create_group(store)
    g.create_array("a", **SMALL).write(..., 7)
    for act in (
        lambda: g.create_array("a", overwrite=value, **SMALL),
        lambda: g.create_group("a", overwrite=value),
        lambda: dzarr.create(store, path="a", overwrite=value, **SMALL),
        lambda: dzarr.create_group(store, path="a", overwrite=value),
        lambda: dzarr.store(np.zeros(4, "i4"), store, path="a", overwrite=value),
    ):
        with pytest.raises(OptionError, match=r"overwrite is neither"):
            act()
    assert g["a"].read().tolist() == [7] * 4
    create_node(store, "a", g.metadata, overwrite=np.True_)  # type: ignore[arg-type]
    assert isinstance(g["a"], dzarr.Group)
