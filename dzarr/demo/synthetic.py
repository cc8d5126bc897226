"""The synthetic leg: a gigabyte for the timings, because the real files are small.

Knows: sizes that don't fit each other. Must not know: what the field means.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from dask.delayed import delayed
from numpy.typing import NDArray

import dzarr
from dzarr.demo import field
from dzarr.demo.recorder import Recorder

GRAIN = 80
"""The edge of the cube is a multiple of this, so that both grids of shards fit it."""


def edge_for(nbytes: int) -> int:
    """Return the edge of a uint16 cube of about `nbytes`.

    Examples
    --------
    >>> edge_for(10**9), edge_for(1)
    (800, 80)
    """
    grains: int = round((nbytes / 2) ** (1 / 3) / GRAIN)
    return max(1, grains) * GRAIN


def run(recorder: Recorder, folder: Path, nbytes: int) -> None:
    """Store the field, read it in several ways, store it again from misaligned blocks, and verify both."""
    edge = edge_for(nbytes)
    recorder.begin(f"Synthetic: a made-up field of {2 * edge**3 / 1e9:.2f} GB, for the timings only")
    first, second = str(folder / "synthetic.zarr"), str(folder / "synthetic-plus-one.zarr")
    _store_aligned(recorder, first, edge)
    array = dzarr.open_array(first)
    total = _sums(recorder, array)
    with recorder.step("one plane along each axis, eagerly"):
        planes = [array[edge // 2].read(), array[:, edge // 2].read(), array[:, :, edge // 2].read()]
    _store_misaligned(recorder, second, array)
    expected = _verify(recorder, first, edge, 0)
    _verify(recorder, second, edge, 1)
    recorder.check("sum of all values", np.array(total), np.array(expected))
    _check_planes(recorder, planes, edge)
    shutil.rmtree(first)
    shutil.rmtree(second)


def _store_aligned(recorder: Recorder, url: str, edge: int) -> None:
    shard = edge // 4
    recorder.store(
        f"store, blocks are shards {(shard,) * 3}",
        field.lazy(edge, shard),
        url,
        chunks=(edge // 16,) * 3,
        shards=(shard,) * 3,
        overwrite=True,
    )


def _sums(recorder: Recorder, array: Any) -> int:
    total = array.to_dask().sum(dtype=np.int64)
    (value,) = recorder.compute("read and sum everything", total, nbytes=array.nbytes)
    return int(value)


def _store_misaligned(recorder: Recorder, url: str, array: Any) -> None:
    edge = array.shape[0]
    blocks = (edge * 17 // 80, edge * 13 // 80, edge * 21 // 80)
    recorder.store(
        f"read, add one, store from misaligned blocks {blocks}",
        (array.to_dask() + np.uint16(1)).rechunk(blocks),
        url,
        chunks=(edge // 20,) * 3,
        shards=(edge // 5,) * 3,
        overwrite=True,
    )


def _verify(recorder: Recorder, url: str, edge: int, added: int) -> int:
    # Each task makes a part of the field again and compares the array's bytes with it.
    step = edge // 4
    parts = [delayed(compare)(url, edge, added, z, y, step) for z in range(0, edge, step) for y in range(0, edge, step)]
    answers = recorder.compute(f"make the field again and compare (+{added})", *parts, nbytes=2 * edge**3)
    recorder.note(f"field + {added} as stored", 2 * edge**3, all(equal for equal, _ in answers))
    return sum(total for _, total in answers)


def compare(url: str, edge: int, added: int, z: int, y: int, step: int) -> tuple[bool, int]:
    """Compare one part of a stored field with numpy's; also return the sum of numpy's."""
    region = (slice(z, z + step), slice(y, y + step), slice(0, edge))
    expected = field.values(region, edge) + np.uint16(added)
    found = dzarr.open_array(url).read(region)
    return found.dtype == expected.dtype and found.tobytes() == expected.tobytes(), int(expected.sum(dtype=np.int64))


def _check_planes(recorder: Recorder, planes: list[NDArray[Any]], edge: int) -> None:
    whole, middle = slice(0, edge), slice(edge // 2, edge // 2 + 1)
    for axis, plane in enumerate(planes):
        region = tuple(middle if i == axis else whole for i in range(3))
        recorder.check(f"plane across axis {axis}", plane, field.values(region, edge).squeeze(axis))
