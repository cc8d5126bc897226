"""What every store promises. A new store adds one line to STORES in conftest.py."""

from __future__ import annotations

import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from dzarr.errors import ConflictError, StoreError
from dzarr.io.store import TooLarge, VersionChanged, Want


def body(store, key):
    found = store.get(key)
    return None if found is None else bytes(found[0])


def one(store, *wants):
    return [parts for _, parts in sorted(store.fetch(wants), key=lambda answer: answer[0])]


def test_set_get_head(store):
    version = store.set("a/c/0", [b"one", b"two"])
    data, found = store.get("a/c/0")
    assert bytes(data) == b"onetwo"
    assert found == version
    assert store.head("a/c/0") == (6, version)


def test_missing_is_none(store):
    store.set("a/x", [b"1"])
    for key in ("nothing", "a/nothing", "a/x/below", "a"):
        assert store.get(key) is None
        assert store.head(key) is None
        assert one(store, Want(key, ((0, 1),))) == [None]


def test_empty_objects_and_parts(store):
    store.set("a/0", [])
    store.set("a/1", [b"", b""])
    store.set("a/2", [b"", b"x", b"", np.empty((0, 3)), b"y"])
    assert [body(store, f"a/{i}") for i in range(3)] == [b"", b"", b"xy"]
    assert one(store, Want("a/0"), Want("a/1", ((0, 0), (0, None))))[1].buffers == (b"", b"")


def test_two_thousand_parts_of_all_kinds(store):
    kinds = (bytes, bytearray, memoryview, lambda b: np.frombuffer(b, np.uint8))
    pieces = [kinds[i % 4](bytes([i % 251]) * (i % 7)) for i in range(2000)]
    store.set("a/many", pieces)
    assert body(store, "a/many") == b"".join(pieces)


def test_arrays_of_any_type_are_parts(store):
    array = np.arange(60, dtype=">i4").reshape(3, 4, 5)
    store.set("a/x", [array, array[1], np.float64(1.5)])
    assert body(store, "a/x") == array.tobytes() + array[1].tobytes() + np.float64(1.5).tobytes()


def test_parts_that_are_no_buffers(store):
    for part in ("text", 3, None):
        with pytest.raises(StoreError) as caught:
            store.set("a/x", [b"good", part])
        assert caught.value.key == "a/x"
    assert body(store, "a/x") is None
    assert list(store.list("")) == []


def test_later_changes_of_a_part_do_not_show(store):
    part = bytearray(b"before")
    store.set("a/x", [part])
    part[:] = b"after!"
    assert body(store, "a/x") == b"before"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((0, 10), b"0123456789"),
        ((3, 5), b"34"),
        ((5, 5), b""),
        ((10, 10), b""),
        ((7, None), b"789"),
        ((10, None), b""),
        ((-4, None), b"6789"),
        ((-10, None), b"0123456789"),
    ],
)
def test_ranges(store, wanted, expected):
    version = store.set("a/x", [b"0123456789"])
    (parts,) = one(store, Want("a/x", (wanted,)))
    assert (bytes(parts.buffers[0]), parts.size) == (expected, 10)
    assert parts.version == (version if store.can.versions else None)


@pytest.mark.parametrize("wanted", [(0, 11), (11, None), (-11, None), (-3, 5), (5, 3), (11, 12)])
def test_ranges_that_lie_outside(store, wanted):
    store.set("a/x", [b"0123456789"])
    with pytest.raises(StoreError) as caught:
        one(store, Want("a/x", ((0, 1), wanted)))
    assert caught.value.key == "a/x"


def test_fetch_across_keys(store):
    for i in range(5):
        store.set(f"a/{i}", [bytes([i]) * 10])
    wants = [Want(f"a/{i}", ((i, i + 2), (0, 1))) for i in (4, 0, 2)]
    answers = [*one(store, *wants, Want("a/9"), Want("a/1"))]
    assert [bytes(answers[0].buffers[k]) for k in (0, 1)] == [b"\4\4", b"\4"]
    assert answers[3] is None
    assert bytes(answers[4].buffers[0]) == b"\1" * 10


def test_a_pinned_version(exact_store):
    store = exact_store
    old = store.set("a/x", [b"old"])
    assert one(store, Want("a/x", ((0, 1),), old))[0].version == old
    new = store.set("a/x", [b"old"])
    assert new != old
    with pytest.raises(VersionChanged) as caught:
        one(store, Want("a/x", ((0, 1),), old))
    assert caught.value.key == "a/x"
    store.delete("a/x")
    with pytest.raises(VersionChanged):
        one(store, Want("a/x", (), new))


def test_every_write_has_a_version_of_its_own(exact_store):
    store = exact_store
    versions = [store.set("a/x", [b"same"]) for _ in range(50)]
    store.delete("a/x")
    versions += [store.set_if("a/x", [b"same"], None)]
    versions += [store.set_if("a/x", [b"same"], versions[-1])]
    assert len(set(versions)) == len(versions)


def test_set_if(exact_store):
    store = exact_store
    first = store.set_if("a/x", [b"1"], None)
    with pytest.raises(ConflictError) as caught:
        store.set_if("a/x", [b"2"], None)
    assert caught.value.key == "a/x"
    second = store.set_if("a/x", [b"2"], first)
    for stale in (first, None, "no such version"):
        with pytest.raises(ConflictError):
            store.set_if("a/x", [b"3"], stale)
    assert body(store, "a/x") == b"2"
    assert store.head("a/x") == (1, second)
    with pytest.raises(ConflictError):
        store.set_if("a/y", [b"1"], first)
    assert list(store.list("")) == ["a/x"]


def test_delete(store):
    store.delete("a/x")
    version = store.set("a/x", [b"1"])
    with pytest.raises(ConflictError):
        store.delete("a/x", "another")
    assert body(store, "a/x") == b"1"
    store.delete("a/x", version)
    assert body(store, "a/x") is None
    with pytest.raises(ConflictError):
        store.delete("a/x", version)


def test_delete_dir(store):
    for key in ("a/c/0", "a/c/1", "a/zarr.json", "ab/c/0", "top", "a/.dzarr/runs/1"):
        store.set(key, [b"1"])
    store.delete_dir("a")
    store.delete_dir("nothing")
    assert sorted(store.list("")) == ["ab/c/0", "top"]
    assert body(store, "a/.dzarr/runs/1") is None
    store.set("a/c/0", [b"again"])
    store.delete_dir("")
    assert list(store.list("")) == []
    store.set("a/c/0", [b"once more"])
    assert body(store, "a/c/0") == b"once more"


def test_list(store):
    assert list(store.list("")) == list(store.list("a")) == list(store.list_dir("")) == []
    keys = {"zarr.json", "a/zarr.json", "a/c/0/0", "a/c/0/1", "a/c/1/0", "ab/zarr.json"}
    for key in keys:
        store.set(key, [b"1"])
    assert sorted(store.list("")) == sorted(keys)
    assert sorted(store.list("a")) == sorted(store.list("a/")) == sorted(k for k in keys if k.startswith("a/"))
    assert sorted(store.list("a/c/0")) == ["a/c/0/0", "a/c/0/1"]
    assert sorted(store.list_dir("")) == ["a/", "ab/", "zarr.json"]
    assert sorted(store.list_dir("a")) == sorted(store.list_dir("a/")) == ["c/", "zarr.json"]
    assert sorted(store.list_dir("a/c/0")) == ["0", "1"]
    assert list(store.list("nothing")) == list(store.list_dir("nothing")) == list(store.list_dir("zarr.json")) == []


def test_dzarr_own_files_are_never_listed(store):
    store.set("a/c/0", [b"1"])
    store.set("a/.dzarr/receipts/f/1", [b"1"])
    store.set("a/.dz-0a1b2c3d", [b"1"])
    assert list(store.list("")) == ["a/c/0"]
    assert list(store.list_dir("a")) == ["c/"]
    assert sorted(store.list("a/.dzarr/receipts")) == ["a/.dzarr/receipts/f/1"]
    assert list(store.list_dir("a/.dzarr/receipts/f")) == ["1"]
    assert body(store, "a/.dzarr/receipts/f/1") == b"1"


@pytest.mark.parametrize("key", ["a/é/日本語", "a/with space", "a/x%20y", "a/+&#;'\"", "a/" + "n" * 200, "a/c.0.0"])
def test_keys_of_any_letters(store, key):
    store.set(key, [b"1"])
    assert body(store, key) == b"1"
    assert list(store.list("")) == [key]


@pytest.mark.parametrize(
    "key", ["", "/", "/etc/passwd", "..", "a/../b", "../x", "a//b", "a/", "./a", "a\\..\\b", "a\0b", "~/..", "a/."]
)
def test_keys_that_would_leave_the_store(store, key):
    for act in (
        lambda: store.get(key),
        lambda: store.head(key),
        lambda: one(store, Want(key)),
        lambda: store.set(key, [b"1"]),
        lambda: store.set_if(key, [b"1"], None),
        lambda: store.delete(key),
    ):
        with pytest.raises(StoreError):
            act()


@pytest.mark.parametrize("prefix", ["..", "a/../..", "/etc", "a//b"])
def test_prefixes_that_would_leave_the_store(store, prefix):
    for act in (store.list, store.list_dir):
        with pytest.raises(StoreError):
            list(act(prefix))
    with pytest.raises(StoreError):
        store.delete_dir(prefix)


def test_pickled_it_is_the_same_store(store):
    store.set("a/x", [b"1"])
    copy = pickle.loads(pickle.dumps(store))
    assert copy == store
    assert hash(copy) == hash(store)
    assert copy.token == store.token
    assert body(copy, "a/x") == b"1"
    copy.set("a/c/0", [b"2"])
    assert body(store, "a/c/0") == b"2"
    assert copy.can == store.can
    assert len(pickle.dumps(store)) < 500


def test_within_is_the_same_store(store):
    view = store.within("g/b")
    assert view == store
    view.set("g/b/c/0", [b"1"])
    view.set("g/zarr.json", [b"2"])
    assert body(store, "g/b/c/0") == b"1"
    assert sorted(store.list("g")) == ["g/b/c/0", "g/zarr.json"]


def test_abilities(store):
    assert store.can.set_if == store.can.versions
    assert store.can.list
    assert store.can.writable
    assert store.token.split("://")[0] in ("file", "memory", "zip", "local", "slow")


def test_versions_of_small_objects(store):
    first = store.set("a/x", [b"first"])
    assert one(store, Want("a/x"))[0].version == first == store.head("a/x")[1] == store.get("a/x")[1]
    assert bytes(one(store, Want("a/x", ((1, 3),), first))[0].buffers[0]) == b"ir"
    second = store.set("a/x", [b"second"])
    for wanted in ((), ((0, 1),)):
        with pytest.raises(VersionChanged):
            one(store, Want("a/x", wanted, first))
    with pytest.raises(ConflictError):
        store.set_if("a/x", [b"third"], first)
    with pytest.raises(ConflictError):
        store.set_if("a/x", [b"third"], None)
    assert store.set_if("a/x", [b"third"], second) == store.head("a/x")[1]
    store.delete("a/x")
    with pytest.raises(VersionChanged):
        one(store, Want("a/x", (), second))


def test_large_objects(store):
    body = bytes(range(256)) * 5000
    store.set("a/x", [body[:1_000_000], body[1_000_000:]])
    size, version = store.head("a/x")
    (parts,) = one(store, Want("a/x", ((5, 8), (-3, None), (700_000, 700_003))))
    assert (size, parts.size, version) == (len(body), len(body), parts.version)
    assert (version is not None) == store.can.versions
    assert [bytes(buffer) for buffer in parts.buffers] == [body[5:8], body[-3:], body[700_000:700_003]]
    whole, too_large = Want("a/x", most=len(body)), Want("a/x", most=len(body) - 1)
    assert bytes(one(store, whole)[0].buffers[0]) == body
    with pytest.raises(TooLarge) as caught:
        one(store, too_large)
    assert (caught.value.key, caught.value.size) == ("a/x", len(body))


def test_readers_see_whole_values_only(exact_store):
    store = exact_store
    # The value is one letter throughout; a reader that meets two letters, or a wrong length, saw a torn object.
    size, stop, rounds = 200_000, threading.Event(), 0
    values = [bytes([65 + i]) * (size + i) for i in range(26)]
    store.set("a/x", [values[0]])

    def write():
        i = 0
        while not stop.is_set():
            i = (i + 1) % 26
            store.set("a/x", [values[i][:70_000], values[i][70_000:]])

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        deadline = time.monotonic() + 20
        while (rounds < 5 or time.monotonic() < deadline - 19.6) and time.monotonic() < deadline:
            data, version = store.get("a/x")
            assert bytes(data) == values[data[0] - 65]
            (parts,) = one(store, Want("a/x", ((0, 1), (size // 2, size // 2 + 1), (-1, None))))
            assert len({bytes(buffer) for buffer in parts.buffers}) == 1
            assert parts.size == len(values[parts.buffers[0][0] - 65])
            try:
                one(store, Want("a/x", ((0, 1),), version))
            except VersionChanged:
                rounds += 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert rounds


def test_one_of_eight_threads_creates(exact_store):
    store = exact_store
    together = threading.Barrier(8)

    def create(key, i):
        together.wait()
        try:
            store.set_if(key, [b"%d" % i], None)
        except ConflictError:
            return None
        return i

    with ThreadPoolExecutor(8) as pool:
        for turn in range(20):
            winners = [i for i in pool.map(create, [f"a/{turn}"] * 8, range(8)) if i is not None]
            assert len(winners) == 1
            assert body(store, f"a/{turn}") == b"%d" % winners[0]


def test_threads_that_count_by_compare_and_swap_lose_nothing(exact_store):
    store = exact_store
    store.set("a/n", [b"0"])

    def add(times):
        for _ in range(times):
            while True:
                data, version = store.get("a/n")
                try:
                    store.set_if("a/n", [b"%d" % (int(bytes(data)) + 1)], version)
                    break
                except ConflictError:
                    pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, [5] * 8))
    assert body(store, "a/n") == b"40"
    assert sorted(store.list("")) == ["a/n"]
