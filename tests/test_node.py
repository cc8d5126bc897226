"""Nodes: found whole or not at all, made by exactly one of many, changed by many without losing a change, removed
documents first, moved without a moment in which nothing is there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.changes import create_node, delete_node, move_node, update_attributes
from dzarr.errors import DzarrError, MetadataError, NodeExistsError, NodeNotFoundError, NodeTypeError, StoreError
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.define import define_array
from dzarr.format.metadata import ArrayMetadata, GroupMetadata
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store
from dzarr.node import Node, children, document_key, documents_of, find_node, join, read_node

REPOSITORY = Path(dzarr.__file__).parents[1]
FORMATS = pytest.mark.parametrize("form", [2, 3], ids=["v2", "v3"])


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def array(form: int = 3, **create: Any) -> ArrayMetadata:
    create = {"shape": (8,), "dtype": "i4", "chunks": (4,)} | create
    return define_array(zarr_format=form, context=CodecContext(), **create)


def group(form: Any = 3, **attributes: Any) -> GroupMetadata:
    return GroupMetadata(form, attributes)


def keys(store: Store) -> list[str]:
    return sorted(store.list(""))


def together(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Call ``act(k)`` in `count` threads at once; return the answers, or the errors in their place."""
    ready = threading.Barrier(count)
    answers: list[Any] = [None] * count

    def run(k: int) -> None:
        ready.wait()
        try:
            answers[k] = act(k)
        except Exception as error:  # noqa: BLE001
            answers[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def run_processes(count: int, text: str, *words: object) -> list[str]:
    """Run `count` processes at once (each gets its number as the last word); return what they printed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", text, *map(str, words), str(k)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        for k in range(count)
    ]
    try:
        printed = [process.communicate(timeout=120)[0].strip() for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0] * count
    return printed


# Found and made


@FORMATS
@pytest.mark.parametrize("path", ["", "a", "a/b/c"])
def test_what_is_made_is_found(store: Store, form: int, path: str) -> None:
    for metadata in (array(form, attributes={"x": 1}), group(form, x=1), array(form), group(form)):
        made = create_node(store, path, metadata, overwrite=True)
        found = read_node(store, path)
        assert found.metadata == made.metadata
        assert found.version == made.version
        assert find_node(store, path, form) is not None
        assert find_node(store, path, 5 - form) is None
        assert store.head(document_key(found)) is not None
        for name in documents_of(metadata):
            assert store.head(f"{path}/{name}" if path else name) is not None
    for parent in ("a", "a/b", "")[: path.count("/") + 1 if path else 0]:
        assert isinstance(read_node(store, parent).metadata, GroupMetadata)


def test_what_is_not_there_says_what_is(store: Store) -> None:
    store.set("some/data.bin", [b"x"])
    with pytest.raises(NodeNotFoundError, match=r"some/zarr\.json.*data\.bin") as caught:
        read_node(store, "some")
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, FileNotFoundError)
    with pytest.raises(NodeNotFoundError, match="nothing"):
        read_node(store, "other")
    with pytest.raises(MetadataError, match="format"):
        find_node(store, "some", 4)
    assert find_node(store, "some") is None


def test_both_formats_side_by_side(store: Store) -> None:
    zarray = documents_of(array(2, shape=(5,), chunks=(5,), attributes={"form": 2}))
    create_node(store, "a", array(3, shape=(3,), attributes={"form": 3}))
    for name, document in zarray.items():
        store.set(f"a/{name}", [json.dumps(document).encode()])
    assert read_node(store, "a").metadata.attributes == {"form": 3}
    assert read_node(store, "a", 3).metadata.attributes == {"form": 3}
    assert read_node(store, "a", 2).metadata.attributes == {"form": 2}
    # Each handle changes its own.
    for form in (2, 3):
        a = dzarr.open_array(store, "r+", path="a", zarr_format=form)
        assert a.shape == ({2: 5, 3: 3}[form],)
        a.attrs["changed"] = form
        assert a.refresh().attrs == {"form": form, "changed": form}
    assert read_node(store, "a", 2).metadata.attributes == {"form": 2, "changed": 2}
    # Deleted together: what remained would show up in its place.
    delete_node(store, "a")
    assert [key for key in keys(store) if key.startswith("a/")] == []


@FORMATS
def test_an_old_node_is_kept_unless_overwritten(store: Store, form: int) -> None:
    create_node(store, "a", array(form))
    store.set("a/0" if form == 2 else "a/c/0", [b"x"])
    before = keys(store)
    for metadata in (array(2), array(3), group(2), group(3)):
        with pytest.raises(NodeExistsError, match=r"an array already.*'a'.*overwrite"):
            create_node(store, "a", metadata)
    assert keys(store) == before
    with pytest.raises(NodeTypeError, match=r"no members.*'a'"):
        create_node(store, "a/b", array(form))
    create_node(store, "a", group(3), overwrite=True)
    assert [key for key in keys(store) if key.startswith("a/")] == ["a/zarr.json"]


def test_what_cannot_be_read_can_be_replaced_but_only_on_demand(store: Store) -> None:
    store.set("a/zarr.json", [b"{"])
    store.set("a/c/0", [b"x"])
    with pytest.raises(MetadataError, match=r"a/zarr\.json"):
        create_node(store, "a", array())
    create_node(store, "a", array(), overwrite=True)
    assert "a/c/0" not in keys(store)


@pytest.mark.parametrize("name", ["zarr.json", ".zarray", ".zattrs", "a/.zmetadata", ".dzarr", "a/.dz-1"])
def test_reserved_names(name: str) -> None:
    with pytest.raises(NodeTypeError, match="reserved"):
        join("g", name)


@pytest.mark.parametrize("name", ["__x", "a/__b", "__x/y", "...", "a/....", "__zarr"])
def test_names_that_may_be_read_and_not_made(store: Store, name: str) -> None:
    assert join("g", name) == f"g/{name}"
    for act in (
        lambda: create_node(store, name, group()),
        lambda: dzarr.create(store, path=name, shape=3, dtype="u1"),
        lambda: dzarr.store(np.zeros(3), store, path=name),
    ):
        with pytest.raises(NodeTypeError, match="reserved"):
            act()
    assert keys(store) == []
    store.set(f"{name}/.zgroup", [b'{"zarr_format": 2}'])
    assert isinstance(dzarr.open(store, path=name), dzarr.Group)


@pytest.mark.parametrize("name", ["..", "a/../b", ".", "a//b", "a\0b", "a\\b"])
def test_names_that_lead_elsewhere(name: str) -> None:
    with pytest.raises(StoreError):
        join("g", name)


# Races to make one


@FORMATS
def test_of_eight_threads_one_makes_it(store: Store, form: int) -> None:
    for k in range(5):
        answers = together(8, lambda i, k=k: create_node(store, f"g/{k}", array(form, attributes={"by": i})))
        made = [answer for answer in answers if isinstance(answer, Node)]
        assert len(made) == 1
        assert sum(isinstance(answer, NodeExistsError) for answer in answers) == 7
        assert read_node(store, f"g/{k}").metadata.attributes == made[0].metadata.attributes
    assert isinstance(read_node(store, "g").metadata, GroupMetadata)


CREATOR = """
import sys, dzarr
won = 0
for k in range(10):
    try:
        dzarr.create(sys.argv[1], path=f"g/{k}", shape=4, dtype="u1", attributes={"by": int(sys.argv[3])},
                     zarr_format=int(sys.argv[2]))
        won += 1
    except dzarr.NodeExistsError:
        pass
print(won)
"""


@FORMATS
def test_of_four_processes_one_makes_it(tmp_path: Path, form: int) -> None:
    won = run_processes(4, CREATOR, tmp_path, form)
    assert sum(map(int, won)) == 10
    g = dzarr.open_group(tmp_path, path="g")
    assert len(g) == 10
    counts = [sum(a.attrs["by"] == k for _, a in g.arrays()) for k in range(4)]
    assert counts == list(map(int, won))


def test_parents_are_made_by_all_and_by_none_twice(store: Store) -> None:
    answers = together(8, lambda k: create_node(store, f"a/b/c/{k}", array()))
    assert all(isinstance(answer, Node) for answer in answers)
    assert sorted(name for name, _ in children(store, "a/b/c")) == list("01234567")


# Attributes


@FORMATS
def test_attributes_changed_by_four_threads_lose_nothing(store: Store, form: int) -> None:
    for path, metadata in (("g", group(form, n=0)), ("g/a", array(form, attributes={"n": 0}))):
        node = create_node(store, path, metadata)

        def add(k: int, node: Node = node) -> None:
            for step in range(12):
                update_attributes(node, lambda old: old | {"n": old["n"] + 1, f"{k}-{step}": step})  # noqa: B023

        assert together(4, add) == [None] * 4
        attributes = dict(read_node(store, path).metadata.attributes)
        assert attributes.pop("n") == 48
        assert len(attributes) == 48


CHANGER = """
import sys, dzarr
for path in ("g", "g/a"):
    node = dzarr.open(sys.argv[1], "r+", path=path, zarr_format=int(sys.argv[2]))
    for step in range(10):
        node.attrs[f"{sys.argv[3]}-{step}"] = step
"""


@FORMATS
def test_attributes_changed_by_three_processes_lose_nothing(tmp_path: Path, form: int) -> None:
    dzarr.create(tmp_path, path="g/a", shape=4, dtype="u1", zarr_format=form)
    run_processes(3, CHANGER, tmp_path, form)
    for path in ("g", "g/a"):
        assert len(dzarr.open(tmp_path, path=path).attrs) == 30


@FORMATS
def test_attributes_keep_what_dzarr_does_not_know(store: Store, form: int) -> None:
    node = create_node(store, "a", array(form))
    name = "a/zarr.json" if form == 3 else "a/.zarray"
    answer = store.get(name)
    assert answer is not None
    document = json.loads(bytes(answer[0])) | {"tool": {"must_understand": False, "state": [1, 2]}}
    store.set(name, [json.dumps(document).encode()])
    update_attributes(node, lambda old: {"x": 1})
    answer = store.get(name)
    assert answer is not None
    assert json.loads(bytes(answer[0]))["tool"]["state"] == [1, 2]


@FORMATS
def test_attributes_of_a_node_that_is_gone(store: Store, form: int) -> None:
    for path, metadata in (("g", group(form)), ("a", array(form))):
        node = create_node(store, path, metadata)
        delete_node(store, path)
        with pytest.raises(NodeNotFoundError, match="gone"):
            update_attributes(node, lambda old: old | {"x": 1})
        assert [key for key in keys(store) if key.startswith(f"{path}/")] == []


def test_a_change_that_fails_changes_nothing(store: Store) -> None:
    node = create_node(store, "a", array(attributes={"x": 1}))
    with pytest.raises(MetadataError, match=r"attributes\.y.*a/zarr\.json"):
        update_attributes(node, lambda old: old | {"y": float("nan")})
    store.set("a/zarr.json", [b'{"zarr_format": 3, "attributes": [1]}'])
    with pytest.raises(MetadataError, match=r"attributes.*a/zarr\.json"):
        update_attributes(node, lambda old: old | {"y": 1})
    store.set("a/zarr.json", [b"{"])
    with pytest.raises(MetadataError, match=r"a/zarr\.json"):
        update_attributes(node, lambda old: old | {"y": 1})


def test_v2_attributes_may_hold_nan(store: Store) -> None:
    node = create_node(store, "a", array(2))
    update_attributes(node, lambda old: {"missing_value": float("nan")})
    assert np.isnan(read_node(store, "a").metadata.attributes["missing_value"])


# Listed, removed, moved


def test_children_hide_nothing_behind_a_broken_one(store: Store) -> None:
    create_node(store, "g", group())
    create_node(store, "g/a", array())
    create_node(store, "g/z", group(2))
    store.set("g/m/zarr.json", [b"{"])
    store.set("g/v/.zarray", [b"[]"])
    store.set("g/data.bin", [b"x"])
    store.set("g/folder/data.bin", [b"x"])
    create_node(store, "g/.hidden", array())
    found = dict(children(store, "g"))
    assert list(found) == [".hidden", "a", "m", "v", "z"]
    assert isinstance(found["a"], Node)
    assert isinstance(found["m"], MetadataError)
    assert "g/m/zarr.json" in str(found["m"])
    assert isinstance(found["v"], MetadataError)


@FORMATS
def test_delete_removes_documents_first(store: Store, form: int, monkeypatch: pytest.MonkeyPatch) -> None:
    create_node(store, "g", group(form))
    create_node(store, "g/s/a", array(form, attributes={"x": 1}))
    store.set("g/s/a/0", [b"x"])
    # It dies in the middle: nobody opens what is half gone.
    monkeypatch.setattr(type(store), "delete_dir", lambda self, prefix: (_ for _ in ()).throw(StoreError("dead")))
    with pytest.raises(StoreError, match="dead"):
        delete_node(store, "g/s")
    assert find_node(store, "g/s") is None
    assert dict(children(store, "g")) == {}
    monkeypatch.undo()
    delete_node(store, "g/s")
    assert [key for key in keys(store) if key.startswith("g/s")] == []


@FORMATS
def test_move_takes_all_below_along(store: Store, form: int) -> None:
    create_node(store, "old", group(form, title="t"))
    create_node(store, "old/s", group(form))
    a = dzarr.create(store, path="old/s/a", shape=8, dtype="i4", chunks=4, zarr_format=form, attributes={"x": 1})
    a.write(..., range(8))
    before = {key[4:]: bytes(store.get(key)[0]) for key in keys(store) if key.startswith("old/")}  # type: ignore[index]
    move_node(store, "old", "new/place")
    after = {key[10:]: bytes(store.get(key)[0]) for key in keys(store) if key.startswith("new/place/")}  # type: ignore[index]
    assert after == before
    assert not [key for key in keys(store) if key.startswith("old")]
    moved = dzarr.open_array(store, path="new/place/s/a")
    assert moved.read().tolist() == list(range(8))
    assert isinstance(read_node(store, "new").metadata, GroupMetadata)


def test_moves_that_cannot_be(store: Store) -> None:
    create_node(store, "a", array())
    create_node(store, "g", group())
    create_node(store, "g/s", group())
    before = keys(store)
    for source, target, error in [
        ("nothing", "b", NodeNotFoundError),
        ("a", "g", NodeExistsError),
        ("a", "a", NodeExistsError),
        ("g", "g/s/t", NodeExistsError),
        ("g", "a/b", NodeTypeError),
    ]:
        with pytest.raises(error):
            move_node(store, source, target)
    assert keys(store) == before
    move_node(store, "g", "gg")  # a name that begins the same is no place within
    assert find_node(store, "gg/s") is not None


def test_two_that_move_to_one_place(store: Store) -> None:
    for k in range(4):
        create_node(store, f"m{k}", group(n=k))
    answers = together(4, lambda k: move_node(store, f"m{k}", "there"))
    assert answers.count(None) == 1
    assert all(answer is None or isinstance(answer, DzarrError) for answer in answers)
    assert read_node(store, "there").metadata.attributes == {"n": answers.index(None)}
    left = [k for k in range(4) if find_node(store, f"m{k}") is not None]
    assert left == [k for k in range(4) if answers[k] is not None]
