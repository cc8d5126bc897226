"""Where work would run, for every way in which dask is told a scheduler; and who may use a memory store there."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.multiprocessing
import dask.threaded
import pytest

import dzarr
from dzarr.graph.where import check_reach, in_task, runs_here
from dzarr.io.local import LocalStore
from dzarr.io.memory import MemoryStore

HERE = [None, "threads", "sync", "Threading", "single-threaded", "synchronous", dask.threaded.get, dask.local.get_sync]
APART = ["processes", "multiprocessing", "Processes", dask.multiprocessing.get]


@pytest.mark.parametrize("scheduler", HERE, ids=str)
def test_a_memory_store_may_be_used_by_threads(scheduler: Any) -> None:
    check_reach(MemoryStore(), {"scheduler": scheduler})
    with dask.config.set(scheduler=scheduler):
        check_reach(MemoryStore())


@pytest.mark.parametrize("scheduler", APART, ids=str)
def test_a_memory_store_may_not_be_used_by_processes(scheduler: Any, tmp_path: Path) -> None:
    with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
        check_reach(MemoryStore(), {"scheduler": scheduler})
    with dask.config.set(scheduler=scheduler):
        with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
            check_reach(MemoryStore())
        check_reach(MemoryStore(), {"scheduler": "threads"})  # a keyword outweighs the configuration
        check_reach(LocalStore(tmp_path))


def test_executors() -> None:
    with ThreadPoolExecutor(1) as threads, ProcessPoolExecutor(1) as processes:
        check_reach(MemoryStore(), {"scheduler": threads})
        with pytest.raises(dzarr.StoreError):
            check_reach(MemoryStore(), {"scheduler": processes})


def test_a_cluster_of_processes(client: Any, process_cluster: Any, tmp_path: Path) -> None:
    for scheduler in (None, "distributed", "dask.distributed", client, client.get):
        with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
            check_reach(MemoryStore(), {"scheduler": scheduler})
        check_reach(LocalStore(tmp_path), {"scheduler": scheduler})
    check_reach(MemoryStore(), {"scheduler": "sync"})
    # A client that is the default says so in dask's configuration.
    with dask.config.set(scheduler="dask.distributed"), pytest.raises(dzarr.StoreError):
        check_reach(MemoryStore())


def test_a_default_client_of_processes_is_noticed(process_cluster: Any) -> None:
    from distributed import Client

    with Client(process_cluster.scheduler.address):
        with pytest.raises(dzarr.StoreError, match="a memory store lives in one process"):
            check_reach(MemoryStore())
        assert not runs_here({})


def test_a_cluster_in_this_process() -> None:
    from distributed import Client

    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None):
        check_reach(MemoryStore())
        check_reach(MemoryStore(), {"scheduler": "distributed"})
        stored = dzarr.store(dask.array.ones(10, chunks=3), MemoryStore(), chunks=4).array
        assert stored.to_dask().sum().compute() == 10
        assert not runs_here({})
    assert runs_here({})


def test_plain_reads_run_in_this_process_only_where_dask_would_too(client: Any) -> None:
    assert not runs_here({})
    assert runs_here({"scheduler": "threads"})
    assert not runs_here({"scheduler": "threads", "pool": None})
    assert not runs_here({"scheduler": "processes"})
    with dask.config.set(scheduler="sync"):
        assert runs_here({})


def test_a_task_knows_that_it_is_one(client: Any) -> None:
    assert not in_task()
    assert client.submit(in_task, pure=False).result()
    assert client.submit(runs_here, {}, pure=False).result() is False


def test_a_task_on_a_cluster_may_not_use_a_memory_store_for_a_graph(client: Any) -> None:
    def reach() -> str:
        try:
            check_reach(MemoryStore())
        except dzarr.StoreError as error:
            return error.message
        return "fine"

    assert "lives in one process" in client.submit(reach, pure=False).result()
