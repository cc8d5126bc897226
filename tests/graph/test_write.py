"""Graphs that write: whatever the blocks, the grid and the order of the tasks, every element is right and every
object has one writer.

Misaligned blocks go into sharded and unsharded arrays, into views of any step, on every local scheduler and on one
that shuffles, forgets and repeats tasks. What is asked of the store is observed: a whole object is set once and
never read, an object on the border of a region is read and replaced by one task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from dask._task_spec import convert_legacy_graph
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.graph.write import SPLIT_EVERY
from dzarr.io.memory import MemoryStore

SEEDS = st.integers(0, 1 << 30)


@st.composite
def cuts(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    edges = sorted(draw(st.lists(st.integers(0, size), max_size=4)))
    return tuple(b - a for a, b in pairwise([0, *edges, size]))


@st.composite
def grids(draw: st.DrawFn, ndim: int) -> dict[str, Any]:
    """Keywords of a new array: chunks, or chunks in shards, or explicit edges."""
    chunks = draw(st.tuples(*[st.integers(1, 5)] * ndim))
    if not ndim or draw(st.booleans()):
        return {"chunks": chunks}
    shards = tuple(c * draw(st.integers(1, 3)) for c in chunks)
    return {"chunks": chunks, "shards": shards, "index_location": draw(st.sampled_from(("start", "end")))}


@st.composite
def slices(draw: st.DrawFn, n: int) -> slice:
    edge = st.one_of(st.none(), st.integers(-n, n))
    return slice(draw(edge), draw(edge), draw(st.sampled_from((None, 1, 1, 2, 3, -1, -2))))


def numbers(shape: tuple[int, ...], start: int = 1) -> np.ndarray[Any, Any]:
    return np.arange(start, start + int(np.prod(shape)), dtype="i4").reshape(shape)


def lazy(values: np.ndarray[Any, Any], blocks: Any) -> da.Array:
    """A source with those blocks, made by tasks; as a new array has each."""
    x = da.from_array(values, chunks=blocks)
    return x.map_blocks(np.negative, dtype=x.dtype, meta=x._meta).map_blocks(np.negative, dtype=x.dtype, meta=x._meta)


@st.composite
def stores(draw: st.DrawFn) -> tuple[Any, ...]:
    """A background, the keywords of its array, an index, and the blocks of what goes there."""
    shape = draw(st.lists(st.integers(0, 14), max_size=3).map(tuple))
    keywords = draw(grids(len(shape)))
    index = draw(st.one_of(st.just(...), st.tuples(*map(slices, shape))))
    background = numbers(shape, 100_000)
    blocks = tuple(draw(cuts(n)) for n in background[index].shape)
    return background, keywords, index, blocks


def into_view(problem: tuple[Any, ...], scheduler: Any, place: Any) -> None:
    background, keywords, index, blocks = problem
    target = dzarr.create(place, shape=background.shape, dtype="i4", overwrite=True, **keywords)
    target[...] = background
    expected = background.copy()
    values = numbers(expected[index].shape)
    expected[index] = values
    result = dzarr.store(lazy(values, blocks), target[index], compute=False).compute(scheduler=scheduler)
    np.testing.assert_array_equal(target.read(), expected)
    np.testing.assert_array_equal(result.array.read(), expected)
    np.testing.assert_array_equal(dzarr.open(place).read(), expected)


@given(problem=stores(), scheduler=st.sampled_from(("sync", "threads")))
def test_misaligned_blocks_into_any_view(problem: Any, scheduler: str) -> None:
    into_view(problem, scheduler, MemoryStore())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=stores(), seed=SEEDS)
def test_in_any_order_and_with_tasks_that_run_again(chaos: Callable[..., Any], problem: Any, seed: int) -> None:
    into_view(problem, chaos(seed), MemoryStore())


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=stores(), seed=SEEDS)
def test_in_a_folder(tmp_path: Path, chaos: Callable[..., Any], problem: Any, seed: int) -> None:
    into_view(problem, chaos(seed), tmp_path / "a")
    into_view(problem, "threads", tmp_path / "b")


@st.composite
def new_arrays(draw: st.DrawFn) -> tuple[Any, ...]:
    shape = draw(st.lists(st.integers(0, 14), max_size=3).map(tuple))
    keywords = draw(st.one_of(st.just({}), grids(len(shape)), st.just({"zarr_format": 2})))
    return shape, keywords, tuple(draw(cuts(n)) for n in shape)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=new_arrays(), seed=SEEDS, overwrite=st.booleans())
def test_a_new_array_in_any_order_and_with_tasks_that_run_again(
    chaos: Callable[..., Any], problem: Any, seed: int, overwrite: bool
) -> None:
    shape, keywords, blocks = problem
    place = MemoryStore()
    if overwrite:
        dzarr.store(numbers((20, 20), 7), place, chunks=(3, 3))
    values = numbers(shape)
    deferred = dzarr.store(lazy(values, blocks), place, overwrite=overwrite, compute=False, **keywords)
    result = deferred.compute(scheduler=chaos(seed))
    np.testing.assert_array_equal(result.array.read(), values)
    assert result.array.info().storage.leftovers == 0


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kept", ["dzarr-begin", "dzarr-write", "dzarr-receipts", "dzarr"])
def test_results_that_are_lost_after_the_last_task_are_made_again(overwrite: bool, kept: str) -> None:
    # The worker that published the array dies with the receipt; what others hold (`kept`) is still there.
    place = MemoryStore()
    dzarr.store(numbers((30,), 5), place, chunks=4)
    if not overwrite:
        place = MemoryStore()
    values = numbers((100,))
    deferred = dzarr.store(lazy(values, 7), place, chunks=1, overwrite=overwrite, compute=False)
    tasks = tasks_of(deferred)
    results: dict[Any, Any] = {}
    run(tasks, results, deferred.__dask_keys__())
    np.testing.assert_array_equal(dzarr.open(place).read(), values)
    lost = [key for key in results if not str(key[0] if isinstance(key, tuple) else key).startswith(kept)]
    for key in [*lost, *deferred.__dask_keys__()]:
        results.pop(key, None)
    run(tasks, results, deferred.__dask_keys__())
    np.testing.assert_array_equal(dzarr.open(place).read(), values)


def tasks_of(deferred: Any) -> Any:
    return convert_legacy_graph(deferred.__dask_graph__().to_dict())


def run(tasks: Any, results: dict[Any, Any], keys: list[Any]) -> None:
    for key in keys:
        if key not in results:
            needs = list(tasks[key].dependencies)
            run(tasks, results, needs)
            results[key] = tasks[key]({need: results[need] for need in needs})


def test_a_task_whose_run_has_lost_the_place_writes_nothing() -> None:
    # A worker that was given up wakes when somebody else has begun, or finished, an array at this place.
    place = MemoryStore()
    deferred = dzarr.store(da.ones(12, chunks=4), place, chunks=4, compute=False)
    tasks = tasks_of(deferred)
    begin = next(key for key in tasks if str(key[0]).startswith("dzarr-begin"))
    write = next(key for key in tasks if str(key[0]).startswith("dzarr-write"))
    results: dict[Any, Any] = {}
    run(tasks, results, [begin])
    other = dzarr.store(da.zeros(12, chunks=4) + 2, place, chunks=4, overwrite=True, compute=False)
    others = tasks_of(other)
    theirs: dict[Any, Any] = {}
    run(others, theirs, [key for key in others if str(key[0]).startswith("dzarr-begin")])
    with pytest.raises(dzarr.ConflictError, match="no longer has the claim"):
        run(tasks, results, [write])
    assert not [key for key in place.list("") if key.startswith("c/")]
    with pytest.raises(dzarr.NodeExistsError, match="somebody is writing"):
        deferred.compute()
    result = other.compute()
    with pytest.raises(dzarr.ConflictError, match="no longer has the claim"):
        run(tasks, results, [write])
    assert result.array.read().tolist() == [2] * 12


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(problem=stores())
def test_in_processes(tmp_path: Path, pool: ProcessPoolExecutor, problem: Any) -> None:
    with dask.config.set(pool=pool):
        into_view(problem, "processes", tmp_path / "a")


@pytest.fixture(scope="module")
def pool() -> Any:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        yield pool


# What the store is asked


def requests(seen: Any, *kinds: str) -> Counter[str]:
    return Counter(request.key for request in seen.log if request.kind in kinds and request.key[:2] in ("c", "c/"))


@settings(max_examples=50)
@given(problem=new_arrays())
def test_every_object_of_a_new_array_is_set_exactly_once_and_never_read(problem: Any) -> None:
    shape, keywords, blocks = problem
    keywords = {name: value for name, value in keywords.items() if name != "zarr_format"}
    with dzarr.observe() as seen:
        result = dzarr.store(lazy(numbers(shape), blocks), MemoryStore(), **keywords)
    written = requests(seen, "set", "set_if", "delete")
    assert set(written.values()) <= {1}
    assert len(written) == result.objects + result.skipped == result.array.info().storage.objects_expected
    assert not requests(seen, "get", "fetch")
    assert result.bytes_read == 0


@settings(max_examples=50)
@given(problem=stores(), scheduler=st.sampled_from(("sync", "threads")))
def test_every_object_of_a_region_is_replaced_once_and_only_border_objects_are_read(
    problem: Any, scheduler: str
) -> None:
    background, keywords, index, blocks = problem
    place = MemoryStore()
    target = dzarr.create(place, shape=background.shape, dtype="i4", **keywords)
    target[...] = background
    touched, whole = objects_of(target, index)
    view = target[index]
    deferred = dzarr.store(lazy(numbers(view.shape), blocks), view, compute=False)
    with dzarr.observe() as seen:
        deferred.compute(scheduler=scheduler)
    assert requests(seen, "set", "set_if", "delete") == dict.fromkeys(touched, 1)
    assert requests(seen, "get", "fetch") == dict.fromkeys(touched - whole, 1)


def objects_of(array: Any, index: Any) -> tuple[set[str], set[str]]:
    """Return the keys of the objects that an index touches, and of those that it covers, by brute force.

    A slice of another step than 1 covers no object as far as a writer knows, if it has more than one element there.
    """
    view = array[index]
    covered = np.zeros(array.shape, bool)
    covered[index] = True
    touched, whole = set(), set()
    for cell in np.ndindex(*array.objects.shape):
        region = array.objects[cell]._selection.axes
        part = covered[tuple(slice(axis.start, axis.stop) for axis in region)]
        key = "/".join(("c", *map(str, cell)))
        if part.any():
            touched.add(key)
        if part.all() and part.size:
            steps = [axis.step for axis in view._selection.axes]
            if all(abs(step) == 1 or n == 1 for step, n in zip(steps, part.shape, strict=True)):
                whole.add(key)
    return touched, whole


def test_a_border_object_belongs_to_one_task_however_many_blocks_reach_into_it() -> None:
    target = dzarr.create(MemoryStore(), shape=(20,), dtype="i4", chunks=(2,), shards=(8,))
    target[...] = -1
    x = da.arange(9, chunks=1, dtype="i4")  # nine blocks into parts of two objects
    deferred = dzarr.store(x, target, region=slice(3, 12), compute=False)
    (plan,) = deferred.plan.arrays
    assert plan.blocks == ((5, 4),)
    with dzarr.observe() as seen:
        deferred.compute()
    assert requests(seen, "set", "set_if") == {"c/0": 1, "c/1": 1}
    assert target.read().tolist() == [-1] * 3 + list(range(9)) + [-1] * 8


# The graph


def test_aligned_blocks_are_written_as_they_are() -> None:
    x = da.ones((8, 8), chunks=(4, 8))
    deferred = dzarr.store(x, MemoryStore(), chunks=(2, 2), shards=(4, 4), compute=False)
    assert deferred.plan.arrays[0].aligned
    assert str(deferred.plan) == "(root): (8, 8) in 2 write tasks of (4, 8), as they are"
    assert not [name for name in deferred.__dask_graph__().layers if "rechunk" in name]


def test_regrouping_is_done_by_plain_tasks_even_beside_a_cluster(client: Any, tmp_path: Path) -> None:
    x = da.ones((30, 30), chunks=(7, 30))
    with dask.config.set({"array.rechunk.method": "p2p"}):
        deferred = dzarr.store(x, tmp_path, chunks=(10, 10), compute=False)
    names = list(deferred.__dask_graph__().layers)
    assert [name for name in names if "rechunk" in name]
    assert not [name for name in names if "p2p" in name]
    assert "regrouped from blocks of (7, 30)" in str(deferred.plan)


def test_a_source_is_computed_once_for_all_targets(tmp_path: Path) -> None:
    calls: list[Any] = []

    def load(block: Any, block_info: Any = None) -> Any:
        calls.append(block_info[None]["chunk-location"])
        return block + 1

    x = da.zeros((12, 12), chunks=(5, 4)).map_blocks(load, dtype="f8", meta=np.empty((0, 0)))
    stores = [MemoryStore() for _ in range(3)]
    dzarr.store([x, x * 2, x.sum(axis=0)], stores, compute=True)
    assert Counter(calls) == dict.fromkeys(np.ndindex(*x.numblocks), 1)
    assert [float(dzarr.open(store).read().sum()) for store in stores] == [144, 288, 144]


def test_reading_and_writing_are_one_task_where_blocks_are_aligned() -> None:
    source = dzarr.store(np.ones((40, 40)), MemoryStore(), chunks=(10, 10)).array
    deferred = dzarr.store(source.to_dask(chunks=(10, 10)) + 1, MemoryStore(), chunks=(10, 10), compute=False)
    (graph,) = dask.optimize(deferred)
    tasks = dict(graph.__dask_graph__())
    assert len(tasks) == 16 + 2  # blocks, begin, finish


def test_receipts_are_summed_in_steps() -> None:
    n = SPLIT_EVERY * 3 + 1
    deferred = dzarr.store(da.ones(n, chunks=1), MemoryStore(), chunks=1, compute=False)
    tasks = deferred.__dask_graph__().to_dict()
    assert max(len(task.dependencies) for task in tasks.values()) <= SPLIT_EVERY + 1
    assert deferred.compute().objects == n


def test_blocks_that_are_not_what_the_graph_says_are_refused() -> None:
    x = da.zeros((8,), chunks=4, dtype="i4")
    with pytest.raises(dzarr.RegionError, match="another shape"):
        dzarr.store(x.map_blocks(lambda block: block[:1], dtype="i4"), MemoryStore(), chunks=4)
    with pytest.raises(dzarr.DTypeError, match="didn't say"):
        dzarr.store(x.map_blocks(lambda block: block + 0.5, dtype="i4"), MemoryStore(), chunks=4)


def test_masked_blocks_become_the_fill_value() -> None:
    values = np.arange(10, dtype="i2")
    x = da.ma.masked_where(da.from_array(values, chunks=3) > 6, da.from_array(values, chunks=3))
    stored = dzarr.store(x, MemoryStore(), chunks=4, fill_value=-9).array
    assert stored.read().tolist() == [0, 1, 2, 3, 4, 5, 6, -9, -9, -9]
    floats = dzarr.store(x, MemoryStore(), chunks=4, dtype="f4", fill_value=np.nan).array
    np.testing.assert_array_equal(floats.read(), [0, 1, 2, 3, 4, 5, 6, np.nan, np.nan, np.nan])
    eager = dzarr.store(x.compute(), MemoryStore(), fill_value=-9).array
    assert eager.read().tolist() == stored.read().tolist()
