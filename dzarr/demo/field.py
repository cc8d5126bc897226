"""The synthetic field: a gigabyte that any process can make any part of.

Knows: a formula. Must not know: where the values go.

    value(z, y, x) = 2000 + 900 sin(z) + 600 sin(y) sin(x) + noise(z, y, x)      uint16, noise is Poisson-like

The noise of a row is a run of one short random table, from a place that (z, y) tells, so that every region can be
made again and compared byte for byte without keeping the whole.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

PERIOD = 1_048_573
"""Length of the noise table: a prime, so that rows don't line up."""


def values(region: tuple[slice, ...], edge: int) -> NDArray[np.uint16]:
    """Return the field in `region` of a cube of `edge`.

    Examples
    --------
    >>> whole = values((slice(0, 8),) * 3, 8)
    >>> part = values((slice(2, 5), slice(0, 8), slice(7, 8)), 8)
    >>> bool((whole[2:5, :, 7:] == part).all()), whole.dtype
    (True, dtype('uint16'))
    """
    z, y, x = (np.arange(axis.start, axis.stop) for axis in region)
    waves = [np.sin(np.asarray(axis, np.float64) * (2 * np.pi / edge)) for axis in (z, y, x)]
    plane = np.rint(600 * waves[1][:, None] * waves[2]).astype(np.int16)
    levels = np.rint(2000 + 900 * waves[0]).astype(np.int16)
    runs = np.lib.stride_tricks.sliding_window_view(_noise(edge)[region[2].start :], len(x))
    out = np.empty((len(z), len(y), len(x)), np.uint16)
    for i in range(len(z)):
        np.add(runs[(z[i] * 15_485_863 + y * 104_729) % PERIOD], plane + levels[i], out=out[i], casting="unsafe")
    return out


@cache
def _noise(edge: int) -> NDArray[np.int16]:
    # Each row of the field is one run of the table, so a row is made at the speed of a copy.
    table = np.random.default_rng(2).poisson(60, PERIOD).astype(np.int16)
    return np.concatenate([table, table[:edge]])


def lazy(edge: int, chunks: Any) -> da.Array:
    """Return the whole field as a dask array."""
    blocks = da.core.normalize_chunks(chunks, (edge,) * 3, dtype=np.uint16)
    cube: da.Array = da.map_blocks(
        make_block, edge, chunks=blocks, dtype=np.uint16, meta=np.empty((0, 0, 0), np.uint16)
    )
    return cube


def make_block(edge: int, block_info: Any = None) -> NDArray[np.uint16]:
    """Make the block that `block_info` tells: the task of `lazy`."""
    location = block_info[None]["array-location"]
    return values(tuple(slice(start, stop) for start, stop in location), edge)
