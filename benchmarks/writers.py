"""Everyone who writes a whole array, each in its own idiom, with equal durability: nobody waits for the disk.

Knows: how each library creates an array of a layout and fills it. Must not know: clocks.

A run writes into a folder that does not exist, metadata included; the folder is deleted after the clock stopped. What
was written is read back by zarr-python, in a process that no contestant shares.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from layouts import DTYPE, LAYOUTS, Layout
from worker import Runnable

Write = Callable[[str], object]
_READ_BACK = (
    "import sys, zlib, numpy, zarr\n"
    "values = numpy.ascontiguousarray(zarr.open_array(sys.argv[1], mode='r')[...], dtype='<u2')\n"
    "print(zlib.crc32(values.reshape(-1).view(numpy.uint8)))"
)


class Writing:
    """Writes the field into a fresh folder."""

    def __init__(self, write: Write, folder: str) -> None:
        self._write, self._folder = write, Path(folder)

    def run(self) -> str:
        """Create and fill; answers the path."""
        path = str(self._folder / f"{uuid.uuid4().hex}.zarr")
        self._write(path)
        return path

    def digest(self, result: str) -> int:
        """crc32 of what zarr-python reads back."""
        command = [sys.executable, "-W", "ignore", "-c", _READ_BACK, result]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode:
            raise RuntimeError(f"zarr-python can't read it: {answer.stderr.strip()[-200:]}")
        return int(answer.stdout)

    def clean(self, result: str) -> None:
        """Delete what was written."""
        shutil.rmtree(result)


def prepare(contestant: str, job: dict[str, Any]) -> Runnable:
    """The run of one contestant for one job: {"field", "layout", "folder"}."""
    values = np.load(job["field"])
    return Writing(CONTESTANTS[contestant](values, LAYOUTS[job["layout"]]), job["folder"])


def names(layout: str) -> list[str]:
    """Who takes part: a transaction of tensorstore only makes a difference where there are shards."""
    sharded = LAYOUTS[layout].shard is not None
    return [name for name in CONTESTANTS if sharded or name != "tensorstore-transaction"]


def expected(field: Path) -> int:
    """The digest that every honest contestant reaches."""
    return zlib.crc32(np.load(field).astype(DTYPE, copy=False).reshape(-1).view(np.uint8).data)


def _zarr(values: Any, layout: Layout) -> Write:
    import zarr

    def write(path: str) -> None:
        target = zarr.create_array(
            path, shape=values.shape, dtype="uint16", compressors=layout.compressors, filters=None, **layout.shapes
        )
        target[...] = values

    return write


def _zarr_fused(values: Any, layout: Layout) -> Write:
    import zarr

    zarr.config.set({"codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline"})
    return _zarr(values, layout)


def _zarrs(values: Any, layout: Layout) -> Write:
    import zarr
    import zarrs  # noqa: F401  registers its pipeline

    zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"})
    return _zarr(values, layout)


def _tensorstore(values: Any, layout: Layout) -> Write:
    create = _tensorstore_create(layout, len(values))

    def write(path: str) -> None:
        create(path).write(values, can_reference_source_data_indefinitely=True).result()

    return write


def _tensorstore_transaction(values: Any, layout: Layout) -> Write:
    """One transaction gathers the chunks of a shard, which otherwise may be written again and again."""
    import tensorstore as ts

    create = _tensorstore_create(layout, len(values))

    def write(path: str) -> None:
        store = create(path)
        with ts.Transaction() as transaction:
            store.with_transaction(transaction).write(values, can_reference_source_data_indefinitely=True).result()

    return write


def _tensorstore_create(layout: Layout, size: int) -> Callable[[str], Any]:
    import tensorstore as ts

    metadata = layout.document(size)

    def create(path: str) -> Any:
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}, "metadata": metadata}
        return ts.open(spec, context=ts.Context({"file_io_sync": False}), create=True).result()

    return create


def _dask(values: Any, layout: Layout) -> Write:
    import dask
    import dask.array as da

    blocks = da.from_array(values, chunks=(layout.side,) * 3)

    def write(path: str) -> None:
        with dask.config.set(scheduler="threads"):
            da.to_zarr(blocks, path, compressors=layout.compressors, filters=None, **layout.shapes)

    return write


def _bare(values: Any, layout: Layout) -> Write:
    import bare

    return lambda path: bare.write(Path(path), values, layout)


def _dzarr_write(values: Any, layout: Layout) -> Write:
    import dzarr

    def write(path: str) -> None:
        target = dzarr.create(path, shape=values.shape, dtype=values.dtype, codecs=layout.compressors, **layout.shapes)
        target.write(..., values)

    return write


def _dzarr_store(values: Any, layout: Layout) -> Write:
    import dask
    import dask.array as da

    import dzarr

    blocks = da.from_array(values, chunks=(layout.side,) * 3)

    def write(path: str) -> None:
        with dask.config.set(scheduler="threads"):
            dzarr.store(blocks, path, codecs=layout.compressors, **layout.shapes)

    return write


CONTESTANTS: dict[str, Callable[[Any, Layout], Write]] = {
    "bare": _bare,
    "tensorstore": _tensorstore,
    "tensorstore-transaction": _tensorstore_transaction,
    "zarrs": _zarrs,
    "zarr-python": _zarr,
    "zarr-fused": _zarr_fused,
    "dask": _dask,
    "dzarr-write": _dzarr_write,
    "dzarr-store": _dzarr_store,
}
