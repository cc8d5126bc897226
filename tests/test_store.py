"""``dzarr.store`` as its callers see it: what goes where, what comes back, and what is refused before any task runs.

Orders of tasks, races and clusters are shown in tests/graph and in test_claim.py.
"""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest

import dzarr
from dzarr.io.memory import MemoryStore


def grid(*shape: int, dtype: str = "i8") -> np.ndarray[Any, Any]:
    return np.arange(int(np.prod(shape)), dtype=dtype).reshape(shape)


@pytest.fixture
def x() -> da.Array:
    return da.from_array(grid(10, 10), chunks=(3, 4))


# Sources and targets


@pytest.mark.parametrize(
    "source",
    [
        grid(5, 4),
        da.from_array(grid(5, 4), chunks=2),
        [[1, 2], [3, 4]],
        7,
        2.5,
        np.float32(1),
        da.asarray(3),
        np.empty((0, 3)),
        da.zeros((0, 3), chunks=(1, 2)),
        da.zeros((3, 0, 2), chunks=2),
        [],
        np.array([True, False]),
        np.arange(6).reshape(2, 3).T,
        np.arange(4, dtype=">i4"),
        np.broadcast_to(np.int16(3), (4, 5)),
        np.array([1 + 2j]),
    ],
    ids=repr,
)
def test_any_array_makes_an_array(source: Any) -> None:
    expected = np.asarray(source)
    stored = dzarr.store(source, MemoryStore()).array
    assert stored.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(stored.read(), expected)


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize(
    "index", [..., (2,), (slice(None, None, -1), 3), np.s_[2:9:3, ::-2], np.s_[:, None, 4:7], np.s_[3:3]], ids=repr
)
def test_a_handle_or_a_view_of_one_is_a_source(form: int, index: Any) -> None:
    stored = dzarr.store(grid(10, 10), MemoryStore(), chunks=(2, 3), zarr_format=form).array
    sharded = dzarr.store(grid(10, 10), MemoryStore(), chunks=(2, 3), shards=(4, 6)).array
    for source in (stored, sharded):
        copy = dzarr.store(source[index], MemoryStore()).array
        np.testing.assert_array_equal(copy.read(), grid(10, 10)[index])
    assert dzarr.store(sharded, MemoryStore()).array.shards == (4, 6)
    assert dzarr.store(sharded[0], MemoryStore()).array.chunks == (3,)


def test_a_handle_of_unequal_chunks_is_a_source() -> None:
    source = dzarr.store(grid(9), MemoryStore(), chunks=[(2, 3, 4)]).array
    np.testing.assert_array_equal(dzarr.store(source, MemoryStore()).array.read(), grid(9))
    target = dzarr.create(MemoryStore(), shape=(9,), dtype="i8", chunks=[(4, 4, 1)])
    np.testing.assert_array_equal(dzarr.store(source, target).array.read(), grid(9))


def test_the_result_tells_what_was_done(x: da.Array) -> None:
    place = MemoryStore()
    with dzarr.observe() as seen:
        result = dzarr.store(x, place, chunks=(2, 2), shards=(4, 4), fill_value=99)
    assert isinstance(result, dzarr.StoreResult)
    sets = [request for request in seen.log if request.kind == "set"]
    assert (result.objects, result.skipped, result.bytes_read) == (9, 0, 0)
    assert result.bytes_written == sum(request.nbytes for request in sets)
    assert result.region == (range(10), range(10))
    assert result.array.writable
    assert result.seconds > 0
    result = dzarr.store(da.full((6, 10), 99, chunks=3), place, region=np.s_[2:8])
    assert (result.objects, result.skipped) == (3, 3)  # three on the border, three that hold nothing but the fill value
    assert result.bytes_read > 0
    assert result.region == (range(2, 8), range(10))


def test_several_sources_and_targets_by_list_and_by_name(x: da.Array, tmp_path: Path) -> None:
    existing = dzarr.create(MemoryStore(), shape=(10,), dtype="i8", chunks=3)
    results = dzarr.store([x, x.sum(axis=0)], (tmp_path / "a", existing))
    assert isinstance(results, list)
    np.testing.assert_array_equal(results[0].array.read(), grid(10, 10))
    np.testing.assert_array_equal(existing.read(), grid(10, 10).sum(axis=0))
    named = dzarr.store({"one": x, "two": x + 1}, {"two": tmp_path / "two", "one": tmp_path / "one"})
    assert list(named) == ["one", "two"]
    np.testing.assert_array_equal(dzarr.open(tmp_path / "two").read(), grid(10, 10) + 1)
    assert dzarr.store([], []) == []
    assert dzarr.store({}, {}) == {}


@pytest.mark.parametrize("form", [2, 3])
def test_a_dict_goes_into_a_group(x: da.Array, tmp_path: Path, form: int) -> None:
    group = dzarr.create_group(tmp_path, zarr_format=form)
    results = dzarr.store({"a": x, "deep/b": grid(3)}, group)
    assert set(results) == {"a", "deep/b"}
    assert group["a"].zarr_format == group["deep"].zarr_format == form
    np.testing.assert_array_equal(group["deep/b"].read(), grid(3))
    dzarr.store({"a": x + 1}, group)  # is there by now: written into
    np.testing.assert_array_equal(group["a"].read(), grid(10, 10) + 1)
    dzarr.store({"a": grid(2)}, group, overwrite=True)
    assert group["a"].shape == (2,)
    assert sorted(group) == ["a", "deep"]


def test_a_source_for_two_arrays_in_a_list_is_computed_once() -> None:
    calls = []

    def load(block: Any) -> Any:
        calls.append(block.shape)
        return block

    x = da.ones(10, chunks=5).map_blocks(load, dtype="f8", meta=np.empty(0))
    dzarr.store({"a": x, "b": x[::2], "c": x.sum(keepdims=True)}, dzarr.create_group(MemoryStore()))
    assert calls == [(5,), (5,)]


@pytest.mark.parametrize(
    "index", [np.s_[2:7], np.s_[::2, 1], np.s_[::-1, ::-3], np.s_[4, 5], np.s_[3:3], ...], ids=repr
)
@pytest.mark.parametrize("chunks", [3, 10])
def test_a_view_is_a_target(index: Any, chunks: int) -> None:
    target = dzarr.store(np.zeros((10, 10), int), MemoryStore(), chunks=(2, 2), shards=(4, 4)).array
    expected = np.zeros((10, 10), int)
    values = grid(*expected[index].shape) + 1
    expected[index] = values
    dzarr.store(da.from_array(values, chunks=chunks), target[index])
    np.testing.assert_array_equal(target.read(), expected)


def test_a_region_of_an_existing_array_by_url_and_by_handle(tmp_path: Path) -> None:
    dzarr.create(tmp_path, shape=(10, 10), dtype="i8", chunks=(4, 4))
    dzarr.store(da.ones((3, 10), chunks=2, dtype="i8"), tmp_path, region=slice(2, 5))
    dzarr.store(
        da.ones((2, 2), chunks=1, dtype="i8"), dzarr.open(tmp_path, "r+"), region=(..., slice(5, 7), slice(-2, None))
    )
    expected = np.zeros((10, 10), int)
    expected[2:5] = expected[5:7, -2:] = 1
    np.testing.assert_array_equal(dzarr.open(tmp_path).read(), expected)


# New arrays


def test_chunks_and_shards_follow_the_blocks() -> None:
    x = da.zeros((4000, 4000), chunks=(2000, 2000))
    assert "as they are" in str(dzarr.store(x, MemoryStore(), compute=False).plan)
    assert "regrouped" in str(dzarr.store(x, MemoryStore(), chunks=(300, 300), compute=False).plan)


def test_keywords_shape_the_new_array(x: da.Array, tmp_path: Path) -> None:
    result = dzarr.store(
        x,
        tmp_path,
        path="g/a",
        chunks=(2, 2),
        shards=(4, 4),
        codecs=["crc32c"],
        dtype="f8",
        casting="same_kind",
        fill_value=-1,
        dimension_names=("y", None),
        attributes={"unit": "m"},
        options=dzarr.Options(durability="full"),
    )
    array = dzarr.open(tmp_path)["g/a"]
    assert (array.chunks, array.shards, array.dtype, array.fill_value) == ((2, 2), (4, 4), np.dtype("f8"), -1)
    assert array.dimension_names == ("y", None)
    assert dict(array.attrs) == {"unit": "m"}
    assert result.array.options.durability == "full"
    np.testing.assert_array_equal(array.read(), grid(10, 10))


def test_overwrite_replaces_what_is_there(x: da.Array, tmp_path: Path) -> None:
    dzarr.store(np.ones((50, 50)), tmp_path, chunks=3)
    dzarr.store(x, tmp_path, chunks=4, overwrite=True)
    stored = dzarr.open(tmp_path)
    np.testing.assert_array_equal(stored.read(), grid(10, 10))
    assert stored.info().storage.leftovers == 0
    dzarr.store(x, tmp_path / "new", overwrite=True)  # nothing there is fine


def test_a_new_array_leaves_nothing_but_itself(x: da.Array, tmp_path: Path) -> None:
    dzarr.store(x, tmp_path, chunks=5)
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert files == ["c/0/0", "c/0/1", "c/1/0", "c/1/1", "zarr.json"]


def test_a_store_that_failed_leaves_the_place_free(x: da.Array) -> None:
    place = MemoryStore()

    def broken(block: Any, block_info: Any = None) -> Any:
        if block_info[None]["chunk-location"] == (1, 0):
            raise ZeroDivisionError("in the middle")
        return block

    with pytest.raises(ZeroDivisionError):
        dzarr.store(x.map_blocks(broken, dtype=x.dtype), place, chunks=(3, 4))
    with pytest.raises(dzarr.NodeNotFoundError):
        dzarr.open(place)
    stored = dzarr.store(x, place, chunks=(5, 5)).array
    np.testing.assert_array_equal(stored.read(), grid(10, 10))
    assert stored.info().storage.leftovers == 0


def test_a_source_that_fails_leaves_an_existing_array_whole_object_by_object(x: da.Array) -> None:
    target = dzarr.store(np.full((10, 10), -1), MemoryStore(), chunks=(3, 4)).array

    def broken(block: Any, block_info: Any = None) -> Any:
        if block_info[None]["chunk-location"] == (1, 0):
            raise ZeroDivisionError("in the middle")
        return block

    with pytest.raises(ZeroDivisionError):
        dzarr.store(x.map_blocks(broken, dtype=x.dtype), target)
    values = target.read()
    assert ((values == -1) | (values == grid(10, 10))).all()


# Deferred


def test_deferred_work_is_a_collection(x: da.Array, tmp_path: Path) -> None:
    deferred = dzarr.store(x, tmp_path, chunks=(5, 5), compute=False)
    assert not list(tmp_path.iterdir())
    assert dask.is_dask_collection(deferred)
    assert str(deferred.plan) == "(root): (10, 10) in 4 write tasks of (5, 5), regrouped from blocks of (3, 4)"
    assert str(deferred.plan) in repr(deferred)
    result = deferred.compute()
    assert result.objects == 4
    np.testing.assert_array_equal(result.array.read(), grid(10, 10))


def test_deferred_work_is_computed_along_with_others(x: da.Array) -> None:
    one, two = MemoryStore(), MemoryStore()
    source = dzarr.store(x, MemoryStore()).array
    first = dzarr.store(x, one, compute=False)
    second = dzarr.store({"a": x, "b": x + 1}, dzarr.create_group(two), compute=False)
    result, results, total, values = dask.compute(first, second, source.sum(), source)
    assert total == 4950
    np.testing.assert_array_equal(values, grid(10, 10))
    np.testing.assert_array_equal(result.array.read(), grid(10, 10))
    np.testing.assert_array_equal(results["b"].array.read(), grid(10, 10) + 1)


@pytest.mark.parametrize("act", [operator.methodcaller("persist"), dask.persist, dask.optimize], ids=str)
def test_deferred_work_is_persisted_and_optimized(x: da.Array, act: Any) -> None:
    deferred = dzarr.store([x, x + 1], [MemoryStore(), MemoryStore()], compute=False)
    started = act(deferred)
    started = started[0] if isinstance(started, tuple) else started
    assert str(started.plan) == str(deferred.plan)
    for result, expected in zip(started.compute(), (grid(10, 10), grid(10, 10) + 1), strict=True):
        np.testing.assert_array_equal(result.array.read(), expected)


def test_a_place_where_a_claim_was_left_by_dask_compute_can_be_used_again(x: da.Array) -> None:
    place = MemoryStore()
    group = dzarr.create_group(place)
    dask.compute(dzarr.store({"a": x}, group, compute=False))
    del group["a"]
    dzarr.store({"a": x + 1}, group)
    np.testing.assert_array_equal(group["a"].read(), grid(10, 10) + 1)


def test_a_target_that_changed_after_planning_is_refused(x: da.Array) -> None:
    place = MemoryStore()
    deferred = dzarr.store(x, place, compute=False)
    dzarr.create(place, shape=(3,), dtype="u1")
    with pytest.raises(dzarr.NodeExistsError):
        deferred.compute()
    assert dzarr.open(place).shape == (3,)


# Refusals: before any task


def refused(error: type[Exception], match: str | None, *args: Any, **keywords: Any) -> None:
    with dzarr.observe() as seen, pytest.raises(error, match=match):
        dzarr.store(*args, **keywords)
    assert not {"set", "set_if", "delete"} & set(seen.by_kind)


def test_a_dtype_that_would_lose_values_needs_casting(x: da.Array) -> None:
    place = MemoryStore()
    target = dzarr.create(place, shape=(10, 10), dtype="i4", chunks=5)
    refused(dzarr.DTypeError, "could be lost", x, target)
    refused(dzarr.DTypeError, "could be lost", x.astype("f8"), target, casting="same_kind")
    refused(dzarr.DTypeError, "could be lost", x, MemoryStore(), dtype="i2")
    refused(dzarr.DTypeError, "no such casting", x, target, casting="strong")
    dzarr.store(x, target, casting="same_kind")
    dzarr.store(x.astype("i2"), target)
    dzarr.store(x + 0.75, target, casting="unsafe")
    np.testing.assert_array_equal(target.read(), grid(10, 10))


def test_unknown_chunk_sizes(x: da.Array) -> None:
    target = dzarr.create(MemoryStore(), shape=(50,), dtype="i8", chunks=5)
    refused(dzarr.GridError, "compute_chunk_sizes", x[x > 49], target)
    refused(dzarr.GridError, "compute_chunk_sizes", x[x > 49], MemoryStore())
    dzarr.store(x[x > 49].compute_chunk_sizes(), target)
    np.testing.assert_array_equal(target.read(), np.arange(50, 100))


@pytest.mark.parametrize("source", [grid(3, 10), grid(10), da.ones((10, 11), chunks=3, dtype="i8"), 5])
def test_another_shape(source: Any) -> None:
    target = dzarr.create(MemoryStore(), shape=(10, 10), dtype="i8", chunks=5)
    refused(dzarr.RegionError, "does not fit", source, target)
    refused(dzarr.RegionError, "does not fit", target, dzarr.create(MemoryStore(), shape=(9, 10), dtype="i8", chunks=5))


@pytest.mark.parametrize(
    "region",
    [0, (slice(0, 10, 2),), (slice(None),) * 3, [1, 2], None.__class__, (..., ...), "a", slice("a", "b")],
    ids=repr,
)
def test_a_wrong_region(x: da.Array, region: Any) -> None:
    target = dzarr.create(MemoryStore(), shape=(10, 10), dtype="i8", chunks=5)
    refused(dzarr.RegionError, None, x, target, region=region)


def test_a_region_of_nothing(x: da.Array) -> None:
    refused(dzarr.RegionError, "isn't there", x, MemoryStore(), region=slice(0, 10))
    place = MemoryStore()
    dzarr.store(x, place)
    refused(dzarr.RegionError, "isn't there", x, place, region=slice(0, 10), overwrite=True)


def test_views_by_index_arrays(x: da.Array) -> None:
    target = dzarr.create(MemoryStore(), shape=(10, 10), dtype="i8", chunks=5)
    refused(dzarr.UnsupportedError, "basic views", x, target.oindex[list(range(10))])
    refused(dzarr.UnsupportedError, "basic views", x[0], target.vindex[list(range(10)), list(range(10))])


def test_an_array_onto_what_it_reads_from(tmp_path: Path) -> None:
    group = dzarr.create_group(tmp_path)
    a = dzarr.store({"a": grid(10, 10)}, group, chunks=(4, 4))["a"].array
    delayed = da.from_delayed(dask.delayed(lambda array: array)(a), a.shape, dtype=a.dtype)
    literal = da.map_blocks(lambda block, _: block, da.ones((10, 10), dtype="i8"), a, dtype=a.dtype)
    keyword = da.map_blocks(lambda block, other: block, da.ones((10, 10), dtype="i8"), other=a, dtype=a.dtype)
    (optimized,) = dask.optimize(a.to_dask() + 1)
    with dask.config.set({"optimization.fuse.active": True}):
        (fused,) = dask.optimize((a.to_dask() + 1).rechunk(3))
    with pytest.warns(UserWarning, match="already a Dask collection"):
        wrapped = da.from_array(a, chunks=5)
    other_name = dzarr.open(tmp_path / "a")
    for source in (a + 1, a, a[::-1], a.T, delayed, literal, keyword, optimized, fused, wrapped, other_name + 1):
        for target in (a, a[:], tmp_path / "a", dzarr.open(tmp_path / "a", "r+")):
            refused(dzarr.AlignmentError, "reads from", source, target)
        refused(dzarr.AlignmentError, "reads from", source, tmp_path, path="a")
        refused(dzarr.AlignmentError, "reads from", source, tmp_path, path="a", overwrite=True)
        refused(dzarr.AlignmentError, "reads from", {"a": source}, group)
    refused(
        dzarr.AlignmentError, "reads from", a + 1, tmp_path, overwrite=True
    )  # would remove the group, and a with it
    refused(dzarr.AlignmentError, "reads from", [grid(10, 10), a + 1], [a, tmp_path / "b"])
    np.testing.assert_array_equal(a.read(), grid(10, 10))
    dzarr.store(a + 1, tmp_path / "b")
    dzarr.store((a + 1).persist(), a)  # in memory: nothing of it is read again here
    np.testing.assert_array_equal(a.read(), grid(10, 10) + 1)


def test_one_target_twice(x: da.Array, tmp_path: Path) -> None:
    group = dzarr.create_group(tmp_path)
    a = dzarr.store({"a": x}, group)["a"].array
    for targets in ([a, a], [a[:5], a[5:]], [tmp_path / "a", a], [tmp_path / "new", tmp_path / "new" / "inner"]):
        source = x[:5] if targets[0].__class__ is type(a) and targets[0].is_view else x
        refused(dzarr.AlignmentError, "twice, or lies inside", [source, source], targets)
    refused(dzarr.AlignmentError, "twice, or lies inside", {"b": x, "b/c": x}, group)
    dzarr.store([x, x], [tmp_path / "n", tmp_path / "new"])  # a name that begins like another is another


def test_sources_and_targets_that_do_not_pair_up(x: da.Array, tmp_path: Path) -> None:
    group = dzarr.create_group(MemoryStore())
    place = tmp_path / "a"
    refused(dzarr.RegionError, "differ", [x], [])
    refused(dzarr.RegionError, "differ", x, [place])
    refused(dzarr.RegionError, "differ", [x, x], place)
    refused(dzarr.RegionError, "differ", x, {"a": place})
    refused(dzarr.RegionError, "differ", {"a": x}, place)
    refused(dzarr.RegionError, "differ", {"a": x}, {"b": place})
    refused(dzarr.RegionError, "differ", {"a": x}, [place])
    refused(dzarr.NodeTypeError, "the target is a group", x, group)
    refused(dzarr.NodeTypeError, "the target is a group", [x], group)
    dzarr.create_group(place)
    refused(dzarr.NodeTypeError, "the target is a group", x, place)
    refused(dzarr.NodeTypeError, None, {3: x}, group)
    refused(dzarr.UnsupportedError, "not a place", x, None)


def test_keywords_of_a_new_array_with_one_that_is_there(x: da.Array) -> None:
    place = MemoryStore()
    handle = dzarr.store(x, place).array
    for keywords in ({"chunks": 5}, {"attributes": {}}, {"dtype": "i8"}, {"fill_value": 3}):
        refused(dzarr.NodeExistsError, "mean nothing", x, place, **keywords)
        refused(dzarr.NodeExistsError, "mean nothing", x, handle, **keywords)
    refused(dzarr.NodeExistsError, "mean nothing", x, handle, overwrite=True)
    refused(TypeError, "unknown keywords", x, MemoryStore(), chunk=3)


def test_what_was_opened_for_reading(x: da.Array) -> None:
    place = MemoryStore()
    group = dzarr.create_group(place)
    dzarr.store({"a": x}, group)
    refused(dzarr.ReadOnlyError, "for reading", x, dzarr.open(place)["a"])
    refused(dzarr.ReadOnlyError, "for reading", {"a": x}, dzarr.open(place))
    refused(dzarr.ReadOnlyError, "for reading", {"b": x}, dzarr.open(place))


def test_other_refusals(x: da.Array) -> None:
    refused(dzarr.LockError, "no such lock", x, MemoryStore(), lock="strong")
    refused(dzarr.UnsupportedError, "resume", x, MemoryStore(), resume=True)
    refused(dzarr.UnsupportedError, "resume", x, MemoryStore(), key="run-1")
    refused(dzarr.DzarrError, "dtype", x, MemoryStore(), dtype="no such")
    refused(dzarr.DzarrError, None, np.array([object()]), MemoryStore())
    with dask.config.set({"array.query-planning": True}):
        refused(dzarr.UnsupportedError, "query-planning", x, MemoryStore())
        refused(dzarr.UnsupportedError, "query-planning", grid(3), MemoryStore())


@pytest.mark.parametrize("scheduler", ["processes", "multiprocessing", "Processes"])
def test_memory_and_other_processes(x: da.Array, scheduler: str, tmp_path: Path) -> None:
    with dask.config.set(scheduler=scheduler):
        refused(dzarr.StoreError, "a memory store lives in one process", x, MemoryStore())
    deferred = dzarr.store(x, MemoryStore(), compute=False)
    with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
        deferred.compute(scheduler=scheduler)
    source = dzarr.store(x, MemoryStore()).array
    with dask.config.set(scheduler=scheduler):
        refused(dzarr.StoreError, "a memory store lives in one process", source + 1, tmp_path / "a")


# Handles after a store


def test_graphs_made_after_a_store_have_other_names(x: da.Array) -> None:
    target = dzarr.store(x, MemoryStore()).array
    view = target[2:5]
    names = [target.to_dask().name, view.to_dask().name]
    dzarr.store(x + 1, target)
    names += [target.to_dask().name, view.to_dask().name]
    dzarr.store(x[2:5], view)
    names += [target.to_dask().name, view.to_dask().name]
    dzarr.store(x[2:5], target[2:5], compute=False)
    names += [target.to_dask().name, view.to_dask().name]
    assert len(set(names)) == len(names)
    np.testing.assert_array_equal(target.to_dask().compute()[2:5], grid(10, 10)[2:5])
