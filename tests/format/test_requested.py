"""Chunks and shards as callers ask for them: every form, also unequal lengths, and what does not fit."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import DzarrError, GridError, UnsupportedError
from dzarr.format.grid import ExplicitAxis, RegularAxis, cell_shape
from dzarr.format.requested import requested_grids


@pytest.mark.parametrize(
    ("shape", "chunks", "shards", "objects", "parts"),
    [
        ((10, 6), 4, None, (4, 4), []),
        ((10, 6), (4, -1), None, (4, 6), []),
        ((10, 6), [[4, 6], -1], None, ((4, 6), 6), []),
        ((10, 6), [[4, 9], [6]], None, ((4, 9), (6,)), []),
        ((0, 6), [[], [6]], None, (1, (6,)), []),
        ((0, 6), ((0,), (6,)), None, (1, (6,)), []),
        ((0,), [[5, 5]], None, ((5, 5),), []),
        ((10, 6), 2, [[4, 6], [6]], ((4, 6), (6,)), [(2, 2)]),
        ((10, 6), 2, {"shape": [[4, 6], 6]}, ((4, 6), 6), [(2, 2)]),
        ((10, 6), "auto", [[4, 6], [6]], ((4, 6), (6,)), [(2, 6)]),
        ((10, 6), 1, [{"shape": [[4, 8], 6]}, {"shape": (4, 2)}], ((4, 8), 6), [(4, 2), (1, 1)]),
        ((20,), 1, [{"shape": 8}, {"shape": 4}, {"shape": 2}], (8,), [(4,), (2,), (1,)]),
        ((), (), (), (), [()]),
    ],
)
def test_forms(shape: Any, chunks: Any, shards: Any, objects: Any, parts: Any) -> None:
    grid, levels = requested_grids(shape, 4, chunks, shards)
    assert cell_shape(grid) == objects
    assert [level.parts for level in levels] == parts
    assert tuple(axis.size for axis in grid) == shape


@given(st.data())
def test_explicit_lengths_are_taken_as_they_are(data: st.DataObject) -> None:
    chunk = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    lengths = [[c * data.draw(st.integers(1, 5)) for _ in range(data.draw(st.integers(1, 5)))] for c in chunk]
    shape = tuple(data.draw(st.integers(0, sum(axis))) for axis in lengths)
    grid, (level,) = requested_grids(shape, 4, chunk, lengths)
    assert grid == tuple(
        ExplicitAxis(n, tuple(accumulate(axis, initial=0))) for n, axis in zip(shape, lengths, strict=True)
    )
    assert level.parts == tuple(chunk)
    assert requested_grids(shape, 4, lengths) == (grid, ())


def test_shards_are_chosen_around_equal_chunks() -> None:
    grid, (level,) = requested_grids((1000, 1000), 4, (10, 10), "auto")
    assert level.parts == (10, 10)
    assert all(isinstance(axis, RegularAxis) and axis.step % 10 == 0 for axis in grid)


@pytest.mark.parametrize(
    ("chunks", "shards", "error", "message"),
    [
        ([[4, 5], 6], None, GridError, "end before"),
        ([[4, 6]], None, GridError, "lengths for 2 axes"),
        ([[4, 6], 0], None, GridError, "chunks"),
        ([[4, 6], -2], None, GridError, "chunks"),
        ([[4, 0, 6], 6], None, GridError, "chunks"),
        ([[4, "6"], 6], None, GridError, "chunks"),
        ([[4, 6.0], 6], None, GridError, "chunks"),
        ([[4, True, 6], 6], None, GridError, "chunks"),
        ([[], [6]], None, GridError, "end before"),
        ([[4, 6], 6], 10, UnsupportedError, "inside shards"),
        (1, [{"shape": 10}, {"shape": [[5, 5], 10]}], UnsupportedError, "inside shards"),
        (4, [[4, 6], [6]], GridError, "multiples of .4, 4."),
        (2, [[4, 5], [6]], GridError, "end before"),
        (2, [[4, 6]], GridError, "lengths for 2 axes"),
        (2, [{"shape": [[4, 8], [8]]}, {"shape": 8}], GridError, "multiples"),
        (2, {"shape": 4, "colour": 1}, GridError, "shards"),
    ],
)
def test_what_does_not_fit(chunks: Any, shards: Any, error: type[DzarrError], message: str) -> None:
    with pytest.raises(error, match=message):
        requested_grids((10, 6), 4, chunks, shards)
