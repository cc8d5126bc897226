"""Graphs over grids of unequal objects: blocks follow the objects, every object has one writer, and the edges of a grid
don't ride in every task.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from itertools import accumulate
from math import prod
from pathlib import Path
from typing import Any

import cloudpickle
import dask
import dask.array as da
import numpy as np
import pytest
from dask._task_spec import Task
from distributed import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.graph.align import is_aligned, units
from dzarr.io.memory import MemoryStore

LIMIT = 4096


def grid(*shape: int) -> np.ndarray[Any, Any]:
    return np.arange(1, 1 + prod(shape), dtype="i4").reshape(shape)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], tuple[int, ...], tuple[Any, ...]]:
    """Keywords of a rectilinear array (of shards or of lone chunks), its shape, and blocks of a source for it."""
    ndim = draw(st.integers(1, 3))
    chunk = [draw(st.integers(1, 3)) for _ in range(ndim)]
    lengths: list[Any] = [[c * draw(st.integers(1, 4)) for _ in range(draw(st.integers(1, 4)))] for c in chunk]
    shape = tuple(draw(st.integers(0, sum(axis))) for axis in lengths)
    if ndim > 1 and draw(st.booleans()):
        lengths[0] = chunk[0] * 2  # an axis of equal lengths beside explicit ones
    keywords = {"chunks": chunk, "shards": lengths} if draw(st.booleans()) else {"chunks": lengths}
    blocks = []
    for n in shape:
        edges = sorted(draw(st.lists(st.integers(0, n), max_size=5)))
        blocks.append(tuple(b - a for a, b in zip([0, *edges], [*edges, n], strict=True)))
    return keywords, shape, tuple(blocks)


@given(cases(), st.integers(1, 400))
@settings(max_examples=120)
def test_any_blocks_are_stored_and_read_back(case: Any, size: int) -> None:
    keywords, shape, blocks = case
    values = grid(*shape)
    made = dzarr.store(da.from_array(values, chunks=blocks), MemoryStore(), **keywords).array
    explicit = keywords.get("shards", keywords["chunks"])
    assert (made.shards or made.chunks) == tuple(tuple(n) if isinstance(n, list) else n for n in explicit)
    np.testing.assert_array_equal(made.read(), values)
    with dask.config.set({"array.chunk-size": size}):
        lazy = made.to_dask()
    np.testing.assert_array_equal(lazy.compute(scheduler="sync"), values)
    largest = prod(n if isinstance(n, int) else max(n) for n in explicit) * 4
    for axis, index, border in zip(lazy.chunks, map(range, shape), made._source.layout.grid, strict=True):
        assert largest > size or is_aligned(axis, units(index, border))


@given(cases(), st.integers(0, 1000))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_on_the_way(chaos: Any, case: Any, seed: int) -> None:
    keywords, shape, blocks = case
    values = grid(*shape)
    made = dzarr.create(MemoryStore(), shape=shape, dtype="i4", **keywords)
    deferred = dzarr.store(da.from_array(values, chunks=blocks), made, compute=False)
    deferred.compute(scheduler=chaos(seed))
    np.testing.assert_array_equal(made.read(), values)


def test_one_task_reads_each_object_where_objects_are_large() -> None:
    a = dzarr.create(MemoryStore(), shape=(32, 17), dtype="i4", chunks=[[10, 7, 15], [8, 9]])
    with dask.config.set({"array.chunk-size": 15 * 9 * 4}):
        assert a.to_dask().chunks == ((10, 7, 15), (8, 9))
        assert a[3:].to_dask().chunks == ((14, 15), (8, 9))  # small neighbours share a task


def test_huge_unequal_shards_are_split_along_the_edges_of_their_chunks() -> None:
    a = dzarr.create(MemoryStore(), shape=(120, 64), dtype="i4", chunks=(8, 8), shards=[[64, 8, 48], [64]])
    with dask.config.set({"array.chunk-size": 16 * 64 * 4}):
        x = a.to_dask()
    assert x.chunks == ((16, 16, 16, 16, 8, 16, 16, 16), (64,))


@pytest.mark.parametrize("chunks", ["auto", "400B", ("auto", -1), ["auto", 4], {0: "auto"}], ids=repr)
def test_blocks_that_dask_sizes_end_where_objects_do(chunks: Any) -> None:
    values = grid(40, 12)
    a = dzarr.store(values, MemoryStore(), chunks=[[3, 17, 9, 11], [5, 7]]).array
    view, expected = a[2:39], values[2:39]
    with dask.config.set({"array.chunk-size": "400B"}):
        x = view.to_dask(chunks=chunks)
    assert is_aligned(x.chunks[0], (1, 17, 9, 10))
    assert len(x.chunks[0]) > 1
    np.testing.assert_array_equal(x.compute(), expected)


@pytest.mark.parametrize("lengths", [[[]], [[3]], [[3, [2, 5]]], [4]], ids=repr)
@pytest.mark.parametrize("more", [[], [5]], ids=["1-d", "2-d"])
def test_an_axis_without_elements(lengths: list[Any], more: list[int]) -> None:
    """Of such an axis the specification asks for no edge at all, and allows any number."""
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [0, *more],
        "data_type": "int32",
        "chunk_grid": {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [*lengths, *more]}},
        "chunk_key_encoding": "default",
        "fill_value": 0,
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    }
    store = MemoryStore()
    store.set("zarr.json", [json.dumps(document).encode()])
    a = dzarr.open_array(store, "r+")
    assert a.read().shape == a.to_dask().compute().shape == (0, *more)
    a[...] = np.empty((0, *more))
    assert dzarr.store(da.zeros((0, *more), dtype="i4"), a).objects == 0
    assert a.info().storage.objects_expected == 0
    assert "int32" in repr(a) + a._repr_html_()


# The edges of a grid


def many(n: int = 100_000) -> tuple[list[int], int]:
    lengths = (np.random.default_rng(0).integers(1, 20, n)).tolist()
    return lengths, sum(lengths)


def tasks_of(x: Any) -> dict[Any, Task]:
    return {key: task for key, task in dict(x.__dask_graph__()).items() if isinstance(task, Task)}


def large(tasks: dict[Any, Task]) -> list[Any]:
    return [key for key, task in tasks.items() if len(cloudpickle.dumps(task)) > LIMIT]


def test_a_hundred_thousand_edges_ride_in_one_task() -> None:
    lengths, n = many()
    a = dzarr.create(MemoryStore(), shape=(n,), dtype="u1", chunks=[lengths])
    (x,) = dask.optimize(a.to_dask(chunks=n // 50) + 1)
    tasks = tasks_of(x)
    assert len(tasks) > 50
    assert [str(key) for key in large(tasks) if "dzarr-source" not in str(key)] == []
    assert len(large(tasks)) == 1


def test_nor_do_they_ride_in_the_tasks_that_write() -> None:
    lengths, n = many()
    a = dzarr.create(MemoryStore(), shape=(n,), dtype="u1", chunks=[lengths])
    deferred = dzarr.store(da.zeros(n, dtype="u1", chunks=n // 50), a, compute=False)
    tasks = tasks_of(deferred)
    writes = {key: task for key, task in tasks.items() if "dzarr-write" in str(key)}
    assert len(writes) > 49
    assert large(writes) == []


def test_a_graph_of_so_many_objects_is_made_at_once() -> None:
    lengths, n = many()
    a = dzarr.create(MemoryStore(), shape=(n,), dtype="u1", chunks=[lengths], fill_value=3)
    with dask.config.set({"array.chunk-size": "10kiB"}):
        x = a.to_dask()
    assert set(accumulate(x.chunks[0])) <= set(accumulate(lengths))
    assert max(x.chunks[0]) <= 10240
    assert len(x.chunks[0]) < 2.5 * n / 10240


def test_two_arrays_of_one_source_share_its_task() -> None:
    lengths, n = many(3000)
    a = dzarr.create(MemoryStore(), shape=(n,), dtype="u1", chunks=[lengths], fill_value=3)
    x = a.to_dask() + a[::-1].to_dask()
    assert len([name for name in x.dask.layers if name.startswith("dzarr-source")]) == 1
    assert int(x.sum().compute()) == 6 * n


def test_an_array_is_not_stored_onto_itself_whichever_way_its_edges_go() -> None:
    lengths, n = many(3000)
    a = dzarr.create(MemoryStore(), shape=(n,), dtype="u1", chunks=[lengths])
    with pytest.raises(dzarr.AlignmentError, match="reads from"):
        dzarr.store(a + 1, a, compute=False)


def test_a_copy_has_the_grid_of_what_is_copied() -> None:
    values = grid(40, 12)
    a = dzarr.store(values, MemoryStore(), chunks=(1, 1), shards=[[3, 17, 9, 11], [5, 7]]).array
    copy = dzarr.store(a, MemoryStore()).array
    assert (copy.chunks, copy.shards) == (a.chunks, a.shards)
    np.testing.assert_array_equal(copy.read(), values)
    part = dzarr.store(a[:7], MemoryStore()).array  # of a part, the lengths would be others
    np.testing.assert_array_equal(part.read(), values[:7])


def test_a_small_document_rides_along() -> None:
    a = dzarr.create(MemoryStore(), shape=(9,), dtype="u1", chunks=[[4, 5]])
    assert len(a.to_dask().dask.layers) == 1


def test_a_cluster_reads_and_writes_by_such_a_grid(client: Client, tmp_path: Path) -> None:
    lengths, n = many(2000)
    values = np.arange(n, dtype="i4")
    result = dzarr.store(da.from_array(values, chunks=700), tmp_path / "a", chunks=[lengths])
    assert result.objects == len(lengths) - (lengths[0] == 1)  # a lone zero is the fill value
    a = dzarr.open_array(tmp_path / "a")
    assert json.loads((tmp_path / "a" / "zarr.json").read_bytes())["chunk_grid"]["name"] == "rectilinear"
    assert len(pickle.dumps(a)) > LIMIT  # so that this is the case that it is meant to be
    np.testing.assert_array_equal(a.to_dask(chunks=999).compute(), values)


# Axes by name


def named() -> tuple[Any, np.ndarray[Any, Any]]:
    values = grid(8, 6)
    return dzarr.store(values, MemoryStore(), chunks=(2, 3), dimension_names=("y", "x")).array, values


@pytest.mark.parametrize(
    ("chunks", "expected"),
    [
        ({"x": 3}, ((8,), (3, 3))),
        ({"y": 4, "x": -1}, ((4, 4), (6,))),
        ({-1: 2, 0: 8}, ((8,), (2, 2, 2))),
        ({}, ((8,), (6,))),
    ],
    ids=repr,
)
def test_blocks_by_name(chunks: Any, expected: Any) -> None:
    a, values = named()
    x = a.to_dask(chunks=chunks)
    assert x.chunks == expected
    np.testing.assert_array_equal(x.compute(), values)


def test_overlap_by_name() -> None:
    a, _ = named()
    assert a.to_dask(chunks=4, overlap={"x": 1}).chunks == a.to_dask(chunks=4, overlap=(0, 1)).chunks


def test_the_names_of_a_view_are_those_of_its_dimensions() -> None:
    a, values = named()
    np.testing.assert_array_equal(a[3].to_dask(chunks={"x": 2}).compute(), values[3])
    with pytest.raises(dzarr.GridError, match="no such axis; found y"):
        a[3].to_dask(chunks={"y": 2})


@pytest.mark.parametrize("axis", ["z", 2, -3, None, 1.0, True, ("x",)], ids=repr)
@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda a, given: a.to_dask(chunks=given), dzarr.GridError),
        (lambda a, given: a.to_dask(overlap=given), dzarr.RegionError),
    ],
    ids=["chunks", "overlap"],
)
def test_axes_that_are_not_there(call: Callable[[Any, Any], Any], error: type[Exception], axis: Any) -> None:
    with pytest.raises(error, match="no such axis"):
        call(named()[0], {axis: 1})


def test_an_axis_named_twice() -> None:
    with pytest.raises(dzarr.GridError, match="twice"):
        named()[0].to_dask(chunks={"x": 1, 1: 2})
    with pytest.raises(dzarr.RegionError, match="twice"):
        named()[0].to_dask(overlap={0: 1, -2: 2})


def test_a_name_that_two_axes_have_is_no_name() -> None:
    a = dzarr.create(MemoryStore(), shape=(4, 4), dtype="u1", chunks=2, dimension_names=("x", "x"))
    with pytest.raises(dzarr.GridError, match="no such axis"):
        a.to_dask(chunks={"x": 2})
