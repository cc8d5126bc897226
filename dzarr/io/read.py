"""Reading: a selection of an array, decoded into the output.

Knows: the way from a selection to objects to rows of chunks. Must not know: handles or dask.

    selection -> stored-axis view of the output -> one job per object -> portions of encoded chunks -> rows
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from dzarr.errors import CodecError, CorruptObjectError, RegionError, StoreError
from dzarr.format.grid import Indices, RegularAxis
from dzarr.format.layout import ObjectLayout
from dzarr.format.pieces import Cut, cut
from dzarr.format.selection import Points, Selection
from dzarr.io.cache import indexes
from dzarr.io.fetch import Located, fetch_chunks, restarting
from dzarr.io.place import place_rows
from dzarr.io.pool import cores, run_all
from dzarr.io.rows import Row, open_mesh, point_rows, rows_of
from dzarr.io.source import Source
from dzarr.io.store import VersionChanged, Want
from dzarr.io.views import point_jobs, point_view, stored_view

Array = np.ndarray[Any, Any]


def read_region(
    source: Source, selection: Selection, out: Array | None = None, *, fields: Any = None, threads: int | None = None
) -> Array:
    """Read what `selection` shows, into `out` if it is given.

    `threads` None takes the options' number; a Dask task passes 1. Raises RegionError for an `out` that
    doesn't fit, CorruptObjectError, StoreError or MissingObjectError for objects that can't be read.
    """
    dtype = source.layout.metadata.dtype if fields is None else source.layout.dtype[fields]
    if out is None and fields is None:
        found = _read_inside(source, selection)
        if found is not None:
            return found
    out = _output(out, selection.shape, dtype)
    if out.size == 0:
        return out
    if threads is None:
        threads = source.options.threads or cores()
    if selection.points is not None:
        _read_points(source, selection, selection.points, out, fields, threads)
        return _repeated(selection, out)
    view, indices = stored_view(selection, out)
    cuts = [cut(index, axis) for index, axis in zip(indices, source.layout.grid, strict=True)]
    count = prod(map(len, cuts))
    if count < threads:
        _read_shared(source, list(product(*cuts)), view, fields, threads)
    else:
        budget = source.options.inflight_bytes // threads
        run_all(lambda pieces: _read_object(source, pieces, view, fields, budget), product(*cuts), threads)
    return _repeated(selection, out)


def _read_shared(source: Source, objects: list[tuple[Cut, ...]], view: Array, fields: Any, threads: int) -> None:
    """Read fewer objects than there are threads: the threads share each of them.

    The race told: one thread reads its part of a shard, a writer replaces the shard, another thread reads the
    other part. Each part is of one version, and both together are of none. So the versions are compared, and
    such an object is read again by one thread.
    """
    jobs = [(k, part) for k, pieces in enumerate(objects) for part in _split(source, pieces, threads)]
    threads = min(threads, len(jobs))
    budget = source.options.inflight_bytes // threads
    versions: list[set[str | None]] = [set() for _ in objects]

    def read_one(job: tuple[int, tuple[Cut, ...]]) -> None:
        k, part = job
        versions[k].add(_read_object(source, part, view, fields, budget))

    run_all(read_one, jobs, threads)
    for pieces, seen in zip(objects, versions, strict=True):
        if len(seen) > 1:
            _read_object(source, pieces, view, fields, source.options.inflight_bytes)


def _split(source: Source, pieces: tuple[Cut, ...], parts: int) -> list[tuple[Cut, ...]]:
    """Split what is wanted of a shard into about `parts` parts along chunk edges, so that threads share it."""
    layout = source.layout
    obj = layout.uniform
    if obj is None or not obj.levels or layout.outer or source.options.cache == "off":
        return [pieces]
    for k, (piece, chunk) in enumerate(zip(pieces, obj.chunk, strict=True)):
        if not isinstance(piece.inside, range) or not isinstance(piece.out, slice):
            continue
        chunks = cut(piece.inside, RegularAxis(obj.shape[k], chunk))
        if len(chunks) < parts:
            continue
        step = -(-len(chunks) // parts)
        slabs = [chunks[at : at + step] for at in range(0, len(chunks), step)]
        spans = [(slab[0].out.start, slab[-1].out.stop) for slab in slabs]  # type: ignore[union-attr]
        return [
            (
                *pieces[:k],
                Cut(piece.cell, slice(piece.out.start + a, piece.out.start + b), piece.inside[a:b], False),
                *pieces[k + 1 :],
            )
            for a, b in spans
        ]
    return [pieces]


def _repeated(selection: Selection, out: Array) -> Array:
    """Copy what was read once along new dimensions that an index array has made longer."""
    for k, dim in enumerate(selection.dims):
        if dim.kind == "new" and dim.ref > 1:
            along = np.moveaxis(out, k, 0)
            along[:-1] = along[-1]
    return out


def _read_inside(source: Source, selection: Selection) -> Array | None:
    """Read a box that lies in one chunk, found without a search; None where it is not so.

    Many small reads are a way of working of its own (probes, random crops), and the general way's cost is
    mostly geometry that one chunk does not need. Whatever is unusual is left to the general way. Found
    are the chunks of shards whose index is known, and those that are stored as they are in memory.
    """
    layout, store = source.layout, source.store
    obj = layout.uniform
    if obj is None or layout.outer or source.options.cache == "off" or not (obj.levels or obj.pipeline.raw):
        return None
    box = _find_box(source, obj, selection)
    if box is None:
        return None
    key, flat, inside, shape = box
    start, length, version = 0, obj.pipeline.nbytes, None
    if obj.levels:
        located: Located | None = indexes(source.options.index_cache_bytes).get((store.token, key))
        known = located is not None and located.order is obj.order and len(located.offsets) == obj.count
        if located is None or not known or located.offsets[flat] < 0:
            return None  # or perhaps it is another array's: the general way tells
        start, length, version = located.offsets[flat], located.lengths[flat], located.version
    try:
        if obj.pipeline.raw:
            return _read_raw(source, obj, Want(key, ((start, start + length),), version), inside, shape)
        values = np.empty(obj.pipeline.stored_shape, obj.pipeline.dtype)
        for _, parts in store.fetch([Want(key, ((start, start + length),), version)]):
            if parts is None:
                return None
            obj.pipeline.decode_into(parts.buffers[0], values)
    except (VersionChanged, CodecError, StoreError):
        return None  # the general way starts over, or says which chunk it was
    if obj.inverse is not None:
        values = values.transpose(obj.inverse)
    return values if shape and values.shape == selection.shape else np.array(values[(*inside, ...)])


def _find_box(
    source: Source, obj: ObjectLayout, selection: Selection
) -> tuple[str, int, list[int | slice], list[int]] | None:
    """Return key and flat position of the chunk that holds all of a box, and the box within it with its shape."""
    flat = 0
    coords: list[int] = []
    inside: list[int | slice] = []
    shape: list[int] = []
    grid = source.layout.metadata.grid
    for index, axis, chunk, stride in zip(selection.axes, grid, obj.chunk, obj.strides, strict=True):
        if isinstance(index, int):
            first = last = index
        elif isinstance(index, range) and index and index.step > 0:
            first, last = index[0], index[-1]
            shape.append(len(index))
        else:
            return None
        cell, within = divmod(first, axis.step)  # type: ignore[union-attr]
        part, begin = divmod(within, chunk)
        end = begin + last - first
        if end >= chunk:
            return None
        coords.append(cell)
        flat += part * stride
        inside.append(begin if isinstance(index, int) else slice(begin, end + 1, index.step))
    if len(selection.dims) != len(shape):
        return None  # there are new dimensions
    return source.key(tuple(coords)), flat, inside, shape


def _read_raw(
    source: Source, obj: ObjectLayout, chunk: Want, inside: Sequence[int | slice], shape: Sequence[int]
) -> Array | None:
    """Read a box of a chunk that is stored as it is in memory: the bytes from its first element to its last."""
    begin = sum((at if isinstance(at, int) else at.start) * step for at, step in zip(inside, obj.steps, strict=True))
    end = sum((at if isinstance(at, int) else at.stop - 1) * step for at, step in zip(inside, obj.steps, strict=True))
    ((start, stop),) = chunk.ranges
    nbytes, dtype = obj.pipeline.nbytes, obj.pipeline.dtype
    if stop is None or stop - start != nbytes:
        return None
    span = Want(chunk.key, ((start + begin, start + end + dtype.itemsize),), chunk.version)
    for _, parts in source.store.fetch([span]):
        if parts is not None and (obj.levels or parts.size == nbytes):
            steps = [at.step * step for at, step in zip(inside, obj.steps, strict=True) if isinstance(at, slice)]
            return np.ndarray(shape, dtype, parts.buffers[0], strides=steps).copy()
    return None


def _output(out: Array | None, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    if out is None:
        try:
            return np.empty(shape, dtype)
        except (MemoryError, ValueError) as error:
            raise RegionError(
                "the region is too large to be read at once", found=f"{dtype} {shape}", fix="read parts of it"
            ) from error
    dtype, own = dtype.subdtype or (dtype, ())  # a field that is an array adds its dimensions
    shape += own
    if not isinstance(out, np.ndarray) or out.shape != shape or not _holds(out.dtype, dtype):
        found = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise RegionError("out does not fit what is read", found=found, expected=f"{dtype} {shape}")
    if not out.flags.writeable:
        raise RegionError("out is read-only", fix="pass an array that may be written")
    return out


def _holds(out: np.dtype[Any], dtype: np.dtype[Any]) -> bool:
    """Whether elements of `dtype` lie in an array of `out` as they are; text may be Python's as well."""
    return out == dtype or (dtype.kind == "T" and out.kind in "TO")


def _read_object(source: Source, pieces: Sequence[Cut], view: Array, fields: Any, budget: int) -> str | None:
    """Read what is wanted of one object; return its version, None where it does not exist."""
    coords = tuple([piece.cell for piece in pieces])
    obj = source.layout.uniform or source.layout.object(coords)
    rows = rows_of(obj, [piece.inside for piece in pieces])
    if not any(isinstance(piece.out, np.ndarray) for piece in pieces):
        return _read_rows(source, coords, obj, rows, view[(*(piece.out for piece in pieces), ...)], fields, budget)
    # Positions out of order: gather the object's part on its own, then scatter it.
    part = np.empty([*(len(piece.inside) for piece in pieces), *view.shape[len(pieces) :]], view.dtype)
    version = _read_rows(source, coords, obj, rows, part, fields, budget)
    view[open_mesh([piece.out for piece in pieces])] = part
    return version


def _read_rows(
    source: Source,
    coords: tuple[int, ...],
    obj: ObjectLayout,
    rows: Sequence[Row],
    part: Array,
    fields: Any,
    budget: int,
) -> str | None:
    """Read `rows` of the object at `coords` into `part`; return the version that they are of."""
    key = source.key(coords)
    version: str | None = None

    def attempt() -> None:
        nonlocal version
        for portion, blobs, version in fetch_chunks(source, key, obj, rows, budget):  # noqa: B007
            if blobs is None:
                source.believe_missing(key)
            place_rows(obj, portion, blobs or {}, part, source.layout.fill, fields)

    try:
        restarting(source, key, attempt)
    except CorruptObjectError as error:
        if error.chunk is not None:
            error.chunk = tuple(c * n + k for c, n, k in zip(coords, obj.counts, error.chunk, strict=True))
        raise
    return version


def _read_points(source: Source, selection: Selection, points: Points, out: Array, fields: Any, threads: int) -> None:
    """Read coordinates: the points of each object together, whatever their order."""
    where, indices = point_view(selection, points)
    coords = points.coords.reshape(len(points.axes), -1)
    own = out.shape[len(selection.dims) :]
    flat = np.empty([coords.shape[1], *(len(index) for index in indices.values()), *own], out.dtype)
    budget = source.options.inflight_bytes // threads

    def read_one(job: tuple[tuple[int, ...], Indices, dict[int, Cut]]) -> None:
        cell, members, rest = job
        place = dict(zip(points.axes, cell, strict=True)) | {axis: piece.cell for axis, piece in rest.items()}
        position = tuple(place[axis] for axis in range(source.layout.ndim))
        obj = source.layout.object(position)
        grid = source.layout.grid
        local = {axis: coords[k, members] - grid[axis].start(cell[k]) for k, axis in enumerate(points.axes)}
        rows = list(point_rows(obj, local, members, rest))
        _read_rows(source, position, obj, rows, flat, fields, budget)

    jobs = list(point_jobs(source.layout.grid, points, coords, indices))
    run_all(read_one, jobs, max(1, min(threads, len(jobs))))
    target = out[(*where, ...)]
    target[...] = flat.reshape(target.shape)
