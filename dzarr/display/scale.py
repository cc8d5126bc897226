"""One axis measured on paper: where its grid lines lie, in pixels.

Knows: axes and lengths. Must not know: projections, colours, SVG. Lines are true to scale while they
can be told apart. An axis with more cells than that is drawn as a sample, its middle left out:

    few cells     |----|----|----|--|              every edge, the ragged one too
    many          |----|----|----| · · |----|--|   three, a gap, two; shown wide enough to be seen

The first object's chunk edges are the fine lines; where they would blur, every k-th of them is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

from dzarr.format.grid import Axis

MOST_CELLS = 20
HEAD, TAIL, GAP = 3, 2, 0.8
"""Cells before and after a gap, and its width in cells."""

LEAST_CELL = 7.0
LEAST_RAGGED = 2.0
LEAST_FINE = 3.0


@dataclass(frozen=True)
class Ruler:
    """An axis on paper: `lines` are the object edges from 0 to `length`, `gap` is what was left out.

    ``fine`` are the chunk edges inside the first object; ``sampled`` says that not all of them are there.
    """

    length: float
    lines: tuple[float, ...]
    gap: tuple[float, float] | None = None
    fine: tuple[float, ...] = ()
    sampled: bool = False

    @property
    def first(self) -> float:
        """Where the first object ends."""
        return self.lines[1]

    @property
    def spans(self) -> tuple[tuple[float, float, bool], ...]:
        """The axis cut at its gap: (start, stop, whether it is drawn in full)."""
        if self.gap is None:
            return ((0.0, self.length, True),)
        return ((0.0, self.gap[0], True), (*self.gap, False), (self.gap[1], self.length, True))


def bare(length: float) -> Ruler:
    """Return a ruler without inner lines."""
    return Ruler(length, (0.0, length))


def ruler(objects: Axis, chunks: Axis, length: float) -> Ruler:
    """Return the object edges of an axis, and the chunk edges in its first object, on `length` pixels.

    Examples
    --------
    >>> from dzarr.format.grid import RegularAxis
    >>> ruler(RegularAxis(10, 4), RegularAxis(10, 2), 100.0)
    Ruler(length=100.0, lines=(0.0, 40.0, 80.0, 100.0), gap=None, fine=(20.0,), sampled=False)
    """
    count = objects.count
    first = _stop(objects, 0) / objects.size * length
    if count > MOST_CELLS or (count > HEAD + TAIL + 1 and first < LEAST_CELL):
        lines, gap = _broken(objects, length)
    else:
        lines, gap = _whole(objects, length), None
    fine, sampled = _fine(chunks, _stop(objects, 0), lines[1])
    return Ruler(length, lines, gap, fine, sampled)


def _stop(axis: Axis, cell: int) -> int:
    return min(axis.start(cell) + axis.length(cell), axis.size)


def _span(axis: Axis, cell: int) -> int:
    return _stop(axis, cell) - axis.start(cell)


def _whole(axis: Axis, length: float) -> tuple[float, ...]:
    widths = [max(_span(axis, cell) / axis.size * length, LEAST_RAGGED) for cell in range(axis.count)]
    return _edges(widths, length)


def _broken(axis: Axis, length: float) -> tuple[tuple[float, ...], tuple[float, float]]:
    count = axis.count
    shown = [*range(HEAD), *range(count - TAIL, count)]
    largest = max(_span(axis, cell) for cell in shown)
    widths = [max(_span(axis, cell) / largest, 0.12) for cell in shown]
    edges = _edges([*widths[:HEAD], GAP, *widths[HEAD:]], length)
    return edges, (edges[HEAD], edges[HEAD + 1])


def _edges(widths: list[float], length: float) -> tuple[float, ...]:
    total, edges = sum(widths), [0.0]
    for width in widths:
        edges.append(edges[-1] + width / total * length)
    return (*edges[:-1], length)


def _fine(axis: Axis, stop: int, width: float) -> tuple[tuple[float, ...], bool]:
    """Return the chunk edges strictly between 0 and `stop`, which lies at `width` pixels."""
    inner = axis.find(stop - 1)  # that many chunks begin after 0 and before `stop`
    most = max(1, min(MOST_CELLS - 1, int(width / LEAST_FINE) - 1))
    every = -(-inner // most) if inner else 1
    cells = range(every, inner + 1, every)
    return tuple(axis.start(cell) / stop * width for cell in cells), every > 1
