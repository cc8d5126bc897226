"""Axes and grids against brute force: every position looked up in a list of cells."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import GridError, MetadataError, UnsupportedError
from dzarr.format.grid import Axis, ExplicitAxis, RegularAxis, cell_shape, counts, regular
from dzarr.format.grids import MAX_CELLS, grid_document, parse_grid


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    if draw(st.booleans()):
        return RegularAxis(draw(st.integers(0, 40)), draw(st.integers(1, 50)))
    edges = (0, *accumulate(draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))))
    return ExplicitAxis(draw(st.integers(0, edges[-1])), edges)


def cells_of(axis: Axis) -> list[list[int]]:
    """The positions of each cell that holds elements, by counting."""
    lengths = [axis.step] * 50 if isinstance(axis, RegularAxis) else np.diff(axis.edges).tolist()
    cells, at = [], 0
    for length in lengths:
        cells.append([position for position in range(at, at + length) if position < axis.size])
        at += length
    return [cell for cell in cells if cell]


@given(axes())
def test_cells(axis: Axis) -> None:
    cells = cells_of(axis)
    assert axis.count == len(cells)
    where = [k for k, cell in enumerate(cells) for _ in cell]
    assert [axis.find(position) for position in range(axis.size)] == where
    assert axis.find_all(np.arange(axis.size)).tolist() == where
    for k, cell in enumerate(cells):
        assert axis.start(k) == cell[0]
        assert axis.length(k) >= len(cell)
        assert axis.length(k) == len(cell) or k == len(cells) - 1  # only the last one is ragged


@given(axes(), st.integers(0, 60))
def test_resized_axes_have_the_same_cells(axis: Axis, size: int) -> None:
    if isinstance(axis, ExplicitAxis) and size > axis.edges[-1]:
        with pytest.raises(GridError, match="end before"):
            axis.resized(size)
        return
    resized = axis.resized(size)
    assert resized.size == size
    shared = min(axis.count, resized.count)
    assert [resized.start(k) for k in range(shared)] == [axis.start(k) for k in range(shared)]
    assert resized.resized(axis.size) == axis


@given(st.lists(axes(), max_size=4).map(tuple))
def test_a_grid_survives_its_document(grid: tuple[Axis, ...]) -> None:
    assert parse_grid(grid_document(grid), tuple(axis.size for axis in grid)) == grid
    assert counts(grid) == tuple(len(cells_of(axis)) for axis in grid)
    for shape, axis in zip(cell_shape(grid), grid, strict=True):
        assert shape == (axis.step if isinstance(axis, RegularAxis) else tuple(np.diff(axis.edges)))


@pytest.mark.parametrize(
    ("shape", "steps", "message"),
    [((3,), (1, 1), "differ in rank"), ((3, 4), (1, 0), "positive"), ((3,), (-1,), "positive")],
)
def test_regular_grids_that_cannot_be(shape: tuple[int, ...], steps: tuple[int, ...], message: str) -> None:
    with pytest.raises(GridError, match=message):
        regular(shape, steps)
    assert regular((), ()) == ()


def rectilinear(*lengths: Any, kind: str = "inline") -> dict[str, Any]:
    return {"name": "rectilinear", "configuration": {"kind": kind, "chunk_shapes": list(lengths)}}


def test_the_example_of_the_specification() -> None:
    grid = parse_grid(rectilinear(4, [1, 2, 3], [[4, 2]], [[1, 3], 3], [4, 4, 4]), (6,) * 5)
    assert cell_shape(grid) == (4, (1, 2, 3), (4, 4), (1, 1, 1, 3), (4, 4, 4))
    assert counts(grid) == (2, 3, 2, 4, 2)  # the last one runs past the array by a whole chunk
    assert parse_grid(rectilinear(), ()) == ()


@pytest.mark.parametrize(
    ("document", "error"),
    [
        ({"name": "regular", "configuration": {}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": [0]}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": [4, 4]}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": [4.0]}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": [True]}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": "4"}}, MetadataError),
        ({"name": "regular", "configuration": {"chunk_shape": [1 << 70]}}, MetadataError),
        ({"name": "hexagonal"}, UnsupportedError),
        (17, MetadataError),
        (rectilinear([5, 4]), MetadataError),  # 9 of 10
        (rectilinear([5, [5, 0]]), MetadataError),
        (rectilinear([5, [5, -1]]), MetadataError),
        (rectilinear([5, [5]]), MetadataError),
        (rectilinear([]), MetadataError),
        (rectilinear([10], [10]), MetadataError),
        (rectilinear([10], kind="elsewhere"), MetadataError),
        (rectilinear([[1, MAX_CELLS + 1]]), UnsupportedError),
        (rectilinear([[1 << 62, 4]]), MetadataError),
    ],
)
def test_grid_documents_that_are_refused(document: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_grid(document, (10,))


def test_axes_share_the_limit_of_explicit_chunks() -> None:
    """Sixty-four axes of a million cells each would take gigabytes before anybody asked for them."""
    half = MAX_CELLS // 2 + 1
    parse_grid(rectilinear([[1, half]], [10]), (10, 10))
    with pytest.raises(UnsupportedError, match="too many explicit chunks"):
        parse_grid(rectilinear([[1, half]], [[1, half]]), (10, 10))


@given(axes(), st.integers(0, 60), st.integers(0, 60))
def test_starts_and_lengths_of_many_cells(axis: Axis, first: int, stop: int) -> None:
    first, stop = min(first, axis.count), min(stop, axis.count)
    assert axis.starts(first, stop).tolist() == [axis.start(k) for k in range(first, stop)]
    assert set(axis.lengths) == {axis.length(k) for k in range(axis.count)} or axis.count == 0
    assert list(axis.lengths) == sorted(set(axis.lengths))
