"""Everyone who reads a stored array, each in its own idiom.

Knows: how each library opens a path and reads a region, and what is read (the operations). Must not know: clocks.

A run starts from the path, so that opening counts for everyone. Operations: ``whole``; ``plane0``, ``plane1``,
``plane2`` (one plane across that axis); ``random`` (512 distinct boxes of 32³, one after the other);
``sum`` (the sum of all elements: read and numpy, or ``map_blocks(numpy.sum)`` where there are blocks). ``corner``
reads eight elements and only wakes a process up.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from layouts import LAYOUTS
from worker import Runnable

OPERATIONS = ("whole", "plane0", "plane1", "plane2", "random", "sum")
BOX = 32
BOXES = 512
Region = tuple[Any, ...]
Read = Callable[[Region], Any]
Open = Callable[[str], Read]
WHOLE: Region = (slice(None), slice(None), slice(None))


def regions(operation: str, size: int) -> list[Region]:
    """What an operation reads, in order."""
    if operation.startswith("plane"):
        region = list(WHOLE)
        region[int(operation[-1])] = size // 2 + 3
        return [tuple(region)]
    if operation == "corner":
        return [(slice(0, 2),) * 3]
    if operation != "random":
        return [WHOLE]
    per_axis = size // BOX
    drawn = np.random.default_rng(7).choice(per_axis**3, size=min(BOXES, per_axis**3), replace=False)
    corners = np.stack(np.unravel_index(drawn, (per_axis,) * 3), axis=1) * BOX
    return [tuple(slice(at, at + BOX) for at in corner) for corner in corners.tolist()]


def expected(field: Path, job: dict[str, Any]) -> int:
    """The digest that every honest contestant reaches."""
    values = np.load(field, mmap_mode="r")
    if job["operation"] == "sum":
        return int(values.sum(dtype=np.uint64))
    return digest_of([values[region] for region in regions(job["operation"], job["size"])])


def digest_of(results: list[Any]) -> int:
    """crc32 of the values of arrays, one after the other."""
    crc = 0
    for result in results:
        crc = zlib.crc32(np.ascontiguousarray(result, dtype="<u2").reshape(-1).view(np.uint8).data, crc)
    return crc


class Reading:
    """Reads the regions of one operation, from the path on."""

    def __init__(self, opener: Open, path: str, wanted: list[Region]) -> None:
        self._open, self._path, self._wanted = opener, path, wanted

    def run(self) -> list[Any]:
        """Open, and read each region."""
        read = self._open(self._path)
        return [read(region) for region in self._wanted]

    def digest(self, result: list[Any]) -> int:
        """crc32 of all values."""
        return digest_of(result)

    def clean(self, result: list[Any]) -> None:
        """Let go of the arrays."""
        result.clear()


class Summing:
    """Sums all elements."""

    def __init__(self, total: Callable[[str], int], path: str) -> None:
        self._total, self._path = total, path

    def run(self) -> int:
        """Open, and add up."""
        return self._total(self._path)

    def digest(self, result: int) -> int:
        """The sum itself."""
        return int(result)

    def clean(self, result: int) -> None:
        """Nothing is held."""


def prepare(contestant: str, job: dict[str, Any]) -> Runnable:
    """The run of one contestant for one job: {"path", "layout", "operation", "size"}."""
    opener = CONTESTANTS[contestant](job)
    if job["operation"] != "sum":
        return Reading(opener, job["path"], regions(job["operation"], job["size"]))
    blocks = BLOCKS.get(contestant)
    if blocks is not None:
        return Summing(lambda path: _sum_of_blocks(blocks(path)), job["path"])
    return Summing(lambda path: int(np.sum(opener(path)(WHOLE))), job["path"])


def names(operation: str, layout: str) -> Iterator[str]:
    """Who takes part in an operation: the bare loop only reads all, dask only what it is meant for."""
    for name in CONTESTANTS:
        if name == "bare" and operation not in {"whole", "sum"}:
            continue
        if operation == "random" and name in {"dask", "dzarr-compute", "dzarr-dask"}:
            continue
        if name == "tensorstore-cached" and (operation != "random" or LAYOUTS[layout].shard is None):
            continue
        yield name


def _sum_of_blocks(x: Any) -> int:
    sums = x.map_blocks(np.sum, keepdims=True, dtype=np.uint64, chunks=tuple((1,) * count for count in x.numblocks))
    return int(sums.compute(scheduler="threads").sum())


def _zarr_python(job: dict[str, Any]) -> Open:
    import zarr

    return lambda path: zarr.open_array(path, mode="r").__getitem__


def _zarr_fused(job: dict[str, Any]) -> Open:
    import zarr

    zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline"})
    return lambda path: zarr.open_array(path, mode="r").__getitem__


def _zarrs(job: dict[str, Any]) -> Open:
    import zarr
    import zarrs  # noqa: F401  registers its pipeline

    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return lambda path: zarr.open_array(path, mode="r").__getitem__


def _tensorstore(cache_bytes: int) -> Callable[[dict[str, Any]], Open]:
    def prepare_open(job: dict[str, Any]) -> Open:
        import tensorstore as ts

        def open_path(path: str) -> Read:
            spec: dict[str, Any] = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}
            # A context of its own for each run: nothing that an earlier run decoded is still there.
            context = ts.Context({"cache_pool": {"total_bytes_limit": cache_bytes}})
            store = ts.open(spec, context=context, read=True, open=True).result()
            return lambda region: store[region].read().result()

        return open_path

    return prepare_open


def _dask(job: dict[str, Any]) -> Open:
    return lambda path: lambda region: _dask_blocks(path)[region].compute(scheduler="threads")


def _dask_blocks(path: str) -> Any:
    import dask.array as da

    return da.from_zarr(path)


def _bare(job: dict[str, Any]) -> Open:
    import bare

    return lambda path: lambda region: bare.read(Path(path), LAYOUTS[job["layout"]], job["size"])


def _dzarr_read(job: dict[str, Any]) -> Open:
    import dzarr

    def open_path(path: str) -> Read:
        array = dzarr.open_array(path)
        return lambda region: array.read() if region is WHOLE else array.read(region)

    return open_path


def _dzarr_compute(job: dict[str, Any]) -> Open:
    import dzarr

    def open_path(path: str) -> Read:
        array = dzarr.open_array(path)
        return lambda region: (array if region is WHOLE else array[region]).compute(scheduler="threads")

    return open_path


def _dzarr_dask(job: dict[str, Any]) -> Open:
    return lambda path: lambda region: _dzarr_blocks(path)[region].compute(scheduler="threads")


def _dzarr_blocks(path: str) -> Any:
    import dzarr

    return dzarr.open_array(path).to_dask()


CONTESTANTS: dict[str, Callable[[dict[str, Any]], Open]] = {
    "bare": _bare,
    "tensorstore": _tensorstore(0),
    "tensorstore-cached": _tensorstore(256 * 2**20),
    "zarrs": _zarrs,
    "zarr-python": _zarr_python,
    "zarr-fused": _zarr_fused,
    "dask": _dask,
    "dzarr-read": _dzarr_read,
    "dzarr-compute": _dzarr_compute,
    "dzarr-dask": _dzarr_dask,
}
BLOCKS: dict[str, Callable[[str], Any]] = {
    "dask": _dask_blocks,
    "dzarr-compute": _dzarr_blocks,
    "dzarr-dask": _dzarr_blocks,
}
