"""Chunks and shards that nobody named: small enough, large enough, and fitting into one another."""

from __future__ import annotations

from math import prod
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.format.choose import INNER_BYTES, LONE_BYTES, SHARD_BYTES, choose_chunks, choose_for_blocks, choose_shards

SHAPES = st.lists(st.integers(0, 5000), max_size=4).map(tuple)
ITEMS = st.sampled_from((1, 2, 4, 8, 16))


@given(SHAPES, ITEMS, st.booleans())
def test_chunks(shape: tuple[int, ...], itemsize: int, sharded: bool) -> None:
    target = INNER_BYTES if sharded else LONE_BYTES
    chunk = choose_chunks(shape, itemsize, sharded=sharded)
    assert len(chunk) == len(shape)
    assert all(1 <= c <= max(1, n) for c, n in zip(chunk, shape, strict=True))
    assert prod(chunk) * itemsize <= target
    whole = prod(max(1, n) for n in shape) * itemsize
    assert prod(chunk) * itemsize >= min(whole, target // 4)  # not much smaller than need be


@given(SHAPES, ITEMS)
def test_shards_hold_whole_chunks(shape: tuple[int, ...], itemsize: int) -> None:
    chunk = choose_chunks(shape, itemsize, sharded=True)
    shard = choose_shards(shape, itemsize, chunk)
    assert all(s % c == 0 for s, c in zip(shard, chunk, strict=True))
    assert all(s < n + c for s, n, c in zip(shard, (max(1, n) for n in shape), chunk, strict=True))  # no empty chunks
    assert prod(shard) * itemsize <= SHARD_BYTES


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=4).map(tuple), ITEMS)
def test_chunks_divide_a_given_shard(shard: tuple[int, ...], itemsize: int) -> None:
    chunk = choose_chunks(shard, itemsize, shard)
    assert all(s % c == 0 for s, c in zip(shard, chunk, strict=True))


@st.composite
def blocks(draw: st.DrawFn) -> tuple[tuple[int, ...], ...]:
    axis = st.lists(st.integers(1, 400), min_size=1, max_size=5) | st.builds(
        lambda n, count, rest: [n] * count + ([min(rest, n)] if rest else []),
        st.integers(1, 900), st.integers(1, 9), st.integers(0, 900),
    )  # fmt: skip
    return tuple(tuple(draw(axis)) for _ in range(draw(st.integers(0, 3))))


@given(blocks(), ITEMS)
def test_chunks_for_blocks(cut: tuple[tuple[int, ...], ...], itemsize: int) -> None:
    shape = tuple(map(sum, cut))
    chunk, shard = choose_for_blocks(shape, itemsize, cut)
    assert len(chunk) == len(shape)
    assert all(c >= 1 for c in chunk)
    if shard is not None:
        assert shard != chunk
        assert all(s % c == 0 for s, c in zip(shard, chunk, strict=True))
        assert prod(shard) * itemsize <= 4 * SHARD_BYTES
    objects = shard or chunk
    if prod(objects) * itemsize >= INNER_BYTES // 4 and all(len(set(axis)) == 1 for axis in cut):
        regroups = any(axis[0] % n for axis, n in zip(cut, objects, strict=True))
        # Equal blocks of a size that serves are never cut across by objects.
        assert not regroups or not serves(cut, itemsize)


def serves(cut: tuple[tuple[int, ...], ...], itemsize: int) -> bool:
    nbytes = prod(axis[0] for axis in cut) * itemsize
    powers = all(axis[0] & (axis[0] - 1) == 0 for axis in cut)
    return powers and INNER_BYTES // 4 <= nbytes <= SHARD_BYTES


@pytest.mark.parametrize(
    ("shape", "itemsize", "cut", "expected"),
    [
        ((), 8, (), ((), None)),
        ((0, 5), 8, ((0,), (5,)), ((1, 5), None)),
        ((512, 512, 512), 2, ((128,) * 4,) * 3, ((64, 64, 128), (128, 128, 128))),
        ((10, 10), 4, ((1,) * 10, (1,) * 10), ((10, 10), None)),
    ],
)
def test_examples(shape: Any, itemsize: int, cut: Any, expected: Any) -> None:
    assert choose_for_blocks(shape, itemsize, cut) == expected
