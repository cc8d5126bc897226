"""Cutting positions along cells against brute force: element by element."""

from __future__ import annotations

from itertools import accumulate, product
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dzarr.format.grid import Axis, ExplicitAxis, Indices, RegularAxis
from dzarr.format.pieces import Cut, cut


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    if draw(st.booleans()):
        return RegularAxis(draw(st.integers(1, 40)), draw(st.integers(1, 12)))
    edges = (0, *accumulate(draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))))
    return ExplicitAxis(draw(st.integers(1, edges[-1])), edges)


@st.composite
def ranges(draw: st.DrawFn, n: int) -> range:
    start, stop = sorted((draw(st.integers(0, n)), draw(st.integers(0, n))))
    return range(n)[start : stop : draw(st.integers(1, 7))]


def positions_of(where: Any) -> list[int]:
    if isinstance(where, slice):
        return list(range(where.start, where.stop, where.step or 1))
    return list(where)


def check_cuts(cuts: list[Cut], index: range | Indices, axis: Axis) -> None:
    """Each element of the output comes from exactly one cell, the right one, and each cell is cut once."""
    found = {}
    for piece in cuts:
        outs, insides = positions_of(piece.out), positions_of(piece.inside)
        assert len(outs) == len(insides) > 0
        for out, inside in zip(outs, insides, strict=True):
            assert out not in found
            found[out] = axis.start(piece.cell) + inside
            assert axis.find(found[out]) == piece.cell
    assert [found[k] for k in range(len(index))] == list(index)
    cells = [piece.cell for piece in cuts]
    assert cells == sorted(set(cells))


def valid(cell: int, axis: Axis) -> int:
    return sum(axis.find(position) == cell for position in range(axis.size))


@given(st.data(), axes())
def test_ranges(data: st.DataObject, axis: Axis) -> None:
    index = data.draw(ranges(axis.size))
    cuts = cut(index, axis)
    check_cuts(cuts, index, axis)
    for piece in cuts:
        assert isinstance(piece.inside, range)
        assert piece.whole == (list(piece.inside) == list(range(valid(piece.cell, axis))))


@given(st.data(), axes())
def test_arrays(data: st.DataObject, axis: Axis) -> None:
    index = np.array(data.draw(st.lists(st.integers(0, axis.size - 1), max_size=20)), dtype=np.int64)
    cuts = cut(index, axis)
    check_cuts(cuts, index, axis)
    for piece in cuts:
        assert not piece.whole  # whoever gives positions may repeat them or leave some out
    if (np.diff(index) >= 0).all():
        assert all(isinstance(piece.out, slice) for piece in cuts)


@given(st.data(), st.lists(axes(), min_size=1, max_size=3))
def test_a_region_is_the_product_of_its_axes(data: st.DataObject, grid: list[Axis]) -> None:
    """Copied piece by piece, out of objects with padding, a region is what numpy says."""
    shape = [axis.size for axis in grid]
    array = np.arange(np.prod(shape)).reshape(shape)
    region = [data.draw(ranges(n)) for n in shape]
    out = np.full([len(index) for index in region], -1)
    for pieces in product(*(cut(index, axis) for index, axis in zip(region, grid, strict=True))):
        starts = [axis.start(piece.cell) for axis, piece in zip(grid, pieces, strict=True)]
        lengths = [axis.length(piece.cell) for axis, piece in zip(grid, pieces, strict=True)]
        own = tuple(slice(start, start + n) for start, n in zip(starts, lengths, strict=True))
        stored = np.full(lengths, -2)
        stored[tuple(slice(0, n) for n in array[own].shape)] = array[own]
        out[tuple(piece.out for piece in pieces)] = stored[np.ix_(*(list(piece.inside) for piece in pieces))]
    assert np.array_equal(out, array[np.ix_(*region)])
