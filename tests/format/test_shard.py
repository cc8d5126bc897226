"""Shard bytes against a reader of its own, written from the specification: recursive, slow and plain."""

from __future__ import annotations

import struct
from itertools import product
from math import prod
from typing import Any

import google_crc32c
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dzarr.errors import CorruptObjectError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension
from dzarr.format.shard import MISSING, Level, assemble, flat_index

LITTLE = Extension("bytes", {"endian": "little"})
BIG = Extension("bytes", {"endian": "big"})
CRC = Extension("crc32c")


def level(counts: tuple[int, ...], *, at_end: bool = True, codecs: tuple[Extension, ...] = (LITTLE, CRC)) -> Level:
    index = Pipeline.bind(codecs, (*counts, 2), np.dtype("u8"), np.zeros((), "u8"), CodecContext())
    return Level(counts, index, at_end)


@st.composite
def nestings(draw: st.DrawFn) -> list[Level]:
    ndim = draw(st.integers(0, 3))
    codecs = st.sampled_from(((LITTLE, CRC), (BIG,), (LITTLE,), (BIG, CRC)))
    return [
        level(draw(st.tuples(*[st.integers(1, 3)] * ndim)), at_end=draw(st.booleans()), codecs=draw(codecs))
        for _ in range(draw(st.integers(1, 3 if ndim < 3 else 2)))
    ]


def stored_order(levels: list[Level]) -> np.ndarray[Any, Any]:
    """The C-order position of each chunk, in the order in which parts of parts follow one another."""
    ndim = len(levels[0].counts)
    total = [prod(lev.counts[d] for lev in levels) for d in range(ndim)]
    flat = np.arange(prod(total)).reshape(total)
    order = []
    for parts in product(*(product(*map(range, lev.counts)) for lev in levels)):
        position = [0] * ndim
        for lev, part in zip(levels, parts, strict=True):
            position = [p * n + k for p, n, k in zip(position, lev.counts, part, strict=True)]
        order.append(int(flat[tuple(position)]))
    return np.array(order)


def spec_read(levels: list[Level], data: bytes | None, spec: list[tuple[str, bool]]) -> list[bytes | None]:
    """All innermost chunks of a shard in stored order, as the specification says to find them."""
    if not levels:
        return [data]
    n = prod(levels[0].counts)
    if data is None:
        below: list[bytes | None] = [None] * n
    else:
        endian, checked = spec[0]
        size = 16 * n + 4 * checked
        index = data[-size:] if levels[0].at_end else data[:size]
        if checked:
            assert struct.unpack("<I", index[-4:])[0] == google_crc32c.value(index[:-4])
        numbers = struct.unpack(f"{endian}{2 * n}Q", index[: 16 * n])
        spans = zip(numbers[::2], numbers[1::2], strict=True)
        below = [None if a == b == MISSING else data[a : a + b] for a, b in spans]
        assert all(chunk is None or len(chunk) == b for chunk, b in zip(below, numbers[1::2], strict=True))
    return [chunk for part in below for chunk in spec_read(levels[1:], part, spec[1:])]


def specs(levels: list[Level]) -> list[tuple[str, bool]]:
    found = []
    for lev in levels:
        names = lev.index._origin[0]
        found.append(("<" if names[0] == LITTLE else ">", len(names) == 2))
    return found


def locate(levels: list[Level], order: Any, data: bytes) -> Any:
    return flat_index(levels, order, len(data), lambda spans: [data[a : a + n] for a, n in spans])


@given(st.data(), nestings())
def test_what_is_assembled_is_found_again(data: st.DataObject, levels: list[Level]) -> None:
    order = stored_order(levels)
    chunk = st.none() | st.binary(max_size=9)
    chunks = data.draw(st.lists(chunk, min_size=len(order), max_size=len(order)))
    parts = assemble(levels, None if (order == np.arange(len(order))).all() else order, chunks)
    if all(chunk is None for chunk in chunks):
        assert parts == []
        return
    blob = b"".join(map(bytes, parts))
    assert [chunks[k] for k in order] == spec_read(levels, blob, specs(levels))
    found = locate(levels, order, blob)
    assert found.shape == (len(order), 2)
    assert [None if a < 0 else blob[a : a + n] for a, n in found.tolist()] == chunks


@given(st.data(), nestings())
def test_no_bytes_lie_between(data: st.DataObject, levels: list[Level]) -> None:
    """Chunks and indexes fill a shard without gaps."""
    order = stored_order(levels)
    chunks = data.draw(st.lists(st.binary(min_size=1, max_size=9), min_size=len(order), max_size=len(order)))
    indexes = [lev.nbytes * prod(prod(up.counts) for up in levels[:k]) for k, lev in enumerate(levels)]
    parts = assemble(levels, order, chunks)
    assert sum(memoryview(part).nbytes for part in parts) == sum(map(len, chunks)) + sum(indexes)


def shard(entries: list[tuple[int, int]], data: bytes = bytes(10), *, at_end: bool = True) -> bytes:
    lev = level((len(entries),), at_end=at_end)
    index = bytes(lev.encode(np.array(entries, dtype=np.uint64)))
    return data + index if at_end else index + data


INDEX = 2 * 16 + 4
ABSENT = (MISSING, MISSING)


@pytest.mark.parametrize(
    ("at_end", "entries", "expected"),
    [
        (True, [(0, 10), ABSENT], [(0, 10), (-1, 0)]),
        (True, [(6, 4), (0, 6)], [(6, 4), (0, 6)]),  # any order
        (True, [(0, 10), (0, 10)], [(0, 10), (0, 10)]),  # shared
        (True, [(0, 6), (3, 7)], [(0, 6), (3, 7)]),
        (True, [(10, 0), (0, 0)], [(10, 0), (0, 0)]),
        (False, [(INDEX, 10), ABSENT], [(INDEX, 10), (-1, 0)]),
        (False, [(INDEX + 10, 0), (INDEX + 9, 1)], [(INDEX + 10, 0), (INDEX + 9, 1)]),
    ],
)
def test_entries_that_are_legal(at_end: bool, entries: Any, expected: Any) -> None:
    found = locate([level((2,), at_end=at_end)], None, shard(entries, at_end=at_end))
    assert found.tolist() == [list(span) for span in expected]


@pytest.mark.parametrize(
    ("at_end", "entry"),
    [
        (True, (0, 11)),  # into the index
        (True, (11, 0)),
        (True, (10, 1)),
        (True, (10, INDEX)),  # the index itself
        (True, (1 << 63, 1)),
        (True, (1, MISSING)),  # sum overflows
        (True, (MISSING, 0)),
        (True, (0, MISSING)),
        (True, (MISSING - 1, MISSING - 1)),
        (False, (0, 10)),
        (False, (INDEX - 1, 2)),
        (False, (INDEX, 11)),
        (False, (INDEX + 11, 0)),
    ],
)
def test_entries_that_point_elsewhere(at_end: bool, entry: tuple[int, int]) -> None:
    for entries in ([entry, ABSENT], [ABSENT, entry]):
        with pytest.raises(CorruptObjectError, match="points outside") as caught:
            locate([level((2,), at_end=at_end)], None, shard(entries, at_end=at_end))
        assert str(entry[0]) in str(caught.value)
        assert f"entry {entries.index(entry)} " in str(caught.value)


@given(st.data(), nestings(), st.integers(0, 1 << 30))
def test_no_damage_is_read_beyond_the_shard(data: st.DataObject, levels: list[Level], seed: int) -> None:
    """Truncated or flipped, a shard is refused, or every range that is found lies inside it."""
    rng = np.random.default_rng(seed)
    order = stored_order(levels)
    blob = bytearray(b"".join(map(bytes, assemble(levels, order, [rng.bytes(5)] * len(order)))))
    if data.draw(st.booleans()):
        blob = blob[: data.draw(st.integers(0, len(blob) - 1))]
    else:
        for at in data.draw(st.lists(st.integers(0, len(blob) - 1), min_size=1, max_size=5)):
            blob[at] ^= 1 << data.draw(st.integers(0, 7))

    def read(spans: Any) -> Any:
        assert all(0 <= a <= a + n <= len(blob) for a, n in spans)
        return [bytes(blob[a : a + n]) for a, n in spans]

    try:
        found = flat_index(levels, order, len(blob), read)
    except CorruptObjectError:
        return
    assert all(a == -1 or 0 <= a <= a + n <= len(blob) for a, n in found.tolist())


def test_a_wrong_checksum_is_named() -> None:
    blob = bytearray(shard([(0, 10), ABSENT]))
    blob[-1] ^= 1
    with pytest.raises(CorruptObjectError, match="index can't be decoded"):
        locate([level((2,))], None, bytes(blob))
    with pytest.raises(CorruptObjectError, match="shorter than its index"):
        locate([level((2,))], None, bytes(blob[:35]))
