"""Views of outputs and inputs: a selection's dimensions, turned into the stored array's axes.

Knows: selections and grids. Must not know: objects' bytes. Reading and writing share it: what is assigned
to (or taken from) the views that it makes lands in (or comes from) the caller's array.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from dzarr.format.grid import Grid, Indices
from dzarr.format.pieces import Cut, Inside, cut
from dzarr.format.selection import Dim, Points, Selection
from dzarr.io.rows import group_columns

Array = np.ndarray[Any, Any]


def stored_view(selection: Selection, out: Array) -> tuple[Array, list[Inside]]:
    """Return `out` seen along the stored axes, and the positions of each axis, ranges made ascending.

    Ints become axes of one element, new dimensions are dropped, negative steps are turned around: all
    of it by views, so that what is assigned to the answer lands in `out`.
    """
    index: list[Any] = []
    indices: list[Inside] = []
    for position in selection.axes:
        if isinstance(position, int):
            indices.append(range(position, position + 1))
        elif isinstance(position, range) and position.step < 0:
            indices.append(position[::-1])
        else:
            indices.append(position)  # type: ignore[arg-type]
    axis = 0
    for dim in selection.dims:
        if dim.kind == "new":
            index.append(-1)  # the last one, as what is assigned last stays
            continue
        index += [None] * (dim.ref - axis)
        axis = dim.ref + 1
        position = selection.axes[dim.ref]
        turned = isinstance(position, range) and position.step < 0
        index.append(slice(None, None, -1) if turned else slice(None))
    index += [None] * (len(selection.axes) - axis)
    return out[(*index, ...)], indices


def point_view(selection: Selection, points: Points) -> tuple[tuple[Any, ...], dict[int, Inside]]:
    """Return the index that shows the output as (points..., other axes in order), and those axes' positions."""
    where: list[Any] = [-1 if dim.kind == "new" else slice(None) for dim in selection.dims]
    indices: dict[int, Inside] = {}
    for axis, position in enumerate(selection.axes):
        if isinstance(position, int):
            indices[axis] = range(position, position + 1)
        elif isinstance(position, range) and position.step < 0:
            indices[axis] = position[::-1]
            where[selection.dims.index(Dim("axis", axis))] = slice(None, None, -1)
        elif position is not None:
            indices[axis] = position
    return tuple(where), indices


def point_jobs(
    grid: Grid, points: Points, coords: Indices, indices: dict[int, Inside]
) -> Iterator[tuple[tuple[int, ...], Indices, dict[int, Cut]]]:
    """Yield, for each object that holds points: its cells on their axes, the points, the other axes' cuts."""
    cells = np.stack([grid[axis].find_all(coords[k]) for k, axis in enumerate(points.axes)])
    cuts = [[(axis, piece) for piece in cut(index, grid[axis])] for axis, index in indices.items()]
    for cell, members in group_columns(cells, [grid[axis].count for axis in points.axes]):
        for pieces in product(*cuts):
            yield cell, members, dict(pieces)
