"""Where work runs: in this process, in its threads, or on a cluster.

Knows: how dask picks a scheduler. Must not know: arrays. distributed is looked at only if somebody has
imported it already: without that there is no cluster.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import dask

from dzarr.errors import StoreError
from dzarr.io.store import Store


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
    scheduler = keywords.get("scheduler", dask.config.get("scheduler", None))
    if scheduler is not None:
        return isinstance(scheduler, str) and scheduler.lower() in _LOCAL
    return _client() is None and not in_task()


_LOCAL = ("threads", "threading", "sync", "synchronous", "single-threaded")


def in_task() -> bool:
    """Return whether the calling thread is running a task of a distributed worker."""
    worker = sys.modules.get("distributed.worker")
    return worker is not None and hasattr(worker.thread_state, "execution_state")


def check_reach(store: Store) -> None:
    """Raise StoreError where workers in other processes could not see what is in `store`."""
    if store.can.shared:
        return
    scheduler = dask.config.get("scheduler", None)
    client = _client() if scheduler is None else None
    apart = scheduler in ("processes", "multiprocessing")
    if client is not None and client.scheduler is not None:
        apart = not client.scheduler.address.startswith("inproc://")
    if apart:
        raise StoreError(
            "a memory store lives in one process, and the workers are others",
            found=store.token,
            fix="write to a folder that all workers see, or use Client(processes=False)",
        )
