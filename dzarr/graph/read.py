"""Lazy reading: a selection of an array as a symbolic Dask graph.

Knows: how to make blocks of whole objects, and one layer that reads them. Must not know: handles. The
layer holds a recipe, not tasks: opening an array of a million objects costs a millisecond or two. Each
task gets a Source (a document and a place, under 4 kB) and its own small selection, and reads with the
thread that it runs in.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod
from typing import Any

import dask
import dask.array as da
import numpy as np
from dask.array.core import normalize_chunks
from dask.base import tokenize
from dask.blockwise import blockwise
from dask.highlevelgraph import HighLevelGraph
from dask.layers import ArrayBlockwiseDep
from dask.utils import parse_bytes

from dzarr.errors import GridError, RegionError, UnsupportedError
from dzarr.format.grid import RegularAxis
from dzarr.format.selection import Selection
from dzarr.graph.align import group, split, units
from dzarr.io.read import read_region
from dzarr.io.source import Source

Blocks = tuple[tuple[int, ...], ...]


class BlockSelections(ArrayBlockwiseDep):
    """The selection that each block reads (or writes), made when a task is."""

    def __init__(self, selection: Selection, blocks: Blocks, overlap: Sequence[int] = ()) -> None:
        depth = tuple(overlap) or (0,) * len(blocks)
        self.selection = selection
        self.bounds = tuple(
            _bounds(lengths, n, size) for lengths, n, size in zip(blocks, depth, selection.shape, strict=True)
        )
        super().__init__(tuple(tuple(b - a for a, b in axis) for axis in self.bounds))

    def __getitem__(self, idx: tuple[int, ...]) -> Selection:
        return self.selection.subset([axis[i] for i, axis in zip(idx, self.bounds, strict=True)])

    def __dask_tokenize__(self) -> Any:
        return "dzarr-blocks", self.selection.token(), self.bounds


def _bounds(lengths: Sequence[int], depth: int, size: int) -> tuple[tuple[int, int], ...]:
    edges = [0, *accumulate(lengths)]
    return tuple((max(0, a - depth), min(size, b + depth)) for a, b in pairwise(edges))


def read_block(source: Source, selection: Selection) -> np.ndarray[Any, Any]:
    """Read one block, in the calling thread: the task of every read graph."""
    return read_region(source, selection, threads=1)


def to_dask(source: Source, selection: Selection, open_id: str, chunks: Any = None, overlap: Any = None) -> da.Array:
    """Return `selection` as a lazy ``dask.array.Array``.

    `chunks` takes all that dask does; None makes blocks of whole objects near ``array.chunk-size``.
    `overlap` (an int, a tuple, or a dict by axis) lets every block read that many more elements on each
    side, clipped at the array's ends: the blocks of ``dask.array.overlap.overlap(boundary="none")``
    without its copying.
    """
    refuse_query_planning()
    blocks = default_blocks(source, selection) if chunks is None else chosen_blocks(source, selection, chunks)
    reads = BlockSelections(selection, blocks, _depth(overlap, len(blocks)))
    place = source.store.token, source.path, source.layout.digest
    name = "dzarr-read-" + tokenize(place, reads, open_id, source.options)
    ix = tuple(range(len(blocks)))
    layer = blockwise(read_block, name, ix, source, None, reads, ix, numblocks={}, _data_producer=True)
    graph = HighLevelGraph.from_collections(name, layer)
    meta = np.empty((0,) * len(ix), source.layout.dtype)
    return da.Array(graph, name, reads.chunks, meta=meta)


def refuse_query_planning() -> None:
    """Raise UnsupportedError where dask.array is in its expression mode, which lacks what graphs need."""
    if dask.config.get("array.query-planning", None) or da.array_expr_enabled():
        raise UnsupportedError(
            "dask's array expressions are incomplete and not supported",
            found="array.query-planning: True",
            fix='dask.config.set({"array.query-planning": False}) before dask.array is imported',
        )


def block_bytes() -> int:
    """Return how large blocks should be, by dask's configuration as it is now."""
    return int(parse_bytes(dask.config.get("array.chunk-size")))


def default_blocks(source: Source, selection: Selection) -> Blocks:
    """Return blocks of whole objects near ``array.chunk-size``; of parts of objects that are far larger."""
    target = block_bytes()
    layout = source.layout
    itemsize = max(1, layout.dtype.itemsize)
    inner: tuple[int | None, ...] = (None,) * layout.ndim
    uniform = layout.uniform
    if uniform is not None and uniform.nbytes > target and uniform.count > 1:
        inner = split(uniform.shape, uniform.chunk, itemsize, target)
    return group(view_units(source, selection, inner), itemsize, target)


def view_units(source: Source, selection: Selection, inner: Sequence[int | None] = ()) -> list[tuple[int, ...]]:
    """Return, for each dimension of a view, the lengths of its units: what lies in one object."""
    lengths = []
    for dim in selection.dims:
        index = selection.axes[dim.ref] if dim.kind == "axis" else None
        if isinstance(index, range):
            lengths.append(units(index, source.layout.grid[dim.ref], inner[dim.ref] if inner else None))
        else:
            # Positions in any order: nothing to align with, so every stretch will do.
            n = selection.length(dim)
            step = max(1, n // 64)
            lengths.append(tuple(min(step, n - at) for at in range(0, n, step)))
    return lengths


def chosen_blocks(source: Source, selection: Selection, chunks: Any) -> Blocks:
    """Return the blocks that the caller asks for, "auto" axes sized by whole objects. Raises GridError."""
    objects = tuple(
        axis.step if isinstance(axis, RegularAxis) else max((axis.length(k) for k in range(axis.count)), default=1)
        for axis in source.layout.grid
    )
    previous = tuple(objects[dim.ref] if dim.kind == "axis" else selection.length(dim) for dim in selection.dims)
    try:
        blocks: Blocks = normalize_chunks(chunks, selection.shape, dtype=source.layout.dtype, previous_chunks=previous)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        raise GridError(f"chunks don't fit: {error}", found=chunks, expected=f"blocks of {selection.shape}") from error
    if any(n < 0 for axis in blocks for n in axis) or tuple(map(sum, blocks)) != selection.shape:
        raise GridError("chunks don't fit", found=chunks, expected=f"blocks of {selection.shape}")
    return blocks


def _depth(overlap: Any, ndim: int) -> tuple[int, ...]:
    if overlap is None:
        return (0,) * ndim
    if isinstance(overlap, dict):
        overlap = tuple(overlap.get(k, overlap.get(k - ndim, 0)) for k in range(ndim))
    elif isinstance(overlap, (int, np.integer)) and not isinstance(overlap, bool):
        overlap = (int(overlap),) * ndim
    if not isinstance(overlap, (tuple, list)) or len(overlap) != ndim or not all(_is_depth(n) for n in overlap):
        raise RegionError("overlap is wrong", found=overlap, expected=f"{ndim} numbers of 0 or more, or one")
    return tuple(int(n) for n in overlap)


def _is_depth(n: Any) -> bool:
    return isinstance(n, (int, np.integer)) and not isinstance(n, bool) and int(n) >= 0


def task_count(blocks: Blocks) -> int:
    """Return how many blocks there are."""
    return prod(map(len, blocks))


def target_blocks(source: Source, selection: Selection) -> Blocks:
    """Return blocks of whole objects for data that is yet to be cut."""
    return default_blocks(source, selection)


def from_numpy(array: np.ndarray[Any, Any], source: Source, selection: Selection) -> Any:
    """Return an array that is in memory as a Dask array, cut where the target's objects end."""
    refuse_query_planning()
    chunks = target_blocks(source, selection) if array.shape == selection.shape else array.shape
    return da.from_array(array, chunks=chunks, name=False)  # hashing it all would cost as much as writing it


def as_dask(x: Any) -> Any:
    """Return another library's lazy array (xarray's, a dataframe's values) as a ``dask.array.Array``."""
    refuse_query_planning()
    return x if isinstance(x, da.Array) else da.asanyarray(x)
