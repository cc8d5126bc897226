"""Byte ranges: what a range means in an object, which ranges to fetch as one, and how to cut the answer.

Knows: integers. Must not know: stores, arrays or bytes. Ranges are ``[start, stop)``; the ones that
`merge` takes may come in any order, overlap, or be equal::

    wanted    |--a--|   |-b-|      |--c--|                 a=(0, 7)  b=(11, 16)  c=(23, 30)
    spans     |-------------|      |-----|                 gap=4: a and b are fetched as one
    places    a=(0, 0)  b=(0, 11)  c=(1, 0)                (which span, how far into it)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dzarr.errors import StoreError


@dataclass(frozen=True, slots=True)
class Merged:
    """The spans to fetch, in rising order, and for each wanted range (its span, its offset in the span)."""

    spans: list[tuple[int, int]]
    places: list[tuple[int, int]]


def merge(ranges: Sequence[tuple[int, int]], gap: int, limit: int) -> Merged:
    """Join ranges that lie at most `gap` bytes apart into spans of at most `limit` bytes.

    Parameters
    ----------
    ranges : sequence of (int, int)
        The wanted ranges, ``[start, stop)``.
    gap : int
        Largest hole, in bytes, that is fetched along. Ranges that touch have a hole of 0.
    limit : int
        Largest span, in bytes. A range that is larger by itself stays whole, in a span of its own.

    Examples
    --------
    >>> merged = merge([(23, 30), (0, 7), (11, 16)], gap=4, limit=100)
    >>> merged.spans
    [(0, 16), (23, 30)]
    >>> merged.places
    [(1, 0), (0, 0), (0, 11)]
    """
    if not ranges:
        return Merged([], [])
    starts = [start for start, _ in ranges]
    order: Sequence[int] = range(len(ranges))
    if starts != sorted(starts):
        order = sorted(order, key=starts.__getitem__)
    spans: list[tuple[int, int]] = []
    places: list[tuple[int, int]] = [(0, 0)] * len(ranges)
    first, last = ranges[order[0]]
    for i in order:
        start, stop = ranges[i]
        if stop > last:
            if start > last + gap or stop - first > limit:
                spans.append((first, last))
                first = start
            last = stop
        places[i] = (len(spans), start - first)
    spans.append((first, last))
    return Merged(spans, places)


def cut(
    merged: Merged, ranges: Sequence[tuple[int, int]], buffers: Sequence[bytes | bytearray | memoryview]
) -> list[memoryview]:
    """Return the bytes of each range, as views into the `buffers` that were fetched for the spans.

    Examples
    --------
    >>> ranges = [(3, 5), (0, 2)]
    >>> [bytes(view) for view in cut(merge(ranges, gap=8, limit=100), ranges, [b"abcde"])]
    [b'de', b'ab']
    """
    views = [memoryview(buffer) for buffer in buffers]
    return [
        views[span][offset : offset + stop - start]
        for (span, offset), (start, stop) in zip(merged.places, ranges, strict=True)
    ]


def resolve(wanted: tuple[int, int | None], size: int, key: str) -> tuple[int, int]:
    """Return the ``[start, stop)`` that `wanted` means in an object of `size` bytes.

    ``(start, None)`` runs to the end; ``(-n, None)`` is the last n bytes.

    Raises
    ------
    StoreError
        If the range does not lie inside the object, or is none.

    Examples
    --------
    >>> resolve((2, 4), 10, "k"), resolve((2, None), 10, "k"), resolve((-3, None), 10, "k")
    ((2, 4), (2, 10), (7, 10))
    """
    start, stop = wanted
    if stop is None:
        stop = size
        if start < 0:
            start += size
    if 0 <= start <= stop <= size:
        return start, stop
    raise StoreError(
        "a range that does not lie inside the object", key=key, found=wanted, expected=f"a part of its {size} bytes"
    )
