"""How much memory does it take? A whole read in a fresh process, and a store on a cluster.

python benchmarks/memory.py --layouts s256-32-raw
"""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from pathlib import Path
from typing import Any

import report
from arena import MIB, Contestant, ContestantError
from claims import Claim
from cluster import cluster, peaks, rest
from layouts import DTYPE, LAYOUTS, Layout, array_folder

READERS = ("dzarr-read", "dzarr-compute", "tensorstore", "zarrs", "zarr-python", "dask")
SHARD = 256
GROWTH = 4  # the second store is this many times larger than the first
SLACK = 64 * MIB


def read_bound(layout: Layout, size: int) -> int:
    """Output + inflight_bytes + threads x (largest decoded chunk + 2 MiB), in bytes."""
    from dzarr.options import Options

    options = Options()
    threads = options.threads or os.cpu_count() or 1
    decoded = DTYPE.itemsize * layout.chunk**3
    return DTYPE.itemsize * size**3 + options.inflight_bytes + threads * (decoded + 2 * MIB)


def reading(path: Path, layout: Layout, size: int) -> dict[str, Any]:
    """Bytes beyond the resting process for a whole read, each contestant in a fresh process that read one corner."""
    found: dict[str, Any] = {"bound_bytes": read_bound(layout, size)}
    for name in READERS:
        job = {"path": str(path), "layout": layout.name, "size": size}
        contestant = Contestant("readers", name)
        try:
            contestant.ask(do="prepare", job={**job, "operation": "corner"})
            contestant.ask(do="run")
            contestant.ask(do="prepare", job={**job, "operation": "whole"})
            found[name] = {"extra_bytes": contestant.ask(do="run")["extra"]}
        except ContestantError as error:
            found[name] = {"error": f"not available: {error}"}
        finally:
            contestant.close()
    return found


def storing(data: Path, block: int, workers: int, shards: int) -> dict[str, Any]:
    """Bytes beyond a resting worker while blocks of this side are stored in shards of 256³, for two sizes.

    The arrays have 2 x 2 shards across and `shards`, then `GROWTH` times as many along the first axis: so many that
    the smaller one already fills the pipeline of regrouped blocks.
    """
    extras = {}
    with cluster(workers) as client:
        _store(data, SHARD, block)  # imports and warm caches
        for count in (shards, shards * GROWTH):
            before = rest(client)
            _store(data, count * SHARD, block)
            extras[count] = max(after - rested for after, rested in zip(peaks(client), before, strict=True))
    return {
        "block_bytes": DTYPE.itemsize * block**3,
        "array_bytes": [DTYPE.itemsize * count * SHARD * (2 * SHARD) ** 2 for count in extras],
        "extra_bytes": list(extras.values()),
    }


def _store(data: Path, length: int, block: int) -> None:
    import dask.array as da

    import dzarr

    path = data / f"stored-{uuid.uuid4().hex}.zarr"
    shape = (length, 2 * SHARD, 2 * SHARD)
    values = da.random.default_rng(7).integers(0, 4000, size=shape, dtype="uint16", chunks=block)
    try:
        dzarr.store(values, str(path), chunks=(64,) * 3, shards=(SHARD,) * 3)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def main(arguments: list[str] | None = None) -> dict[str, Any]:
    """Run it with command line arguments; answers the JSON document."""
    parser = report.parser(__doc__)
    parser.add_argument("--layouts", nargs="*", default=list(LAYOUTS), choices=list(LAYOUTS), metavar="LAYOUT")
    parser.add_argument("--size", type=int, default=512, help="side of the cube of uint16 (512)")
    parser.add_argument("--workers", type=int, default=2, help="worker processes (2)")
    parser.add_argument("--shards", type=int, default=8, help="length of the smaller store in shards of 256 (8: 1 GiB)")
    parser.add_argument("--no-store", action="store_true", help="leave the cluster out")
    options = parser.parse_args(arguments)
    figures: dict[str, Any] = {}
    verdicts: list[Claim] = []
    print(f"{'MiB beyond rest':<18}{'bound':>8}" + "".join(f"{name:>15}" for name in READERS))
    for name in options.layouts:
        layout = LAYOUTS[name]
        found = figures[name] = reading(array_folder(options.data, layout, options.size), layout, options.size)
        cells = (found[reader].get("extra_bytes") for reader in READERS)
        texts = ("-" if cell is None else f"{cell / MIB:.0f}" for cell in cells)
        print(f"{name:<18}{found['bound_bytes'] / MIB:>8.0f}" + "".join(f"{text:>15}" for text in texts), flush=True)
        ours, note = found["dzarr-read"].get("extra_bytes"), found["dzarr-read"].get("error", "")
        verdicts.append(Claim("peak of a whole read", name, ours, found["bound_bytes"], 1, "bytes", note))
    if not options.no_store:
        legs = {
            "aligned store": lambda: storing(options.data, SHARD, options.workers, options.shards),
            "misaligned store": lambda: storing(options.data, 200, options.workers, options.shards),
        }
        figures.update(report.legs(legs))
        for leg in legs:
            verdicts += _store_claims(leg, figures[leg])
    return report.publish("memory", options, figures, verdicts)


def _store_claims(leg: str, found: dict[str, Any]) -> list[Claim]:
    """A store's peak follows the blocks in flight: it must not grow with the array."""
    what = f"peak of a {GROWTH} times larger store"
    if "error" in found:
        return [Claim(what, leg, None, None, 1, "bytes", found["error"])]
    small, large = found["extra_bytes"]
    claims = [Claim(what, leg, large, small + SLACK, 1, "bytes")]
    if leg == "aligned store":
        bound = 3 * found["block_bytes"] + SLACK
        claims.append(Claim("peak within 3 blocks + 64 MiB a thread", leg, large, bound, 1, "bytes"))
    return claims


if __name__ == "__main__":
    main(sys.argv[1:])
