"""Pieces: a selection cut along the cells of a grid.

Knows: which cell holds which part of an axis, where that part lies in the output, and where inside the
cell. Must not know: bytes. All of it is integer arithmetic on one axis at a time; the pieces of an
n-d region are the product of its axes' cuts.

    range(3, 9) on RegularAxis(10, 4):   |0  3|4   7|8  .|
                                             ^ ^^^^^ ^
    Cut(cell=0, out=0:1, inside=3:4)  Cut(cell=1, out=1:5, inside=0:4, whole)  Cut(cell=2, out=5:6, inside=0:1)
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np

from dzarr.format.grid import Axis, Indices

Inside: TypeAlias = "range | Indices"


class Cut(NamedTuple):
    """The part of one axis that falls into one cell.

    ``out`` is where it lies in the output, ``inside`` where it lies in the cell; ``whole`` says that
    it is every element of the cell that the array has (ragged edges clipped), in order.
    """

    cell: int
    out: slice | Indices
    inside: Inside
    whole: bool


def cut(index: Inside, axis: Axis) -> list[Cut]:
    """Cut positions on `axis` (a range of positive step, or an array) into its cells.

    Examples
    --------
    >>> from dzarr.format.grid import RegularAxis
    >>> [(c.cell, c.out, c.inside, c.whole) for c in cut(range(3, 6), RegularAxis(6, 4))]
    [(0, slice(0, 1, None), range(3, 4), False), (1, slice(1, 3, None), range(0, 2), True)]
    """
    if isinstance(index, range):
        return _cut_range(index, axis)
    return _cut_array(index, axis)


def _cut_range(index: range, axis: Axis) -> list[Cut]:
    cuts = []
    step, left, at, position = index.step, len(index), 0, index.start
    size = axis.size
    while left:
        cell = axis.find(position)
        start = axis.start(cell)
        stop = min(start + axis.length(cell), size)
        n = min(left, -(-(stop - position) // step))
        inside = range(position - start, position - start + (n - 1) * step + 1, step)
        whole = n == stop - start
        cuts.append(Cut(cell, slice(at, at + n), inside, whole))
        at, left, position = at + n, left - n, position + n * step
    return cuts


def _cut_array(index: Indices, axis: Axis) -> list[Cut]:
    cells = axis.find_all(index)
    order = np.argsort(cells, kind="stable")
    in_order = bool((order[1:] > order[:-1]).all())
    borders = np.flatnonzero(np.diff(cells[order])) + 1
    cuts = []
    for a, b in zip([0, *borders.tolist()], [*borders.tolist(), len(order)], strict=True):
        if a == b:
            continue
        cell = int(cells[order[a]])
        where = order[a:b]
        cuts.append(Cut(cell, slice(a, b) if in_order else where, index[where] - axis.start(cell), False))
    return cuts
