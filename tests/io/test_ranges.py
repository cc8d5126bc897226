"""Merging ranges, against the simplest thing that could be right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import StoreError
from dzarr.io.ranges import cut, merge, resolve

SIZE = 300
ranges = st.lists(
    st.tuples(st.integers(0, SIZE), st.integers(0, 40)).map(lambda pair: (pair[0], min(SIZE, sum(pair)))), max_size=40
)


@given(ranges, st.integers(0, 50), st.integers(1, 120))
def test_every_range_gets_its_bytes(wanted, gap, limit):
    data = bytes(i % 251 for i in range(SIZE))
    merged = merge(wanted, gap, limit)
    fetched = [data[start:stop] for start, stop in merged.spans]
    assert [bytes(view) for view in cut(merged, wanted, fetched)] == [data[start:stop] for start, stop in wanted]


@given(ranges, st.integers(0, 50), st.integers(1, 120))
def test_spans_are_what_they_should_be(wanted, gap, limit):
    spans = merge(wanted, gap, limit).spans
    assert spans == sorted(spans)
    # No span is longer than the limit, but for a range that is so by itself.
    assert all(stop - start <= limit or (start, stop) in wanted for start, stop in spans)
    # Nothing is fetched that is not wanted, or in a hole of at most `gap` bytes.
    covered = {byte for start, stop in spans for byte in range(start, stop)}
    near = {byte for start, stop in wanted for byte in range(start, stop)}
    extra = sorted(covered - near)
    runs = [len(run) for run in _runs(extra)]
    assert all(run <= gap for run in runs)


@given(ranges, st.integers(0, 50))
def test_without_a_limit_merging_is_the_closure_of_near_pairs(wanted, gap):
    groups: list[tuple[int, int]] = []
    for start, stop in sorted(wanted):
        if groups and start <= groups[-1][1] + gap:
            groups[-1] = groups[-1][0], max(groups[-1][1], stop)
        else:
            groups.append((start, stop))
    assert merge(wanted, gap, 10**9).spans == groups


@given(st.permutations(range(8)))
def test_order_does_not_matter(order):
    sorted_ranges = [(10 * i, 10 * i + 7) for i in range(8)]
    merged = merge([sorted_ranges[i] for i in order], 3, 40)
    plain = merge(sorted_ranges, 3, 40)
    assert merged.spans == plain.spans
    assert merged.places == [plain.places[i] for i in order]


def _runs(numbers):
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return runs


def test_nothing():
    merged = merge([], 10, 10)
    assert (merged.spans, merged.places, cut(merged, [], [])) == ([], [], [])


def test_equal_and_nested_ranges_are_fetched_once():
    merged = merge([(0, 100), (0, 100), (20, 30), (0, 100)], 0, 10)
    assert merged.spans == [(0, 100)]
    assert merged.places == [(0, 0), (0, 0), (0, 20), (0, 0)]


def test_touching_ranges_are_one():
    assert merge([(0, 5), (5, 9)], 0, 100).spans == [(0, 9)]
    assert merge([(0, 5), (6, 9)], 0, 100).spans == [(0, 5), (6, 9)]
    assert merge([(0, 5), (6, 9)], 1, 8).spans == [(0, 5), (6, 9)]


@pytest.mark.parametrize("wanted", [(0, 11), (-1, 3), (5, 4), (11, None), (-11, None)])
def test_resolve_refuses(wanted):
    with pytest.raises(StoreError) as caught:
        resolve(wanted, 10, "a/x")
    assert caught.value.key == "a/x"
    assert caught.value.found == wanted
