"""Consolidated records read, verified and written, in both forms: what zarr-python and xarray wrote, and what they make
of dzarr's. A group is opened from its record in one request and asks for nothing more; whoever may write gets members
from their own documents, which win.
"""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.errors import (
    MetadataError,
    NodeNotFoundError,
    NodeTypeError,
    OptionError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
)
from dzarr.format.records import check_sum, inline_record, zmetadata_record
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.verify import differences, write_record

SMALL: dict[str, Any] = {"shape": (4,), "dtype": "i4", "chunks": (2,)}


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def form(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(params=["zarr", "dzarr"])
def writer(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tree(tmp_path: Path, form: int, writer: str) -> Path:
    """A tree of zarr-python's with a record in its root, written by either."""
    root = zarr.open_group(tmp_path, mode="w", zarr_format=form)  # type: ignore[arg-type]
    root.attrs["title"] = "t"
    root.create_array("a", shape=(4,), chunks=(2,), dtype="i4", attributes={"units": "m"})[...] = 3
    root.create_array("s/b", shape=(6,), chunks=(2,), dtype="f4")
    root.create_array("s/deep/c", shape=(8,), chunks=(2,), dtype="u1", attributes={"k": [1, None]})
    root.create_group("s/empty")
    if writer == "zarr":
        zarr.consolidate_metadata(tmp_path, zarr_format=form)  # type: ignore[arg-type]
    else:
        dzarr.consolidate(tmp_path)
    return tmp_path


def document_name(form: int) -> str:
    return ".zmetadata" if form == 2 else "zarr.json"


def load(folder: Path, form: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the document with the record, and the record in it."""
    document = json.loads((folder / document_name(form)).read_text())
    return document, document if form == 2 else document["consolidated_metadata"]


def change(folder: Path, form: int, act: Callable[[dict[str, Any]], Any]) -> None:
    """Let `act` change the entries of the record in `folder`."""
    document, record = load(folder, form)
    act(record["metadata"])
    (folder / document_name(form)).write_text(json.dumps(document))


def entry(path: str, form: int, name: str = ".zarray") -> str:
    return path if form == 3 else f"{path}/{name}"


# Read


def test_a_group_is_opened_from_its_record_and_asks_for_nothing_more(tree: Path, form: int) -> None:
    with dzarr.observe() as seen:
        g = dzarr.open_group(tree, zarr_format=form)
        assert seen.requests == 1
        assert list(g) == ["a", "s"]
        assert [name for name, _ in g.arrays()] == ["a"]
        assert [name for name, _ in g["s"].groups()] == ["deep", "empty"]
        assert g["s"]["deep"]["c"].shape == g["s/deep/c"].shape == (8,)
        assert dict(g["s/deep/c"].attrs) == {"k": [1, None]}
        assert dict(g.attrs) == {"title": "t"}
        assert len(g["s/empty"]) == 0
        assert "s/deep" in g
        assert "s/x" not in g
        assert "c (8,)" in repr(g.tree())
        assert "1 array, 1 group" in repr(g)
    assert seen.requests == 1, seen.log
    assert g["a"].read().tolist() == [3] * 4
    with dzarr.observe() as seen:
        dzarr.open(tree, consolidated=True)
    assert seen.requests == (1 if form == 3 else 2)


def test_no_record_is_looked_at_without_one_wanted(tree: Path, form: int) -> None:
    change(tree, form, lambda entries: entries.clear())
    assert list(dzarr.open_group(tree)) == []
    g = dzarr.open_group(tree, consolidated=False)
    assert list(g) == ["a", "s"]
    assert list(g["s/deep"]) == ["c"]
    assert sorted(name for name, _ in g["s"].groups()) == ["deep", "empty"]
    with dzarr.observe() as seen:
        assert dzarr.open_array(tree, path="a").shape == (4,)
    assert not any(".zmetadata" in request.key for request in seen.log)


def test_a_group_further_down_has_a_record_of_its_own(tree: Path, form: int) -> None:
    zarr.consolidate_metadata(tree, path="s", zarr_format=form)  # type: ignore[arg-type]
    change(tree / "s", form, lambda entries: entries.pop(entry("b", form)))
    assert list(dzarr.open_group(tree, path="s")) == ["deep", "empty"]
    assert list(dzarr.open_group(tree)["s"]) == ["b", "deep", "empty"], "the enclosing record tells it all"
    (tree / document_name(2)).unlink(missing_ok=True)
    if form == 3:
        document, _ = load(tree, 3)
        del document["consolidated_metadata"]
        (tree / "zarr.json").write_text(json.dumps(document))
    g = dzarr.open_group(tree)
    assert list(g["s"]) == ["deep", "empty"]
    assert list(dzarr.open_group(tree, consolidated=False)["s"]) == ["b", "deep", "empty"]
    assert list(dzarr.open_group(tree, "r+")["s"]) == ["b", "deep", "empty"]


def test_a_record_is_required(tree: Path, form: int) -> None:
    assert dzarr.open_group(tree, consolidated=True).path == ""
    with pytest.raises(MetadataError, match=r"no consolidated record.*'s'.*consolidate"):
        dzarr.open(tree, path="s", consolidated=True)
    for act in (
        lambda: dzarr.open(tree, path="a", consolidated=True),
        lambda: dzarr.open_array(tree, path="a", consolidated=True),
    ):
        with pytest.raises(NodeTypeError, match=r"record.*'a'"):
            act()
    with pytest.raises(NodeNotFoundError):
        dzarr.open(tree, path="nothing", consolidated=True)
    assert dzarr.open(tree, path="s", consolidated="verify").path == "s", "nothing that could differ"
    for bad in ("yes", 1, 0, "Verify", [True]):
        with pytest.raises(OptionError, match="consolidated"):
            dzarr.open(tree, consolidated=bad)  # type: ignore[arg-type]


def test_a_member_that_the_record_lacks_is_missing_and_the_error_says_why(tree: Path, form: int) -> None:
    zarr.open_group(tree, mode="r+", zarr_format=form, use_consolidated=False).create_group("new")  # type: ignore[arg-type]
    g = dzarr.open_group(tree)
    with pytest.raises(NodeNotFoundError, match=r"'new'.*consolidated record.*consolidated=False"):
        g["new"]
    assert g.get("new") is None
    assert dzarr.open_group(tree, consolidated=False)["new"].path == "new"


def test_a_bad_entry_hides_none_of_its_siblings(tree: Path, form: int) -> None:
    def spoil(entries: dict[str, Any]) -> None:
        entries[entry("s/b", form)] = 5
        entries[entry("s/shape", form)] = dict(entries[entry("a", form)], shape="x")
        entries[entry("s/form", form)] = {"zarr_format": 5}
        entries[entry("s/null", form)] = None
        entries[entry("../out", form)] = dict(entries[entry("a", form)])
        entries["s/unheard/.of"] = {"x": 1}

    change(tree, form, spoil)
    g = dzarr.open_group(tree)
    names = [name for name in g["s"] if name != "unheard"]
    assert names == ["b", "deep", "empty", "form", "null", "shape"]
    assert [name for name, _ in g["s"].groups()] == ["deep", "empty"]
    assert list(g["s"].arrays()) == []
    shown = repr(g.tree())
    assert "b (unreadable" in shown
    assert "c (8,)" in shown
    for name in ("b", "shape", "form", "null"):
        with pytest.raises(MetadataError, match=rf"'s/{name}'.*{document_name(form)}"):
            g[f"s/{name}"]
    with pytest.raises((StoreError, NodeNotFoundError)):
        g["../out"]
    with pytest.raises(MetadataError, match=r"s/b.*5 in the record"):
        dzarr.open(tree, consolidated="verify")
    assert dzarr.open_group(tree, "r+")["s/b"].shape == (6,)


@pytest.mark.parametrize(
    "record", [[], {}, {"kind": "inline"}, {"kind": "inline", "metadata": []}, {"kind": "other"}, "x"]
)
def test_a_bad_record_in_v3_is_told_and_can_be_passed_over(record: Any) -> None:
    store = MemoryStore()
    dzarr.create_group(store).create_array("a", **SMALL)
    group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": record}
    store.set("zarr.json", [json.dumps(group).encode()])
    for choice in (None, True, "verify"):
        with pytest.raises((MetadataError, UnsupportedError), match=r"consolidated.*zarr\.json"):
            dzarr.open(store, consolidated=choice)
    assert list(dzarr.open_group(store, consolidated=False)) == ["a"]


@pytest.mark.parametrize("record", [b"{", b"[]", b"{}", b'{"zarr_consolidated_format": 2, "metadata": {}}'])
def test_a_bad_record_in_v2_is_told_and_can_be_passed_over(record: bytes) -> None:
    store = MemoryStore()
    dzarr.create_group(store, zarr_format=2).create_array("a", **SMALL)
    store.set(".zmetadata", [record])
    for choice in (None, True, "verify"):
        with pytest.raises(MetadataError, match=r"\.zmetadata"):
            dzarr.open(store, consolidated=choice)
    assert list(dzarr.open_group(store, consolidated=False)) == ["a"]


def test_a_record_of_another_kind_that_may_be_ignored_is() -> None:
    store = MemoryStore()
    dzarr.create_group(store).create_array("a", **SMALL)
    record = {"kind": "elsewhere", "must_understand": False, "url": "x"}
    group = {"zarr_format": 3, "node_type": "group", "consolidated_metadata": record}
    store.set("zarr.json", [json.dumps(group).encode()])
    assert list(dzarr.open_group(store)) == ["a"]
    with pytest.raises(MetadataError, match="no consolidated record"):
        dzarr.open_group(store, consolidated=True)
    dzarr.open_group(store, "r+").attrs["x"] = 1
    assert json.loads(bytes(store.get("zarr.json")[0]))["consolidated_metadata"] == record  # type: ignore[index]
    dzarr.open_group(store, "r+").create_array("b", **SMALL)
    assert list(dzarr.consolidate(store)) == ["a", "b"]


def test_records_inside_records() -> None:
    """Some writers leave the members of an inner group in its entry."""
    group = {"zarr_format": 3, "node_type": "group"}
    inner = group | {"consolidated_metadata": {"kind": "inline", "metadata": {"b": group, "b/c": group}}}
    outer = group | {"consolidated_metadata": {"kind": "inline", "metadata": {"s": inner, "t": group, "s/b": group}}}
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(outer).encode()])
    g = dzarr.open_group(store)
    assert (list(g), list(g["s"]), list(g["s/b"])) == (["s", "t"], ["b"], ["c"])


def test_implicit_groups_in_a_record_of_v2() -> None:
    store = MemoryStore()
    a = dzarr.create(store, path="s/deep/a", zarr_format=2, **SMALL)
    for key in ("s/.zgroup", "s/deep/.zgroup", ".zgroup"):
        store.delete(key)
    zarray = json.loads(bytes(store.get("s/deep/a/.zarray")[0]))  # type: ignore[index]
    record = {"zarr_consolidated_format": 1, "metadata": {"s/deep/a/.zarray": zarray, "s/.zattrs": {"x": 1}}}
    store.set(".zmetadata", [json.dumps(record).encode()])
    g = dzarr.open_group(store)
    assert list(g) == ["s"]
    assert g["s"].attrs == {"x": 1}
    assert g["s/deep/a"].shape == a.shape
    record["metadata"].pop("s/.zattrs")  # type: ignore[attr-defined]
    store.set(".zmetadata", [json.dumps(record).encode()])
    dzarr.open_group(store, consolidated="verify")
    assert list(dzarr.consolidate(store)["s"]) == ["deep"]
    assert json.loads(bytes(store.get(".zmetadata")[0]))["metadata"]["s/.zgroup"] == {"zarr_format": 2}  # type: ignore[index]


def test_a_group_from_a_record_travels(tree: Path, form: int) -> None:
    g = pickle.loads(pickle.dumps(dzarr.open_group(tree)))
    change(tree, form, lambda entries: entries.pop(entry("a", form)))
    assert list(g) == ["s"], "it reads the record again where it arrives"
    assert list(g["s/deep"]) == ["c"]
    assert list(g.with_options(missing="error")) == ["s"]
    again = dzarr.open_group(tree)
    dzarr.consolidate(tree)
    assert list(again) == ["s"], "a snapshot"
    assert list(again.refresh()) == ["a", "s"]


# Written, while a record is there


def test_who_may_write_gets_a_member_from_its_own_document(tree: Path, form: int) -> None:
    zarr.open_array(tree, path="s/b", mode="r+", zarr_format=form).resize((9,))  # type: ignore[arg-type]
    foreign = zarr.open_group(tree, mode="r+", zarr_format=form, use_consolidated=False)  # type: ignore[arg-type]
    foreign.create_array("s/new", shape=(2,), chunks=(2,), dtype="i4")
    foreign["s/deep"].attrs["by"] = "foreign"
    shutil.rmtree(tree / "s" / "empty")
    stale = dzarr.open_group(tree)
    assert stale["s/b"].shape == (6,)
    g = dzarr.open_group(tree, "r+")
    assert list(g["s"]) == ["b", "deep", "new"]
    b = g["s/b"]
    assert b.shape == (9,)
    b.write(slice(6, 9), [1, 2, 3])
    assert dzarr.open_group(tree)["s/b"].read().tolist() == [0] * 6 + [1, 2, 3], "the record is put right"
    assert g["s"]["new"].shape == (2,)
    assert "s/empty" not in g
    assert g["s"]["deep"].attrs == {"by": "foreign"}
    dzarr.open_group(tree, consolidated="verify")
    assert zarr.open_consolidated(tree, zarr_format=form)["s/b"].shape == (9,)  # type: ignore[arg-type]


def test_nothing_is_written_where_the_record_is_true(tree: Path, form: int) -> None:
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    g = dzarr.open_group(tree, "r+")
    with dzarr.observe() as seen:
        assert sorted(name for name, _ in g.items()) == ["a", "s"]
        assert g["s/deep/c"].shape == (8,)
        assert [name for name, _ in g["s"].arrays()] == ["b"]
    assert seen.bytes_written == 0
    assert {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()} == before


def test_storing_into_a_member_by_a_stale_record(tree: Path, form: int) -> None:
    zarr.open_array(tree, path="a", mode="r+", zarr_format=form).resize((6,))  # type: ignore[arg-type]
    assert dzarr.open_group(tree)["a"].shape == (4,)
    dzarr.store({"a": np.arange(6, dtype="i4"), "made": np.arange(3)}, dzarr.open_group(tree, "r+"))
    g = dzarr.open_group(tree)
    assert list(g) == ["a", "made", "s"]
    assert dzarr.open_array(tree, path="a").read().tolist() == list(range(6))
    assert g["made"].read().tolist() == [0, 1, 2]


# Verified


def test_verify_names_each_difference(tree: Path, form: int) -> None:
    dzarr.open_group(tree, consolidated="verify")
    zarr.open_array(tree, path="s/b", mode="r+", zarr_format=form).resize((9,))  # type: ignore[arg-type]
    foreign = zarr.open_group(tree, mode="r+", zarr_format=form, use_consolidated=False)  # type: ignore[arg-type]
    foreign.create_group("s/new")
    foreign["a"].attrs["more"] = 1
    shutil.rmtree(tree / "s" / "empty")
    (tree / "s" / "bad").mkdir()
    (tree / "s" / "bad" / ("zarr.json" if form == 3 else ".zarray")).write_text("{")
    with pytest.raises(MetadataError) as caught:
        dzarr.open(tree, consolidated="verify")
    told = str(caught.value)
    attributes = entry("a", form, ".zattrs")
    for line in (
        f"{entry('s/b', form)}: shape is [6] in the record, [9] in the document",
        f"{entry('s/new', form, '.zgroup')}: not in the record",
        f"{entry('s/empty', form, '.zgroup')}: in the record, and not there",
        f"{attributes}: more is only in the document" if form == 2 else f"{attributes}: attributes is ",
        "s/bad: the document is not JSON",
    ):
        assert line in told
    assert document_name(form) in told
    assert "deep" not in told


def test_what_is_spelled_differently_is_no_difference(tree: Path, form: int) -> None:
    """zarr-python puts into a record what its own parser made of a document."""

    def respell(entries: dict[str, Any]) -> None:
        array = entries[entry("a", form)]
        if form == 3:
            array["storage_transformers"] = []
            array["chunk_key_encoding"] = "default"
        else:
            array["dimension_separator"] = "."

    change(tree, form, respell)
    dzarr.open(tree, consolidated="verify")


def test_a_checksum_of_another_document_is_a_difference(tmp_path: Path, form: int) -> None:
    g = dzarr.create_group(tmp_path, zarr_format=form)
    g.create_array("a", **SMALL)
    dzarr.consolidate(g)
    document, record = load(tmp_path, form)
    sums = record["dzarr"]["crc32c"]
    assert sums[entry("a", form)] == check_sum(record["metadata"][entry("a", form)])
    sums[entry("a", form)] += 1
    (tmp_path / document_name(form)).write_text(json.dumps(document))
    with pytest.raises(MetadataError, match="checksum"):
        dzarr.open(tmp_path, consolidated="verify")


# Written


def test_zarr_opens_what_dzarr_consolidated(tmp_path: Path, form: int) -> None:
    g = dzarr.create_group(tmp_path, zarr_format=form, attributes={"title": "t"})
    values = np.arange(12, dtype="f4").reshape(3, 4)
    for path in ("a", "s/b", "s/deep/c", "s/deep.er/d", "s/deep/Größe", "z z/e"):
        g.create_array(path, shape=(3, 4), dtype="f4", chunks=(2, 2), attributes={"path": path}).write(..., values)
    g.create_group("s/empty")
    told = dzarr.consolidate(g)
    theirs = zarr.open_consolidated(tmp_path, zarr_format=form)  # type: ignore[arg-type]
    assert dict(theirs.attrs) == {"title": "t"}
    members = dict(theirs.members(max_depth=None))
    true = dict(zarr.open_group(tmp_path, mode="r", zarr_format=form, use_consolidated=False).members(max_depth=None))  # type: ignore[arg-type]
    assert sorted(members) == sorted(true)
    for path, member in members.items():
        assert type(member) is type(true[path])
        assert dict(member.attrs) == dict(true[path].attrs) == dict(told[path].attrs)
        if isinstance(member, zarr.Array):
            assert np.array_equal(np.asarray(member[...]), values)


def test_a_foreign_rewrite_drops_the_claim(tree: Path, form: int) -> None:
    dzarr.consolidate(tree)
    _, record = load(tree, form)
    assert set(record["dzarr"]["crc32c"]) == set(record["metadata"])
    zarr.consolidate_metadata(tree, zarr_format=form)  # type: ignore[arg-type]
    assert "dzarr" not in load(tree, form)[1]
    dzarr.open_group(tree, "r+")["a"].attrs["x"] = 1
    assert "dzarr" not in load(tree, form)[1], "nothing is claimed of entries that dzarr has not seen"
    dzarr.open_group(tree, consolidated="verify")


CHANGES: dict[str, Callable[[dzarr.Group], Any]] = {
    "attributes": lambda g: g["s/b"].attrs.update(units="K"),
    "its own attributes": lambda g: g.attrs.update(title="other"),
    "a group's attributes": lambda g: g["s/deep"].attrs.put({"x": 1}),
    "a new array": lambda g: g.create_array("s/x/y/new", **SMALL),
    "an array replaced": lambda g: g.create_array("s/deep", overwrite=True, **SMALL),
    "a store": lambda g: dzarr.store({"s/made": np.zeros(3)}, g),
    "a removal": lambda g: g.__delitem__("s/deep"),
    "a move": lambda g: g.move("s/deep", "deep"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_checksums_follow_every_change(tree: Path, form: int, name: str) -> None:
    dzarr.consolidate(tree)
    dzarr.consolidate(tree / "s")
    CHANGES[name](dzarr.open_group(tree, "r+"))
    for folder in (tree, tree / "s"):
        _, record = load(folder, form)
        sums = record["dzarr"]["crc32c"]
        assert sums == {path: check_sum(document) for path, document in record["metadata"].items()}
        dzarr.open_group(folder, consolidated="verify")


def test_consolidating_twice_writes_once(tree: Path) -> None:
    dzarr.consolidate(tree)
    with dzarr.observe() as seen:
        dzarr.consolidate(tree)
    assert seen.bytes_written == 0


def test_a_change_while_the_record_is_made_is_in_it(monkeypatch: pytest.MonkeyPatch, form: int) -> None:
    """B changes a member after A has read it, and finds no record to note that in."""
    store = MemoryStore()
    g = dzarr.create_group(store, zarr_format=form)
    late = g.create_array("a", **SMALL)
    real = MemoryStore.set_if

    def overtaken(self: MemoryStore, key: str, parts: Any, version: Any) -> Any:
        if key == document_name(form):
            monkeypatch.setattr(MemoryStore, "set_if", real)
            late.attrs["b"] = 2
        return real(self, key, parts, version)

    monkeypatch.setattr(MemoryStore, "set_if", overtaken)
    assert dict(dzarr.consolidate(g)["a"].attrs) == {"b": 2}


def test_what_cannot_be_consolidated(tmp_path: Path, form: int) -> None:
    g = dzarr.create_group(tmp_path, zarr_format=form)
    g.create_array("a", **SMALL)
    before = (tmp_path / document_name(form)).read_bytes() if form == 3 else None
    with pytest.raises(UnsupportedError, match="compute=False"):
        dzarr.consolidate(g, compute=False)
    with pytest.raises(OptionError, match="compute"):
        dzarr.consolidate(g, compute="no")  # type: ignore[arg-type]
    with pytest.raises(ReadOnlyError):
        dzarr.consolidate(dzarr.open_group(tmp_path))
    with pytest.raises(NodeTypeError, match="an array"):
        dzarr.consolidate(tmp_path / "a")
    with pytest.raises(NodeNotFoundError):
        dzarr.consolidate(tmp_path / "nothing")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / ("zarr.json" if form == 3 else ".zgroup")).write_text('{"zarr_format": 7}')
    with pytest.raises(MetadataError, match=r"can't be consolidated.*bad/"):
        dzarr.consolidate(g)
    shutil.rmtree(tmp_path / "bad")
    dzarr.create(tmp_path / "other", zarr_format=5 - form, **SMALL)
    with pytest.raises(UnsupportedError, match=r"another format.*other/"):
        dzarr.consolidate(g)
    shutil.rmtree(tmp_path / "other")
    assert before is None or (tmp_path / document_name(form)).read_bytes() == before
    assert not (tmp_path / ".zmetadata").exists()


def test_a_legal_document_that_dzarr_declines_goes_into_the_record(tmp_path: Path) -> None:
    g = dzarr.create_group(tmp_path)
    a = g.create_array("a", **SMALL)
    document = json.loads((tmp_path / "a" / "zarr.json").read_text()) | {"unheard": {"must_understand": True}}
    (tmp_path / "a" / "zarr.json").write_text(json.dumps(document))
    read = dzarr.consolidate(g)
    assert a.shape == (4,)
    assert list(read) == ["a"]
    with pytest.raises(UnsupportedError, match="unheard"):
        read["a"]
    dzarr.open(tmp_path, consolidated="verify")


def test_the_plain_functions(tmp_path: Path, form: int) -> None:
    """What the check of a hierarchy and the parallel writer build on."""
    g = dzarr.create_group(tmp_path, zarr_format=form)
    g.create_array("a", **SMALL)
    store = LocalStore(tmp_path)
    write_record(store, "", form)
    document, _ = load(tmp_path, form)
    parsed = zmetadata_record(document, "", ".zmetadata") if form == 2 else inline_record(document, "", "zarr.json")
    assert parsed is not None
    assert differences(store, parsed) == []
    shutil.rmtree(tmp_path / "a")
    assert differences(store, parsed) == [f"{entry('a', form)}: in the record, and not there"]


# xarray


@pytest.mark.parametrize("by", ["xarray", "dzarr"])
def test_xarray(tmp_path: Path, form: int, by: str) -> None:
    xarray = pytest.importorskip("xarray")
    values = np.arange(12.0).reshape(3, 4)
    data = xarray.Dataset({"t": (("y", "x"), values, {"units": "K"})}, {"x": np.arange(4)}, {"title": "t"})
    data.to_zarr(tmp_path, zarr_format=form, consolidated=by == "xarray")
    if by == "dzarr":
        dzarr.consolidate(tmp_path)
    with dzarr.observe() as seen:
        g = dzarr.open_group(tmp_path, zarr_format=form, consolidated=True)
        assert list(g) == ["t", "x"]
        assert g["t"].dimension_names == ("y", "x")
    assert seen.requests == 1
    assert np.array_equal(g["t"].read(), values)
    dzarr.open_group(tmp_path, consolidated="verify")
    dzarr.open_group(tmp_path, "r+").create_array(
        "u", shape=(4,), dtype="f8", dimension_names=["x"], attributes={"units": "m"}
    )
    again = xarray.open_zarr(tmp_path, consolidated=True)
    assert list(again) == ["t", "u"]
    assert again["u"].attrs["units"] == "m"
    assert again.identical(again.load())
    assert np.array_equal(again["t"], values)


# Anything at all

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 5) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["", "a", "s", "s/b", "/", "..", "../x", "a//b", "s/", ".zgroup", "\\", "\0", "\ud800"])
KEYS = NAMES | st.builds("{}/{}".format, NAMES, st.sampled_from([".zarray", ".zgroup", ".zattrs", ".zmetadata", "x"]))
GROUPS = st.sampled_from([{"zarr_format": 3, "node_type": "group"}, {"zarr_format": 2}])
RECORDS = st.dictionaries(KEYS, JSON | GROUPS, max_size=5) | JSON


@given(RECORDS, st.booleans(), JSON)
@settings(max_examples=300)
def test_only_errors_of_ours_come_out_of_a_record(members: Any, inline: bool, claim: Any) -> None:
    store = MemoryStore()
    group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    if inline:
        store.set("zarr.json", [json.dumps(group | {"consolidated_metadata": {"kind": "inline", "metadata": members,
                                                                              "dzarr": claim}}).encode()])  # fmt: skip
    else:
        store.set(".zgroup", [b'{"zarr_format": 2}'])
        record = {"zarr_consolidated_format": 1, "metadata": members, "dzarr": claim}
        store.set(".zmetadata", [json.dumps(record).encode()])
    for mode in ("r", "r+"):
        with suppress(dzarr.DzarrError):
            look_around(dzarr.open_group(store, mode))
    with suppress(dzarr.DzarrError):
        dzarr.open(store, consolidated="verify")
    with suppress(dzarr.DzarrError):
        assert list(dzarr.consolidate(store)) == []
        dzarr.open(store, consolidated="verify")


def look_around(g: dzarr.Group) -> None:
    assert len(g) == len(list(g))
    assert isinstance(repr(g.tree()), str)
    for name in [*g, "a", "s/b", "x"]:
        with suppress(dzarr.DzarrError):
            assert g[name].path


# Records put right, whatever others did behind them


def behind(tree: Path, form: int, path: str, kind: str = "array") -> None:
    """Make a node as others do, the record left as it is."""
    if kind == "array":
        zarr.create_array(tree, name=path, shape=(3,), dtype="u1", zarr_format=form)  # type: ignore[arg-type]
    else:
        zarr.create_group(tree, path=path, zarr_format=form)  # type: ignore[arg-type]


def told_truly(tree: Path, form: int) -> set[str]:
    """Return the members that zarr-python finds in the record, which must be all that there are."""
    dzarr.open_group(tree, consolidated="verify")
    found = {
        use: {name for name, _ in zarr.open_group(tree, mode="r", zarr_format=form, use_consolidated=use).members(None)}  # type: ignore[arg-type]
        for use in (True, False)
    }
    assert found[True] == found[False]
    return found[True]


def test_a_member_in_a_group_that_the_record_lacks(tree: Path, form: int) -> None:
    behind(tree, form, "new/a")
    behind(tree, form, "other/deep", "group")
    g = dzarr.open_group(tree, "r+")
    assert g["new/a"].shape == (3,)
    g.create_array("other/deep/b", **SMALL)
    assert {"new", "new/a", "other", "other/deep", "other/deep/b"} <= told_truly(tree, form)


def test_an_array_in_the_place_of_a_group_has_nothing_below_it(tree: Path, form: int) -> None:
    shutil.rmtree(tree / "s")
    behind(tree, form, "s")
    assert dzarr.open_group(tree, "r+")["s"].shape == (3,)
    assert told_truly(tree, form) == {"a", "s"}


def test_a_change_reaches_the_records_inside_records(tmp_path: Path) -> None:
    g = dzarr.create_group(tmp_path)
    for name in ("s/a", "s/b"):
        g.create_array(name, **SMALL)
    documents = {name: json.loads((tmp_path / name / "zarr.json").read_text()) for name in ("s", "s/a", "s/b")}
    inner = {"kind": "inline", "metadata": {name: documents[f"s/{name}"] for name in ("a", "b")}}
    outer = {"kind": "inline", "metadata": {"s": documents["s"] | {"consolidated_metadata": inner}}}
    root = json.loads((tmp_path / "zarr.json").read_text())
    (tmp_path / "zarr.json").write_text(json.dumps(root | {"consolidated_metadata": outer}))
    del dzarr.open_group(tmp_path, "r+")["s/a"]
    assert list(dzarr.open_group(tmp_path, consolidated="verify")["s"]) == ["b"]


@pytest.mark.parametrize("consolidated", [None, True, "verify"])
def test_a_group_below_the_record_travels_and_is_refreshed(tree: Path, form: int, consolidated: Any) -> None:
    inner = dzarr.open_group(tree, consolidated=consolidated)["s"]
    shutil.rmtree(tree / "s/empty")
    dzarr.consolidate(tree)
    assert list(pickle.loads(pickle.dumps(inner))) == ["b", "deep"]
    assert list(inner.with_options(threads=1).refresh()) == ["b", "deep"]
    assert list(inner) == ["b", "deep", "empty"]
    assert list(inner.refresh()) == ["b", "deep"]
    (tree / "s/zarr.json" if form == 3 else tree / "s/.zgroup").unlink()
    shutil.rmtree(tree / "s")
    dzarr.consolidate(tree)
    with pytest.raises(NodeNotFoundError, match=r"gone.*'s'"):
        inner.refresh()


def test_empty_attributes_are_as_good_as_none(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    dzarr.create_group(store, zarr_format=2).create_array("a", **SMALL)
    zarr.consolidate_metadata(tmp_path, zarr_format=2)
    assert json.loads((tmp_path / ".zmetadata").read_text())["metadata"]["a/.zattrs"] == {}
    dzarr.open_group(tmp_path, consolidated="verify")
    dzarr.consolidate(tmp_path)
    (tmp_path / "a/.zattrs").write_text("{}")
    dzarr.open_group(tmp_path, consolidated="verify")


def bare_groups(folder: Path) -> None:
    """Two groups of v2 without documents, one in the other, with an array; in a record."""
    dzarr.create_group(folder, zarr_format=2).create_array("g/h/a", **SMALL)
    for name in ("g", "g/h"):
        (folder / name / ".zgroup").unlink()
    dzarr.consolidate(folder)


def test_the_entry_of_a_group_without_a_document_follows(tmp_path: Path) -> None:
    bare_groups(tmp_path)
    (tmp_path / "g/.zattrs").write_text('{"k": 1}')
    assert dict(dzarr.open_group(tmp_path, "r+")["g"].attrs) == {"k": 1}
    assert list(dzarr.open_group(tmp_path, consolidated="verify")["g/h"]) == ["a"]
    others = zarr.open_consolidated(tmp_path, zarr_format=2)
    assert {name for name, _ in others.members(None)} == {"g", "g/h", "g/h/a"}


def test_groups_without_documents_go_with_the_last_that_they_hold(tmp_path: Path) -> None:
    bare_groups(tmp_path)
    del dzarr.open_group(tmp_path, "r+")["g/h/a"]
    assert list(dzarr.open_group(tmp_path, consolidated="verify")) == []


def test_a_broken_record_leaves_nothing_half_done(tmp_path: Path, form: int) -> None:
    g = dzarr.create_group(tmp_path, zarr_format=form)
    for name in ("s/a", "t/b"):
        g.create_array(name, **SMALL)[:] = 1
    (tmp_path / ".zmetadata").write_text("{")
    with pytest.raises(MetadataError, match=r"\.zmetadata"):
        del g["s"]
    assert not (tmp_path / "s").exists()
    with pytest.raises(MetadataError, match=r"\.zmetadata"):
        g.move("t", "u")
    assert not (tmp_path / "t").exists()
    assert dzarr.open_group(tmp_path, consolidated=False)["u/b"].read().tolist() == [1] * 4
