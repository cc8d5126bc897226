"""Blocks and objects on one axis: where to cut so that no object is shared.

Knows: integers. Must not know: dask, stores, dtypes. An axis of a view is a row of *units*, the runs of
its elements that lie in one object (or, where objects are huge, in one chunk). A block is a run of whole
units; then no object has elements in two blocks.

    elements  0 1 2 3 4 5 6 7 8 9        objects of 4, view [2:10]
    units     . . 2 2|4 4 4 4|8 8        lengths (2, 4, 2)
    blocks    . . [ wanted 3][ 3 ][2]    snapped to (6, 2) or (2, 4, 2), never cut inside a unit
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import prod

import numpy as np

from dzarr.errors import GridError
from dzarr.format.grid import Axis, Indices

MOST_UNITS = 1 << 24
"""Runs of one axis; each costs some bytes before any of them is a task."""


def units(index: range, axis: Axis, inner: int | None = None) -> tuple[int, ...]:
    """Return the lengths of the runs of `index` that lie in one cell of `axis`, in the view's order.

    `inner` cuts each cell further, every `inner` elements from its start. Raises GridError for more runs than a graph
    could ever have tasks.

    Examples
    --------
    >>> from dzarr.format.grid import RegularAxis
    >>> units(range(2, 10), RegularAxis(12, 4))
    (2, 4, 2)
    >>> units(range(9, 1, -1), RegularAxis(12, 4)), units(range(2, 10), RegularAxis(12, 4), inner=2)
    ((2, 4, 2), (2, 2, 2, 2))
    """
    if not index:
        return ()
    rising = index if index.step > 0 else index[::-1]
    borders = _borders(axis, rising[0], rising[-1], inner)
    before = -(-(borders - rising.start) // rising.step)  # elements of the view before each border
    lengths = np.diff(before, prepend=0, append=len(rising))
    found: list[int] = lengths[lengths > 0].tolist()
    return tuple(found if index.step > 0 else reversed(found))


def _borders(axis: Axis, first: int, last: int, inner: int | None) -> Indices:
    """Return where cells (and their parts) begin that begin after `first` and not after `last`."""
    begin, stop = axis.find(first), axis.find(last) + 1
    most = stop - begin if inner is None else stop - begin + (last - first) // inner
    if most > MOST_UNITS:
        raise GridError(
            "an axis has too many objects for one Dask array",
            found=most,
            expected=f"at most {MOST_UNITS}",
            fix="slice it, or read it without Dask",
        )
    starts = axis.starts(begin, stop)
    if inner is not None:
        parts = -(-np.diff(starts, append=starts[-1] + axis.length(stop - 1)) // inner)
        within = np.arange(parts.sum()) - np.repeat(np.cumsum(parts) - parts, parts)
        starts = np.repeat(starts, parts) + within * inner
    return starts[(starts > first) & (starts <= last)]


def snap(blocks: Sequence[int], lengths: Sequence[int]) -> tuple[int, ...]:
    """Move the borders of `blocks` to the nearest borders of units, and join what falls together.

    Both describe the same axis; every border of the answer is a border of units.

    Examples
    --------
    >>> snap((3, 3, 2), (2, 4, 2)), snap((2, 2, 4), (2, 4, 2)), snap((1,) * 8, (4, 4))
    ((2, 4, 2), (2, 6), (4, 4))
    """
    borders = [0, *accumulate(lengths)]
    chosen = {0, borders[-1]}
    for border in accumulate(blocks):
        at = bisect_left(borders, border)
        near = borders[max(0, at - 1) : at + 1]
        chosen.add(min(near, key=lambda edge: (abs(edge - border), edge)))
    edges = sorted(chosen)
    return tuple(b - a for a, b in pairwise(edges)) or (0,)


def is_aligned(blocks: Sequence[int], lengths: Sequence[int]) -> bool:
    """Return whether every border of `blocks` is one of units.

    Examples
    --------
    >>> is_aligned((6, 2), (2, 4, 2)), is_aligned((3, 5), (2, 4, 2))
    (True, False)
    """
    return set(accumulate(blocks)) <= {0, *accumulate(lengths)}


def group(lengths: Sequence[Sequence[int]], itemsize: int, target: int) -> tuple[tuple[int, ...], ...]:
    """Join neighbouring units of every axis into blocks of at most about `target` bytes.

    Blocks grow along the axis where they are shortest, so that they stay compact.

    Examples
    --------
    >>> group([(10,) * 8, (10,) * 8], 1, 400)
    ((20, 20, 20, 20), (20, 20, 20, 20))
    >>> group([(10,) * 8, (10,)], 1, 1000)
    ((80,), (10,))
    """
    longest = [max(axis, default=1) or 1 for axis in lengths]
    extent = [sum(axis) or 1 for axis in lengths]
    most = list(longest)
    growing = {k for k, axis in enumerate(lengths) if len(axis) > 1}
    while growing:
        k = min(growing, key=lambda k: most[k])
        grown = [min(2 * n, e) if j == k else n for j, (n, e) in enumerate(zip(most, extent, strict=True))]
        if itemsize * prod(grown) > target:
            growing.discard(k)
            continue
        most = grown
        if most[k] >= extent[k]:
            growing.discard(k)
    return tuple(tuple(_joined(axis, n)) or (0,) for axis, n in zip(lengths, most, strict=True))


def _joined(lengths: Sequence[int], most: int) -> Iterator[int]:
    """Join neighbours as long as they are no longer than `most` together."""
    joined = 0
    for length in lengths:
        if joined and joined + length > most:
            yield joined
            joined = 0
        joined += length
    if joined:
        yield joined


def split(shape: Sequence[int], chunk: Sequence[int], itemsize: int, target: int) -> tuple[int | None, ...]:
    """Return, per axis, how long the parts of a huge object should be (multiples of `chunk`), None for uncut.

    Axes are cut from the first on, as that leaves the parts contiguous.

    Examples
    --------
    >>> split((64, 64, 64), (8, 8, 8), 2, 64 * 1024)
    (8, None, None)
    """
    lengths = list(shape)
    answer: list[int | None] = [None] * len(lengths)
    for k, (n, c) in enumerate(zip(shape, chunk, strict=True)):
        rest = itemsize * prod(lengths) // n
        if rest * n <= target:
            break
        part = max(1, target // max(1, rest) // c) * c
        if part < n:
            answer[k] = lengths[k] = part
    return tuple(answer)
