"""Shard bytes: what lies where inside an object.

Knows: the binary form of shard indexes, nested ones too, and how encoded chunks are put together.
Must not know: stores, or what the chunks hold. Source: Zarr v3 codec ``sharding_indexed``, "Binary
shard format".

    index at the end      | chunk | chunk | ... | index: (offset, nbytes) for each chunk, then crc32c |
    nested                | shard [ chunk | chunk | index ] | shard [ ... ] | index |

Whatever the nesting, the rest of dzarr sees one *flat index*: an (n, 2) table of absolute offsets and
lengths for the n innermost chunks of an object, in C order of the array's axes, offset -1 for a chunk
that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dzarr.errors import CodecError, CorruptObjectError
from dzarr.format.codecs.pipeline import Pipeline

Index: TypeAlias = NDArray[np.int64]
Span: TypeAlias = tuple[int, int]
"""(start, length) of bytes within an object."""

MISSING = (1 << 64) - 1


@dataclass(frozen=True, eq=False)
class Level:
    """One level of sharding: how a shard's index is encoded, where it lies, and what it counts.

    ``counts`` is the number of parts along each *stored* axis.
    """

    counts: tuple[int, ...]
    index: Pipeline
    at_end: bool

    @property
    def nbytes(self) -> int:
        """The encoded size of the index, always the same."""
        return self.index.encoded_size  # type: ignore[return-value]

    def span(self, shard: Span) -> Span:
        """Return where the index of the shard at `shard` lies."""
        start, length = shard
        if length < self.nbytes:
            raise CorruptObjectError(
                "shard is shorter than its index", found=f"{length} bytes", expected=f"at least {self.nbytes} bytes"
            )
        return (start + length - self.nbytes if self.at_end else start), self.nbytes

    def decode(self, data: Any, shard: Span) -> Index:
        """Return the (parts, 2) table of `shard`, offsets absolute, -1 where a part is missing.

        A part may lie anywhere in its shard but in the index; parts may share bytes (a writer that
        deduplicates is legal). Anything else raises CorruptObjectError.
        """
        try:
            table = np.asarray(self.index.decode(data), dtype=np.uint64)
        except CodecError as error:
            raise CorruptObjectError(f"shard index can't be decoded: {error.message}") from error
        if self.index.axes is not None:
            table = table.transpose(np.argsort(self.index.axes))
        table = table.reshape(-1, 2)
        start, length = shard
        offsets, sizes = table[:, 0], table[:, 1]
        missing = (offsets == MISSING) & (sizes == MISSING)
        low, high = (0, length - self.nbytes) if self.at_end else (self.nbytes, length)
        bad = ~missing & ((offsets < low) | (offsets > high) | (sizes > high - np.minimum(offsets, high)))
        if bad.any():
            part = int(np.argmax(bad))
            raise CorruptObjectError(
                f"shard index entry {part} points outside the shard's data",
                found=f"offset {int(offsets[part])}, length {int(sizes[part])}",
                expected=f"within bytes {low} to {high}",
            )
        answer: Index = np.where(missing[:, None], 0, table).astype(np.int64)
        answer[:, 0] += start
        answer[missing, 0] = -1
        return answer

    def encode(self, table: NDArray[np.uint64]) -> Any:
        """Return the bytes of a (parts, 2) table whose offsets are relative to the shard."""
        spread = table.reshape(*self.counts, 2)
        return self.index.encode(spread if self.index.axes is None else spread.transpose(self.index.axes))


ReadSpans: TypeAlias = Callable[[Sequence[Span]], Sequence[Any]]


def flat_index(levels: Sequence[Level], order: Index | None, size: int, read: ReadSpans) -> Index:
    """Read the indexes of all levels of an object of `size` bytes into one flat index.

    `read` returns the bytes of spans of the object; it is called once a level. `order` lists the flat
    positions in the order in which nested parts are stored (None where that is the same).
    """
    table = np.array([[0, size]], dtype=np.int64)
    for level in levels:
        parts = prod(level.counts)
        below = np.full((len(table), parts, 2), (-1, 0), dtype=np.int64)
        present = np.flatnonzero(table[:, 0] >= 0)
        shards = [(int(start), int(length)) for start, length in table[present]]
        answers = read([level.span(shard) for shard in shards]) if shards else ()
        for where, shard, data in zip(present, shards, answers, strict=True):
            below[where] = level.decode(data, shard)
        table = below.reshape(-1, 2)
    if order is None:
        return table
    flat = np.empty_like(table)
    flat[order] = table
    return flat


def assemble(levels: Sequence[Level], order: Index | None, chunks: Sequence[Any]) -> list[Any]:
    """Return the parts of an object that holds `chunks` (encoded, in flat order, None for missing).

    The parts are to be written one after the other; an empty list means that there is nothing to
    store. The chunks are laid out in the order in which they are stored, without gaps.
    """
    stored = list(chunks) if order is None else [chunks[k] for k in order.tolist()]
    units = [None if chunk is None else ([chunk], memoryview(chunk).nbytes) for chunk in stored]
    for level in reversed(levels):
        parts = prod(level.counts)
        units = [_assemble_one(level, units[k : k + parts]) for k in range(0, len(units), parts)]
    return units[0][0] if units[0] is not None else []


def _assemble_one(level: Level, units: Sequence[tuple[list[Any], int] | None]) -> tuple[list[Any], int] | None:
    if not any(units):
        return None
    at = 0 if level.at_end else level.nbytes
    buffers: list[Any] = []
    entries: list[int] = []
    for unit in units:
        if unit is None:
            entries += (MISSING, MISSING)
        else:
            buffers += unit[0]
            entries += (at, unit[1])
            at += unit[1]
    index = level.encode(np.array(entries, dtype=np.uint64))
    if level.at_end:
        return [*buffers, index], at + level.nbytes
    return [index, *buffers], at
