"""``dzarr.store``: from arrays and targets to one graph, and from its receipts to results.

Knows: the order of the steps. Must not know: how targets are named (targets.py), graphs made (graph/) or
objects written (io/).
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import dzarr
from dzarr.array import Array, open_array_node
from dzarr.claim import Begin, Commit, Place
from dzarr.errors import AlignmentError, NodeTypeError
from dzarr.format.canonical import canonical
from dzarr.node import read_node
from dzarr.results import StoreResult
from dzarr.targets import Target, check_cast, check_disjoint, pair_up, resolve

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
    casting : str
        Which casts are allowed, as in ``numpy.can_cast``.
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
        raise NodeTypeError("resume= and key= are not offered yet", fix="leave them out")
    names, pairs = pair_up(x, target)
    run = secrets.token_hex(8)
    writes, targets = [], []
    for one, place in pairs:
        made = resolve(one, place, region, dict(create))
        array = _as_dask(one, made)
        check_cast(array, made, casting)
        writes.append(_write(array, made, lock, run))
        targets.append(made)
    check_disjoint(targets)
    for made in targets:
        _check_sources([write.array for write in writes], made)
        dzarr.graph.check_reach(made.source.store)
    graph, keys, plans = dzarr.graph.write_graph(writes, run)
    finish = _Finish(names, tuple(targets))
    deferred = dzarr.graph.Deferred(graph, keys, Plans(tuple(plans)), finish)
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
    if hasattr(x, "dask") and hasattr(x, "chunks"):
        return x
    array = x if isinstance(x, np.ndarray) else np.asarray(x)
    return dzarr.graph.from_numpy(array, target.source, target.selection)


def _check_sources(arrays: Sequence[Any], target: Target) -> None:
    place = target.source.store.token, target.source.path
    if any(dzarr.graph.reads_from(array.dask, *place) for array in arrays):
        raise AlignmentError(
            "an array can't be written onto the store that it reads from",
            key=target.source.path or "/",
            found=target.source.store.token,
            fix="write to another array: a task that runs twice would read what it has written",
        )


def _write(array: Any, target: Target, lock: Any, run: str) -> Any:
    place = _place(target, run)
    return dzarr.graph.Write(array, target.source, target.selection, Begin(place), Commit(place), lock)


def _place(target: Target, run: str) -> Place:
    attributes = json.dumps([dict(target.metadata.attributes), dict(target.metadata.extra)]) if target.new else ""
    store = target.source.store
    document = canonical(target.metadata)
    return Place(store, target.source.path, document, attributes, target.new, target.overwrite, run)


@dataclass(frozen=True, eq=False)
class _Finish:
    """Turns receipts into results, on the client."""

    names: Any
    targets: tuple[Target, ...]

    def __call__(self, receipts: list[Any]) -> Any:
        results = [_result(target, receipt) for target, receipt in zip(self.targets, receipts, strict=True)]
        if self.names is None:
            return results[0]
        return dict(zip(self.names, results, strict=True)) if isinstance(self.names, list) else results


def _result(target: Target, receipt: Any) -> StoreResult[Array]:
    source = target.source
    array = open_array_node(read_node(source.store, source.path), source.options, writable=True)
    return StoreResult(
        array,
        target.selection.axes,
        receipt.objects,
        receipt.bytes_read,
        receipt.bytes_written,
        receipt.skipped,
        receipt.seconds,
    )
