"""Axes and grids: where each chunk or object of an array begins and ends.

Knows: integers. Must not know: bytes, stores, dtypes. A grid is a tuple of one-axis grids; an axis has
equal steps, or explicit edges (rectilinear):

    RegularAxis(size=10, step=4)             |0   3|4   7|8  .|      cells 0, 1, 2; the last one is ragged
    ExplicitAxis(size=10, edges=(0, 3, 10))  |0 2|3        9|        cells 0, 1

A ragged cell still has its full length in storage; what lies beyond the array's size is padding.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dzarr.errors import GridError

Indices: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True)
class RegularAxis:
    """An axis cut into cells of one length.

    Examples
    --------
    >>> axis = RegularAxis(10, 4)
    >>> axis.count, axis.find(7), axis.start(2), axis.length(2)
    (3, 1, 8, 4)
    """

    size: int
    step: int

    @property
    def count(self) -> int:
        """How many cells hold elements."""
        return -(-self.size // self.step)

    def find(self, position: int) -> int:
        """Return the cell that `position` lies in."""
        return position // self.step

    def find_all(self, positions: Indices) -> Indices:
        """Return the cell of each position."""
        return positions // self.step

    def start(self, cell: int) -> int:
        """Return the first position of `cell`."""
        return cell * self.step

    def starts(self, first: int, stop: int) -> Indices:
        """Return the first positions of the cells from `first` up to `stop`, that one left out."""
        return np.arange(first, stop, dtype=np.int64) * self.step

    def length(self, cell: int) -> int:
        """Return the full length of `cell`, padding included."""
        return self.step

    @property
    def lengths(self) -> tuple[int, ...]:
        """The different lengths of cells."""
        return (self.step,)

    def resized(self, size: int) -> RegularAxis:
        """Return the same cells over another size."""
        return RegularAxis(size, self.step)


@dataclass(frozen=True)
class ExplicitAxis:
    """An axis whose cells are given by their edges, the first of them 0.

    Examples
    --------
    >>> axis = ExplicitAxis(10, (0, 3, 10))
    >>> axis.count, axis.find(3), axis.start(1), axis.length(1)
    (2, 1, 3, 7)
    """

    size: int
    edges: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many cells hold elements."""
        return self.find(self.size - 1) + 1 if self.size else 0

    def find(self, position: int) -> int:
        """Return the cell that `position` lies in."""
        return bisect_right(self.edges, position) - 1

    def find_all(self, positions: Indices) -> Indices:
        """Return the cell of each position."""
        found: Indices = np.searchsorted(self._edges, positions, side="right") - 1
        return found

    def start(self, cell: int) -> int:
        """Return the first position of `cell`."""
        return self.edges[cell]

    def starts(self, first: int, stop: int) -> Indices:
        """Return the first positions of the cells from `first` up to `stop`, that one left out."""
        return self._edges[first:stop]

    def length(self, cell: int) -> int:
        """Return the full length of `cell`, padding included."""
        return self.edges[cell + 1] - self.edges[cell]

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        """The different lengths of cells that hold elements, ascending; of all cells where none does."""
        edges = self._edges[: self.count + 1] if self.count else self._edges
        found: list[int] = np.unique(np.diff(edges)).tolist()
        return tuple(found)

    @cached_property
    def _edges(self) -> Indices:
        return np.array(self.edges, dtype=np.int64)

    def resized(self, size: int) -> ExplicitAxis:
        """Return the same cells over another size, which must lie within the last edge."""
        if size > self.edges[-1]:
            raise GridError("explicit edges end before the array does", found=self.edges[-1], expected=size)
        return ExplicitAxis(size, self.edges)


Axis: TypeAlias = RegularAxis | ExplicitAxis
Grid: TypeAlias = tuple[Axis, ...]


def regular(shape: Sequence[int], steps: Sequence[int]) -> Grid:
    """Return the grid of equal cells of `steps` over `shape`.

    Raises GridError where the ranks differ or a step is not positive.

    Examples
    --------
    >>> regular((10, 6), (4, 6))
    (RegularAxis(size=10, step=4), RegularAxis(size=6, step=6))
    """
    if len(shape) != len(steps):
        raise GridError("chunk shape and array shape differ in rank", found=tuple(steps), expected=tuple(shape))
    for step in steps:
        if step < 1:
            raise GridError("chunk lengths must be positive", found=tuple(steps), fix="use lengths of 1 or more")
    return tuple(map(RegularAxis, shape, steps))


def counts(grid: Grid) -> tuple[int, ...]:
    """Return how many cells each axis has."""
    return tuple(axis.count for axis in grid)


def cell_shape(grid: Grid) -> tuple[Any, ...]:
    """Return each axis's step, or its tuple of cell lengths where they are explicit.

    Examples
    --------
    >>> cell_shape((RegularAxis(10, 4), ExplicitAxis(10, (0, 3, 10))))
    (4, (3, 7))
    """
    return tuple(
        axis.step
        if isinstance(axis, RegularAxis)
        else tuple(b - a for a, b in zip(axis.edges, axis.edges[1:], strict=False))
        for axis in grid
    )
