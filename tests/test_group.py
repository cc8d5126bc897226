"""Groups as mappings: members made, required, listed, moved and removed, also while others do the same, and beside
members that can't be read.
"""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import (
    DTypeError,
    DzarrError,
    GridError,
    MetadataError,
    NodeExistsError,
    NodeNotFoundError,
    NodeTypeError,
    ReadOnlyError,
    StoreError,
)
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


@pytest.fixture(params=[2, 3], ids=["v2", "v3"])
def g(store: Store, request: pytest.FixtureRequest) -> dzarr.Group:
    return dzarr.create_group(store, zarr_format=request.param, attributes={"title": "t"})


SMALL: dict[str, Any] = {"shape": (4,), "dtype": "i4", "chunks": (2,)}


def test_it_is_a_mapping(g: dzarr.Group) -> None:
    a = g.create_array("a", **SMALL)
    g.create_group("s/t")
    a.write(..., 5)
    assert list(g) == sorted(g.keys()) == ["a", "s"]
    assert len(g) == 2
    assert "a" in g
    assert "s/t" in g
    assert "b" not in g
    assert 5 not in g
    assert ".." not in g
    assert g["a"].read().tolist() == [5] * 4
    assert g["s"]["t"].path == g["s/t"].path == "s/t"
    assert g.get("b") is None
    assert {name: type(member) for name, member in g.items()} == {"a": dzarr.Array, "s": dzarr.Group}
    assert [name for name, _ in g.arrays()] == ["a"]
    assert [name for name, _ in g.groups()] == ["s"]
    assert g["a"].zarr_format == g["s/t"].zarr_format == g.zarr_format
    with pytest.raises(KeyError, match=r"no member 'b' in group '/'"):
        g["b"]
    with pytest.raises(NodeNotFoundError, match="'s/x'"):
        g["s/x"]
    with pytest.raises(NodeTypeError):
        g[5]  # type: ignore[index]


def test_it_travels_and_compares(tmp_path: Path) -> None:
    g = dzarr.create_group(tmp_path, attributes={"x": 1})
    again = pickle.loads(pickle.dumps(g))
    assert again == g
    assert hash(again) == hash(g)
    assert again.attrs["x"] == 1
    assert again.create_array("a", **SMALL).shape == (4,)
    assert g != g.create_group("s")
    assert "1 array" in repr(g)


def test_members_in_a_folder_that_is_no_group_are_not_listed(store: Store, g: dzarr.Group) -> None:
    g.create_group("s")
    store.set("notes/readme.txt", [b"x"])
    store.set("data.bin", [b"x"])
    assert list(g) == ["s"]


# Broken members


@pytest.fixture
def broken(store: Store) -> dzarr.Group:
    g = dzarr.create_group(store)
    g.create_array("a", **SMALL)
    g.create_group("s")
    store.set("bad/zarr.json", [b"{"])
    store.set("worse/zarr.json", [b'{"zarr_format": 3, "node_type": "array", "shape": "x"}'])
    return g


def test_a_broken_member_hides_none_of_the_others(broken: dzarr.Group) -> None:
    g = broken
    assert list(g) == ["a", "bad", "s", "worse"]
    assert "bad" in g
    assert [name for name, _ in g.arrays()] == ["a"]
    assert [name for name, _ in g.groups()] == ["s"]
    for name in ("bad", "worse"):
        with pytest.raises(MetadataError, match=rf"{name}/zarr\.json"):
            g[name]
    shown = repr(g.tree())
    assert "bad (unreadable: the document is not JSON)" in shown
    assert "worse (unreadable" in shown
    assert "1 array" in repr(g)
    assert "a" in g._repr_html_()


def test_a_broken_member_is_neither_required_nor_made_again(broken: dzarr.Group) -> None:
    g = broken
    for act in (
        lambda: g.require_group("bad"),
        lambda: g.require_array("bad", **SMALL),
        lambda: g.create_group("bad"),
        lambda: g.create_array("bad/below", **SMALL),
        lambda: g.move("bad", "good"),
        lambda: g.create_hierarchy({"new": None, "bad": None}),
    ):
        with pytest.raises(MetadataError, match=r"bad/zarr\.json"):
            act()
    assert "new" not in g


def test_a_broken_member_can_be_removed_and_replaced(broken: dzarr.Group) -> None:
    del broken["bad"]
    assert list(broken) == ["a", "s", "worse"]
    broken.create_group("worse", overwrite=True)
    assert broken["worse"].path == "worse"


def test_a_store_that_refuses_is_not_an_empty_group(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    g = dzarr.create_group(store)
    g.create_group("s")

    def refuse(self: Any, key: str) -> Any:
        raise StoreError("403 Forbidden", key=key)

    monkeypatch.setattr(MemoryStore, "get", refuse)
    for act in (lambda: "s" in g, lambda: g["s"], lambda: g.require_group("s"), lambda: g.create_group("s")):
        with pytest.raises(StoreError, match=r"403.*s/zarr\.json"):
            act()


# Making and requiring


def test_require(g: dzarr.Group) -> None:
    a = g.require_array("s/a", **SMALL)
    a.write(..., 3)
    assert g.require_array("s/a", shape=4, dtype="i4").read().tolist() == [3] * 4
    assert g.require_group("s").path == "s"
    assert g.require_group("t").path == "t"
    with pytest.raises(GridError, match=r"another shape.*'s/a'"):
        g.require_array("s/a", shape=5, dtype="i4")
    with pytest.raises(DTypeError, match=r"another dtype.*'s/a'"):
        g.require_array("s/a", shape=4, dtype="f4")
    with pytest.raises(NodeTypeError, match=r"group is in.*'t'"):
        g.require_array("t", shape=4, dtype="f4")
    with pytest.raises(NodeTypeError, match=r"array is in.*'s/a'"):
        g.require_group("s/a")


def test_eight_that_require_the_same_all_get_it(g: dzarr.Group) -> None:
    ready = threading.Barrier(8)
    got: list[Any] = []

    def require(k: int) -> None:
        ready.wait()
        got.extend((g.require_array(f"x/a{n}", **SMALL).shape, g.require_group(f"y/{n}").path) for n in range(5))

    threads = [threading.Thread(target=require, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 40
    assert len(g["x"]) == len(g["y"]) == 5


def test_create_hierarchy(g: dzarr.Group) -> None:
    made = g.create_hierarchy(
        {"raw": None, "raw/a": SMALL, "deep/er/b": SMALL | {"attributes": {"k": 1}}, "raw/sub": None}
    )
    assert list(made) == ["raw", "raw/a", "deep/er/b", "raw/sub"]
    assert made["deep/er/b"].attrs == {"k": 1}
    assert sorted(g["raw"]) == ["a", "sub"]
    assert isinstance(g["deep/er"], dzarr.Group)


@pytest.mark.parametrize(
    ("members", "error"),
    [
        ({"new": None, "old": None}, NodeExistsError),
        ({"new": None, "old/x": SMALL}, NodeTypeError),
        ({"new": SMALL, "new/x": SMALL}, NodeTypeError),
        ({"new": None, "bad": {"shape": -1, "dtype": "i4"}}, GridError),
        ({"new": None, "bad": {"shape": 1, "dtype": "nope"}}, MetadataError),
        ({"new": None, "": None}, NodeTypeError),
        ({"new": None, "../x": None}, StoreError),
        ({"new": None, "__x": None}, NodeTypeError),
        ({"new": None, "bad": 5}, MetadataError),
        ({"new": None, 5: None}, NodeTypeError),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_hierarchy_is_checked_before_the_first_is_made(g: dzarr.Group, members: Any, error: type[DzarrError]) -> None:
    g.create_array("old", **SMALL)
    with pytest.raises(error):
        g.create_hierarchy(members)
    assert list(g) == ["old"]


def test_creation_is_exclusive(g: dzarr.Group) -> None:
    g.create_array("a", **SMALL).write(..., 7)
    for act in (lambda: g.create_array("a", **SMALL), lambda: g.create_group("a")):
        with pytest.raises(NodeExistsError, match="'a'"):
            act()
    assert g["a"].read().tolist() == [7] * 4
    assert g.create_array("a", overwrite=True, **SMALL).read().tolist() == [0] * 4
    with pytest.raises(NodeTypeError, match="'a'"):
        g.create_array("a/b/c", **SMALL)


# Removing and moving


def test_delete(store: Store, g: dzarr.Group) -> None:
    g.create_array("s/a", **SMALL).write(..., 7)
    g.create_group("s/t")
    del g["s/t"]
    del g["s"]
    assert list(g) == []
    assert not [key for key in store.list("") if key.startswith("s")]
    with pytest.raises(NodeNotFoundError, match="'s'"):
        del g["s"]
    with pytest.raises(NodeTypeError):
        del g[""]
    assert g.create_array("s/a", **SMALL).read().tolist() == [0] * 4


def test_move(g: dzarr.Group) -> None:
    g.create_array("s/a", **SMALL).write(..., 7)
    g.move("s/a", "t/u/b")
    assert list(g["s"]) == []
    assert g["t/u/b"].read().tolist() == [7] * 4
    inner = g["t"]
    inner.move("u", "v")
    assert g["t/v/b"].read().tolist() == [7] * 4
    with pytest.raises(NodeExistsError):
        g.move("s", "t")
    with pytest.raises(NodeTypeError):
        g.move("s", "")


# Attributes


def test_attributes(g: dzarr.Group) -> None:
    other = dzarr.open_group(g._node.store, "r+")
    g.attrs["a"] = np.float32(0.5)
    g.attrs.update({"b": np.arange(3)}, c=(1, 2))
    assert other.attrs == {"title": "t"}  # a snapshot
    other.attrs["d"] = None
    assert other.attrs == {"title": "t", "a": 0.5, "b": [0, 1, 2], "c": [1, 2], "d": None}
    assert g.refresh().attrs == other.attrs
    del g.attrs["a"]
    assert g.attrs.pop("b") == [0, 1, 2]
    with pytest.raises(KeyError):
        del g.attrs["nothing"]
    g.attrs.put({"only": 1})
    assert dict(other.refresh().attrs) == {"only": 1}
    g.attrs.clear()
    assert not other.refresh().attrs


def test_reading_only(store: Store, g: dzarr.Group) -> None:
    g.create_array("a", **SMALL)
    read = dzarr.open_group(store)
    assert not read.writable
    assert not read["a"].writable
    for act in (
        lambda: read.create_array("b", **SMALL),
        lambda: read.create_group("b"),
        lambda: read.create_hierarchy({"b": None}),
        lambda: read.__delitem__("a"),
        lambda: read.move("a", "b"),
        lambda: read.attrs.update(x=1),
        lambda: read.require_group("b"),
        lambda: read["a"].write(..., 1),
        lambda: read["a"].attrs.update(x=1),
    ):
        with pytest.raises(ReadOnlyError, match="reading"):
            act()
    assert read.require_array("a", shape=4, dtype="i4").shape == (4,)


def test_options_go_down(store: Store) -> None:
    dzarr.create_group(store).create_array("s/a", **SMALL)
    g = dzarr.open_group(store, options=dzarr.Options(missing="error"))
    with pytest.raises(dzarr.MissingObjectError):
        g["s"]["a"].read()
    assert g.with_options(missing="fill")["s/a"].read().tolist() == [0] * 4
