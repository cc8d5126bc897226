"""Graphs that read: one task for each group of whole objects, symbolic until it runs, and named so that no cluster
answers with what it read before a change.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading
from itertools import accumulate
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask._task_spec import Alias, Task
from dask.blockwise import Blockwise
from hypothesis import given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.format.grid import RegularAxis
from dzarr.graph.align import is_aligned, units
from dzarr.graph.read import BlockSelections, read_block
from dzarr.io.memory import MemoryStore

MIB = 1 << 20


def grid(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(int(np.prod(shape)), dtype="i4").reshape(shape)


def stored(values: np.ndarray[Any, Any], place: Any = None, **keywords: Any) -> Any:
    return dzarr.store(values, MemoryStore() if place is None else place, **keywords).array


def huge(n: int = 1000, shard: int = 1000, **keywords: Any) -> Any:
    """An array of n x n shards, of which none is there."""
    shape, shards, chunks = ((m,) * 2 for m in (n * shard, shard, 100))
    return dzarr.create(MemoryStore(), shape=shape, dtype="u2", chunks=chunks, shards=shards, **keywords)


def tasks_of(x: Any) -> list[Task]:
    return [task for task in dict(x.__dask_graph__()).values() if not isinstance(task, Alias)]


def layer_of(x: Any) -> Any:
    (layer,) = x.dask.layers.values()
    return layer


# Blocks


def test_a_block_is_a_group_of_whole_shards_near_the_configured_size() -> None:
    a = dzarr.create(MemoryStore(), shape=(512,) * 3, dtype="u2", chunks=(16,) * 3, shards=(64,) * 3)
    for size, blocks in (("128MiB", 2), ("32MiB", 8), ("4MiB", 64), ("0.5MiB", 512)):
        with dask.config.set({"array.chunk-size": size}):
            x = a.to_dask()
        assert x.npartitions == blocks
        assert all(n % 64 == 0 for axis in x.chunks for n in axis)
        assert np.prod(x.chunksize) * 2 <= dask.utils.parse_bytes(size)


def test_small_shards_share_a_task_and_lone_chunks_do_too() -> None:
    a = dzarr.create(MemoryStore(), shape=(1000, 1000), dtype="u1", chunks=(10, 10))
    assert a.to_dask().npartitions == 1
    with dask.config.set({"array.chunk-size": "100kiB"}):
        x = a[5:].to_dask()
    assert x.npartitions < 20
    assert all((5 + edge) % 10 == 0 for edge in list(accumulate(x.chunks[0]))[:-1])


def test_a_huge_shard_is_split_along_the_edges_of_its_chunks() -> None:
    a = dzarr.create(MemoryStore(), shape=(512,) * 3, dtype="u2", chunks=(32,) * 3, shards=(512,) * 3)
    with dask.config.set({"array.chunk-size": "32MiB"}):
        x = a.to_dask()
        view = a[100:, ::2].to_dask()
    assert x.chunksize == (64, 512, 512)
    edges = [100 + edge for edge in list(accumulate(view.chunks[0]))[:-1]]
    assert edges
    assert all(edge % 32 == 0 for edge in edges)


@given(st.data())
@settings(max_examples=60)
def test_blocks_of_any_view_hold_whole_objects(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple))
    chunks = tuple(data.draw(st.integers(1, 6)) for _ in shape)
    shards = tuple(c * data.draw(st.integers(1, 3)) for c in chunks)
    values = grid(*shape)
    a = stored(values, chunks=chunks, shards=shards)
    edge = st.one_of(st.none(), st.integers(-40, 40))
    index = tuple(slice(data.draw(edge), data.draw(edge), data.draw(st.sampled_from((1, 2, -1, -3)))) for _ in shape)
    view = a[index]
    size = data.draw(st.integers(1, 4000))
    with dask.config.set({"array.chunk-size": size}):
        x = view.to_dask()
    np.testing.assert_array_equal(x.compute(scheduler="sync"), values[index])
    fits = np.prod(shards) * 4 <= size
    for blocks, axis, n, c, kept in zip(x.chunks, view._selection.axes, shards, chunks, shape, strict=True):
        assert is_aligned(blocks, units(axis, RegularAxis(kept, n), None if fits else c))


@pytest.mark.parametrize("chunks", ["auto", -1, 7, (3, -1), {0: 4}, ((1, 9), (10,)), (None, 2), "100B"], ids=repr)
def test_the_caller_chooses_blocks_as_dask_takes_them(chunks: Any) -> None:
    a = stored(grid(10, 10), chunks=(2, 2), shards=(4, 4))
    x = a.to_dask(chunks=chunks)
    np.testing.assert_array_equal(x.compute(), grid(10, 10))
    if chunks != "100B" and not isinstance(chunks, dict):
        expected = da.core.normalize_chunks(chunks, (10, 10), dtype="i4", previous_chunks=((4, 4, 2), (4, 4, 2)))
        assert x.chunks == expected
    if chunks == "100B":  # as large as it may be, of whole objects
        assert x.chunksize == (4, 4)


@pytest.mark.parametrize("chunks", ["large", (1, 2, 3), 2.5, (0, 1), ((5, 6), (10,)), object()], ids=repr)
def test_blocks_that_do_not_fit_are_refused(chunks: Any) -> None:
    with pytest.raises(dzarr.GridError, match="chunks"):
        stored(grid(10, 10)).to_dask(chunks=chunks)


@pytest.mark.parametrize("depth", [1, 2, (1, 3), {0: 2}, {1: 1, 0: 0}, 0, (0, 4)], ids=repr)
@pytest.mark.parametrize("blocks", [5, (4, 10), (10, 10), (6, 5)], ids=repr)
def test_overlap_is_what_dask_makes_of_it(depth: Any, blocks: Any) -> None:
    values = grid(20, 10)
    a = stored(values, chunks=(2, 2), shards=(4, 4))
    ours = a.to_dask(chunks=blocks, overlap=depth)
    theirs = da.overlap.overlap(da.from_array(values, chunks=blocks), depth=depth, boundary="none", allow_rechunk=False)
    assert ours.chunks == theirs.chunks
    np.testing.assert_array_equal(ours.compute(), theirs.compute())
    assert len(dict(ours.__dask_graph__())) == ours.npartitions


def test_overlap_counts_axes_from_the_end_too() -> None:
    a = stored(grid(20, 10))
    assert a.to_dask(chunks=5, overlap={-1: 2}).chunks == a.to_dask(chunks=5, overlap=(0, 2)).chunks


def test_overlap_of_a_view_ends_where_the_view_does() -> None:
    a = stored(grid(20), chunks=4)
    x = a[3:17].to_dask(chunks=7, overlap=2)
    assert [block.tolist() for block in dask.compute(*x.blocks)] == [list(range(3, 12)), list(range(8, 17))]


@pytest.mark.parametrize("overlap", [-1, 1.5, (1,), (1, 2, 3), "1", True, (1, None)], ids=repr)
def test_a_wrong_overlap_is_refused(overlap: Any) -> None:
    with pytest.raises(dzarr.RegionError, match="overlap"):
        stored(grid(10, 10)).to_dask(overlap=overlap)


@pytest.mark.parametrize(
    "index", [np.s_[2, 3], np.s_[None, 3:3], np.s_[..., None], np.s_[::-1, None, ::3], np.s_[9:2:-2, 4]], ids=repr
)
def test_any_view_can_be_read_lazily(index: Any) -> None:
    a = stored(grid(10, 10), chunks=(2, 2), shards=(4, 4))
    for x in (a[index].to_dask(), a[index].to_dask(chunks=2)):
        np.testing.assert_array_equal(x.compute(), grid(10, 10)[index])


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (1,)])
def test_small_and_empty_arrays(shape: tuple[int, ...]) -> None:
    a = stored(np.ones(shape))
    assert a.to_dask().shape == shape
    np.testing.assert_array_equal(a.to_dask().compute(), np.ones(shape))
    np.testing.assert_array_equal((a + 1).compute(), np.ones(shape) + 1)


# Symbolic


def test_a_million_blocks_are_no_tasks() -> None:
    with dask.config.set({"array.chunk-size": "2MB"}):
        a = huge()
        views = [a, a[5000:10_000], a[::-1, 7], a[3:-3:2]]
        for view in views:
            layer = layer_of(view.to_dask())
            assert isinstance(layer, Blockwise)
            assert not layer.is_materialized()
        assert a.to_dask().npartitions == 1_000_000
        assert len(pickle.dumps(a.to_dask())) < MIB


def test_slicing_a_handle_makes_a_graph_of_the_slice_alone() -> None:
    with dask.config.set({"array.chunk-size": "2MB"}):
        a = huge()
        for k in range(500):
            x = a[k * 1000 : (k + 1) * 1000, :3000].to_dask()
            assert x.npartitions == 3
        assert len(dict(x.__dask_graph__())) == 3


def test_only_the_blocks_that_are_needed_become_tasks() -> None:
    with dask.config.set({"array.chunk-size": "2MB"}):
        x = huge(100).to_dask()
        (part,) = dask.optimize(x[:1500, 99_999])
    assert len(tasks_of(part)) == 2


def test_consumers_are_fused_with_the_read() -> None:
    a = stored(grid(40, 40), chunks=(10, 10))
    x = a.to_dask(chunks=(10, 10))
    (y,) = dask.optimize(((x + 1) * 2).map_blocks(np.negative))
    assert len(dict(y.__dask_graph__())) == 16
    (total,) = dask.optimize((x + 1).sum(split_every=16))
    assert len(dict(total.__dask_graph__())) == 17


def test_tasks_are_known_to_produce_data() -> None:
    # This is what makes a scheduler queue them, instead of reading everything at once.
    a = stored(grid(40, 40), chunks=(10, 10))
    tasks = dict(a.to_dask(chunks=(10, 10)).__dask_graph__()).values()
    assert all(task.data_producer for task in tasks)
    (fused,) = dask.optimize(a.to_dask(chunks=(10, 10)) + 1)
    assert all(task.data_producer for task in dict(fused.__dask_graph__()).values())


@pytest.mark.parametrize("form", [2, 3])
def test_what_rides_in_a_task_is_small(form: int, tmp_path: Path) -> None:
    keywords: dict[str, Any] = {"attributes": {"text": "x" * 100_000}, "dimension_names": ("y", "x")}
    if form == 3:
        keywords |= {"shards": (1000, 1000), "codecs": ["blosc", "crc32c"]}
    a = dzarr.create(
        tmp_path, shape=(10**7,) * 2, dtype="f8", chunks=(100, 100), zarr_format=form, **keywords
    )  # fmt: skip
    view = dzarr.open(tmp_path)[17::3, ::-1]
    layer = layer_of(view.to_dask(chunks=(10**6, 10**6)))
    task = next(iter(dict(layer).values()))
    assert len(pickle.dumps(view._source)) < 3000
    assert len(pickle.dumps(task)) < 4000
    assert len(pickle.dumps(view)) < 4000
    assert a.shape == (10**7,) * 2


def test_a_task_reads_with_the_thread_that_it_runs_in() -> None:
    a = stored(grid(16, 16), chunks=(2, 2))
    reads = BlockSelections(a._selection, ((16,), (16,)))
    before = threading.active_count()
    np.testing.assert_array_equal(read_block(a._source, reads[0, 0]), grid(16, 16))
    assert threading.active_count() == before


def test_reading_asks_for_each_object_once() -> None:
    a = stored(grid(40, 40), chunks=(5, 5), shards=(10, 10))
    with dask.config.set({"array.chunk-size": "1kiB"}):
        x = a.to_dask()
    with dzarr.observe() as seen:
        x.compute()
    keys = [request.key for request in seen.log if "c/" in request.key]
    assert len(keys) == len(set(keys)) == 16


# Names


def test_a_handle_gives_the_same_name_until_something_changes() -> None:
    place = MemoryStore()
    a = stored(grid(10, 10), place)
    names = [a.to_dask().name]
    assert a.to_dask().name == names[0]
    assert a.to_dask(chunks=5).name == a.to_dask(chunks=5).name
    assert a[2:5].to_dask().name == a[2:5].to_dask().name == a[0:7][2:5].to_dask().name
    names += [a.to_dask(chunks=5).name, a.to_dask(chunks=4).name, a.to_dask(chunks=5, overlap=1).name]
    names += [
        a[2:5].to_dask().name,
        a[2:6].to_dask().name,
        a[::-1].to_dask().name,
        a.with_options(threads=1).to_dask().name,
    ]
    names += [dzarr.open(place).to_dask().name, dzarr.open(place).to_dask().name]
    names += [a.refresh().to_dask().name]
    a[0] = 1
    names += [a.to_dask().name]
    a.vindex[[1], [1]] = 1
    names += [a.to_dask().name]
    assert len(set(names)) == len(names)


def test_views_and_pickles_keep_the_name() -> None:
    a = dzarr.create("memory://named", shape=(10, 10), dtype="i4", overwrite=True)
    view = a[2:5]
    assert a[2:5].to_dask().name == view.to_dask().name
    assert a[:].to_dask().name == a.to_dask().name
    assert pickle.loads(pickle.dumps(a)).to_dask().name == a.to_dask().name
    assert pickle.loads(pickle.dumps(view)).to_dask().name == view.to_dask().name
    assert pickle.loads(pickle.dumps(a))[2:5].to_dask().name == view.to_dask().name


def test_a_write_through_a_view_renames_the_array_and_its_other_views() -> None:
    a = stored(grid(10, 10))
    view, other = a[2:5], a[1:]
    names = [a.to_dask().name, view.to_dask().name, other.to_dask().name]
    view[...] = 0
    names += [a.to_dask().name, view.to_dask().name, other.to_dask().name]
    assert len(set(names)) == 6


def test_tokens_are_the_same_in_another_process(tmp_path: Path) -> None:
    a = stored(grid(10, 10), tmp_path, chunks=(2, 2), shards=(4, 4))
    views = [a, a[2:5], a[::-2, 3], a.oindex[[1, 2]], a.vindex[[1, 2], [3, 4]]]
    script = (
        "import pickle, sys, dask\n"
        "views = pickle.loads(bytes.fromhex(sys.stdin.read()))\n"
        "print(*[dask.base.tokenize(view) + view.to_dask().name for view in views])\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(views).hex(), capture_output=True, text=True, check=True
    )
    with dask.config.set({"tokenize.ensure-deterministic": True}):
        assert answer.stdout.split() == [dask.base.tokenize(view) + view.to_dask().name for view in views]


def test_tokens_tell_arrays_and_views_apart() -> None:
    place = MemoryStore()
    group = dzarr.create_group(place)
    a, b = (group.create_array(name, shape=(10,), dtype="i4") for name in "ab")
    things = [a, b, a[1:], a[:-1], a[::-1], a[:, None], a[None], a.oindex[[1, 2]], a.oindex[[2, 1]], a.vindex[[1, 2]]]
    assert len({dask.base.tokenize(thing) for thing in things}) == len(things)


# With others


def test_handles_are_computed_together() -> None:
    reads = []
    a, b = stored(grid(10, 10), chunks=5), stored(grid(4))
    shared = a.to_dask().map_blocks(lambda block: reads.append(1) or block, dtype="i4", meta=np.empty((0, 0), "i4"))
    values = dask.compute(a, b, a + b.sum(), shared.sum(), shared.max(), {"deep": [a[0]]})
    np.testing.assert_array_equal(values[0], grid(10, 10))
    np.testing.assert_array_equal(values[1], grid(4))
    np.testing.assert_array_equal(values[2], grid(10, 10) + 6)
    assert values[3:5] == (4950, 99)
    assert len(reads) == shared.npartitions
    np.testing.assert_array_equal(values[5]["deep"][0], grid(10, 10)[0])


def test_query_planning_is_refused_with_the_way_out() -> None:
    script = """if 1:
        import dask
        dask.config.set({"array.query-planning": True})
        import numpy as np, dzarr
        a = dzarr.create("memory://planning", shape=(4,), dtype="i4", chunks=2)
        a[...] = np.arange(4)
        assert a.read().tolist() == a.compute().tolist() == [0, 1, 2, 3]
        import dask.array
        for what in (a.to_dask, lambda: a + 1, lambda: dask.compute(a), lambda: dzarr.store(np.ones(3), "memory://x"),
                     lambda: dzarr.store(dask.array.ones(3), "memory://x")):
            try:
                what()
            except dzarr.UnsupportedError as error:
                assert '"array.query-planning": False' in str(error)
            else:
                raise SystemExit(1)
    """
    subprocess.run([sys.executable, "-c", script], check=True)
