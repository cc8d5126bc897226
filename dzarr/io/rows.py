"""Rows: the chunks of one object that a region needs, and where each part of them goes.

Knows: the geometry inside one object. Must not know: bytes. What is wanted of an object becomes a list
of rows, each a run of chunks along the last axis; whole rows are decoded side by side and assigned at
once, which is what makes reading many small chunks cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from dzarr.format.grid import Indices
from dzarr.format.layout import ObjectLayout
from dzarr.format.pieces import Cut, Inside, cut

ROW_BYTES = 1 << 20
"""Chunks are decoded side by side up to this size, so that the scratch buffer stays in a core's cache."""

KNOWN = 16
"""Boxes whose rows an object's layout remembers: whole objects, and the clipped ones at the array's edges.

Of other boxes it remembers the last: a plane or a slab asks every object that it crosses for the same.
"""


class Row(NamedTuple):
    """``count`` chunks from flat position ``first`` on, along the last axis.

    ``out`` is their place in the object's part of the output; ``inside`` is what is wanted of each
    chunk, None for all of it.
    """

    first: int
    count: int  # type: ignore[assignment]  # the tuple's own count() is not missed
    out: tuple[Any, ...]
    inside: tuple[Any, ...] | None


def rows_of(obj: ObjectLayout, insides: Sequence[Inside]) -> list[Row]:
    """Return the rows of an object's chunks that hold the positions `insides` of each axis."""
    if any(isinstance(inside, np.ndarray) for inside in insides):
        return list(_scattered(obj, insides))
    box = tuple(insides)
    rows: list[Row] | None = obj.known_rows.get(box)
    if rows is not None:
        return rows
    last, rows = obj.known_rows.get(None, (None, None))
    if rows is not None and last == box:
        return rows
    rows = list(_rows(obj, insides))
    if not all(inside.start == 0 and inside.step == 1 for inside in box):  # type: ignore[union-attr]
        obj.known_rows[None] = box, rows
        return rows
    if len(obj.known_rows) > KNOWN:
        obj.known_rows.clear()
    obj.known_rows[box] = rows
    return rows


def _rows(obj: ObjectLayout, insides: Sequence[Inside]) -> Iterator[Row]:
    cuts = [cut(inside, axis) for inside, axis in zip(insides, obj.grid, strict=True)]
    if not cuts:
        yield Row(0, 1, (), None)
        return
    # Chunks of elements of variable length share no scratch buffer, and may each be as large as it likes.
    most = 1 if obj.pipeline.variable else max(1, ROW_BYTES // max(1, obj.pipeline.nbytes))
    runs = list(_runs(cuts[-1], most, obj.chunk[-1]))
    strides = obj.strides
    for lead in product(*cuts[:-1]):
        first = sum(c.cell * stride for c, stride in zip(lead, strides, strict=False))
        out = tuple(c.out for c in lead)
        whole = all(c.whole for c in lead)
        inside = tuple(_slice(c.inside) for c in lead)
        for cell, count, span, last in runs:
            full = whole and last is None
            yield Row(first + cell, count, (*out, span), None if full else (*inside, last or slice(None)))


def _runs(cuts: list[Cut], most: int, length: int) -> Iterator[tuple[int, int, slice, slice | None]]:
    """Join neighbouring whole chunks; yield (first cell, how many, place in the output, what of each)."""
    k = 0
    while k < len(cuts):
        begin = cuts[k]
        n = 1
        if begin.whole:
            while n < most and k + n < len(cuts) and cuts[k + n].whole and cuts[k + n].cell == begin.cell + n:
                n += 1
        stop = cuts[k + n - 1].out.stop  # type: ignore[union-attr]
        yield begin.cell, n, slice(begin.out.start, stop), None if begin.whole else _slice(begin.inside)  # type: ignore[union-attr]
        k += n


def _slice(inside: Inside) -> slice:
    return slice(inside.start, inside.stop, inside.step)  # type: ignore[union-attr]


def _scattered(obj: ObjectLayout, insides: Sequence[Inside]) -> Iterator[Row]:
    """Rows of one chunk each, for positions that are not all ranges."""
    cuts = [cut(inside, axis) for inside, axis in zip(insides, obj.grid, strict=True)]
    for pieces in product(*cuts):
        first = sum(c.cell * stride for c, stride in zip(pieces, obj.strides, strict=True))
        yield Row(first, 1, open_mesh([c.out for c in pieces]), open_mesh([c.inside for c in pieces]))


def open_mesh(indices: Sequence[Any]) -> tuple[Indices, ...]:
    """Return an index that picks the product of `indices` (slices, ranges or arrays)."""
    return np.ix_(*map(_positions, indices))


def point_rows(obj: ObjectLayout, local: dict[int, Indices], where: Indices, rest: dict[int, Cut]) -> Iterator[Row]:
    """Rows of one chunk each for points that lie in one object.

    `local` holds the points' positions in the object on each of their axes, `where` their places in
    the output's first dimension; `rest` holds the cuts of the other axes, which follow it in order.
    """
    axes = sorted(local)
    cells = np.stack([local[axis] // obj.chunk[axis] for axis in axes])
    others = sorted(rest)
    cuts = [cut(rest[axis].inside, obj.grid[axis]) for axis in others]
    for cell, members in group_columns(cells, [obj.counts[axis] for axis in axes]):
        points = {axis: local[axis][members] - c * obj.chunk[axis] for axis, c in zip(axes, cell, strict=True)}
        for pieces in product(*cuts):
            place = dict(zip(axes, cell, strict=True)) | {a: p.cell for a, p in zip(others, pieces, strict=True)}
            first = sum(place[axis] * stride for axis, stride in enumerate(obj.strides))
            spread = (slice(None),) + (None,) * len(others)
            out: list[Any] = [where[members][spread]]
            inside = {axis: points[axis][spread] for axis in axes}
            for k, (axis, piece) in enumerate(zip(others, pieces, strict=True)):
                shape = [1] * (1 + len(others))
                shape[1 + k] = -1
                out.append((_positions(rest[axis].out)[_positions(piece.out)]).reshape(shape))
                inside[axis] = _positions(piece.inside).reshape(shape)
            yield Row(first, 1, tuple(out), tuple(inside[axis] for axis in range(len(obj.counts))))


def group_columns(cells: Indices, counts: Sequence[int]) -> Iterator[tuple[tuple[int, ...], Indices]]:
    """Yield each different column of `cells` (axes, points) with the points that have it."""
    if prod(counts) < 1 << 63:
        linear = np.ravel_multi_index(tuple(cells), tuple(counts))
        order = np.argsort(linear, kind="stable")
        borders = np.flatnonzero(np.diff(linear[order])) + 1
    else:  # so many cells have no linear positions
        order = np.lexsort(cells[::-1])
        borders = np.flatnonzero(np.diff(cells[:, order]).any(axis=0)) + 1
    for members in np.split(order, borders):
        if len(members):
            yield tuple(int(c) for c in cells[:, members[0]]), members


def _positions(index: Any) -> Indices:
    return np.arange(index.start, index.stop, index.step) if isinstance(index, (slice, range)) else index
