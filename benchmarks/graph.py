"""What does a graph cost? Opening and slicing 10⁶ shards, bytes in a task, the scheduler's CPU for a large store.

python benchmarks/graph.py --tasks 100000
"""

from __future__ import annotations

import json
import math
import shutil
import statistics
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import report
from claims import Claim
from cluster import cluster, scheduler_seconds
from layouts import BYTES

SHARDS = 1000  # per axis
SHARD = 4096  # elements of float64 per axis: one shard is one block of 128 MiB
SLICE = (slice(0, 10 * SHARD), slice(0, 50 * SHARD))  # 500 shards
ROUNDS = 9
OBJECT = 8  # elements per axis of the objects of the large store


def huge_array(data: Path, *, sharded: bool) -> Path:
    """An array of 1000 x 1000 shards (or chunks) of which only the document exists."""
    codecs: list[dict[str, Any]] = [BYTES]
    if sharded:
        configuration = {
            "chunk_shape": [SHARD // 8] * 2,
            "codecs": codecs,
            "index_codecs": [BYTES, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": configuration}]
    path = data / f"huge-{'shards' if sharded else 'chunks'}.zarr"
    path.mkdir(parents=True, exist_ok=True)
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [SHARDS * SHARD] * 2,
        "data_type": "float64",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [SHARD] * 2}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0.0,
        "codecs": codecs,
        "attributes": {},
    }
    (path / "zarr.json").write_text(json.dumps(document))
    return path


def opening(build: Callable[[], Any]) -> dict[str, Any]:
    """Milliseconds to open, slice and build the symbolic graph; its pickled bytes; the bytes of one task."""
    from distributed.protocol import pickle

    blocks = build()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        blocks = build()
        seconds.append(time.perf_counter() - start)
    graph = blocks.__dask_graph__()
    graph_bytes = len(pickle.dumps(graph))  # before anything makes the layers concrete
    tasks = [task for key, task in dict(graph).items() if isinstance(key, tuple)]
    return {
        "milliseconds": 1000 * statistics.median(seconds),
        "milliseconds_min": 1000 * min(seconds),
        "blocks": int(np.prod(blocks.numblocks)),
        "graph_bytes": graph_bytes,
        "task_bytes": max(len(pickle.dumps(task)) for task in tasks[:: max(1, len(tasks) // 20)]),
    }


def build_by_dzarr(path: Path) -> Any:
    """Open, slice, build."""
    import dzarr

    return dzarr.open_array(str(path))[SLICE].to_dask()


def build_by_dask(path: Path) -> Any:
    """The same with dask's own reader."""
    import dask.array as da

    return da.from_zarr(str(path))[SLICE]


def scheduling(run: Callable[[Any], None], tasks: int, workers: int) -> dict[str, Any]:
    """The scheduler's CPU milliseconds a task, on a cluster of its own, for `run(client)` with this many tasks."""
    with cluster(workers) as client:
        client.submit(sum, [1, 2]).result()
        before, start = scheduler_seconds(client), time.perf_counter()
        run(client)
        wall = time.perf_counter() - start
        spent = scheduler_seconds(client) - before
    return {"tasks": tasks, "scheduler_ms_per_task": 1000 * spent / tasks, "wall": wall}


def store_by_dzarr(data: Path, side: int) -> Callable[[Any], None]:
    """Store side x side blocks, each its own object."""

    def run(client: Any) -> None:
        import dask.array as da

        import dzarr

        path = data / f"many-{uuid.uuid4().hex}.zarr"
        ones = da.ones((side * OBJECT,) * 2, chunks=OBJECT, dtype="uint8")
        try:
            dzarr.store(ones, str(path), chunks=(OBJECT, OBJECT), codecs=[])
        finally:
            shutil.rmtree(path, ignore_errors=True)

    return run


def nothing_by_dask(side: int) -> Callable[[Any], None]:
    """As many tasks that do nothing: what dask costs by itself."""

    def run(client: Any) -> None:
        import dask.array as da
        from distributed import wait

        ones = da.ones((side * OBJECT,) * 2, chunks=OBJECT, dtype="uint8")
        wait(client.persist(ones.map_blocks(np.sum, keepdims=True, dtype=np.uint64, chunks=(1, 1))))

    return run


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run it with command line arguments; answers the JSON document."""
    parser = report.parser(__doc__)
    parser.add_argument("--tasks", type=int, default=100_000, help="blocks of the large store (100000); 0: none")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (2)")
    options = parser.parse_args(arguments)
    side = math.isqrt(options.tasks)
    shards, chunks = huge_array(options.data, sharded=True), huge_array(options.data, sharded=False)
    legs: dict[str, Callable[[], dict[str, Any]]] = {
        "dask open": lambda: opening(lambda: build_by_dask(chunks)),
        "dzarr open": lambda: opening(lambda: build_by_dzarr(shards)),
    }
    if side:
        legs["dask nothing"] = lambda: scheduling(nothing_by_dask(side), side**2, options.workers)
        legs["dzarr store"] = lambda: scheduling(store_by_dzarr(options.data, side), side**2, options.workers)
    figures = report.legs(legs)
    return report.publish("graph", options, figures, _claims(figures))


def _claims(figures: dict[str, Any]) -> list[Claim]:
    opened, where = figures["dzarr open"], "10^6 shards"
    note = opened.get("error", "")
    found = [
        Claim("open, slice 500, build", where, opened.get("milliseconds"), 20, 1, "ms", note),
        Claim("symbolic graph, pickled", where, opened.get("graph_bytes"), 1e6, 1, "bytes", note),
        Claim("one task with its spec, pickled", where, opened.get("task_bytes"), 4096, 1, "bytes", note),
    ]
    if "dzarr store" in figures:
        stored = figures["dzarr store"]
        spent, note = stored.get("scheduler_ms_per_task"), stored.get("error", "")
        found.append(Claim("scheduler CPU a task", "large store", spent, 1, 1, "ms", note))
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
