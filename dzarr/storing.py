"""``dzarr.store``: from arrays and targets to one graph, and from its receipts to results.

Knows: the order of the steps. Must not know: how targets are named (targets.py), graphs made (graph/) or
objects written (io/).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import dzarr
from dzarr.array import Array, open_array_node
from dzarr.claim import Begin, Commit, Place
from dzarr.errors import DzarrError, UnsupportedError
from dzarr.format.canonical import canonical
from dzarr.io.source import Source
from dzarr.io.store import Store
from dzarr.node import document_versions, read_node
from dzarr.results import StoreResult
from dzarr.targets import (
    Target,
    check_cast,
    check_disjoint,
    check_lock,
    check_sources,
    is_lazy,
    pair_up,
    resolve,
)

if TYPE_CHECKING:
    import dzarr.graph


def store(
    x: Any,
    target: Any,
    *,
    region: Any = None,
    casting: str = "safe",
    lock: Any = "auto",
    key: str | None = None,
    resume: bool = False,
    compute: bool = True,
    **create: Any,
) -> Any:
    """Write arrays into stored arrays, every object by exactly one task.

    Parameters
    ----------
    x : array_like, or list or dict of them
        Dask arrays, numpy arrays, handles. A list or dict goes with an equally long list, or a dict with the
        same keys, of targets: all in one graph, shared inputs computed once.
    target : url, path, store or handle
        An existing array (or a basic view of one) is written into; where there is nothing, an array is made.
    region : basic index with slices of step 1, optional
        The part of an existing target that is written.
    casting : {"safe", "same_kind", "unsafe", "equiv", "no"}
        Which casts are allowed, as in ``numpy.can_cast``. Masked elements are stored as the fill value.
    lock : optional
        As in ``Array.write``: guards the objects that the region's border shares with others.
    compute : bool
        False returns a ``Deferred``: a Dask collection with a ``plan`` and ``compute()``.
    overwrite : bool
        Replace what is at the target by a new array.
    **create
        For a new array: those of ``dzarr.create``. Chunks and shards that are not given follow the blocks.

    Returns
    -------
    StoreResult, Deferred, or a list or dict of StoreResult

    Raises
    ------
    RegionError, DTypeError, GridError, AlignmentError, NodeExistsError, LockError, StoreError

    Examples
    --------
    >>> import dask.array as da, dzarr
    >>> x = da.ones((100, 100), chunks=(30, 30))
    >>> result = dzarr.store(x, "memory://store-example", chunks=(10, 10), shards=(50, 50))
    >>> result.objects, float(result.array.sum().compute())
    (4, 10000.0)
    """
    if resume or key is not None:
        raise UnsupportedError("resume= and key= are not offered yet", fix="leave them out")
    names, pairs = pair_up(x, target)
    run = secrets.token_hex(8)
    writes, targets = [], []
    for one, place in pairs:
        made = resolve(one, place, region, dict(create))
        array = _as_dask(one, made)
        check_cast(array, made, casting)
        check_lock(lock, made)
        writes.append(_write(array, made, lock, casting, run))
        targets.append(made)
    check_disjoint(targets)
    sources: dict[str, Source] = {}
    for write in writes:
        sources |= dzarr.graph.sources_of(write.array.dask, _source_of)
    check_sources(sources, targets)
    graph, keys, plans = dzarr.graph.write_graph(writes, run)
    stores = {source.store.token: source.store for source in [*sources.values(), *(t.source for t in targets)]}
    places = tuple(write.begin.place for write in writes)
    finish = _Finish(names, tuple((made.source, made.selection.axes) for made in targets))
    client = _Client(places, tuple(stores.values()), tuple(made.handle for made in targets if made.handle is not None))
    client.renew()
    deferred = dzarr.graph.Deferred(graph, keys, Plans(tuple(plans)), finish, client)
    return deferred.compute() if compute else deferred


@dataclass(frozen=True)
class Plans:
    """What a store is going to do, one line an array."""

    arrays: tuple[Any, ...]

    def __str__(self) -> str:
        return "\n".join(map(str, self.arrays))


def _as_dask(x: Any, target: Target) -> Any:
    """Return `x` as a Dask array; what is in memory or in a store is cut where the target's objects end."""
    if isinstance(x, Array):
        if x.shape != target.selection.shape:
            return x.to_dask()
        return x.to_dask(chunks=dzarr.graph.target_blocks(target.source, target.selection))
    if is_lazy(x):
        return dzarr.graph.as_dask(x)
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    return dzarr.graph.from_numpy(array, target.source, target.selection)


def _source_of(thing: Any) -> Any:
    return thing._source if isinstance(thing, Array) else thing


def _write(array: Any, target: Target, lock: Any, casting: str, run: str) -> Any:
    place = _place(target, run)
    return dzarr.graph.Write(array, target.source, target.selection, Begin(place), Commit(place), lock, casting)


def _place(target: Target, run: str) -> Place:
    attributes = json.dumps([dict(target.metadata.attributes), dict(target.metadata.extra)]) if target.new else ""
    store = target.source.store
    document = canonical(target.metadata)
    replaces = document_versions(store, target.source.path) if target.new and target.overwrite else None
    return Place(store, target.source.path, document, attributes, target.new, target.overwrite, run, replaces)


@dataclass(frozen=True, eq=False)
class _Client:
    """What the process that stores does itself: it looks whether that can work, and tidies up."""

    places: tuple[Place, ...]
    stores: tuple[Store, ...]
    handles: tuple[Array, ...]

    def check(self, keywords: Mapping[str, Any]) -> None:
        for store in self.stores:
            dzarr.graph.check_reach(store, keywords)
        for place in self.places:
            if place.new:
                place.reopen()

    def renew(self) -> None:
        for handle in self.handles:
            handle.renew()

    def done(self) -> None:
        self.renew()
        for place in self.places:
            if place.new:
                place.release()

    def fail(self) -> None:
        self.renew()
        for place in self.places:
            if place.new:
                with suppress(DzarrError):  # the error that made it fail is the one to tell
                    place.abandon()


@dataclass(frozen=True, eq=False)
class _Finish:
    """Turns receipts into results; rides in the graph."""

    names: Any
    targets: tuple[tuple[Source, Any], ...]

    def __call__(self, receipts: list[Any]) -> Any:
        results = [_result(*target, receipt) for target, receipt in zip(self.targets, receipts, strict=True)]
        if self.names is None:
            return results[0]
        return dict(zip(self.names, results, strict=True)) if isinstance(self.names, list) else results


def _result(source: Source, region: Any, receipt: Any) -> StoreResult[Array]:
    array = open_array_node(read_node(source.store, source.path), source.options, writable=True)
    return StoreResult(
        array,
        region,
        receipt.objects,
        receipt.bytes_read,
        receipt.bytes_written,
        receipt.skipped,
        receipt.seconds,
    )
