"""What reading costs and what its cache may say: requests and bytes of whole and inner reads, portions, merged
ranges, and an index cache that tells where a chunk is but never that it is not there.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import CorruptObjectError, RegionError
from dzarr.io import fetch
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore
from dzarr.io.store import Store

REPOSITORY = Path(dzarr.__file__).parents[1]
INDEX = 64 * 16 + 4
CHUNK = 16 * 16 * 4


@pytest.fixture(params=["memory", "local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else LocalStore(tmp_path)


VALUES = np.arange(256 * 128, dtype="u4").reshape(256, 128)


def two_shards(store: Any, **create: Any) -> dzarr.Array:
    """Two shards, one below the other, each of 8 x 8 raw chunks of 1 KiB."""
    create = {"codecs": ["bytes"], "shards": (128, 128)} | create
    a = dzarr.create(store, shape=VALUES.shape, dtype="u4", chunks=(16, 16), **create)
    a.write(..., VALUES)
    return dzarr.open_array(store, "r+").with_options(threads=1)


def cost(a: dzarr.Array, region: Any = ...) -> tuple[int, int]:
    """Return the requests and bytes of a read that is right."""
    with dzarr.observe() as seen:
        got = a.read(region)
    np.testing.assert_array_equal(got, VALUES[region])
    return seen.requests, seen.bytes_read


# Requests and bytes


def test_a_whole_object_is_one_request(store: Store) -> None:
    a = two_shards(store)
    size = 64 * CHUNK + INDEX
    assert cost(a) == (2, 2 * size)
    assert cost(a.with_options(cache="off"), (slice(128, 256), ...)) == (1, size)
    # A known index spares the index's bytes.
    assert cost(a)[0] == 2
    # Most of it is as good as all of it; the part that counts is an option.
    fresh = a.with_options(cache="off")
    assert cost(fresh, (slice(0, 80), ...)) == (1, size)
    assert cost(fresh, (slice(0, 64), ...)) == (2, INDEX + 32 * CHUNK)
    assert cost(fresh.with_options(whole_fraction=1.0), (slice(0, 112), ...)) == (2, INDEX + 56 * CHUNK)


def test_an_inner_read_is_the_index_and_one_fetch_of_ranges(store: Store) -> None:
    a = two_shards(store)
    assert cost(a, (5, 7)) == (2, INDEX + CHUNK)
    assert cost(a, (5, 7)) == (1, 4)  # chunks stored as they are give up single elements
    assert cost(a, (slice(5, 7), slice(20, 22))) == (1, (16 + 2) * 4)
    # Two chunks with one between them: three are fetched as one range, unless gaps may not be.
    two: Any = (5, slice(15, 33))
    assert cost(a, two)[0] == 1
    assert cost(a.with_options(merge_gap=10 * CHUNK), (slice(0, 32, 31), 0)) == (1, 9 * CHUNK)
    assert cost(a.with_options(merge_gap=0), (slice(0, 32, 31), 0)) == (1, 2 * CHUNK)
    assert cost(a.with_options(merge_gap=6 * CHUNK), (slice(0, 32, 31), 0)) == (1, 2 * CHUNK)
    # Off means: the index is read each time.
    off = a.with_options(cache="off")
    assert [cost(off, (5, 7)) for _ in range(2)] == [(2, INDEX + CHUNK)] * 2


def test_unsharded_and_wrapped_objects_are_one_request_each(store: Store) -> None:
    a = dzarr.create(store, shape=VALUES.shape, dtype="u4", chunks=(128, 64), codecs=["bytes"])
    a.write(..., VALUES)
    a = a.with_options(threads=1)
    size = 128 * 64 * 4
    assert cost(a) == (4, 4 * size)
    assert cost(a, (5, 7)) == (1, 4)
    assert [cost(a, (slice(0, 200, 150), 100)) for _ in range(2)] == [(2, 2 * size)] * 2


def test_a_nested_shard_costs_one_request_a_level(store: Store) -> None:
    a = two_shards(store, shards=[{"shape": (256, 128)}, {"shape": (128, 128)}])
    outer = 2 * 16 + 4
    assert cost(a, (5, 7))[0] == 3
    assert cost(a, (5, 7)) == (1, 4)
    assert cost(a, (200, 7)) == (1, 4)  # the cached index is that of all levels
    assert cost(a.with_options(cache="off"), (5, 7)) == (3, outer + 2 * INDEX + CHUNK)


def test_inflight_bytes_bounds_what_is_held(store: Store) -> None:
    row = 8 * CHUNK
    a = two_shards(store).with_options(inflight_bytes=2 * row + 100, cache="off")
    with dzarr.observe() as seen:
        np.testing.assert_array_equal(a.read(), VALUES)
    fetched = [request.nbytes for request in seen.log]
    assert fetched == [INDEX, *[2 * row] * 4] * 2
    # A budget smaller than a row takes one row at a time.
    with dzarr.observe() as seen:
        np.testing.assert_array_equal(a.with_options(inflight_bytes=1).read(), VALUES)
    assert max(request.nbytes for request in seen.log) == row


def test_missing_chunks_and_objects_cost_no_data(store: Store) -> None:
    a = dzarr.create(store, shape=VALUES.shape, dtype="u4", chunks=(16, 16), shards=(128, 128), fill_value=7)
    a.write((slice(0, 16), slice(0, 16)), 1)
    a = dzarr.open_array(store)
    with dzarr.observe() as seen:
        assert (a.read((slice(16, 32), slice(16, 32))) == 7).all()
    assert (seen.requests, seen.bytes_read) == (1, INDEX)
    with dzarr.observe() as seen:
        assert (a.read((slice(16, 32), slice(16, 32))) == 7).all()
    assert seen.by_kind == {"head": 1}
    a.read((200, 5))
    with dzarr.observe() as seen:
        assert a.read((200, 5)) == 7
    assert seen.requests == 1
    assert seen.bytes_read == 0


# What the cache may say


def test_a_chunk_that_another_handle_adds_is_seen(store: Store) -> None:
    writer = dzarr.create(store, shape=(64, 64), dtype="i4", chunks=(8, 8), shards=(32, 32), fill_value=-1)
    reader = dzarr.open_array(store)
    assert reader.read((0, 0)) == -1  # no object
    writer.write((0, 0), 1)
    assert reader.read((0, 0)) == 1
    assert reader.read((9, 9)) == -1  # no chunk, and the index is known
    writer.write((9, 9), 2)
    assert reader.read((9, 9)) == 2
    # Present and missing chunks of one read: the present one's version speaks for both.
    writer.write((20, 20), 3)
    assert reader.read((slice(0, 32, 20), slice(0, 32, 20))).tolist() == [[1, -1], [-1, 3]]
    # Deleted by somebody else: also seen.
    store.delete("c/0/0")
    assert reader.read((0, 0)) == -1


def test_a_chunk_that_another_process_adds_is_seen(tmp_path: Path) -> None:
    dzarr.create(tmp_path, shape=(64, 64), dtype="i4", chunks=(8, 8), shards=(32, 32), fill_value=-1)[0, 0] = 1
    reader = dzarr.open_array(tmp_path)
    assert reader.read((9, 9)) == -1
    script = "import sys, dzarr; dzarr.open_array(sys.argv[1], 'r+')[9, 9] = 2"
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, cwd=REPOSITORY, timeout=60)
    assert reader.read((9, 9)) == 2


def test_pinned_asks_no_more_and_off_asks_always(store: Store) -> None:
    writer = dzarr.create(store, shape=(64, 64), dtype="i4", chunks=(8, 8), shards=(32, 32), fill_value=-1)
    writer.write((0, 0), 1)
    pinned = dzarr.open_array(store, options=dzarr.Options(cache="pinned"))
    off = dzarr.open_array(store, options=dzarr.Options(cache="off"))
    assert pinned.read((9, 9)) == -1
    with dzarr.observe() as seen:
        assert pinned.read((9, 9)) == -1
    assert seen.requests == 0
    with dzarr.observe() as seen:
        assert off.read((9, 9)) == -1
    assert seen.by_kind == {"fetch": 1}
    writer.write((9, 9), 2)
    assert off.read((9, 9)) == 2
    # What it says of a chunk that is there is still checked by the version.
    assert pinned.read((0, 0)) == 1


def test_eight_threads_load_an_index_right(store: Store) -> None:
    a = two_shards(store)
    wrong: list[int] = []
    ready = threading.Barrier(8)

    def read(k: int) -> None:
        ready.wait()
        for step in range(20):
            y, x = (37 * k + 11 * step) % 256, (53 * k + 7 * step) % 128
            if a.read((y, x)) != VALUES[y, x]:
                wrong.append(k)

    threads = [threading.Thread(target=read, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Where it goes


def test_out_of_any_strides(store: Store) -> None:
    a = two_shards(store)
    whole = np.zeros((512, 256), "u4")
    for out in (
        np.empty(VALUES.shape, "u4"),
        np.empty(VALUES.shape, "u4", order="F"),
        whole[::2, ::2],
        whole[::-2, ::-2],
        np.empty((128, 256), "u4").T,
    ):
        out[...] = 9
        assert a.read(out=out) is out
        np.testing.assert_array_equal(out, VALUES)
    assert not whole[::2, 1::2].any()
    part = np.zeros((3, 4), "u4")
    assert a.read((slice(2, 200, 80), slice(100, 60, -10)), out=part) is part
    np.testing.assert_array_equal(part, VALUES[2:200:80, 100:60:-10])


def test_out_that_does_not_fit(store: Store) -> None:
    a = two_shards(store)
    for out in (np.empty((3, 3), "u4"), np.empty(VALUES.shape, "i4"), np.empty(VALUES.shape, ">u4"), [1]):
        with pytest.raises(RegionError, match="out"):
            a.read(out=out)  # type: ignore[arg-type]
    frozen = np.zeros(VALUES.shape, "u4")
    frozen.flags.writeable = False
    with pytest.raises(RegionError, match="read-only"):
        a.read(out=frozen)
    assert not frozen.any()


def test_fields(store: Store) -> None:
    table = np.zeros((10, 6), [("a", "<u2"), ("b", "<f8"), ("c", "i1")])
    table["a"] = np.arange(60).reshape(10, 6)
    table["b"] = table["a"] / 3
    table["c"] = table["a"] % 100
    for k, create in enumerate([{"shards": (8, 4)}, {}]):
        a = dzarr.create(store, path=f"t{k}", shape=(10, 6), dtype=table.dtype, chunks=(4, 2), **create)
        a.write(..., table)
        np.testing.assert_array_equal(a.read(), table)
        np.testing.assert_array_equal(a.read(fields="a"), table["a"])
        np.testing.assert_array_equal(
            a.read((slice(1, 9, 3), slice(None, None, -1)), fields="b"), table["b"][1:9:3, ::-1]
        )
        both = a.read((slice(3, 7), 2), fields=["b", "a"])
        assert both.dtype.names == ("b", "a")
        np.testing.assert_array_equal(both["a"], table["a"][3:7, 2])
        out = np.empty(4, "u2")
        assert a.read((slice(3, 7), 2), fields="a", out=out) is out
        np.testing.assert_array_equal(out, table["a"][3:7, 2])


def test_nothing_is_read_for_nothing(store: Store) -> None:
    a = two_shards(store)
    with dzarr.observe() as seen:
        assert a.read((slice(5, 5), ...)).shape == (0, 128)
        assert a.read((slice(300, 400), 0)).shape == (0,)
        assert a.oindex[[], :].read().shape == (0, 128)
    assert seen.requests == 0


# A place remembers an index of one array, and holds another one now


@pytest.mark.parametrize("inner", [4, 16])
def test_an_index_of_another_array_at_this_place(store: Store, inner: int) -> None:
    old = dzarr.create(store, shape=(32, 32), dtype="i4", chunks=(8, 8), shards=(32, 32))
    old.write(..., 1)
    old.read((0, 0))
    new = dzarr.create(store, shape=(32, 32), dtype="i4", chunks=(inner, inner), shards=(32, 32), overwrite=True)
    values = np.arange(32 * 32, dtype="i4").reshape(32, 32)
    # Written past the engine, as another process would.
    twin = dzarr.create(MemoryStore(), shape=(32, 32), dtype="i4", chunks=(inner, inner), shards=(32, 32))
    twin.write(..., values)
    store.set("c/0/0", [twin._source.store.get("c/0/0")[0]])  # type: ignore[index]
    assert new.read((31, 31)) == values[31, 31]
    np.testing.assert_array_equal(new.read((slice(28, 32), slice(28, 32))), values[28:, 28:])


def test_an_index_that_a_handle_of_another_layout_has_read(store: Store) -> None:
    """Shards of as many chunks, stored in another order: what one handle remembers must not mislead the other."""
    values = np.arange(64, dtype="i4").reshape(8, 8)
    a = dzarr.create(store, shape=(8, 8), dtype="i4", chunks=(2, 2), shards=(8, 8), codecs=["bytes"])
    a.write(..., values)
    key = "zarr.json"
    document = json.loads(bytes(store.get(key)[0]))  # type: ignore[index]
    transpose = {"name": "transpose", "configuration": {"order": [1, 0]}}
    store.set(key, [json.dumps(document | {"codecs": [transpose, *document["codecs"]]}).encode()])
    stale = dzarr.open_array(store)
    store.set(key, [json.dumps(document).encode()])
    for handle, expected in ((stale, values.T), (a, values), (stale, values.T), (a, values)):
        for i in range(0, 8, 2):
            np.testing.assert_array_equal(handle.read((slice(0, 2), slice(i, i + 2))), expected[0:2, i : i + 2])


def test_pinned_sees_what_this_process_writes(store: Store) -> None:
    a = dzarr.create(store, shape=(64, 64), dtype="i4", chunks=(8, 8), shards=(32, 32), fill_value=-1)
    a = a.with_options(cache="pinned")
    a.write((0, 0), 1)
    assert a.read((9, 9)) == -1
    a.write((9, 9), 2)
    assert a.read((9, 9)) == 2


def test_each_of_several_callers_learns_which_chunk_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They wait for one index; what is wrong with it is named in the array by each, and not twice."""
    a = dzarr.create(tmp_path, shape=(64, 64), dtype="i4", chunks=(4, 4), shards=(32, 32))
    a.write(..., np.arange(64 * 64).reshape(64, 64))
    a = a.with_options(threads=1)  # each caller asks once, and the barrier counts the callers
    together, begun = threading.Barrier(4), fetch._load_index

    def load(*args: Any) -> Any:
        together.wait(timeout=60)
        return begun(*args)

    def too_long(obj: Any, *_: Any) -> Any:
        raise CorruptObjectError("chunk is longer than any that it could be", chunk=(5, 3))

    monkeypatch.setattr(fetch, "_load_index", load)
    monkeypatch.setattr(fetch, "_located", too_long)
    seen = []

    def read() -> None:
        with pytest.raises(CorruptObjectError) as caught:
            a.read((slice(32, 40), slice(32, 40)))
        seen.append(caught.value.chunk)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [(13, 11)] * 4


def test_what_an_object_remembers_of_its_rows_is_bounded() -> None:
    a = dzarr.create(MemoryStore(), shape=(300,), dtype="u1", chunks=(1,), shards=(300,))
    a.write(..., np.arange(300) % 251)
    for n in range(2, 300):
        assert len(a.read(slice(0, n))) == n
    assert len(a._source.layout.uniform.known_rows) <= 16  # type: ignore[union-attr]
