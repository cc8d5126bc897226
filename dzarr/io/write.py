"""Writing: elements of a region, encoded into whole objects or merged into old ones.

Knows: which objects a region covers whole, and the one path by which others are read, merged and
replaced under a lock. Must not know: handles or dask. A region that covers every element that the array
has in an object (ragged edges clipped) covers it whole: nothing is read, even if the old object is torn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from dzarr.errors import ConflictError, DzarrError
from dzarr.format.layout import ObjectLayout
from dzarr.format.pieces import Cut, cut
from dzarr.format.selection import Points, Selection
from dzarr.io.contend import Tries
from dzarr.io.encode import encode_rows, object_parts
from dzarr.io.fetch import fetch_object, forget, parse_object
from dzarr.io.locks import LockProvider, lock_provider
from dzarr.io.pool import cores, run_all
from dzarr.io.rows import Row, open_mesh, point_rows, rows_of
from dzarr.io.scratch import keep_freed_memory
from dzarr.io.source import Source
from dzarr.io.views import point_jobs, point_view, stored_view

Array = np.ndarray[Any, Any]


@dataclass
class Written:
    """What a write did: objects stored, objects left out (all fill), and the bytes that went and came."""

    objects: int = 0
    skipped: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    _log: list[tuple[int, int, int, int]] = field(default_factory=list, repr=False)

    def add(self, objects: int, skipped: int, bytes_read: int, bytes_written: int) -> None:
        """Note one object; safe from several threads."""
        self._log.append((objects, skipped, bytes_read, bytes_written))

    def total(self) -> Written:
        """Return the sums of what was noted."""
        sums = [sum(column) for column in zip(*self._log, strict=True)] or [0, 0, 0, 0]
        return Written(*sums)


def write_region(
    source: Source,
    selection: Selection,
    values: Array,
    *,
    lock: Any = "auto",
    threads: int | None = None,
    fence: Callable[[], None] | None = None,
) -> Written:
    """Write `values` (of the selection's shape and the array's dtype) where `selection` points.

    Objects that the selection covers in part are read, merged and replaced under the lock that `lock`
    names (contracts: "auto", "none", "threads", "files" or an object of the caller's). Raises
    LockError before anything is written where such a lock is needed and can't be had. `fence` is called
    right before a whole object is replaced, and raises where that is no longer this caller's to do.
    """
    written = Written()
    if values.size == 0:
        return written
    keep_freed_memory()
    if threads is None:
        threads = source.options.threads or cores()
    if selection.points is not None:
        jobs = list(_point_jobs(source, selection, selection.points, values))
    else:
        jobs = list(_jobs(source, selection, values))
    provider = None
    if not (isinstance(lock, str) and lock == "auto") or any(not job.whole for job in jobs):
        provider = lock_provider(lock, source.store, source.path, source.options)

    def write_one(job: _Job) -> None:
        if job.whole:
            _replace(source, job, written, fence)
        else:
            _merge(source, job, provider, written)

    run_all(write_one, jobs, min(threads, len(jobs)))
    return written.total()


@dataclass(frozen=True, eq=False)
class _Job:
    """One object: where it is, what of it is written, and from where."""

    coords: tuple[int, ...]
    obj: ObjectLayout
    whole: bool
    pieces: Sequence[Cut]
    part: Array
    point_rows: list[Row] | None = None

    @property
    def rows(self) -> list[Row]:
        if self.point_rows is not None:
            return self.point_rows
        return rows_of(self.obj, [piece.inside for piece in self.pieces])


def _jobs(source: Source, selection: Selection, values: Array) -> Iterator[_Job]:
    layout = source.layout
    view, indices = stored_view(selection, values)
    cuts = [cut(index, axis) for index, axis in zip(indices, layout.grid, strict=True)]
    for pieces in product(*cuts):
        coords = tuple(piece.cell for piece in pieces)
        if any(isinstance(piece.out, np.ndarray) for piece in pieces):
            part = view[open_mesh([piece.out for piece in pieces])]
        else:
            part = view[(*(piece.out for piece in pieces), ...)]
        whole = all(piece.whole for piece in pieces)
        yield _Job(coords, layout.uniform or layout.object(coords), whole, pieces, part)


def _point_jobs(source: Source, selection: Selection, points: Points, values: Array) -> Iterator[_Job]:
    layout = source.layout
    where, indices = point_view(selection, points)
    coords = points.coords.reshape(len(points.axes), -1)
    flat = values[(*where, ...)].reshape(coords.shape[1], *(len(index) for index in indices.values()))
    for cell, members, rest in point_jobs(layout.grid, points, coords, indices):
        place = dict(zip(points.axes, cell, strict=True)) | {axis: piece.cell for axis, piece in rest.items()}
        position = tuple(place[axis] for axis in range(layout.ndim))
        obj = layout.object(position)
        local = {axis: coords[k, members] - layout.grid[axis].start(cell[k]) for k, axis in enumerate(points.axes)}
        yield _Job(position, obj, False, (), flat, list(point_rows(obj, local, members, rest)))


def _replace(source: Source, job: _Job, written: Written, fence: Callable[[], None] | None) -> None:
    """Write an object that belongs to this call alone."""
    key = source.key(job.coords)
    try:
        chunks = encode_rows(source.layout, job.obj, job.rows, job.part, {}, source.options.write_empty_chunks)
        parts = object_parts(source.layout, job.obj, chunks)
    except DzarrError as error:
        error.key = error.key or key
        raise
    if fence is not None:
        fence()
    if parts:
        source.store.set(key, parts)
        written.add(1, 0, 0, _nbytes(parts))
    else:
        source.store.delete(key)
        written.add(0, 1, 0, 0)
    forget(source, key)


def _merge(source: Source, job: _Job, provider: LockProvider | None, written: Written) -> None:
    """Read an object, merge what is new, replace it: under its lock, and only if nobody changed it meanwhile.

    The lock keeps out everyone who takes it. The comparison of versions, made by the store in the moment of
    the replacement, keeps out those who don't: a foreign writer, a caller with ``lock="none"``. Whoever loses
    reads again and merges with what the winner wrote, so that neither write is lost.
    """
    key = source.key(job.coords)
    if provider is None:
        raise ConflictError("a partial write without a lock provider", key=key)
    with provider.hold(key) as held:
        tries = Tries(source.options.lock_timeout)
        for _ in tries:
            old = fetch_object(source, key, job.obj)
            data, version = (b"", None) if old is None else (old.buffers[0], old.version)
            parts = _merged_parts(source, job, key, None if old is None else data)
            held.check()
            if not parts or _swap(source, key, parts, version):
                forget(source, key)
                written.add(bool(parts), not parts, len(data), _nbytes(parts))
                return
            tries.lost(version)
    raise ConflictError(
        f"the object could not be replaced in {tries.made} tries: others changed it, or something else is in its place",
        key=key,
        fix="write with lock='auto', raise Options.lock_timeout, or write whole objects",
    )


def _swap(source: Source, key: str, parts: Sequence[Any], version: str | None) -> bool:
    """Replace the object if it still has this version; return whether it had."""
    if source.store.can.set_if:
        try:
            source.store.set_if(key, parts, version)
        except ConflictError:
            return False
        return True
    # The next best: the lock keeps out all but foreigners, and of these most are seen here.
    now = source.store.head(key)
    if (now[1] if now is not None else None) != version:
        return False
    source.store.set(key, parts)
    return True


def _merged_parts(source: Source, job: _Job, key: str, data: Any) -> list[Any]:
    layout, obj = source.layout, job.obj
    keep_empty = source.options.write_empty_chunks
    try:
        old = {} if data is None else parse_object(source, key, obj, data)
        chunks = encode_rows(layout, obj, job.rows, job.part, old, keep_empty)
        if data is not None and all(chunk is None for chunk in chunks):
            # All fill now. The object is shared, so deleting it could delete a neighbour's write.
            chunks = encode_rows(layout, obj, job.rows, job.part, old, True)
        return object_parts(layout, obj, chunks)
    except DzarrError as error:
        error.key = error.key or key
        if error.chunk is not None:
            error.chunk = tuple(c * n + k for c, n, k in zip(job.coords, obj.counts, error.chunk, strict=True))
        raise


def _nbytes(parts: Sequence[Any]) -> int:
    return sum(memoryview(part).nbytes for part in parts)
