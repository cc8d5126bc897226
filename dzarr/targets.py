"""Targets of ``dzarr.store``: what is there, or what is going to be.

Knows: the ways in which a caller names a target, and the checks before anything is planned. Must not know:
how graphs are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from dzarr.array import Array, open_array_node
from dzarr.creation import array_metadata
from dzarr.errors import AlignmentError, DTypeError, GridError, NodeExistsError, NodeTypeError, RegionError
from dzarr.format.choose import choose_for_blocks
from dzarr.format.metadata import ArrayMetadata
from dzarr.format.selection import Selection, whole
from dzarr.format.variable import can_cast
from dzarr.group import Group
from dzarr.io.locks import lock_provider
from dzarr.io.open import open_store
from dzarr.io.source import Source
from dzarr.io.store import Store
from dzarr.node import check_new, flag, join, layout_of, published_node
from dzarr.options import Options, checked

CREATE_ONLY = (
    "chunks shards codecs fill_value dimension_names attributes zarr_format chunk_key_encoding index_location".split()
)
"""Keywords that shape a new array."""


@dataclass(frozen=True, eq=False)
class Target:
    """Where one source goes: the stored array, the view of it, and whether it is made by this store."""

    source: Source
    selection: Selection
    metadata: ArrayMetadata
    new: bool
    overwrite: bool
    handle: Array | None = None
    """The handle that the caller wrote through."""


def pair_up(x: Any, target: Any) -> tuple[list[Any] | int | None, list[tuple[Any, Any]]]:
    """Return how answers are named (None, a count, or a list of keys) and the pairs to store."""
    if isinstance(x, Mapping):
        if isinstance(target, Group):
            return list(x), [(array, (target, key)) for key, array in x.items()]
        if not isinstance(target, Mapping) or set(target) != set(x):
            found = list(target) if isinstance(target, Mapping) else type(target).__name__
            raise RegionError("sources and targets differ", found=found, expected=f"a dict with the keys {list(x)}")
        return list(x), [(array, target[key]) for key, array in x.items()]
    if isinstance(target, (list, tuple)):
        if not isinstance(x, (list, tuple)) or len(x) != len(target):
            number = len(x) if isinstance(x, (list, tuple)) else type(x).__name__
            raise RegionError("sources and targets differ in number", found=number, expected=f"{len(target)} sources")
        return len(x), list(zip(x, target, strict=True))
    if isinstance(target, Group):
        raise NodeTypeError(
            "the target is a group", key=target.path or "/", fix="store a dict of arrays into it, or name an array"
        )
    if isinstance(target, Mapping) or (isinstance(x, (list, tuple)) and any(map(is_lazy, x))):
        raise RegionError("sources and targets differ in number", found=type(x).__name__, expected="one for each")
    return None, [(x, target)]


def is_lazy(x: Any) -> bool:
    """Return whether `x` is an array that is still to be computed: a Dask collection, or one that holds such."""
    return getattr(x, "__dask_graph__", None) is not None and not isinstance(x, type)


def resolve(x: Any, place: Any, region: Any, create: dict[str, Any]) -> Target:
    """Return the target that `place` names for `x`; takes out of `create` what is not about a new array."""
    overwrite = flag(create.pop("overwrite", False), "overwrite")
    path = create.pop("path", "")
    options = create.pop("options", None)
    storage_options = create.pop("storage_options", None)
    unknown = sorted(set(create) - {*CREATE_ONLY, "dtype"})
    if unknown:
        raise TypeError(f"store() got unknown keywords {unknown}; expected some of {CREATE_ONLY}")
    if isinstance(place, Array):
        place.check_writable()
        return _into_handle(place, region, create, overwrite, place)
    defaults: dict[str, Any] = {}
    if isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], Group):
        group = place[0]
        group._check_writable()
        path, opened = join(group.path, group._named(place[1])), group._node.store
        options = group.options if options is None else checked(options)
        defaults["zarr_format"] = group.zarr_format
    else:
        options = checked(options)
        opened = open_store(place, storage_options=storage_options, options=options)
        path = join("", path)
    node = None if overwrite else published_node(opened, path)
    if node is None:
        if region is not None:
            raise RegionError("a region of an array that isn't there", key=path or "/", fix="create the array first")
        return _new(x, opened, path, options, defaults | create, overwrite)
    if not isinstance(node.metadata, ArrayMetadata):
        raise NodeTypeError(
            "the target is a group", key=path or "/", found=opened.token, fix="name an array in it, by path="
        )
    return _into_handle(open_array_node(node, options, writable=True), region, create, False, None)


def _into_handle(handle: Array, region: Any, create: dict[str, Any], overwrite: bool, given: Array | None) -> Target:
    if create or overwrite:
        raise NodeExistsError(
            "the array is there already, so keywords that shape a new one mean nothing",
            key=handle.path or "/",
            found=sorted(create) or ["overwrite"],
            fix="leave them out, or pass a url and overwrite=True",
        )
    selection = handle._selection if region is None else handle._selection.basic(_slices(region))
    return Target(handle._source, selection, handle._source.layout.metadata, False, False, given)


def _slices(region: Any) -> tuple[Any, ...]:
    items = region if isinstance(region, tuple) else (region,)
    for item in items:
        if not (item is Ellipsis or (isinstance(item, slice) and item.step in (None, 1))):
            raise RegionError("a region is made of slices of step 1", found=item, fix="store into a view: a[...]")
    return items


def _new(x: Any, opened: Store, path: str, options: Options, create: dict[str, Any], overwrite: bool) -> Target:
    if not hasattr(x, "shape"):
        x = np.asarray(x)
    if any(isinstance(n, float) for n in x.shape):
        raise GridError("the source's shape is not known", found=x.shape, fix="call x.compute_chunk_sizes() first")
    check_new(path)
    create = {name: value for name, value in create.items() if value is not None}
    create.setdefault("dtype", x.dtype)
    if "chunks" not in create and "shards" not in create and create.get("zarr_format", 3) == 3:
        create |= _chosen(x, array_metadata(options, shape=x.shape, **create).dtype.itemsize)
    metadata = array_metadata(options, shape=x.shape, **create)
    within = getattr(opened, "within", None)
    held = opened if within is None else within(path)
    return Target(
        Source(held, path, layout_of(metadata, options), options), whole(metadata.shape), metadata, True, overwrite
    )


def _chosen(x: Any, itemsize: int) -> dict[str, Any]:
    """Return chunks and shards for what is stored: those of the array that it is a view of, or from its blocks."""
    if isinstance(x, Array):
        dims = x._selection.dims
        if any(isinstance(n, tuple) for n in (*x.chunks, *(x.shards or ()))) and x.is_view:
            return {}
        chunks, shards = (
            grid and tuple(grid[dim.ref] if dim.kind == "axis" else 1 for dim in dims) for grid in (x.chunks, x.shards)
        )
        return {"chunks": chunks} if shards is None else {"chunks": chunks, "shards": shards}
    blocks = getattr(x, "chunks", None)
    if isinstance(blocks, tuple) and blocks and all(isinstance(axis, tuple) for axis in blocks):
        chunks, shards = choose_for_blocks(x.shape, itemsize, blocks)
        return {"chunks": chunks} if shards is None else {"chunks": chunks, "shards": shards}
    return {}


def check_cast(array: Any, target: Target, casting: str) -> None:
    """Raise DTypeError where the cast to the target is not allowed by `casting`."""
    if casting not in ("no", "equiv", "safe", "same_kind", "unsafe"):
        raise DTypeError("no such casting", found=casting, expected="'no', 'equiv', 'safe', 'same_kind' or 'unsafe'")
    source, wanted = array.dtype, target.source.layout.dtype
    if not can_cast(source, wanted, casting):
        raise DTypeError(
            "values could be lost in the target's dtype",
            key=target.source.path or "/",
            found=source,
            expected=wanted,
            fix="pass casting='same_kind' or 'unsafe', or cast the source with astype",
        )


def check_lock(lock: Any, target: Target) -> None:
    """Raise LockError or UnsupportedError where there is no such lock for the target."""
    if not (isinstance(lock, str) and lock == "auto"):
        lock_provider(lock, target.source.store, target.source.path, target.source.options)


def check_disjoint(targets: Sequence[Target]) -> None:
    """Raise AlignmentError where one array is named twice, or a new one lies inside another target."""
    places = sorted(((f"{target.source.place}/", target) for target in targets), key=lambda pair: pair[0])
    for (one, _), (next_one, target) in pairwise(places):
        if next_one.startswith(one):
            raise AlignmentError(
                "one array is the target twice, or lies inside another target",
                key=target.source.path or "/",
                found=target.source.place,
                fix="store its parts one after the other",
            )


def check_sources(sources: Mapping[str, Source], targets: Sequence[Target]) -> None:
    """Raise AlignmentError where a target is read from too, or is removed (overwritten) with what is read."""
    for target in targets:
        place = target.source.place
        for read in sources:
            if read == place or (target.overwrite and read.startswith(f"{place}/")):
                raise AlignmentError(
                    "an array can't be written onto the store that it reads from",
                    key=target.source.path or "/",
                    found=place,
                    fix="write to another array: a task that runs twice would read what it has written",
                )
