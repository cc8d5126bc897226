"""Nodes made, changed, moved and removed.

Knows: in which order documents are written and removed, and how they are changed while others change them too. Must
not know: handles, dask, or what chunks hold.

The order is the promise: data first, documents last when something is made; documents first, data after
when it is removed. So a reader finds a whole node or none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from dzarr.consolidated import ancestors, change_document, refresh_records
from dzarr.errors import ConflictError, DzarrError, NodeExistsError, NodeNotFoundError, NodeTypeError
from dzarr.format.documents import dumps, naming
from dzarr.format.members import mapping
from dzarr.format.metadata import JSON, ArrayMetadata, GroupMetadata
from dzarr.io.store import Buffer, Store, key_in
from dzarr.node import (
    DOCUMENTS,
    Metadata,
    Node,
    check_new,
    document_versions,
    documents_of,
    flag,
    implicit_group,
    published_node,
    read_node,
)


def create_node(store: Store, path: str, metadata: Metadata, *, overwrite: bool = False) -> Node:
    """Publish a node's documents, and those of the groups above that are missing.

    Raises NodeExistsError where there is a node already (also one that somebody makes at this moment),
    NodeTypeError where an array is in the way.
    """
    overwrite = flag(overwrite, "overwrite")
    check_new(path)
    documents = {name: dumps(document) for name, document in documents_of(metadata).items()}
    if metadata.zarr_format == 2 and isinstance(metadata, ArrayMetadata):
        refuse_implicit(store, path)
    clear_place(store, path, overwrite=overwrite)
    make_parents(store, path, metadata.zarr_format)
    return publish(store, path, metadata, documents)


def refuse_implicit(store: Store, path: str) -> None:
    """Raise NodeExistsError where there is a group of v2 without a document: what it holds would be buried.

    It isn't replaced either, as any folder that has arrays somewhere below looks like one.
    """
    if not any(document_versions(store, path)) and implicit_group(store, path) is not None:
        raise NodeExistsError(
            "there is a group already, without a document",
            key=path or "(the root)",
            fix="delete it first, or choose another path",
        )


def clear_place(store: Store, path: str, *, overwrite: bool) -> None:
    """Remove the node at `path` if `overwrite`, else raise NodeExistsError where there is one."""
    try:
        old = published_node(store, path)
    except DzarrError:
        if not overwrite:
            raise
        delete_node(store, path)  # what can't be read can still be replaced
        return
    if old is None:
        return
    if not overwrite:
        kind = "an array" if isinstance(old.metadata, ArrayMetadata) else "a group"
        raise NodeExistsError(
            f"there is {kind} already",
            key=path or "(the root)",
            found=store.token,
            fix="pass overwrite=True to replace it, or choose another path",
        )
    delete_node(store, path)


def publish(store: Store, path: str, metadata: Metadata, documents: Mapping[str, Buffer] | None = None) -> Node:
    """Write a new node's documents, create-only: of several writers one succeeds."""
    if documents is None:
        documents = {name: dumps(document) for name, document in documents_of(metadata).items()}
    version = None
    for name, data in documents.items():
        if name == ".zattrs":
            store.set(key_in(path, name), [data])
            continue
        try:
            version = store.set_if(key_in(path, name), [data], None)
        except ConflictError as error:
            raise NodeExistsError(
                "somebody else made a node here at the same time",
                key=key_in(path, name),
                fix="open it, or choose another path",
            ) from error
    refresh_records(store, path)
    return Node(store, path, metadata, version)


def make_parents(store: Store, path: str, zarr_format: Any) -> None:
    """Make groups of all that is above `path` and is no node yet."""
    for parent in ancestors(path):
        node = published_node(store, parent)
        if node is None:
            metadata = GroupMetadata(zarr_format)
            for name, document in documents_of(metadata).items():
                with suppress(ConflictError):  # somebody else made the same group: what was wanted is there
                    store.set_if(key_in(parent, name), [dumps(document)], None)
            refresh_records(store, parent)
        elif isinstance(node.metadata, ArrayMetadata):
            raise NodeTypeError("an array holds no members", key=parent or "(the root)", fix="choose a path outside it")


def delete_node(store: Store, path: str) -> None:
    """Remove a node and all below it: documents first, so that nobody opens what is half gone."""
    below = _documents_below(store, path)
    _unpublish(store, path)
    try:
        refresh_records(store, path)
    finally:  # a record that can't be read must not leave the node half gone
        for key in below:
            store.delete(key)
        doomed = getattr(store, "delete_dir", None)
        if doomed is not None:
            doomed(path)
        else:
            for key in list(store.list(path)):
                store.delete(key)


def empty_node(store: Store, path: str, before: Callable[[], None]) -> None:
    """As `delete_node`, but what is dzarr's own stays; `before` is called ahead of each removal, and may raise."""
    before()
    below = _documents_below(store, path)
    _unpublish(store, path)
    refresh_records(store, path)
    for key in below:
        before()
        store.delete(key)
    doomed = getattr(store, "delete_dir", None)
    if doomed is not None:
        for name in list(store.list_dir(path)):
            if name.endswith("/"):
                before()
                doomed(key_in(path, name[:-1]))
    for key in list(store.list(path)):
        before()
        store.delete(key)


def _unpublish(store: Store, path: str) -> None:
    for name in ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"):
        store.delete(key_in(path, name))


def _documents_below(store: Store, path: str) -> list[str]:
    """Return the keys of all documents below a group, which go before anything else does.

    A folder of v2 that still held nodes would be a group all the same.
    """
    with suppress(DzarrError):  # what can't be read can still be removed
        node = published_node(store, path)
        if node is not None and isinstance(node.metadata, ArrayMetadata):
            return []
    return [key for key in store.list(path) if key.rpartition("/")[2] in DOCUMENTS]


def update_attributes(node: Node, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Node:
    """Apply `change` to the newest attributes and write them back, whoever else does the same."""
    fresh: dict[str, Any] = {}
    store, path = node.store, node.path

    def change_v3(document: dict[str, JSON]) -> dict[str, JSON]:
        if not document:
            raise _gone(path, "zarr.json")
        fresh["attributes"] = change(mapping(document.get("attributes", {}), "attributes"))
        return document | {"attributes": fresh["attributes"]}

    def change_v2(document: dict[str, JSON]) -> dict[str, JSON]:
        name = ".zarray" if isinstance(node.metadata, ArrayMetadata) else ".zgroup"
        if store.head(key_in(path, name)) is None:
            raise _gone(path, name)
        fresh["attributes"] = change(document)
        return dict(fresh["attributes"])

    if node.metadata.zarr_format == 3:
        key = key_in(path, "zarr.json")
        with naming(key):
            change_document(store, key, change_v3)
    else:
        make_explicit(node)
        change_document(store, key_in(path, ".zattrs"), change_v2)
    refresh_records(store, path)
    return replace(node, metadata=replace(node.metadata, attributes=fresh["attributes"]), implicit=False)


def make_explicit(node: Node) -> None:
    """Give a group of v2 the document that it lacks, if it lacks one."""
    if not node.implicit:
        return
    with suppress(ConflictError):  # somebody else did so
        node.store.set_if(key_in(node.path, ".zgroup"), [dumps({"zarr_format": 2})], None)


def _gone(path: str, name: str) -> NodeNotFoundError:
    return NodeNotFoundError("the node is gone", key=key_in(path, name), fix="open what is there now, or create it")


def move_node(store: Store, source: str, target: str) -> None:
    """Move a node and all below it. The old place is removed once the new one is whole."""
    if target == source or f"{target}/".startswith(f"{source}/"):
        raise NodeExistsError("a node can't be moved into itself", key=source, found=target)
    node = read_node(store, source)
    check_new(target)
    clear_place(store, target, overwrite=False)
    refuse_implicit(store, target)
    make_parents(store, target, node.metadata.zarr_format)
    keys = sorted(store.list(source), key=lambda key: key.rpartition("/")[2] in DOCUMENTS)
    own = {key_in(source, name) for name in DOCUMENTS}
    for key in [key for key in keys if key not in own]:
        answer = store.get(key)
        if answer is not None:
            store.set(target + key[len(source) :], [answer[0]])
    # The moved node's own documents come last of all: until then there is nothing at the new place.
    _publish_copies(store, sorted(own.intersection(keys), reverse=True), source, target)
    try:
        refresh_records(store, target, deep=True)
    finally:  # the new place is whole, whatever is wrong with a record
        delete_node(store, source)


def _publish_copies(store: Store, keys: Sequence[str], source: str, target: str) -> None:
    for key in keys:
        answer = store.get(key)
        if answer is None:
            continue
        try:
            store.set_if(target + key[len(source) :], [answer[0]], None)
        except ConflictError as error:
            raise NodeExistsError(
                "somebody else made a node here at the same time", key=target, fix="choose another path"
            ) from error
