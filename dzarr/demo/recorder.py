"""Steps of the demo: what each cost, and whether its bytes are right.

Knows: a cluster, the clock, counters. Must not know: what the steps compute.

    client:  step "store" begins ── tasks run on workers ── step ends
    workers: a Meter each, counting its tasks, requests and bytes; the recorder adds them up before and after
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from distributed import Client, WorkerPlugin, progress
from numpy.typing import NDArray

import dzarr

METER = "dzarr-demo-meter"


@dataclass(frozen=True)
class Step:
    """What one step cost: seconds, tasks on the cluster, requests and encoded bytes of all stores."""

    leg: str
    title: str
    seconds: float
    tasks: int
    requests: int
    bytes_read: int
    bytes_written: int
    nbytes: int
    """Bytes of array data that the step went through, decoded; 0 where that is no useful number."""


@dataclass(frozen=True)
class Check:
    """A comparison with numpy, byte for byte."""

    leg: str
    title: str
    nbytes: int
    equal: bool


class Meter(WorkerPlugin):
    """Counts the tasks, requests and bytes of one worker process."""

    name = METER

    def setup(self, worker: Any) -> None:
        """Begin to count."""
        self.tasks = 0
        self.watch = dzarr.observe()
        self.seen = self.watch.__enter__()

    def teardown(self, worker: Any) -> None:
        """Stop counting."""
        self.watch.__exit__(None, None, None)

    def transition(self, key: Any, start: str, finish: str, **kwargs: Any) -> None:
        """Count a task that has just been run."""
        if start == "executing" and finish == "memory":
            self.tasks += 1


def read_meter(dask_worker: Any) -> tuple[int, int, int, int]:
    """Return tasks, requests, bytes read and bytes written of one worker so far."""
    meter = dask_worker.plugins[METER]
    return meter.tasks, meter.seen.requests, meter.seen.bytes_read, meter.seen.bytes_written


class Recorder:
    """Runs work on a cluster and writes down what it cost.

    Parameters
    ----------
    client : distributed.Client
        The cluster; every worker gets a meter.

    Attributes
    ----------
    steps : list of Step
    checks : list of Check
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.steps: list[Step] = []
        self.checks: list[Check] = []
        self.leg = ""
        client.register_plugin(Meter())

    def begin(self, leg: str) -> None:
        """Name the leg that the next steps belong to."""
        self.leg = leg
        print(f"\n{leg}")

    def store(self, title: str, x: Any, target: str, **options: Any) -> Any:
        """Store the dask array `x` at the url `target` on the cluster, with a progress bar; return the result."""
        with self.step(title, x.nbytes):
            started = dzarr.store(x, target, compute=False, **options).persist()
            progress(started, notebook=False)
            return started.compute()

    def compute(self, title: str, *collections: Any, nbytes: int = 0) -> list[Any]:
        """Compute dask collections on the cluster, with a progress bar; return their values."""
        with self.step(title, nbytes):
            futures = self.client.compute(list(collections))
            progress(futures, notebook=False)
            return [future.result() for future in futures]

    @contextmanager
    def step(self, title: str, nbytes: int = 0) -> Iterator[None]:
        """Measure the block as one step."""
        print(f"  {title}")
        before = self._read_meters()
        start = time.perf_counter()
        with dzarr.observe() as seen:
            yield
        seconds = time.perf_counter() - start
        here = np.array([0, seen.requests, seen.bytes_read, seen.bytes_written])
        tasks, requests, read, written = (int(n) for n in self._read_meters() - before + here)
        print(f"    {seconds:.2f} s, {tasks:,} tasks, {requests:,} requests, {read:,} bytes read, {written:,} written")
        self.steps.append(Step(self.leg, title, seconds, tasks, requests, read, written, nbytes))

    def check(self, title: str, found: NDArray[Any], expected: NDArray[Any]) -> None:
        """Compare an array with what numpy says: dtype, shape and every byte."""
        equal = found.dtype == expected.dtype and found.shape == expected.shape
        self.note(title, expected.nbytes, equal and found.tobytes() == expected.tobytes())

    def note(self, title: str, nbytes: int, equal: bool) -> None:
        """Write down a comparison that was made elsewhere."""
        print(f"  {title}: {nbytes:,} bytes {'equal' if equal else 'DIFFER'}")
        self.checks.append(Check(self.leg, title, nbytes, equal))

    def _read_meters(self) -> NDArray[np.int64]:
        readings = self.client.run(read_meter)
        total: NDArray[np.int64] = np.sum(np.array(list(readings.values()), np.int64), axis=0)
        return total
