"""The planner's arithmetic, against brute force: whatever the axes, views and blocks, every object has exactly one
writer, every element is written exactly once, and blocks stay as small as they were asked to be.

Pure: integers in, integers out. Axes have equal steps or explicit edges; views have any step, negative ones too.
"""

from __future__ import annotations

from itertools import accumulate, groupby, pairwise
from math import prod
from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from dzarr.format.grid import Axis, ExplicitAxis, RegularAxis
from dzarr.graph.align import group, is_aligned, snap, split, units


@st.composite
def axes(draw: st.DrawFn, most: int = 60) -> Axis:
    if draw(st.booleans()):
        return RegularAxis(draw(st.integers(0, most)), draw(st.integers(1, 15)))
    lengths = draw(st.lists(st.integers(1, 9), min_size=1, max_size=8))
    return ExplicitAxis(draw(st.integers(0, sum(lengths))), (0, *accumulate(lengths)))


@st.composite
def views(draw: st.DrawFn, size: int) -> range:
    edge = st.one_of(st.none(), st.integers(-size - 2, size + 2))
    step = draw(st.sampled_from((None, 1, 1, 2, 3, 7, -1, -2, -5)))
    return range(size)[slice(draw(edge), draw(edge), step)]


@st.composite
def cuts(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """Any blocks that dask may have on an axis; empty ones too."""
    edges = sorted(draw(st.lists(st.integers(0, size), max_size=8)))
    return tuple(b - a for a, b in pairwise([0, *edges, size]))


@st.composite
def problems(draw: st.DrawFn) -> tuple[Axis, range, tuple[int, ...]]:
    axis = draw(axes())
    index = draw(views(axis.size))
    return axis, index, draw(cuts(len(index)))


def cells(index: range, axis: Axis) -> list[int]:
    return [axis.find(position) for position in index]


def stretches(lengths: tuple[int, ...]) -> list[range]:
    return [range(a, b) for a, b in pairwise([0, *accumulate(lengths)])]


@given(problems())
def test_units_are_the_runs_of_a_view_that_lie_in_one_object(problem: Any) -> None:
    axis, index, _ = problem
    assert units(index, axis) == tuple(len(list(run)) for _, run in groupby(cells(index, axis)))


@given(problems(), st.integers(1, 6))
def test_units_of_huge_objects_are_runs_that_lie_in_one_part(problem: Any, inner: int) -> None:
    axis, index, _ = problem
    parts = [(axis.find(p), (p - axis.start(axis.find(p))) // inner) for p in index]
    assert units(index, axis, inner) == tuple(len(list(run)) for _, run in groupby(parts))


@given(problems())
def test_snapped_blocks_share_no_object_and_cover_every_element_once(problem: Any) -> None:
    axis, index, blocks = problem
    snapped = snap(blocks, units(index, axis))
    assert sum(snapped) == len(index)
    where = cells(index, axis)
    writers: dict[int, set[int]] = {}
    for k, stretch in enumerate(stretches(snapped)):
        for at in stretch:
            writers.setdefault(where[at], set()).add(k)
    assert all(len(found) == 1 for found in writers.values())


@given(problems())
def test_snapped_blocks_are_aligned_and_no_larger_than_the_given_ones_and_a_unit(problem: Any) -> None:
    axis, index, blocks = problem
    lengths = units(index, axis)
    snapped = snap(blocks, lengths)
    assert is_aligned(snapped, lengths)
    assert max(snapped) <= max(blocks) + max(lengths, default=0)
    assert len(snapped) <= max(1, sum(n > 0 for n in blocks))
    assert snap(snapped, lengths) == snapped


@given(problems())
def test_aligned_means_that_no_object_lies_in_two_blocks(problem: Any) -> None:
    axis, index, blocks = problem
    where = cells(index, axis)
    shared = [(a, b) for a, b in pairwise([s for s in stretches(blocks) if s]) if where[a[-1]] == where[b[0]]]
    assert is_aligned(blocks, units(index, axis)) is not bool(shared)


@given(problems())
def test_aligned_blocks_stay_as_they_are(problem: Any) -> None:
    axis, index, blocks = problem
    lengths = units(index, axis)
    assume(is_aligned(blocks, lengths) and len(index))
    assert snap(blocks, lengths) == tuple(n for n in blocks if n)


@given(st.data())
def test_in_all_dimensions_every_object_has_one_writer_and_every_element_is_written_once(data: st.DataObject) -> None:
    shape: list[range] = []
    where, blocks = [], []
    for _ in range(data.draw(st.integers(1, 3))):
        axis = data.draw(axes(most=12))
        index = data.draw(views(axis.size))
        shape.append(index)
        where.append(np.array(cells(index, axis), dtype=int))
        blocks.append(stretches(snap(data.draw(cuts(len(index))), units(index, axis))))
    written = np.zeros([len(index) for index in shape], int)
    writer = np.full(written.shape, -1)
    for task, corner in enumerate(np.ndindex(*map(len, blocks))):
        region = tuple(slice(axis[k].start, axis[k].stop) for axis, k in zip(blocks, corner, strict=True))
        written[region] += 1
        writer[region] = task
    assert (written == 1).all()
    owners: dict[tuple[int, ...], set[int]] = {}
    for position in np.ndindex(*written.shape):
        cell = tuple(int(axis[p]) for axis, p in zip(where, position, strict=True))
        owners.setdefault(cell, set()).add(int(writer[position]))
    assert all(len(tasks) == 1 for tasks in owners.values())


@given(st.data(), st.integers(1, 16), st.integers(1, 4000))
def test_grouped_units_stay_whole_and_under_the_target(data: st.DataObject, itemsize: int, target: int) -> None:
    lengths = [units(data.draw(views(axis.size)), axis) for axis in data.draw(st.lists(axes(), min_size=0, max_size=3))]
    blocks = group(lengths, itemsize, target)
    for axis, own in zip(blocks, lengths, strict=True):
        assert sum(axis) == sum(own)
        assert is_aligned(axis, own)
    least = itemsize * prod(max(own, default=1) for own in lengths)
    assert itemsize * prod(max(axis) for axis in blocks) <= max(target, least)


@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 3))
def test_grouping_takes_all_that_the_target_allows(n: int, unit: int, ndim: int) -> None:
    lengths = [(unit,) * n] * ndim
    whole = (unit * n) ** ndim
    assert group(lengths, 1, whole) == ((unit * n,),) * ndim
    half = group(lengths, 1, max(1, whole // 2))
    assert prod(max(axis) for axis in half) * 4 > whole // 2 or prod(max(axis) for axis in half) == unit**ndim


@given(st.data(), st.integers(1, 8), st.integers(1, 100_000))
def test_a_huge_object_is_split_into_parts_of_whole_chunks(data: st.DataObject, itemsize: int, target: int) -> None:
    ndim = data.draw(st.integers(1, 4))
    chunk = data.draw(st.tuples(*[st.integers(1, 8)] * ndim))
    shape = tuple(c * data.draw(st.integers(1, 16)) for c in chunk)
    parts = split(shape, chunk, itemsize, target)
    lengths = [n if part is None else part for n, part in zip(shape, parts, strict=True)]
    assert all(part is None or (part % c == 0 and part < n) for part, c, n in zip(parts, chunk, shape, strict=True))
    assert itemsize * prod(lengths) <= max(target, itemsize * prod(chunk))
