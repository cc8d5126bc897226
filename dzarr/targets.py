"""Targets of ``dzarr.store``: what is there, or what is going to be.

Knows: the ways in which a caller names a target, and the checks before anything is planned. Must not know:
how graphs are made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dzarr.array import Array, open_array_node
from dzarr.creation import array_metadata
from dzarr.errors import AlignmentError, DTypeError, NodeExistsError, NodeTypeError, RegionError
from dzarr.format.choose import choose_for_blocks
from dzarr.format.metadata import ArrayMetadata
from dzarr.format.selection import Selection, whole
from dzarr.group import Group
from dzarr.io.open import open_store
from dzarr.io.source import Source
from dzarr.io.store import Store
from dzarr.node import clear_place, find_node, join, layout_of
from dzarr.options import Options

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


def pair_up(x: Any, target: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return how answers are named (None, a count, or a list of keys) and the pairs to store."""
    if isinstance(x, Mapping):
        if not isinstance(target, (Mapping, Group)) or (isinstance(target, Mapping) and set(target) != set(x)):
            raise RegionError("sources and targets differ", found=list(x), expected="a dict with the same keys")
        if isinstance(target, Group) and not isinstance(target, dict):
            return list(x), [(one, (target, name)) for name, one in x.items()]
        return list(x), [(one, target[name]) for name, one in x.items()]
    if isinstance(x, (list, tuple)) and isinstance(target, (list, tuple)):
        if len(x) != len(target):
            raise RegionError("sources and targets differ in number", found=len(x), expected=len(target))
        return len(x), list(zip(x, target, strict=True))
    return None, [(x, target)]


def resolve(x: Any, place: Any, region: Any, create: dict[str, Any]) -> Target:
    """Return the target that `place` names for `x`; takes out of `create` what is not about a new array."""
    overwrite = bool(create.pop("overwrite", False))
    path = create.pop("path", "")
    options = create.pop("options", None)
    storage_options = create.pop("storage_options", None)
    unknown = sorted(set(create) - {*CREATE_ONLY, "dtype"})
    if unknown:
        raise TypeError(f"store() got unknown keywords {unknown}; expected some of {CREATE_ONLY}")
    if isinstance(place, Array):
        return _into_handle(place, region, create, overwrite)
    if isinstance(place, tuple) and len(place) == 2 and isinstance(place[0], Group):
        group, path = place[0], join(place[0].path, place[1])
        options, opened = options or group.options, group._node.store
        create.setdefault("zarr_format", group.zarr_format)
    else:
        options = options or Options()
        opened = open_store(place, storage_options=storage_options, durability=options.durability)
        path = join("", path)
    node = None if overwrite else find_node(opened, path)
    if node is None:
        if region is not None:
            raise RegionError("a region of an array that isn't there", key=path or "/", fix="create the array first")
        return _new(x, opened, path, options, create, overwrite)
    if not isinstance(node.metadata, ArrayMetadata):
        raise NodeTypeError(
            "the target is a group", key=path or "/", found=opened.token, fix="name an array in it, by path="
        )
    return _into_handle(open_array_node(node, options, writable=True), region, create, False)


def _into_handle(handle: Array, region: Any, create: dict[str, Any], overwrite: bool) -> Target:
    if create or overwrite:
        raise NodeExistsError(
            "the array is there already, so keywords that shape a new one mean nothing",
            key=handle.path or "/",
            found=sorted(create) or ["overwrite"],
            fix="leave them out, or pass a url and overwrite=True",
        )
    handle.check_writable()
    selection = handle._selection if region is None else handle._selection.basic(_slices(region))
    return Target(handle._source, selection, handle._source.layout.metadata, False, False)


def _slices(region: Any) -> tuple[Any, ...]:
    items = region if isinstance(region, tuple) else (region,)
    for item in items:
        if not (item is Ellipsis or (isinstance(item, slice) and item.step in (None, 1))):
            raise RegionError("a region is made of slices of step 1", found=item, fix="store into a view: a[...]")
    return items


def _new(x: Any, opened: Store, path: str, options: Options, create: dict[str, Any], overwrite: bool) -> Target:
    if not hasattr(x, "shape"):
        x = np.asarray(x)
    dtype = np.dtype(create.pop("dtype", x.dtype))
    if any(isinstance(n, float) and np.isnan(n) for n in x.shape):
        raise RegionError("the source's shape is not known", found=x.shape, fix="call x.compute_chunk_sizes() first")
    if create.get("chunks") is None and "shards" not in create and create.get("zarr_format", 3) == 3:
        blocks = getattr(x, "chunks", None) if not isinstance(x, Array) else None
        if isinstance(blocks, tuple) and blocks and all(isinstance(axis, tuple) for axis in blocks):
            create["chunks"], create["shards"] = choose_for_blocks(x.shape, dtype.itemsize, blocks)
        elif isinstance(x, Array):
            create["chunks"], create["shards"] = x.chunks, x.shards
    create = {name: value for name, value in create.items() if value is not None}
    metadata = array_metadata(options, shape=x.shape, dtype=dtype, **create)
    within = getattr(opened, "within", None)
    held = opened if within is None else within(path)
    source = Source(held, path, layout_of(metadata, options), options)
    if not overwrite:
        clear_place(opened, path, overwrite=False)
    return Target(source, whole(metadata.shape), metadata, True, overwrite)


def check_cast(array: Any, target: Target, casting: str) -> None:
    """Raise DTypeError where the cast to the target is not allowed by `casting`."""
    source, wanted = array.dtype, target.source.layout.dtype
    if not np.can_cast(source, wanted, casting):  # type: ignore[arg-type]
        raise DTypeError(
            "values could be lost in the target's dtype",
            key=target.source.path or "/",
            found=source,
            expected=wanted,
            fix="pass casting='same_kind' or 'unsafe', or cast the source with astype",
        )


def check_disjoint(targets: Sequence[Target]) -> None:
    """Raise AlignmentError where one array is named twice."""
    seen: set[tuple[str, str]] = set()
    for target in targets:
        place = target.source.store.token, target.source.path
        if place in seen:
            raise AlignmentError(
                "one array is the target twice", key=place[1] or "/", fix="store its parts one after the other"
            )
        seen.add(place)
