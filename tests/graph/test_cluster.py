"""On a real cluster of processes: every element right, whatever the order, the retries and the deaths; refusals before
any task; a reader of another process that sees nothing or everything; and no answer from before a change.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, Event, LocalCluster, wait
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import dzarr
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore

ON_CLUSTER = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def grid(*shape: int, start: int = 1) -> np.ndarray[Any, Any]:
    return np.arange(start, start + int(np.prod(shape)), dtype="i4").reshape(shape)


def shuffled(seed: int) -> Callable[[Any], int]:
    """Priorities that put tasks in another order than dask would."""
    return lambda key: random.Random(f"{seed}{key}").randrange(1000)


def first_time(flag: str) -> bool:
    try:
        os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def failing_once(folder: Path, seed: int) -> Callable[..., Any]:
    """A source of which about every third block fails at its first attempt."""

    def load(block: Any, block_info: Any = None) -> Any:
        where = block_info[None]["chunk-location"]
        if random.Random(f"{seed}{where}").random() < 0.3:
            if first_time(f"{folder}/{'-'.join(map(str, where))}"):
                raise OSError("the first attempt fails")
        return block

    return load


@st.composite
def blocks_of(draw: st.DrawFn, n: int) -> tuple[int, ...]:
    edges = sorted(draw(st.lists(st.integers(1, n - 1), max_size=3, unique=True)))
    return tuple(b - a for a, b in zip([0, *edges], [*edges, n], strict=True))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Any, ...]:
    shape = draw(st.lists(st.integers(5, 14), min_size=1, max_size=2).map(tuple))
    chunks = tuple(draw(st.integers(1, 4)) for _ in shape)
    shards = tuple(c * draw(st.integers(1, 3)) for c in chunks)
    region = tuple(draw(st.tuples(st.integers(0, n // 2), st.integers(n // 2 + 2, n))) for n in shape)
    blocks = tuple(draw(blocks_of(b - a)) for a, b in region)
    return shape, {"chunks": chunks, "shards": shards}, tuple(slice(a, b) for a, b in region), blocks


numbers = count()


@ON_CLUSTER
@given(problem=problems(), seed=st.integers(0, 1000))
def test_misaligned_blocks_in_any_order_with_retries(client: Any, tmp_path: Path, problem: Any, seed: int) -> None:
    shape, keywords, region, blocks = problem
    folder = tmp_path / str(next(numbers))
    (folder / "flags").mkdir(parents=True)
    target = dzarr.create(folder / "a", shape=shape, dtype="i4", **keywords)
    expected = grid(*shape, start=10_000)
    target[...] = expected
    values = grid(*expected[region].shape)
    expected[region] = values
    x = da.from_array(values, chunks=blocks)
    x = x.map_blocks(failing_once(folder / "flags", seed), dtype=x.dtype, meta=x._meta)
    deferred = dzarr.store([x, x], [target[region], folder / "new"], compute=False)
    with dask.annotate(priority=shuffled(seed)):
        results = deferred.compute(retries=2)
    np.testing.assert_array_equal(target.read(), expected)
    np.testing.assert_array_equal(results[1].array.read(), values)
    np.testing.assert_array_equal(dzarr.open(folder / "a").to_dask().compute(), expected)


def test_several_stores_into_neighbouring_regions_at_once(client: Any, tmp_path: Path) -> None:
    # Three graphs that know nothing of each other share the objects on their borders: locked, never lost.
    target = dzarr.create(tmp_path, shape=(30, 12), dtype="i4", chunks=(2, 2), shards=(8, 4))
    values = grid(30, 12)
    x = da.from_array(values, chunks=(3, 5))
    parts = [slice(0, 11), slice(11, 21), slice(21, 30)]
    stores = [dzarr.store(x[part], tmp_path, region=part, compute=False).persist() for part in parts]
    assert [store.compute().region[0] for store in stores] == [range(11), range(11, 21), range(21, 30)]
    np.testing.assert_array_equal(target.read(), values)


@pytest.fixture(scope="module")
def mortal_cluster() -> Iterator[Any]:
    """A cluster whose workers may be killed; its nannies bring new ones."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.mark.parametrize("victim", [(0, 0), (2, 1), (3, 3)])
def test_a_worker_that_is_killed_costs_nothing(mortal_cluster: Any, tmp_path: Path, victim: tuple[int, int]) -> None:
    values = grid(37, 41)

    def deadly(block: Any, block_info: Any = None) -> Any:
        if block_info[None]["chunk-location"] == victim and first_time(f"{tmp_path}/killed"):
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    x = da.from_array(values, chunks=(9, 10)).map_blocks(deadly, dtype="i4", meta=np.empty((0, 0), "i4"))
    target = dzarr.create(tmp_path / "old", shape=(50, 50), dtype="i4", chunks=(3, 4), shards=(9, 8))
    target[...] = -1
    with mortal_cluster.as_current():
        results = dzarr.store([x, x + 1], [tmp_path / "new", target[5:42, 2:43]], overwrite=False)
    assert (tmp_path / "killed").exists()
    np.testing.assert_array_equal(results[0].array.read(), values)
    expected = np.full((50, 50), -1, "i4")
    expected[5:42, 2:43] = values + 1
    np.testing.assert_array_equal(dzarr.open(tmp_path / "old").read(), expected)
    leftovers = [path for path in (tmp_path / "new").rglob("*") if path.is_file() and ".dzarr/claim" in str(path)]
    assert not leftovers


# Before any task


def test_a_memory_store_is_refused_before_any_task_runs(client: Any, tmp_path: Path) -> None:
    def load(block: Any) -> Any:
        first_time(f"{tmp_path}/ran")
        return block

    x = da.ones(10, chunks=3).map_blocks(load, dtype="f8", meta=np.empty(0))
    for act in (
        lambda: dzarr.store(x, "memory://refused"),
        lambda: dzarr.store([x, x], [tmp_path / "a", MemoryStore()]),
    ):
        with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
            act()
    deferred = dzarr.store(x, "memory://refused", compute=False)
    for method in (deferred.compute, deferred.persist):
        with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
            method()
    source = dzarr.create("memory://source", shape=(4,), dtype="i4", overwrite=True)
    with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
        dzarr.store(source + 1, tmp_path / "b")
    assert not list(tmp_path.iterdir())
    deferred.compute(scheduler="threads")


def test_a_memory_store_that_reaches_a_worker_is_refused_there(client: Any) -> None:
    deferred = dzarr.store(da.ones(10, chunks=3), "memory://astray", compute=False)
    with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
        dask.compute(deferred)
    assert not list(MemoryStore("astray").list(""))


# Writers and readers


def test_a_second_writer_is_refused_while_the_first_one_writes(client: Any, tmp_path: Path) -> None:
    begun, go_on = Event("begun", client=client), Event("go on", client=client)

    def slow(block: Any, block_info: Any = None) -> Any:
        if block_info[None]["chunk-location"] == (0, 0):
            Event("begun").set()
            Event("go on").wait(timeout=60)
        return block

    # Reading and writing a block is one task here, so that what begins to read has begun to write.
    x = da.ones((6, 6), chunks=3)
    first = dzarr.store(x.map_blocks(slow, dtype="f8", meta=x._meta), tmp_path, chunks=3, compute=False).persist()
    assert begun.wait(timeout=60)
    for second in (x, x + 1):
        with pytest.raises(dzarr.NodeExistsError, match=r"somebody is writing.*process \d+ on"):
            dzarr.store(second, tmp_path)
    with pytest.raises(dzarr.NodeNotFoundError):
        dzarr.open(tmp_path)
    go_on.set()
    np.testing.assert_array_equal(first.compute().array.read(), np.ones((6, 6)))


def test_after_a_killed_writer_overwrite_starts_anew(tmp_path: Path) -> None:
    script = f"""if 1:
        import os, dask, numpy as np, dask.array as da, dzarr
        def load(block, block_info=None):
            if block_info[None]["chunk-location"] == (1, 1):
                os._exit(9)
            return block
        x = da.ones((60, 60), chunks=15).map_blocks(load, dtype="f8")
        with dask.config.set(scheduler="sync"):
            dzarr.store(x, {str(tmp_path)!r}, chunks=(5, 5))
    """
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    left = [path for path in tmp_path.rglob("*") if path.is_file() and "/c/" in str(path)]
    assert left
    with pytest.raises(dzarr.NodeNotFoundError):
        dzarr.open(tmp_path)
    values = grid(20, 20)
    with pytest.raises(dzarr.NodeExistsError, match="if it is dead, pass overwrite=True"):
        dzarr.store(values, tmp_path)
    stored = dzarr.store(values, tmp_path, chunks=(7, 7), overwrite=True).array
    np.testing.assert_array_equal(stored.read(), values)
    assert stored.info().storage.leftovers == 0


class Watched:
    """A folder that calls `after` when something in it has changed."""

    def __init__(self, store: LocalStore, after: Callable[[], None]) -> None:
        self._store, self._after = store, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("set", "set_if", "delete", "delete_dir"):
            return found

        def change(*args: Any) -> Any:
            try:
                return found(*args)
            finally:
                self._after()

        return change

    def within(self, path: str) -> Watched:
        return Watched(self._store.within(path), self._after)


def read_on_demand(place: str, wanted: Any) -> None:
    """The reader's process: open and read whenever it is asked to."""
    while wanted.recv():
        try:
            wanted.send(dzarr.open(place).read().tolist())
        except dzarr.NodeNotFoundError:
            wanted.send(None)


@pytest.mark.parametrize("form", [2, 3])
def test_a_reader_sees_nothing_or_the_whole_new_array(tmp_path: Path, form: int) -> None:
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    reader = multiprocessing.get_context("spawn").Process(target=read_on_demand, args=(str(tmp_path), theirs))
    reader.start()
    seen: list[Any] = []

    def ask() -> None:
        ours.send(True)
        seen.append(ours.recv())

    try:
        store = Watched(LocalStore(tmp_path), ask)
        first, second = grid(9, 7), grid(5, 6, start=500)
        with dask.config.set(scheduler="sync"):
            dzarr.store(da.from_array(first, chunks=4), store, chunks=(3, 3), zarr_format=form)
            told = [answer for k, answer in enumerate(seen) if not k or answer != seen[k - 1]]
            assert told == [None, first.tolist()]
            assert len(seen) > 9
            seen.clear()
            dzarr.store(da.from_array(second, chunks=4), store, chunks=(2, 2), zarr_format=form, overwrite=True)
            told = [answer for k, answer in enumerate(seen) if not k or answer != seen[k - 1]]
            assert told == [first.tolist(), None, second.tolist()]
    finally:
        ours.send(False)
        reader.join()


# Names


@pytest.fixture
def small_blocks() -> Iterator[None]:
    """Several blocks an array: what is one task alone gets another name when it is computed."""
    with dask.config.set({"array.chunk-size": "400B"}):
        yield


@pytest.mark.usefixtures("small_blocks")
def test_after_an_overwrite_the_cluster_answers_with_the_new_values(client: Any, tmp_path: Path) -> None:
    dzarr.store(grid(20, 20), tmp_path, chunks=(5, 5))
    old = dzarr.open(tmp_path).to_dask()
    kept = old.persist()
    wait(kept)
    dzarr.store(grid(20, 20) + 1, tmp_path, chunks=(5, 5), overwrite=True)
    again = dzarr.open(tmp_path)
    np.testing.assert_array_equal(again.to_dask().compute(), grid(20, 20) + 1)
    np.testing.assert_array_equal(again.compute(), grid(20, 20) + 1)
    assert int((again + 0).sum().compute()) == int((grid(20, 20) + 1).sum())
    np.testing.assert_array_equal(kept.compute(), grid(20, 20))


@pytest.mark.usefixtures("small_blocks")
def test_after_a_write_through_the_handle_the_cluster_answers_with_the_new_values(client: Any, tmp_path: Path) -> None:
    a = dzarr.store(grid(20, 20), tmp_path, chunks=(5, 5)).array
    kept = [a.persist(), a[3:9].persist()]
    wait(kept)
    dzarr.store(da.zeros((6, 20), chunks=4, dtype="i4"), a[3:9])
    expected = grid(20, 20)
    expected[3:9] = 0
    np.testing.assert_array_equal(a.compute(), expected)
    kept.append(a.persist())
    wait(kept)
    a[0] = 7
    expected[0] = 7
    np.testing.assert_array_equal(a.compute(), expected)
    kept.append(a.persist())
    wait(kept)
    dzarr.store(grid(20, 20), tmp_path)
    np.testing.assert_array_equal(a.refresh().compute(), grid(20, 20))


def test_a_handle_can_be_used_inside_tasks(client: Any, tmp_path: Path) -> None:
    a = dzarr.store(grid(20, 20), tmp_path, chunks=(5, 5)).array
    assert client.submit(lambda array: int(array[2:4].read().sum()), a[:]).result() == int(grid(20, 20)[2:4].sum())
    assert len(pickle.dumps(a)) < 4000
