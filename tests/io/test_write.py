"""What writing promises: whole objects read nothing, partial ones are merged without encoding anew what they don't
touch, an object that holds nothing but fill is left out by its sole owner and kept by a sharer, and writers that
share an object lose nothing, by locks or by comparing versions.
"""

from __future__ import annotations

import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dzarr
from dzarr.errors import ConflictError, CorruptObjectError, LockError, StoreError
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Buffer, Capabilities, Store, Version

REPOSITORY = Path(dzarr.__file__).parents[1]
VALUES = np.arange(1, 257, dtype="u2").reshape(16, 16)


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


def make(store: Any, **create: Any) -> dzarr.Array:
    return dzarr.create(store, shape=(16, 16), dtype="u2", **({"chunks": (4, 4), "shards": (8, 8)} | create))


def blob(store: Store, key: str) -> bytes | None:
    answer = store.get(key)
    return None if answer is None else bytes(answer[0])


def encoded_chunks(store: Store, key: str, count: int = 4) -> list[bytes | None]:
    """Cut a shard with its index at the end into its encoded chunks, with no help from dzarr."""
    data = blob(store, key)
    assert data is not None
    table = struct.unpack(f"<{2 * count}Q", data[-16 * count - 4 : -4])
    entries = zip(table[::2], table[1::2], strict=True)
    return [None if at == 2**64 - 1 else data[at : at + n] for at, n in entries]


# Whole objects


def test_whole_objects_read_nothing(store: Store) -> None:
    a = make(store)
    for region in (..., (slice(0, 8), slice(8, 16)), (slice(8, 16), ...)):
        with dzarr.observe() as seen:
            done = a.write(region, VALUES[region])
        assert (done.bytes_read, seen.bytes_read) == (0, 0)
        assert set(seen.by_kind) == {"set"}
        assert done.bytes_written == seen.bytes_written > 0
    np.testing.assert_array_equal(a.read(), VALUES)


def test_an_edge_object_is_whole_when_all_its_valid_elements_are_covered(store: Store) -> None:
    a = dzarr.create(store, shape=(11, 13), dtype="i4", chunks=(2, 2), shards=(4, 4))
    values = np.arange(143).reshape(11, 13)
    assert a.write(..., values).bytes_read == 0
    store.set("c/2/3", [b"torn"])
    with pytest.raises(CorruptObjectError, match="c/2/3"):
        a.write((slice(8, 10), 12), 0)
    assert a.write((slice(8, 11), slice(12, 13)), values[8:, 12:]).bytes_read == 0
    np.testing.assert_array_equal(a.read(), values)
    assert a.write((slice(8, 10), slice(12, 13)), values[8:10, 12:]).bytes_read > 0


def test_a_torn_object_is_replaced_whole_and_never_merged_with(store: Store) -> None:
    a = make(store)
    a.write(..., VALUES)
    for torn in (b"", b"\0" * 30, b"\0" * 500):
        store.set("c/0/1", [torn])
        with pytest.raises(CorruptObjectError, match="c/0/1"):
            a.write((0, 8), 1)
        assert blob(store, "c/0/1") == torn
        a.write((slice(0, 8), slice(8, 16)), VALUES[:8, 8:])
        np.testing.assert_array_equal(a.read(), VALUES)


# Partial writes


@pytest.mark.parametrize("shards", [(8, 8), [{"shape": (16, 8)}, {"shape": (8, 8)}]], ids=["flat", "nested"])
@pytest.mark.parametrize("location", ["start", "end"])
def test_a_partial_write_is_exact(store: Store, shards: Any, location: str) -> None:
    a = make(store, shards=shards, index_location=location)
    expected = np.zeros((16, 16), "u2")
    choose = np.random.default_rng(0)
    for k in range(40):
        y, x = sorted(choose.integers(0, 17, 2)), sorted(choose.integers(0, 17, 2))
        region = slice(*y), slice(*x, int(choose.integers(1, 4)))
        a.write(region, k)
        expected[region] = k
    np.testing.assert_array_equal(a.read(), expected)
    np.testing.assert_array_equal(dzarr.open_array(store).read(), expected)


def test_untouched_chunks_keep_their_very_bytes(store: Store) -> None:
    levels = [{"name": "zstd", "configuration": {"level": level, "checksum": False}} for level in (1, 19)]
    values = np.random.default_rng(1).integers(0, 9, (64, 64)).astype("u4")
    create: dict[str, Any] = {"shape": (64, 64), "dtype": "u4", "chunks": (32, 32), "shards": (64, 64)}
    hard = dzarr.create(store, codecs=[levels[1]], **create)
    hard.write(..., values)
    before = encoded_chunks(store, "c/0/0")
    # The same array, opened by a document that would encode otherwise.
    easy = dzarr.create(MemoryStore(), codecs=[levels[0]], **create)
    easy.write(..., values)
    other = encoded_chunks(easy._source.store, "c/0/0")
    assert all(a != b for a, b in zip(before, other, strict=True))
    document = blob(easy._source.store, "zarr.json")
    assert document is not None
    store.set("zarr.json", [document])
    a = dzarr.open_array(store, "r+")
    a.write((0, 0), 7)
    after = encoded_chunks(store, "c/0/0")
    assert after[1:] == before[1:]
    assert after[0] != before[0]
    values[0, 0] = 7
    np.testing.assert_array_equal(a.read(), values)
    # A chunk that is covered whole is encoded without being decoded: even a torn one.
    a.write((slice(0, 32), slice(32, 64)), 3)
    assert encoded_chunks(store, "c/0/0")[2:] == before[2:]


def test_a_chunk_that_is_covered_whole_is_not_decoded(store: Store) -> None:
    a = make(store, codecs=["crc32c"])
    a.write(..., VALUES)
    data = bytearray(blob(store, "c/0/0") or b"")
    data[5] ^= 1
    store.set("c/0/0", [data])
    with pytest.raises(CorruptObjectError, match="c/0/0"):
        a.write((0, 0), 1)
    a.write((5, 5), 1)  # another chunk
    a.write((slice(0, 4), slice(0, 4)), VALUES[:4, :4])
    a.write((5, 5), VALUES[5, 5])
    np.testing.assert_array_equal(a.read(), VALUES)


def test_bytes_and_objects_are_counted(store: Store) -> None:
    a = make(store)
    with dzarr.observe() as seen:
        done = a.write((slice(0, 12), slice(0, 12)), 5)
    assert (done.objects, done.skipped) == (4, 0)
    assert (done.bytes_read, done.bytes_written) == (seen.bytes_read, seen.bytes_written)
    with dzarr.observe() as seen:
        done = a.write((slice(4, 12), slice(4, 12)), 6)
    assert done.objects == 4
    assert (done.bytes_read, done.bytes_written) == (seen.bytes_read, seen.bytes_written)
    assert done.bytes_read > 0


# Fill


NAN, QUIET = struct.unpack("<2d", struct.pack("<2Q", 0x7FF8000000000000, 0x7FF8000000000123))


@pytest.mark.parametrize(
    ("fill", "same", "other"),
    [(0.0, 0.0, -0.0), (-0.0, -0.0, 0.0), (NAN, NAN, QUIET), (np.inf, np.inf, -np.inf), (1.5, 1.5, 1.25)],
    ids=repr,
)
@pytest.mark.parametrize("shards", [None, (8, 8)], ids=["chunks", "shards"])
def test_what_counts_as_fill_is_decided_bit_for_bit(
    store: Store, fill: float, same: float, other: float, shards: Any
) -> None:
    a = dzarr.create(store, shape=(8, 8), dtype="f8", chunks=(4, 4), shards=shards, fill_value=fill)
    done = a.write(..., same)
    assert (done.objects, done.skipped) == (0, 1 if shards else 4)
    assert not [key for key in store.list("") if key.startswith("c")]
    done = a.write(..., other)
    assert done.skipped == 0
    assert a.read().tobytes() == np.full((8, 8), other).tobytes()
    # One element of another kind keeps its chunk and no other one.
    values = np.full((8, 8), same)
    values[7, 7] = other
    a.write(..., values)
    assert a.read().tobytes() == values.tobytes()
    if shards:
        assert [chunk is None for chunk in encoded_chunks(store, "c/0/0")] == [True, True, True, False]
    else:
        assert [key for key in store.list("") if key.startswith("c")] == ["c/1/1"]


def test_all_fill_is_deleted_by_a_sole_owner_and_kept_by_a_sharer(store: Store) -> None:
    a = make(store, shards=None, chunks=(8, 8), path="a")
    a.write(..., VALUES)
    done = a.write((slice(0, 8), slice(0, 8)), 0)
    assert (done.objects, done.skipped) == (0, 1)
    assert blob(store, "a/c/0/0") is None
    for part in (slice(8, 12), slice(12, 16)):
        assert a.write((slice(0, 8), part), 0).skipped == 0
    kept = blob(store, "a/c/0/1")
    assert kept is not None
    assert not a.read((slice(0, 8), ...)).any()
    # Nothing is made where nothing was.
    assert a.write((0, 0), 0).skipped == 1
    assert blob(store, "a/c/0/0") is None
    b = make(store, path="b")
    b.write(..., VALUES)
    assert b.write((slice(0, 4), slice(0, 4)), 0).objects == 1
    assert encoded_chunks(store, "b/c/0/0")[0] is None
    b.write((slice(0, 8), slice(0, 4)), 0)
    b.write((slice(0, 8), slice(4, 8)), 0)
    assert blob(store, "b/c/0/0") is not None
    assert not b.read((slice(0, 8), slice(0, 8))).any()


def test_write_empty_chunks_stores_them(store: Store) -> None:
    a = make(store, options=dzarr.Options(write_empty_chunks=True))
    assert a.write(..., 0).objects == 4
    assert None not in encoded_chunks(store, "c/0/0")
    a.write((0, 0), 1)
    a.write((0, 0), 0)
    assert None not in encoded_chunks(store, "c/0/0")


# Locks


@pytest.mark.parametrize("lock", ["auto", "none", "threads", "files", "own"])
def test_threads_that_share_an_object_lose_nothing(store: Store, lock: Any) -> None:
    if lock == "files" and not isinstance(store, LocalStore):
        pytest.skip("lock files need a folder")
    lock = threading.Lock() if lock == "own" else lock
    a = make(store)
    ready = threading.Barrier(8)
    errors: list[BaseException] = []

    def write(k: int) -> None:
        ready.wait()
        try:
            for step in range(8):
                a.write((k, step), VALUES[k, step], lock=lock)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    np.testing.assert_array_equal(a.read((slice(0, 8), slice(0, 8))), VALUES[:8, :8])


WRITER = """
    import sys
    import numpy as np
    import dzarr
    values = np.arange(1, 257, dtype="u2").reshape(16, 16)
    a = dzarr.open_array(sys.argv[1], "r+")
    k = int(sys.argv[3])
    for step in range(8):
        for row in (k, k + 4):
            a.write((row, step), values[row, step], lock=sys.argv[2])
"""


@pytest.mark.parametrize("lock", ["auto", "none"])
@pytest.mark.parametrize("shards", [None, (8, 8)], ids=["chunk", "shard"])
def test_four_processes_that_share_an_object_lose_nothing(
    tmp_path: Path, processes: Any, lock: str, shards: Any
) -> None:
    a = make(tmp_path, shards=shards, chunks=(4, 4) if shards else (8, 8))
    processes.run(4, WRITER, tmp_path, lock)
    np.testing.assert_array_equal(a.read((slice(0, 8), slice(0, 8))), VALUES[:8, :8])
    assert not a.read((slice(8, 16), ...)).any()


class CountingLock:
    """The least that a lock can be."""

    def __init__(self, grant: bool = True) -> None:
        self.grant = grant
        self.held = self.most = self.times = 0

    def acquire(self) -> bool:
        self.held += self.grant
        self.times += 1
        self.most = max(self.most, self.held)
        return self.grant

    def release(self) -> None:
        self.held -= 1


def test_the_callers_lock_is_held_for_shared_objects_only(store: Store) -> None:
    a = make(store).with_options(threads=1)
    lock = CountingLock()
    a.write(..., VALUES, lock=lock)
    assert lock.times == 0
    a.write((slice(4, 12), slice(4, 12)), 0, lock=lock)
    assert (lock.times, lock.most, lock.held) == (4, 1, 0)
    store.set("c/0/0", [b""])
    with pytest.raises(CorruptObjectError):
        a.write((0, 0), 0, lock=lock)
    assert lock.held == 0
    with pytest.raises(LockError, match=r"could not be acquired.*c/1/1"):
        a.write((9, 9), 5, lock=CountingLock(grant=False))
    assert a.read((9, 9)) == 0


class Foreign(MemoryStore):
    """A store in which somebody who takes no lock writes before each replacement, `times` times."""

    def __init__(self, times: int, can: Capabilities | None = None) -> None:
        super().__init__()
        self.left = times
        self.tries = 0
        if can is not None:
            self.can = can

    def interfere(self, key: str) -> None:
        self.tries += 1
        if self.left:
            self.left -= 1
            shard = np.frombuffer(blob(self, key)[:128], "<u2").copy()  # type: ignore[index]
            shard[self.left] = 1000 + self.left
            data = bytearray(blob(self, key))  # type: ignore[arg-type]
            data[:128] = shard.tobytes()
            MemoryStore.set(self, key, [data])

    def set_if(self, key: str, parts: Any, version: Version | None) -> Version:
        if key.startswith("c/") and version is not None:
            self.interfere(key)
        return super().set_if(key, parts, version)


@pytest.mark.parametrize("lock", ["auto", "none", "threads"])
def test_a_foreign_writer_in_between_is_merged_with(lock: str) -> None:
    store = Foreign(4)
    a = make(store, codecs=["bytes"])
    a.write(..., VALUES)
    a.write((7, 7), 9, lock=lock)
    assert store.tries == 5
    first = a.read((0, slice(0, 4)))
    assert first.tolist() == [1000, 1001, 1002, 1003]
    assert a.read((7, 7)) == 9


def test_a_foreign_writer_who_never_stops_is_a_conflict() -> None:
    store = Foreign(10**9)
    a = make(store, codecs=["bytes"]).with_options(lock_timeout=0)
    a.write(..., VALUES)
    store.interfere = lambda key: MemoryStore.set(store, key, [blob(store, key)])  # type: ignore[assignment, list-item]
    with pytest.raises(ConflictError, match="c/0/0"):
        a.write((7, 7), 9)
    assert a.read((7, 7)) == VALUES[7, 7]


def test_a_store_that_can_neither_swap_nor_lock(tmp_path: Path) -> None:
    class Plain:
        """Only what every store can do, and no name that dzarr knows."""

        def __init__(self, inner: Store) -> None:
            self.inner = inner
            self.token = "plain://" + inner.token
            self.can = Capabilities(set_if=False, list=True, versions=True, local_path=False)
            self.heads = 0

        def head(self, key: str) -> tuple[int, Version] | None:
            self.heads += 1
            if self.heads == 1 and key == "c/0/0":  # somebody else is faster, once
                self.inner.set(key, [blob(self.inner, key) or b""])
            return self.inner.head(key)

        def set_if(self, key: str, parts: Any, version: Version | None) -> Version:
            if key.startswith("c/"):
                raise StoreError("it can't", key=key)
            return self.inner.set_if(key, parts, version)

        def get(self, key: str) -> tuple[Buffer, Version] | None:
            return self.inner.get(key)

        def fetch(self, wanted: Any) -> Any:
            return self.inner.fetch(wanted)

        def set(self, key: str, parts: Any) -> Version:
            return self.inner.set(key, parts)

        def delete(self, key: str, version: Version | None = None) -> None:
            self.inner.delete(key, version)

        def list(self, prefix: str) -> Any:
            return self.inner.list(prefix)

        def list_dir(self, prefix: str) -> Any:
            return self.inner.list_dir(prefix)

    store = Plain(LocalStore(tmp_path))
    a = make(store)
    a.write(..., VALUES)
    with dzarr.observe() as seen, pytest.raises(LockError, match="whole objects"):
        a.write((slice(0, 12), slice(0, 12)), 0)
    assert seen.requests == 0
    np.testing.assert_array_equal(a.read(), VALUES)
    store.heads = 0
    a.write((1, 1), 7, lock=threading.Lock())
    assert store.heads == 2
    assert a.read((1, 1)) == 7


def test_no_lock_is_taken_for_nothing(store: Store) -> None:
    a = make(store)
    with dzarr.observe() as seen:
        done = a.write((slice(3, 3), ...), np.zeros((0, 16), "u2"))
    assert seen.requests == done.objects == 0


def test_a_writer_that_dies_in_a_partial_write_leaves_the_lock_free(tmp_path: Path) -> None:
    a = make(tmp_path)
    a.write(..., VALUES)
    script = """
import os, sys, dzarr
from dzarr.io.local import LocalStore
LocalStore.set_if = LocalStore.set = lambda *rest: os._exit(9)
dzarr.open_array(sys.argv[1], "r+").write((0, 0), 5)
"""
    done = subprocess.run([sys.executable, "-c", script, tmp_path], cwd=REPOSITORY, timeout=60, check=False)
    assert done.returncode == 9
    a.with_options(lock_timeout=5).write((0, 1), 6)
    assert a.read((0, slice(0, 2))).tolist() == [1, 6]


# Every way to write, against numpy


@given(data=st.data())
def test_points_and_index_arrays(data: st.DataObject) -> None:
    shards = data.draw(st.sampled_from([None, (8, 8), (16, 4)]))
    a = make(MemoryStore(), shards=shards)
    expected = VALUES.copy()
    a.write(..., VALUES)
    positions = st.lists(st.integers(-16, 15), min_size=1, max_size=6)
    rows = data.draw(positions)
    cols = data.draw(st.lists(st.integers(-16, 15), min_size=len(rows), max_size=len(rows)))
    pairs = dict.fromkeys((y % 16, x % 16) for y, x in zip(rows, cols, strict=True))
    ys, xs = map(list, zip(*pairs, strict=True))
    a.vindex[ys, xs] = np.arange(len(ys))
    expected[ys, xs] = np.arange(len(ys))
    rows = sorted({y % 16 for y in rows}, key=lambda y: (y * 7) % 16)
    a.oindex[rows, ::-2] = 500 + np.arange(8)
    expected[np.ix_(rows, range(15, -1, -2))] = 500 + np.arange(8)
    mask = np.asarray(data.draw(st.lists(st.booleans(), min_size=16, max_size=16)))
    a.oindex[mask, 3] = 9
    expected[mask, 3] = 9
    np.testing.assert_array_equal(a.read(), expected)
