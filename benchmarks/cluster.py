"""A cluster whose scheduler and workers are processes of their own, so that each can be held to account.

Knows: how to start one and ask its processes. Must not know: what is computed on it. (In a LocalCluster the scheduler
lives in the client's process, and its CPU time can't be told from the client's.)
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import worker

HERE = Path(__file__).resolve().parent


@contextmanager
def cluster(workers: int) -> Iterator[Any]:
    """A client of a fresh cluster with this many single-threaded worker processes."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    paths = [str(HERE), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    started = SubprocessCluster(n_workers=workers, threads_per_worker=1, dashboard_address=":0")
    with started, Client(started) as client:
        client.wait_for_workers(workers, timeout=60)
        yield client


def scheduler_seconds(client: Any) -> float:
    """CPU seconds that the scheduler's process has used so far."""
    return float(client.run_on_scheduler(time.process_time))


def rest(client: Any) -> list[int]:
    """Resident bytes of every worker, from which its peak is counted now."""
    return [int(size) for size in client.run(worker.reset_peak).values()]


def peaks(client: Any) -> list[int]:
    """Largest resident bytes of every worker since `rest`."""
    return [int(size) for size in client.run(worker.peak).values()]
