"""Encoded chunks of one object: from the store, by way of the shard's index.

Knows: indexes, their cache, byte ranges and versions. Must not know: what chunks hold or where they go.

The race told: a reader takes a shard's index; a writer replaces the shard; the reader takes ranges of
the new file at the old index's offsets, and decodes garbage. So ranges are asked for together with the
version that the index came from. VersionChanged means: start this object over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dzarr.errors import CodecError, ConflictError, CorruptObjectError, DzarrError, StoreError
from dzarr.format.grid import Indices
from dzarr.format.layout import ObjectLayout
from dzarr.format.shard import Index, Span, flat_index
from dzarr.io.cache import indexes
from dzarr.io.ranges import cut, merge
from dzarr.io.rows import Row
from dzarr.io.source import Source
from dzarr.io.store import Buffer, ByteRange, Parts, TooLarge, VersionChanged, Want

ATTEMPTS = 5
LOCAL_GAP, REMOTE_GAP = 16 * 1024, 1024 * 1024

Blobs: TypeAlias = "dict[int, Buffer] | list[Buffer | None]"
"""Encoded chunks by flat position; absent or None where the object has no such chunk."""


@dataclass(frozen=True, eq=False)
class Located:
    """A shard's flat index with the version and size of the object that it was read from."""

    version: str | None
    size: int
    offsets: list[int]
    lengths: list[int]
    order: Indices | None

    @property
    def nbytes(self) -> int:
        """What the cache counts it for."""
        return 160 + 80 * len(self.offsets)  # two slots and two integers for each chunk

    def fits(self, obj: ObjectLayout) -> bool:
        """Return whether it was read by a layout that counts chunks as this one: caches know places, not arrays."""
        same = self.order is obj.order or np.array_equal(self.order, obj.order)  # type: ignore[arg-type]
        return same and len(self.offsets) == obj.count


def restarting(source: Source, key: str, attempt: Callable[[], None]) -> None:
    """Call `attempt` until it sees one version of the object throughout, at most five times."""
    for _ in range(ATTEMPTS):
        try:
            return attempt()
        except VersionChanged:
            forget(source, key)
        except DzarrError as error:
            error.key = error.key or key
            raise
    raise ConflictError(f"the object changed {ATTEMPTS} times while it was read", key=key, fix="read again later")


def forget(source: Source, key: str) -> None:
    """Drop what this process remembers of an object that is not what it was."""
    indexes(source.options.index_cache_bytes).discard((source.store.token, key))


def parse_object(source: Source, key: str, obj: ObjectLayout, data: Buffer) -> Blobs:
    """Cut a whole object into its encoded chunks. Raises CorruptObjectError."""
    try:
        for codec in reversed(source.layout.outer):
            data = codec.decode(data, None, source.options.max_decoded_bytes)
    except CodecError as error:
        raise CorruptObjectError(
            f"object can't be decoded: {error.message}", key=key, found=error.found, expected=error.expected
        ) from error
    if not obj.levels:
        return [data]
    located = _locate_in(obj, data, None)
    return _slice_all(located, memoryview(data))


def fetch_chunks(
    source: Source, key: str, obj: ObjectLayout, rows: Sequence[Row], budget: int
) -> Iterator[tuple[Sequence[Row], Blobs | None, str | None]]:
    """Yield (rows, their encoded chunks, version) until all of `rows` came, in portions of about `budget` bytes.

    None for the chunks means that the object does not exist. All portions are of one version.
    """
    if not obj.levels or source.layout.outer:
        parts = fetch_object(source, key, obj, lend=True)
        if parts is None:
            yield rows, None, None
        else:
            yield rows, parse_object(source, key, obj, parts.buffers[0]), parts.version
        return
    cache = indexes(source.options.index_cache_bytes)
    located = cache.get((source.store.token, key)) if source.options.cache != "off" else None
    fresh = False
    if located is None:
        if _worth_whole(source, obj, rows, budget):
            with suppress(TooLarge):  # mostly gaps, or a lie: the index and the ranges will tell
                yield (rows, *_fetch_whole(source, key, obj, budget))
                return
        located, fresh = _load_index(source, key, obj)
        if located is None:
            yield rows, None, None
            return
    if not located.fits(obj):
        raise VersionChanged(key)  # the cached index of another array, which was at this place before
    yield from _fetch_located(source, key, located, rows, budget, fresh)


def _worth_whole(source: Source, obj: ObjectLayout, rows: Sequence[Row], budget: int) -> bool:
    wanted = sum(row.count for row in rows)
    return wanted >= source.options.whole_fraction * obj.count and obj.nbytes <= budget


def _longest(obj: ObjectLayout, chunks: int) -> int:
    """Return how long so many chunks can get by encoding, more than generously."""
    if obj.pipeline.longest is not None:
        return obj.pipeline.longest
    # Filters may store a byte as a double or a complex number; what no codec shrinks, it lengthens a little.
    return 16 * chunks * obj.pipeline.nbytes + (1 << 20)


def fetch_object(source: Source, key: str, obj: ObjectLayout, *, lend: bool = False) -> Parts | None:
    """Read an object whole. Raises CorruptObjectError, before memory is taken, for one too large to be it."""
    most = _longest(obj, obj.count) + 32 * obj.count * len(obj.levels)
    try:
        return _fetch(source, Want(key, lend=lend, most=most))
    except TooLarge as error:
        raise CorruptObjectError(
            "object is larger than any that it could be",
            key=key,
            found=f"{error.size} bytes",
            expected=f"{most} at most",
            fix="raise Options.max_decoded_bytes, if the data is to be trusted" if obj.pipeline.variable else None,
        ) from error


def _fetch_whole(source: Source, key: str, obj: ObjectLayout, budget: int) -> tuple[Blobs | None, str | None]:
    # How long text is, the layout does not tell.
    most = budget if obj.pipeline.variable else 2 * obj.nbytes + 64 * obj.count + 1024
    parts = _fetch(source, Want(key, lend=True, most=most))
    if parts is None:
        return None, None
    located = _locate_in(obj, parts.buffers[0], parts.version)
    _remember(source, key, located)
    return _slice_all(located, memoryview(parts.buffers[0])), parts.version


def _fetch(source: Source, want: Want) -> Parts | None:
    ((_, parts),) = source.store.fetch([want])
    return parts


def _locate_in(obj: ObjectLayout, data: Buffer, version: str | None) -> Located:
    view = memoryview(data)
    table = flat_index(obj.levels, obj.order, len(view), lambda spans: [view[a : a + n] for a, n in spans])
    return _located(obj, table, version, len(view))


def _located(obj: ObjectLayout, table: Index, version: str | None, size: int) -> Located:
    most = _longest(obj, 1)
    if size > most and (table[:, 1] > most).any():
        flat = int(np.argmax(table[:, 1]))
        raise CorruptObjectError(
            "chunk is longer than any that it could be",
            chunk=tuple(int(k) for k in np.unravel_index(flat, obj.counts)),
            found=f"{table[flat, 1]} bytes",
            expected=f"{most} at most",
        )
    return Located(version, size, table[:, 0].tolist(), table[:, 1].tolist(), obj.order)


def _slice_all(located: Located, view: memoryview) -> list[Buffer | None]:
    return [
        view[start : start + n] if start >= 0 else None
        for start, n in zip(located.offsets, located.lengths, strict=True)
    ]


def _remember(source: Source, key: str, located: Located) -> None:
    if source.options.cache != "off" and located.version is not None:
        indexes(source.options.index_cache_bytes).put((source.store.token, key), located)


class _Absent(Exception):
    """There is no such object; caches keep no such news."""


def _load_index(source: Source, key: str, obj: ObjectLayout) -> tuple[Located | None, bool]:
    """Read the shard's index and keep it; threads that ask for the same one meanwhile wait for this answer.

    Returns it with whether it was read by this very call: an answer that was waited for may be older than
    the call, and say that a chunk is missing which was there when the call began.
    """
    if source.options.cache == "off" or not source.store.can.versions:
        return _fetch_index(source, key, obj), True
    mine = False

    def make() -> Located:
        nonlocal mine
        mine = True
        located = _fetch_index(source, key, obj)
        if located is None:
            raise _Absent
        return located

    try:
        found: Located = indexes(source.options.index_cache_bytes).load((source.store.token, key), make)
    except _Absent:
        return (None, True) if mine else (_fetch_index(source, key, obj), True)
    except CorruptObjectError:
        if mine:
            raise
        return _fetch_index(source, key, obj), True  # each caller completes an error of its own
    return found, mine


def _fetch_index(source: Source, key: str, obj: ObjectLayout) -> Located | None:
    """Read the shard's index or indexes; nothing else is read."""
    top = obj.levels[0]
    parts = _fetch_top(source, key, (-top.nbytes, None) if top.at_end else (0, top.nbytes), top.nbytes)
    if parts is None:
        return None
    version, size = parts.version, parts.size
    answers: list[Sequence[Any]] = [parts.buffers]

    def read(spans: Sequence[Span]) -> Sequence[Any]:
        if answers:
            return answers.pop()
        ((_, more),) = source.store.fetch([Want(key, tuple((a, a + n) for a, n in spans), version)])
        if more is None:
            raise VersionChanged(key)
        return more.buffers

    return _located(obj, flat_index(obj.levels, obj.order, size, read), version, size)


def _fetch_top(source: Source, key: str, span: ByteRange, nbytes: int) -> Parts | None:
    try:
        ((_, parts),) = source.store.fetch([Want(key, (span,))])
    except StoreError as error:
        # A store says that the range lies outside the object; whether the object is at fault, its size tells.
        now = source.store.head(key)
        if now is None or now[0] >= nbytes:
            raise
        raise CorruptObjectError(
            "shard is shorter than its index", key=key, found=f"{now[0]} bytes", expected=f"at least {nbytes} bytes"
        ) from error
    return parts


def _fetch_located(
    source: Source, key: str, located: Located, rows: Sequence[Row], budget: int, fresh: bool
) -> Iterator[tuple[Sequence[Row], Blobs, str | None]]:
    options = source.options
    gap = options.merge_gap
    if gap is None:
        gap = LOCAL_GAP if source.store.can.local_path else REMOTE_GAP
    any_present = False
    for portion, here in _portions(rows, located, budget):
        blobs: dict[int, Buffer] = {}
        if here:
            any_present = True
            blobs = _fetch_spans(source, key, located, here, gap)
        yield portion, blobs, located.version
    if not any_present and not fresh and options.cache == "revalidate":
        # A cached index may say where a chunk is, never that it is not there: ask for the version.
        now = source.store.head(key)
        if now is None or now[1] != located.version:
            raise VersionChanged(key)


def _fetch_spans(source: Source, key: str, located: Located, flats: Sequence[int], gap: int) -> dict[int, Buffer]:
    offsets, lengths = located.offsets, located.lengths
    spans = [(offsets[flat], offsets[flat] + lengths[flat]) for flat in flats]
    merged = merge(spans, gap, source.options.merge_bytes)
    parts = _fetch(source, Want(key, tuple(merged.spans), located.version, lend=True))
    if parts is None:
        raise VersionChanged(key)
    return dict(zip(flats, cut(merged, spans, parts.buffers), strict=True))


def _portions(rows: Sequence[Row], located: Located, budget: int) -> Iterator[tuple[Sequence[Row], list[int]]]:
    """Split `rows` so that the bytes of each portion stay within `budget` (or are those of one row).

    Yields the rows of a portion and the flat positions of their chunks that are there.
    """
    begin, held = 0, 0
    here: list[int] = []
    offsets, lengths = located.offsets, located.lengths
    for k, row in enumerate(rows):
        flats = [flat for flat in range(row.first, row.first + row.count) if offsets[flat] >= 0]
        nbytes = sum(lengths[flat] for flat in flats)
        if held and held + nbytes > budget:
            yield rows[begin:k], here
            begin, held, here = k, 0, []
        held += nbytes
        here += flats
    yield rows[begin:], here
