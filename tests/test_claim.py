"""The first and the last task of a new array: one writer at a time, documents last, and every task twice.

The tasks are called by hand, in the orders that only a cluster with dying and waking workers brings about.
"""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest

import dzarr
from dzarr.claim import Begin, Commit, Place
from dzarr.creation import array_metadata
from dzarr.errors import ConflictError, NodeExistsError
from dzarr.format.canonical import canonical
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.node import find_node
from dzarr.storing import store as store_array


@pytest.fixture(params=["memory", "local"])
def opened(request: Any, tmp_path: Path) -> Any:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def place_of(store: Any, path: str = "a", run: str = "one", overwrite: bool = False, **keywords: Any) -> Place:
    keywords = {"shape": (8,), "dtype": "i4", "chunks": (4,)} | keywords
    metadata = array_metadata(dzarr.Options(), **keywords)
    attributes = json.dumps([dict(metadata.attributes), {}])
    return Place(store, path, canonical(metadata), attributes, True, overwrite, run)


def keys(store: Any) -> set[str]:
    return set(store.list(""))


def state(store: Any, key: str = "a/.dzarr/claim") -> Any:
    found = store.get(key)
    return None if found is None else json.loads(bytes(found[0]))["state"]


def test_a_claim_goes_from_writing_to_published_to_nothing(opened: Any) -> None:
    place = place_of(opened)
    Begin(place)()
    assert state(opened) == "writing"
    assert find_node(opened, "a") is None
    assert Commit(place)("receipt") == "receipt"
    assert find_node(opened, "a") is not None
    assert state(opened) == "published"
    place.release()
    assert state(opened) is None


def test_a_second_writer_is_told_who_is_writing(opened: Any) -> None:
    Begin(place_of(opened))()
    with pytest.raises(dzarr.NodeExistsError, match=r"somebody is writing.*process \d+ on .* at 20.*overwrite=True"):
        Begin(place_of(opened, run="two"))()
    assert state(opened) == "writing"
    Commit(place_of(opened))("still the first one's")


def test_an_array_that_is_there_is_not_replaced(opened: Any) -> None:
    dzarr.create(opened, path="a", shape=(3,), dtype="u1")
    with pytest.raises(dzarr.NodeExistsError, match="there is an array already"):
        Begin(place_of(opened))()
    assert state(opened) is None


def test_an_array_made_while_the_claim_was_taken_is_not_replaced() -> None:
    class Racing(MemoryStore):
        def set_if(self, key: str, parts: Any, version: Any) -> Any:
            if key.endswith("claim") and version is None:
                dzarr.create(other, path="a", shape=(3,), dtype="u1")
            return super().set_if(key, parts, version)

    opened, other = Racing("claim-race"), MemoryStore("claim-race")
    with pytest.raises(dzarr.NodeExistsError, match="there is an array already"):
        Begin(place_of(opened))()
    assert state(other) is None
    assert dzarr.open(other, path="a").shape == (3,)


def test_of_two_that_begin_at_the_same_time_one_is_refused() -> None:
    class Racing(MemoryStore):
        def set_if(self, key: str, parts: Any, version: Any) -> Any:
            if key.endswith("claim") and version is None:
                Begin(place_of(MemoryStore("begin-race"), run="two"))()
            return super().set_if(key, parts, version)

    with pytest.raises(dzarr.NodeExistsError, match="somebody is writing"):
        Begin(place_of(Racing("begin-race")))()
    Commit(place_of(MemoryStore("begin-race"), run="two"))(None)


def test_the_first_task_run_again_clears_nothing_away(opened: Any) -> None:
    place = place_of(opened, overwrite=True)
    dzarr.create(opened, path="a", shape=(3,), dtype="u1", chunks=1)[...] = 7
    Begin(place)()
    opened.set("a/c/0", [b"finished work"])
    fence = Begin(place)()
    assert fence is not None
    fence()
    assert keys(opened) - {"zarr.json"} == {"a/c/0"}


def test_the_first_task_run_again_after_the_last_clears_nothing_away(opened: Any) -> None:
    place = place_of(opened, overwrite=True)
    first = Begin(place)()
    assert first is not None
    opened.set("a/c/0", [b"finished work"])
    Commit(place)(None)
    again = Begin(place)()
    assert again is not None
    again()
    first()  # what began before the document was published is still this run's
    assert {"a/c/0", "a/zarr.json"} <= keys(opened)
    Commit(place)(None)
    assert state(opened) == "published"


def test_a_first_task_that_died_while_clearing_is_finished_by_its_twin(opened: Any) -> None:
    dzarr.create(opened, path="a", shape=(3,), dtype="u1", chunks=1)[...] = 7
    place = place_of(opened, overwrite=True)
    place.put("clearing", None)
    Begin(place)()
    assert state(opened) == "writing"
    assert not [key for key in keys(opened) if key.startswith("a/")]


def test_a_first_task_that_wakes_late_clears_nothing_away() -> None:
    # It was given up while it was about to clear; its twin cleared, and blocks have been written since.
    class Asleep(MemoryStore):
        slept = False

        def delete(self, key: str, version: Any = None) -> None:
            if not self.slept:
                self.slept = True
                Begin(replace(place, store=other))()
                other.set("a/c/0", [b"new"])
            super().delete(key, version)

        def list(self, prefix: str) -> Any:
            return super().list(prefix) if self.slept else iter(())

    other = MemoryStore("late-clearing")
    dzarr.create(other, path="a", shape=(3,), dtype="u1", chunks=1)[...] = 7
    place = place_of(Asleep("late-clearing"), overwrite=True)
    fence = Begin(place)()
    assert bytes(other.get("a/c/0")[0]) == b"new"  # type: ignore[index]
    assert fence is not None
    fence()


def test_overwrite_takes_the_place_from_a_dead_writer_and_removes_what_it_left(opened: Any) -> None:
    dead = place_of(opened, run="dead", shape=(40,))
    fence = Begin(dead)()
    assert fence is not None
    for k in range(10):
        opened.set(f"a/c/{k}", [b"left"])
    opened.set("a/notes.txt", [b"not ours"])
    place = place_of(opened, overwrite=True)
    Begin(place)()
    assert keys(opened) - {"zarr.json"} == {"a/notes.txt"}
    with pytest.raises(dzarr.ConflictError, match="no longer has the claim"):
        fence()  # a task of the dead writer that was not dead
    with pytest.raises(dzarr.ConflictError, match="no longer has the claim"):
        Commit(dead)(None)
    Commit(place)(None)
    place.release()
    with pytest.raises(dzarr.ConflictError, match="no claim"):
        fence()


def test_the_place_of_a_run_that_failed_is_free(opened: Any) -> None:
    failed = place_of(opened, run="failed", shape=(40,))
    fence = Begin(failed)()
    opened.set("a/c/9", [b"left"])
    failed.abandon()
    with pytest.raises(dzarr.ConflictError):
        fence()  # type: ignore[misc]
    Begin(place_of(opened))()
    assert "a/c/9" not in keys(opened)


def test_a_published_array_is_not_abandoned(opened: Any) -> None:
    place = place_of(opened)
    Begin(place)()
    Commit(place)(None)
    place.abandon()
    assert state(opened) is None
    assert find_node(opened, "a") is not None


def test_a_foreign_claim_is_neither_released_nor_abandoned(opened: Any) -> None:
    Begin(place_of(opened))()
    place_of(opened, run="two").release()
    place_of(opened, run="two").abandon()
    assert state(opened) == "writing"


@pytest.mark.parametrize("garbage", [b"", b"{", b"[1]", b'"x"', b"{}", b'{"document": 3}', b"\xff"])
def test_a_claim_that_makes_no_sense_is_a_claim(opened: Any, garbage: bytes) -> None:
    opened.set("a/.dzarr/claim", [garbage])
    with pytest.raises(dzarr.NodeExistsError, match="somebody is writing"):
        Begin(place_of(opened))()
    Begin(place_of(opened, overwrite=True))()
    assert state(opened) == "writing"


def test_what_can_not_be_read_can_be_replaced(opened: Any) -> None:
    opened.set("a/zarr.json", [b"{"])
    with pytest.raises(dzarr.MetadataError):
        Begin(place_of(opened))()
    Begin(place_of(opened, overwrite=True))()
    Commit(place_of(opened, overwrite=True))(None)
    assert dzarr.open(opened, path="a").shape == (8,)


def test_nothing_is_made_inside_an_array(opened: Any) -> None:
    dzarr.create(opened, path="a", shape=(3,), dtype="u1")
    for overwrite in (False, True):
        with pytest.raises(dzarr.NodeTypeError, match="an array holds no members"):
            Begin(place_of(opened, path="a/b", overwrite=overwrite))()
    assert state(opened, "a/b/.dzarr/claim") is None


def test_attributes_come_with_the_document_and_not_after_it(opened: Any) -> None:
    seen: list[set[str]] = []

    class Watched:
        def __init__(self, store: Any) -> None:
            self._store = store

        def __getattr__(self, name: str) -> Any:
            return getattr(self._store, name)

        def set_if(self, key: str, parts: Any, version: Any) -> Any:
            if key.endswith(".zarray"):
                seen.append(keys(self._store))
            return self._store.set_if(key, parts, version)

    place = place_of(Watched(opened), zarr_format=2, attributes={"unit": "m"})
    Begin(place)()
    Commit(place)(None)
    assert [key for key in seen[0] if key.startswith("a/")] == ["a/.zattrs"]
    assert dict(dzarr.open(opened, path="a").attrs) == {"unit": "m"}


def test_the_last_task_twice_at_once_is_no_conflict() -> None:
    class Racing(MemoryStore):
        raced = False

        def set_if(self, key: str, parts: Any, version: Any) -> Any:
            if key.endswith("zarr.json") and not self.raced:
                self.raced = True
                Commit(replace(place, store=MemoryStore("commit-race")))(None)
            return super().set_if(key, parts, version)

    place = place_of(Racing("commit-race"))
    Begin(place)()
    Commit(place)(None)
    assert dzarr.open(MemoryStore("commit-race"), path="a").shape == (8,)


def test_another_array_published_meanwhile_wins(opened: Any) -> None:
    place = place_of(opened)
    Begin(place)()
    dzarr.create(opened, path="a", shape=(3,), dtype="u1")
    with pytest.raises(dzarr.NodeExistsError):
        Commit(place)(None)
    assert dzarr.open(opened, path="a").shape == (3,)


def test_an_existing_array_must_still_be_the_one_that_was_planned_for(opened: Any) -> None:
    target = dzarr.create(opened, path="a", shape=(8,), dtype="i4", chunks=4)
    deferred = store_array(np.arange(8, dtype="i4"), target, compute=False)
    dzarr.create(opened, path="a", shape=(9,), dtype="i4", chunks=4, overwrite=True)
    with pytest.raises(dzarr.ConflictError, match=r"has changed since.*shape \(9,\)"):
        deferred.compute()
    assert not [key for key in keys(opened) if "/c/" in key]
    dzarr.create(opened, path="a", shape=(8,), dtype="i4", chunks=4, overwrite=True, attributes={"new": 1})
    deferred.compute()  # attributes change nothing that is written


def test_what_rides_in_the_graph_is_small(tmp_path: Path) -> None:
    place = place_of(LocalStore(tmp_path), shape=(10**6,) * 3, chunks=(100,) * 3, shards=(1000,) * 3)
    fence = Begin(place)()
    assert len(pickle.dumps(Begin(place))) < 4000
    assert len(pickle.dumps(fence)) < 1000


def late_begin(path: Path, **keywords: Any) -> tuple[Any, Begin]:
    """A planned store, and its first task as a worker holds it that will wake late."""
    planned = dzarr.store(da.arange(4, chunks=2, dtype="i4"), path, compute=False, **keywords)
    return planned, pickle.loads(pickle.dumps(Begin(planned._client.places[0])))


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_first_task_that_wakes_after_its_run_clears_nothing(tmp_path: Path, overwrite: bool) -> None:
    if overwrite:
        dzarr.create(tmp_path / "a", shape=(4,), dtype="i4", chunks=(2,))[...] = 7
    planned, begin = late_begin(tmp_path / "a", overwrite=overwrite)
    planned.compute(scheduler="sync")
    with pytest.raises((NodeExistsError, ConflictError)):
        begin()
    assert dzarr.open_array(tmp_path / "a").read().tolist() == [0, 1, 2, 3]


def test_a_first_task_that_wakes_after_its_run_failed_takes_nothing(tmp_path: Path) -> None:
    planned, begin = late_begin(tmp_path / "a")
    begin()
    planned._client.fail()
    with pytest.raises(ConflictError):
        begin()
    result = dzarr.store(np.arange(4, dtype="i4"), tmp_path / "a")
    assert result.array.read().tolist() == [0, 1, 2, 3]


def test_a_plan_that_failed_may_be_computed_again(tmp_path: Path) -> None:
    planned, begin = late_begin(tmp_path / "a")
    begin()
    planned._client.fail()
    assert planned.compute(scheduler="sync").array.read().tolist() == [0, 1, 2, 3]


def test_what_is_replaced_is_what_was_planned_to_be(tmp_path: Path) -> None:
    dzarr.create(tmp_path / "a", shape=(4,), dtype="i4", chunks=(2,))[...] = 7
    planned, _ = late_begin(tmp_path / "a", overwrite=True)
    other = dzarr.create(tmp_path / "a", shape=(3,), dtype="u1", overwrite=True)
    other[...] = 9
    with pytest.raises(ConflictError, match="changed since"):
        planned.compute(scheduler="sync")
    assert dzarr.open_array(tmp_path / "a").read().tolist() == [9, 9, 9]
