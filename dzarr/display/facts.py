"""The facts that are shown, and the few that follow from them.

Knows: frozen dataclasses and the arithmetic of grids. Must not know: how facts are worded or drawn,
or where they come from.

    document ──> ArrayFacts ──> text, HTML          (never a request to the store)
    listing  ──> StorageFacts ──> Info
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import TypeAlias

import numpy as np

from dzarr.format.grid import Axis, ExplicitAxis, Grid, RegularAxis

Cells: TypeAlias = tuple[int | tuple[int, ...], ...]
"""One entry per axis: the length of every cell, or the lengths of all of them."""

_ITEMSIZES = {np.dtype(code).name: np.dtype(code).itemsize for code in "?bhilqBHILQefdFD"}


@dataclass(frozen=True)
class ArrayFacts:
    """What an array's document says of it.

    Parameters
    ----------
    name : str
        Path within the store, "" for the root.
    place : str
        The store, as people know it.
    shape, stored_shape : tuple of int
        Of this handle, and of the array in the store; they may differ where ``is_view``.
    dtype, fill_value : str
        As they are to be read.
    chunks, shards : tuple
        Cells of the stored array: ints, or tuples of explicit lengths. No shards is None.
    codecs : tuple of str
        The chunk's codecs in order, readable: ``"zstd(level=1)"``.
    dimension_names : tuple of (str or None), or None
        One for each axis of ``shape``.
    zarr_format : int
        2 or 3.
    nbytes : int or None
        Bytes of ``shape`` in memory, None where elements have no fixed size.
    writable, is_view : bool
        Whether the handle may write, and whether it shows a part of the stored array.
    attributes : int
        How many there are.
    """

    name: str
    place: str
    shape: tuple[int, ...]
    dtype: str
    chunks: Cells
    shards: Cells | None
    stored_shape: tuple[int, ...]
    codecs: tuple[str, ...]
    fill_value: str
    dimension_names: tuple[str | None, ...] | None
    zarr_format: int
    nbytes: int | None
    writable: bool
    attributes: int
    is_view: bool

    @property
    def objects(self) -> Cells:
        """The cells that are one object each: shards where there are any, else chunks."""
        return self.chunks if self.shards is None else self.shards

    @property
    def itemsize(self) -> int | None:
        """Bytes of one element; None where neither the elements nor a plain dtype tell it."""
        if self.nbytes is None:
            return None
        count = prod(self.shape)
        return self.nbytes // count if count else _ITEMSIZES.get(self.dtype)

    @cached_property
    def object_grid(self) -> Grid | None:
        """The grid of objects over the stored array, as ``grid_of`` makes it."""
        return grid_of(self.stored_shape, self.objects)

    @cached_property
    def chunk_grid(self) -> Grid | None:
        """The grid of chunks over the stored array, as ``grid_of`` makes it."""
        return grid_of(self.stored_shape, self.chunks)

    @property
    def stored_nbytes(self) -> int | None:
        """Bytes of the whole stored array in memory; None where it can't be told."""
        count = prod(self.stored_shape)
        return count * self.itemsize if self.itemsize is not None else None if count or self.nbytes is None else 0


@dataclass(frozen=True)
class GroupFacts:
    """What a group's document says of it; ``arrays`` and ``groups`` are None where nobody counted.

    ``attributes`` says how many there are; ``writable``, whether the handle may write.
    """

    name: str
    place: str
    zarr_format: int
    arrays: int | None
    groups: int | None
    attributes: int
    writable: bool


@dataclass(frozen=True)
class TreeNode:
    """A node of a hierarchy under its own ``name``: an array where ``array`` is given, else a group."""

    name: str
    array: ArrayFacts | None
    children: tuple[TreeNode, ...]


@dataclass(frozen=True)
class StorageFacts:
    """What a listing of an array's objects found.

    Parameters
    ----------
    objects_stored, objects_expected : int
        Objects that exist, and cells of the object grid.
    bytes_stored : int
        Bytes of the objects that exist.
    missing : int
        Objects that don't exist, and read as the fill value.
    leftovers : int
        Entries that belong to no object: what a killed writer left behind.
    """

    objects_stored: int
    objects_expected: int
    bytes_stored: int
    missing: int
    leftovers: int


def grid_of(sizes: tuple[int, ...], cells: Cells) -> Grid | None:
    """Return the grid of `cells` over `sizes`; None where they don't fit together, which is not ours to judge.

    Examples
    --------
    >>> grid_of((10, 5), (4, (2, 3)))
    (RegularAxis(size=10, step=4), ExplicitAxis(size=5, edges=(0, 2, 5)))
    """
    if len(sizes) != len(cells):
        return None
    axes: list[Axis] = []
    for size, cell in zip(sizes, cells, strict=True):
        if isinstance(cell, tuple):
            edges = tuple(accumulate(cell, initial=0))
            if size < 0 or edges[-1] < size or min(cell, default=0) < 1:
                return None
            axes.append(ExplicitAxis(size, edges))
        else:
            if size < 0 or cell < 1:
                return None
            axes.append(RegularAxis(size, cell))
    return tuple(axes)


def inner_count(objects: Grid, chunks: Grid) -> int:
    """Return how many chunks the first object holds, counting those that hold elements.

    Examples
    --------
    >>> inner_count((RegularAxis(10, 8),), (RegularAxis(10, 2),))
    4
    """
    return prod(
        chunk.find(min(outer.start(0) + outer.length(0), outer.size) - 1) + 1
        for outer, chunk in zip(objects, chunks, strict=True)
    )
