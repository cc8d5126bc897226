"""One object: its size, its index, and each of its chunks, decoded.

Knows: how an object is read in parts that fit in memory, and what its bytes may be. Must not know: which objects there
are. Sources: Zarr v3 codec ``sharding_indexed``, "Binary shard format".

    unsharded       read whole, decoded
    sharded         index -> ranges inside the data? shared in part? -> chunks, some at a time, each decoded
    behind codecs   read whole, those codecs undone, then as above
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dzarr.check.findings import Finding, Findings, of_error
from dzarr.errors import CorruptObjectError, DzarrError, MissingObjectError, StoreError
from dzarr.format.layout import ObjectLayout
from dzarr.format.shard import Span, flat_index
from dzarr.io.fetch import fetch_object, restarting
from dzarr.io.ranges import cut, merge
from dzarr.io.source import Source
from dzarr.io.store import VersionChanged, Want

GAP = 4 * 1024
"""Ranges of chunks that lie closer than this are read as one, and every chunk counts for that much more."""

Coords: TypeAlias = tuple[int, ...]
Read: TypeAlias = Callable[[Sequence[Span]], Sequence[Any]]
"""Returns the bytes of spans of one version of an object."""


@dataclass(frozen=True)
class Job:
    """An object to be looked at."""

    source: Source
    coords: Coords

    @property
    def key(self) -> str:
        """Its key in the store."""
        return self.source.key(self.coords)


@dataclass
class _Seen:
    """What one look at an object came to; looking again begins anew."""

    found: list[Finding]
    chunks: int = 0
    nbytes: int = 0
    missing: bool = False


def check_object(job: Job, findings: Findings, *, deep: bool, budget: int) -> None:
    """Look at one object; at most about `budget` encoded bytes of a shard are held at once.

    Without `deep`, chunks are not read: the size is compared where every encoded object has the same, and the index of
    a shard is.
    """
    source, key = job.source, job.key
    seen = _Seen([])

    def attempt() -> None:
        nonlocal seen
        seen = _Seen([])
        _look(job, seen, deep, budget)

    try:
        restarting(source, key, attempt)
    except DzarrError as error:
        seen.found.append(of_error(error, "object-corrupt", source.path, key))
    except MemoryError:
        what = "it takes more memory than there is"
        seen.found.append(Finding("object-unreadable", source.path, key, what))
    findings.many(seen.found)
    findings.count(objects=not seen.missing, missing=seen.missing, chunks=seen.chunks, nbytes=seen.nbytes)


def _look(job: Job, seen: _Seen, deep: bool, budget: int) -> None:
    layout = job.source.layout
    obj = layout.uniform or layout.object(job.coords)
    if obj.levels and not layout.outer:
        opened = _open_ranges(job.source, job.key, seen)
    elif deep or obj.levels:
        opened = _open_whole(job.source, job.key, obj, seen)
    else:
        _check_size(job, obj, seen)
        return
    if opened is None:
        seen.missing = True
        _missing(job, seen)
        return
    size, read = opened
    if not obj.levels:
        _decode(job, obj, 0, read([(0, size)])[0], seen)
        return
    table = flat_index(obj.levels, obj.order, size, read)
    _check_overlaps(job, obj, table, seen)
    if deep:
        _decode_all(job, obj, table, read, seen, budget)
    else:
        _check_lengths(job, obj, table, seen)


def _missing(job: Job, seen: _Seen) -> None:
    try:
        job.source.believe_missing(job.key)
    except MissingObjectError:
        seen.found.append(Finding("object-missing", job.source.path, job.key, "the object is missing"))


def _check_size(job: Job, obj: ObjectLayout, seen: _Seen) -> None:
    head = job.source.store.head(job.key)
    if head is None:
        seen.missing = True
        _missing(job, seen)
        return
    size = None if job.source.layout.outer else obj.pipeline.encoded_size
    if (size is not None and head[0] != size) or (head[0] == 0 and obj.pipeline.nbytes):
        raise CorruptObjectError(
            "the object has a wrong length",
            found=f"{head[0]} bytes",
            expected="some bytes" if size is None else f"{size} bytes",
        )


def _open_ranges(source: Source, key: str, seen: _Seen) -> tuple[int, Read] | None:
    head = source.store.head(key)
    if head is None:
        return None
    size, version = head

    def read(spans: Sequence[Span]) -> Sequence[Any]:
        ranges = [(start, start + length) for start, length in spans]
        merged = merge(ranges, GAP, source.options.merge_bytes)
        ((_, parts),) = source.store.fetch([Want(key, tuple(merged.spans), version or None)])
        if parts is None:
            raise VersionChanged(key)
        seen.nbytes += sum(stop - start for start, stop in merged.spans)
        return cut(merged, ranges, parts.buffers)

    return size, read


def _open_whole(source: Source, key: str, obj: ObjectLayout, seen: _Seen) -> tuple[int, Read] | None:
    parts = fetch_object(source, key, obj)
    if parts is None:
        return None
    seen.nbytes += parts.size
    data = parts.buffers[0]
    for codec in reversed(source.layout.outer):
        data = codec.decode(data, None, source.options.max_decoded_bytes)
    view = memoryview(data)
    return len(view), lambda spans: [view[start : start + length] for start, length in spans]


def _check_overlaps(job: Job, obj: ObjectLayout, table: np.ndarray[Any, Any], seen: _Seen) -> None:
    """Note chunks whose bytes are shared in part."""
    flats = np.flatnonzero((table[:, 0] >= 0) & (table[:, 1] > 0))
    flats = flats[np.lexsort((table[flats, 1], table[flats, 0]))]
    starts, stops = table[flats, 0], table[flats].sum(axis=1)
    same = (starts[1:] == starts[:-1]) & (stops[1:] == stops[:-1])  # a writer that deduplicates is legal
    over = np.flatnonzero((starts[1:] < np.maximum.accumulate(stops)[:-1]) & ~same) if len(flats) else flats
    if over.size:
        first = _chunk(job, obj, int(flats[over[0] + 1]))
        what = f"the index gives {over.size:,} of its chunks bytes that others have too"
        fix = "write these chunks again, if they read wrong"
        seen.found.append(Finding("index-overlap", job.source.path, job.key, what, first, fix))


def _check_lengths(job: Job, obj: ObjectLayout, table: np.ndarray[Any, Any], seen: _Seen) -> None:
    """Note lengths in the index that no chunk can have; decoding would tell the same."""
    size = obj.pipeline.encoded_size
    if size is None:
        return
    for flat in np.flatnonzero((table[:, 0] >= 0) & (table[:, 1] != size)).tolist():
        error = CorruptObjectError(
            "chunk has a wrong length in the index", found=f"{table[flat, 1]} bytes", expected=f"{size} bytes"
        )
        seen.found.append(_of_chunk(job, obj, flat, error))


def _decode_all(job: Job, obj: ObjectLayout, table: np.ndarray[Any, Any], read: Read, seen: _Seen, budget: int) -> None:
    """Decode every chunk that is there; one that fails is noted, and the others are looked at all the same."""
    most = _longest(job.source, obj)
    for portion in _portions(table, budget):
        wanted = [flat for flat in portion if table[flat, 1] <= most]
        for flat in set(portion) - set(wanted):
            error = CorruptObjectError(
                "chunk is longer than any that it could be",
                found=f"{table[flat, 1]} bytes",
                expected=f"{most} bytes at most",
            )
            seen.found.append(_of_chunk(job, obj, flat, error))
        buffers = read([(int(start), int(length)) for start, length in table[wanted]]) if wanted else ()
        for flat, data in zip(wanted, buffers, strict=True):
            _decode(job, obj, flat, data, seen)


def _decode(job: Job, obj: ObjectLayout, flat: int, data: Any, seen: _Seen) -> None:
    seen.chunks += 1
    try:
        obj.pipeline.decode(data)
    except DzarrError as error:
        seen.found.append(_of_chunk(job, obj, flat, error))


def _portions(table: np.ndarray[Any, Any], budget: int) -> Iterator[list[int]]:
    """Yield the flat positions of chunks that are there, by where they lie, about `budget` bytes at a time."""
    flats = np.flatnonzero(table[:, 0] >= 0)
    flats = flats[np.argsort(table[flats, 0], kind="stable")]
    portion: list[int] = []
    held = 0
    for flat, length in zip(flats.tolist(), table[flats, 1].tolist(), strict=True):
        if portion and held + length > budget:
            yield portion
            portion, held = [], 0
        portion.append(flat)
        held += length + GAP
    if portion:
        yield portion


def _longest(source: Source, obj: ObjectLayout) -> int:
    """Return how long an encoded chunk can get, more than generously: an index is not believed with memory."""
    if obj.pipeline.dtype.hasobject:
        return source.options.max_decoded_bytes
    return 16 * obj.pipeline.nbytes + (1 << 20)


def _of_chunk(job: Job, obj: ObjectLayout, flat: int, error: DzarrError) -> Finding:
    error.chunk = _chunk(job, obj, flat)
    code = "object-unreadable" if isinstance(error, StoreError) else "object-corrupt"
    return of_error(error, code, job.source.path, job.key)


def _chunk(job: Job, obj: ObjectLayout, flat: int) -> Coords:
    """Return where a chunk is in the array's chunk grid."""
    if not obj.levels:
        return job.coords
    inside = np.unravel_index(flat, obj.counts) if obj.counts else ()
    starts = (axis.start(cell) for axis, cell in zip(job.source.layout.grid, job.coords, strict=True))
    return tuple(start // chunk + int(k) for start, chunk, k in zip(starts, obj.chunk, inside, strict=True))
