"""What the engine does when the world moves under it: objects that change while they are read, stores that
refuse, disks that go away, threads that fail, forks, and writers beside readers. It answers old or new, whole,
or raises a DzarrError that names the object; what was not said to be missing is never read as fill.
"""

from __future__ import annotations

import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import ConflictError, CorruptObjectError, MissingObjectError, StoreError
from dzarr.io import source as source_module
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Buffer, Capabilities, Parts, Store, TooLarge, Version, Want

SHAPE = (16, 16)
VALUES = np.arange(256, dtype="u2").reshape(SHAPE)


class Watched:
    """A store that calls ``before(kind, key)`` before, and ``after(kind, key)`` after every request."""

    def __init__(self, inner: Store) -> None:
        self.inner = inner
        self.token = inner.token
        self.can: Capabilities = inner.can
        self.before: Callable[[str, str], None] = lambda kind, key: None
        self.after: Callable[[str, str], None] = lambda kind, key: None

    def _do(self, kind: str, key: str, *rest: Any) -> Any:
        self.before(kind, key)
        answer = getattr(self.inner, kind)(key, *rest)
        self.after(kind, key)
        return answer

    def get(self, key: str) -> tuple[Buffer, Version] | None:
        return self._do("get", key)

    def fetch(self, wanted: Sequence[Want]) -> Iterator[tuple[int, Parts | None]]:
        for want in wanted:
            self.before("fetch", want.key)
        answers = list(self.inner.fetch(wanted))
        for want in wanted:
            self.after("fetch", want.key)
        return iter(answers)

    def set(self, key: str, parts: Sequence[Buffer]) -> Version:
        return self._do("set", key, parts)

    def set_if(self, key: str, parts: Sequence[Buffer], version: Version | None) -> Version:
        return self._do("set_if", key, parts, version)

    def delete(self, key: str, version: Version | None = None) -> None:
        self._do("delete", key, version)

    def head(self, key: str) -> tuple[int, Version] | None:
        return self._do("head", key)

    def list(self, prefix: str) -> Iterator[str]:
        return self._do("list", prefix)

    def list_dir(self, prefix: str) -> Iterator[str]:
        return self._do("list_dir", prefix)


@pytest.fixture(params=["memory", "local"])
def inner(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def sharded(store: Any, **create: Any) -> dzarr.Array:
    a = dzarr.create(store, shape=SHAPE, dtype="u2", chunks=(4, 4), **({"shards": (8, 8)} | create))
    a.write(..., VALUES)
    return a


# Objects that change between two requests


def test_a_shard_replaced_between_its_index_and_its_data(inner: Store) -> None:
    writer = sharded(inner)
    store = Watched(inner)
    reader = dzarr.open_array(store)
    left = [3]

    def replace(kind: str, key: str) -> None:
        if kind == "fetch" and key == "c/0/1" and left[0]:
            left[0] -= 1
            # Other lengths, so that the old index points at other bytes.
            writer.write((slice(0, 8), slice(8, 16)), np.random.default_rng(left[0]).integers(0, 9, (8, 8)))

    store.after = replace
    got = reader.read((slice(2, 6), slice(10, 14)))
    assert left == [0]
    np.testing.assert_array_equal(got, writer.read((slice(2, 6), slice(10, 14))))


def test_a_shard_replaced_under_a_known_index(inner: Store) -> None:
    writer = sharded(inner)
    reader = dzarr.open_array(inner)
    box = slice(1, 3), slice(1, 3)
    reader.read(box)
    for k in range(5):
        writer.write((slice(0, 8), slice(0, 8)), np.random.default_rng(k).integers(0, 2**16, (8, 8), "u2"))
        np.testing.assert_array_equal(reader.read(box), writer[:8, :8].read()[box])


def test_a_shard_that_never_stands_still(inner: Store) -> None:
    writer = sharded(inner)
    store = Watched(inner)
    replaced = []

    def replace(kind: str, key: str) -> None:
        if kind == "fetch" and key == "c/0/1":
            replaced.append(key)
            writer.write((slice(0, 8), slice(8, 16)), len(replaced))

    store.after = replace
    with pytest.raises(ConflictError, match=r"changed 5 times.*c/0/1") as caught:
        dzarr.open_array(store).read((2, 10))
    assert caught.value.key == "c/0/1"
    assert 5 <= len(replaced) <= 10


def test_a_shard_deleted_between_its_index_and_its_data(inner: Store) -> None:
    sharded(inner)
    store = Watched(inner)
    store.after = lambda kind, key: inner.delete(key) if kind == "fetch" and key == "c/0/1" else None
    assert dzarr.open_array(store).read((2, 10)) == 0  # it is missing now, and that is what a new start finds


def test_a_shard_that_is_shorter_than_its_index(inner: Store) -> None:
    a = sharded(inner)
    for length in (0, 1, 67):
        inner.set("c/0/1", [bytes(length)])
        for region in ((2, 10), (slice(0, 8), slice(8, 16))):
            with pytest.raises(CorruptObjectError, match=r"shorter than its index.*c/0/1"):
                a.read(region)


def test_an_index_that_was_waited_for_may_be_older_than_the_question(inner: Store) -> None:
    writer = sharded(inner)
    writer.write((slice(0, 8), slice(8, 16)), 0)
    writer.write((0, 8), 1)  # one chunk of four is there
    store = Watched(inner)
    a = dzarr.open_array(store).with_options(threads=1)
    late: list[Any] = []
    asking = threading.Thread(target=lambda: late.append(a.read((7, 15))))

    def overtake(kind: str, key: str) -> None:
        store.after = lambda kind, key: None
        writer.write((7, 15), 2)
        asking.start()
        asking.join(0.2)  # it waits for the index that this thread has just read

    store.after = overtake
    a.read((0, 8))
    asking.join()
    assert late == [2]


def test_a_store_does_not_read_more_than_its_reader_would_take(inner: Store) -> None:
    inner.set("x", [b"12345"])
    for most, size in ((None, 5), (5, 5), (4, None)):
        for lend in (False, True):
            want = Want("x", lend=lend, most=most)
            if size is None:
                with pytest.raises(TooLarge) as caught:
                    list(inner.fetch([want]))
                assert (caught.value.key, caught.value.size) == ("x", 5)
            else:
                ((_, parts),) = inner.fetch([want])
                assert parts is not None
                assert parts.size == size
    assert list(inner.fetch([Want("nothing", most=0)])) == [(0, None)]


# Stores that refuse


def test_what_a_store_refuses_is_never_fill(inner: Store) -> None:
    sharded(inner)
    store = Watched(inner)
    a = dzarr.open_array(store, "r+")

    def refuse(asked: str, key: str) -> None:
        if key == "c/0/1":
            raise StoreError("403 Forbidden", key=key)

    for options in ({}, {"threads": 1}, {"cache": "off"}):
        store.before = refuse
        for region in (..., (slice(0, 8), slice(8, 16)), (2, 10)):
            with pytest.raises(StoreError, match=r"403.*c/0/1"):
                a.with_options(**options).read(region)
        with pytest.raises(StoreError, match=r"403.*c/0/1"):
            a.write((2, 10), 1)
        assert a.read((2, 2)) == VALUES[2, 2]
        store.before = lambda asked, key: None
        np.testing.assert_array_equal(a.read(), VALUES)


@pytest.mark.parametrize("kind", ["set", "set_if"])
def test_a_write_that_is_refused_is_raised(inner: Store, kind: str) -> None:
    sharded(inner)
    store = Watched(inner)
    a = dzarr.open_array(store, "r+")

    def refuse(asked: str, key: str) -> None:
        if key == "c/0/1" and asked == kind:
            raise StoreError("507 Insufficient Storage", key=key)

    store.before = refuse
    with pytest.raises(StoreError, match=r"507.*c/0/1"):
        a.write(... if kind == "set" else (2, 10), 1)
    assert a.read((2, 10)) == VALUES[2, 10]


def test_an_error_of_one_object_stops_the_call_and_nobody_writes_afterwards(inner: Store) -> None:
    sharded(inner)
    inner.set("c/1/1", [b"torn"])
    a = dzarr.open_array(inner).with_options(threads=4)
    for _ in range(20):
        out = np.full(SHAPE, 9999, "u2")
        with pytest.raises(CorruptObjectError, match="c/1/1"):
            a.read(out=out)
        before = out.copy()
        a.read((slice(0, 8), ...))
        np.testing.assert_array_equal(out, before)


def test_errors_that_are_no_dzarr_errors_come_through(inner: Store) -> None:
    sharded(inner)
    store = Watched(inner)
    a = dzarr.open_array(store)

    def interrupt(kind: str, key: str) -> None:
        if key == "c/0/1":
            raise KeyboardInterrupt

    store.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        a.read()


# Missing objects


def test_missing_objects_are_fill_or_an_error(inner: Store) -> None:
    sharded(inner)
    inner.delete("c/0/1")
    a = dzarr.open_array(inner)
    expected = VALUES.copy()
    expected[:8, 8:] = 0
    np.testing.assert_array_equal(a.read(), expected)
    strict = a.with_options(missing="error")
    for region in (..., (2, 10), (slice(0, 8), slice(8, 16))):
        with pytest.raises(MissingObjectError, match="c/0/1") as caught:
            strict.read(region)
        assert caught.value.key == "c/0/1"
    np.testing.assert_array_equal(strict.read((slice(8, 16), ...)), VALUES[8:])


def test_missing_is_believed_only_after_the_document_was_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = tmp_path / "mnt" / "a"
    sharded(disk)
    (disk / "c/0/1").unlink()
    a = dzarr.open_array(disk)
    # The disk is gone: everything on it answers "not found".
    (tmp_path / "mnt").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match=r"may have gone away.*zarr\.json") as caught:
        a.read((2, 10))
    assert caught.value.key == "c/0/1"
    with pytest.raises(StoreError, match="may have gone away"):
        a.read()
    # Back again: the first missing object costs one more request, and those of the next minute none.
    (tmp_path / "elsewhere").rename(tmp_path / "mnt")
    for requests in ({"fetch": 1, "head": 1}, {"fetch": 1}):
        with dzarr.observe() as seen:
            assert a.read((2, 10)) == 0
        assert seen.by_kind == requests
    (tmp_path / "mnt").rename(tmp_path / "elsewhere")
    now = source_module.time.monotonic()
    monkeypatch.setattr(source_module.time, "monotonic", lambda: now + 61)
    with pytest.raises(StoreError, match="may have gone away"):
        a.read((2, 10))


# Forks, and writers beside readers


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_fork_with_reads_in_flight(tmp_path: Path) -> None:
    a = sharded(tmp_path).with_options(threads=4)
    stop = threading.Event()

    def read_on() -> None:
        while not stop.is_set():
            a.read()
            a.read((2, 10))

    threads = [threading.Thread(target=read_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        statuses = [_in_child(lambda: bool((a.read() == VALUES).all()) and a.read((3, 3)) == 51) for _ in range(8)]
        statuses.append(_in_child(lambda: a.write((0, 0), 0).objects == 1))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert statuses == [0] * 9


def _in_child(act: Callable[[], bool]) -> int:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of what is tested here
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)  # a child that hangs dies, and its status tells
        try:
            os._exit(0 if act() else 1)
        except BaseException:  # noqa: BLE001
            os._exit(2)
    return os.waitpid(pid, 0)[1]


def test_readers_beside_writing_threads_see_whole_objects(inner: Store) -> None:
    a = sharded(inner)
    a.write(..., 0)
    writing = threading.Event()
    writing.set()
    torn: list[np.ndarray[Any, Any]] = []
    reads = [0]

    def write() -> None:
        for k in range(150):
            a.write((slice(0, 8), slice(0, 8)), k * 397)
            a.write((slice(0, 8), slice(8, 16)), k)
        writing.clear()

    def read(box: Any) -> None:
        reader = dzarr.open_array(inner)
        while writing.is_set():
            with suppress(ConflictError):  # five changes during one read: it says so
                got = reader.read(box)
                reads[0] += 1
                if (got != got.flat[0]).any():
                    torn.append(got)

    left = slice(0, 8), slice(0, 8)
    inside = slice(2, 6), slice(10, 14)
    threads = [threading.Thread(target=write), *(threading.Thread(target=read, args=(box,)) for box in (left, inside))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torn
    assert reads[0] > 10


WRITER = """
    import sys
    import numpy as np
    import dzarr
    a = dzarr.open_array(sys.argv[1], "r+")
    seed = int(sys.argv[2])
    for k in range(150):
        a.write((slice(0, 8), slice(8 * seed, 8 * seed + 8)), k * 37 % 251)
    print("done", flush=True)
"""


def test_readers_beside_writing_processes_see_whole_objects(tmp_path: Path, processes: Any) -> None:
    a = sharded(tmp_path)
    a.write(..., 0)
    running = [processes.start(WRITER, tmp_path, seed) for seed in (0, 1)]
    reader = dzarr.open_array(tmp_path)
    reads = 0
    while any(process.poll() is None for process in running):
        for box in ((slice(0, 8), slice(0, 8)), (slice(2, 6), slice(10, 14))):
            with suppress(ConflictError):
                got = reader.read(box)
                assert (got == got.flat[0]).all()
                reads += 1
    assert [process.communicate()[0] for process in running] == ["done\n"] * 2
    assert reads > 10
    np.testing.assert_array_equal(a.read((0, 0)), 149 * 37 % 251)
