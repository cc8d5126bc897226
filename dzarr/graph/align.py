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
from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import prod

from dzarr.format.grid import Axis, RegularAxis
from dzarr.format.pieces import cut


def units(index: range, axis: Axis, inner: int | None = None) -> tuple[int, ...]:
    """Return the lengths of the runs of `index` that lie in one cell of `axis`, in the view's order.

    `inner` cuts each cell further, every `inner` elements from its start.

    Examples
    --------
    >>> units(range(2, 10), RegularAxis(12, 4))
    (2, 4, 2)
    >>> units(range(9, 1, -1), RegularAxis(12, 4)), units(range(2, 10), RegularAxis(12, 4), inner=2)
    ((2, 4, 2), (2, 2, 2, 2))
    """
    rising = index if index.step > 0 else index[::-1]
    lengths: list[int] = []
    for piece in cut(rising, axis):
        if inner is None:
            lengths.append(len(piece.inside))
        else:
            cell = RegularAxis(axis.length(piece.cell), inner)
            lengths += [len(part.inside) for part in cut(piece.inside, cell)]
    return tuple(lengths if index.step > 0 else reversed(lengths))


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
    many = [1] * len(lengths)
    growing = {k for k, axis in enumerate(lengths) if len(axis) > 1}
    while growing:
        k = min(growing, key=lambda k: longest[k] * many[k])
        grown = [n * (2 if j == k else 1) for j, n in enumerate(many)]
        if itemsize * prod(map(_times, longest, grown, lengths)) > target:
            growing.discard(k)
            continue
        many = grown
        if many[k] >= len(lengths[k]):
            growing.discard(k)
    return tuple(
        tuple(sum(axis[i : i + n]) for i in range(0, len(axis), n)) or (0,)
        for axis, n in zip(lengths, many, strict=True)
    )


def _times(longest: int, many: int, axis: Sequence[int]) -> int:
    return longest * min(many, len(axis))


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
