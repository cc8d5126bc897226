"""Lazy reading: a selection of an array as a symbolic Dask graph.

Knows: how to make blocks of whole objects, and one layer that reads them. Must not know: handles. The
layer holds a recipe, not tasks: opening an array of a million objects costs a millisecond or two. Each
task gets a Source (a document and a place, under 4 kB) and its own small selection, and reads with the
thread that it runs in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

from dzarr.errors import DzarrError, GridError, RegionError, UnsupportedError
from dzarr.format.layout import Layout
from dzarr.format.selection import Selection
from dzarr.graph.align import group, snap, split, units
from dzarr.graph.carry import carry
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

    `chunks` takes all that dask does; None makes blocks of whole objects near ``array.chunk-size``. Dicts name axes
    by number or by dimension name. `overlap` (an int, a tuple, or a dict) lets every block read that many more
    elements on each side, clipped at the array's ends: the blocks of
    ``dask.array.overlap.overlap(boundary="none")`` without its copying.
    """
    refuse_query_planning()
    names = dimension_names(source, selection)
    blocks = default_blocks(source, selection) if chunks is None else chosen_blocks(source, selection, chunks)
    reads = BlockSelections(selection, blocks, _depth(overlap, names))
    place = source.store.token, source.path, source.layout.digest
    name = "dzarr-read-" + tokenize(place, reads, open_id, source.options)
    ix = tuple(range(len(blocks)))
    carried = carry(source)
    layer = blockwise(
        read_block, name, ix, carried.argument, carried.indices, reads, ix,
        numblocks=carried.numblocks, _data_producer=True,
    )  # fmt: skip
    layers: dict[str, Any] = {name: layer, **carried.layers}
    graph = HighLevelGraph(layers, {each: set(carried.layers) if each == name else set() for each in layers})
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
    largest, chunk = largest_object(layout), layout.chunk_shape
    if chunk is not None and chunk != largest and itemsize * prod(largest) > target:
        inner = split(largest, chunk, itemsize, target)
    return group(view_units(source, selection, inner), itemsize, target)


def largest_object(layout: Layout) -> tuple[int, ...]:
    """Return the shape of the largest object, padding included."""
    return tuple(max(axis.lengths, default=1) for axis in layout.grid)


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
    """Return the blocks that the caller asks for, "auto" axes cut where objects end. Raises GridError."""
    if isinstance(chunks, Mapping):
        by_axis = _by_axis("chunks", chunks, dimension_names(source, selection), GridError)
        chunks = tuple(by_axis.get(k, -1) for k in range(len(selection.dims)))
    objects = largest_object(source.layout)
    previous = tuple(objects[dim.ref] if dim.kind == "axis" else selection.length(dim) for dim in selection.dims)
    try:
        blocks: Blocks = normalize_chunks(chunks, selection.shape, dtype=source.layout.dtype, previous_chunks=previous)
    except (TypeError, ValueError, ArithmeticError, NotImplementedError) as error:
        raise GridError(f"chunks don't fit: {error}", found=chunks, expected=f"blocks of {selection.shape}") from error
    if any(n < 0 for axis in blocks for n in axis) or tuple(map(sum, blocks)) != selection.shape:
        raise GridError("chunks don't fit", found=chunks, expected=f"blocks of {selection.shape}")
    given = list(chunks) if isinstance(chunks, (tuple, list)) else [chunks] * len(blocks)
    sized = [isinstance(each, str) for each in given]  # "auto" or "64MiB": how long is ours to say
    if not any(sized):
        return blocks
    lengths = view_units(source, selection)
    return tuple(snap(axis, unit) if own else axis for axis, unit, own in zip(blocks, lengths, sized, strict=True))


def dimension_names(source: Source, selection: Selection) -> tuple[str | None, ...]:
    """Return the name of each dimension of a view, None where it has none."""
    names = source.layout.metadata.dimension_names or (None,) * source.layout.ndim
    return tuple(names[dim.ref] if dim.kind == "axis" else None for dim in selection.dims)


def _by_axis(
    what: str, given: Mapping[Any, Any], names: Sequence[str | None], error: type[DzarrError]
) -> dict[int, Any]:
    """Return `given` by the number of each axis; it may name axes, or count them from the end."""
    ndim = len(names)
    found: dict[int, Any] = {}
    for key, value in given.items():
        if isinstance(key, str) and names.count(key) == 1:
            axis = names.index(key)
        elif isinstance(key, (int, np.integer)) and not isinstance(key, bool) and -ndim <= key < ndim:
            axis = int(key) % ndim
        else:
            known = [name for name in names if name is not None]
            raise error(
                f"{what}: no such axis", found=key, expected=f"{-ndim} to {ndim - 1}" + f" or {known}" * bool(known)
            )
        if axis in found:
            raise error(f"{what}: an axis is named twice", found=key)
        found[axis] = value
    return found


def _depth(overlap: Any, names: Sequence[str | None]) -> tuple[int, ...]:
    ndim = len(names)
    if overlap is None:
        return (0,) * ndim
    if isinstance(overlap, Mapping):
        by_axis = _by_axis("overlap", overlap, names, RegionError)
        overlap = tuple(by_axis.get(k, 0) for k in range(ndim))
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
