"""Where work runs: in this process, in its threads, or on a cluster.

Knows: how dask picks a scheduler. Must not know: arrays. distributed is looked at only if somebody has
imported it already: without that there is no cluster.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import dask

from dzarr.errors import StoreError
from dzarr.io.store import Store

_LOCAL = ("threads", "threading", "sync", "synchronous", "single-threaded")
_PROCESSES = ("processes", "multiprocessing")
_CLUSTER = ("distributed", "dask.distributed")  # the second is what a Client puts into dask's configuration


def _client() -> Any:
    """Return the current distributed client, None where there is none."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.default_client()
    except (ValueError, AttributeError):
        return None


def runs_here(keywords: Mapping[str, Any]) -> bool:
    """Return whether ``compute(**keywords)`` would run in this process, so that the eager engine may do it."""
    if set(keywords) - {"scheduler", "num_workers", "optimize_graph"}:
        return False
    scheduler = _scheduler(keywords)
    if scheduler is not None:
        return isinstance(scheduler, str) and scheduler.lower() in _LOCAL
    return _client() is None and not in_task()


def _scheduler(keywords: Mapping[str, Any]) -> Any:
    scheduler = keywords.get("scheduler")
    return dask.config.get("scheduler", None) if scheduler is None else scheduler


def in_task() -> bool:
    """Return whether the calling thread is running a task of a distributed worker."""
    worker = sys.modules.get("distributed.worker")
    return worker is not None and hasattr(worker.thread_state, "execution_state")


def check_reach(store: Store, keywords: Mapping[str, Any] | None = None) -> None:
    """Raise StoreError where ``compute(**keywords)`` would run in processes that can't see what is in `store`."""
    if not store.can.shared and _leaves_process(_scheduler(keywords or {})):
        raise StoreError(
            "a memory store lives in one process, and the workers are others",
            found=store.token,
            fix="use a folder that all workers see, or Client(processes=False)",
        )


def _leaves_process(scheduler: Any) -> bool:
    if isinstance(scheduler, str):
        name = scheduler.lower()
        if name not in _CLUSTER:
            return name in _PROCESSES
        scheduler = None
    if scheduler is None:
        if in_task():
            return _is_apart(sys.modules["distributed"].get_worker().address)
        scheduler = _client()
    if isinstance(scheduler, ProcessPoolExecutor) or getattr(scheduler, "__module__", "") == "dask.multiprocessing":
        return True
    client = getattr(scheduler, "__self__", scheduler)  # Client.get is a scheduler too
    return _is_apart(getattr(getattr(client, "scheduler", None), "address", None))


def _is_apart(address: Any) -> bool:
    return isinstance(address, str) and not address.startswith("inproc://")
