"""Nodes: arrays and groups as documents in a store.

Knows: where a node's documents are, in which order they are written and removed, and how they are
changed while others change them too. Must not know: handles, dask, or what chunks hold.

The order is the promise: data first, documents last when something is made; documents first, data after
when it is removed. So a reader finds a whole node or none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from dzarr.consolidated import ancestors, change_document, refresh_records
from dzarr.errors import ConflictError, DzarrError, MetadataError, NodeExistsError, NodeNotFoundError, NodeTypeError
from dzarr.format import v2, v3
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.documents import dumps, loads, naming
from dzarr.format.layout import Layout, bind
from dzarr.format.members import mapping
from dzarr.format.metadata import JSON, ArrayMetadata, GroupMetadata
from dzarr.io.store import Buffer, Store, Version, check_key
from dzarr.options import Options

Metadata = ArrayMetadata | GroupMetadata

DOCUMENTS = {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"}


@dataclass(frozen=True)
class Node:
    """A node as it was when it was read: its place, its metadata, and the version of its document."""

    store: Store
    path: str
    metadata: Metadata
    version: Version | None


def join(path: str, name: str) -> str:
    """Return the path of `name` below `path`, its segments checked. Raises StoreError.

    Examples
    --------
    >>> join("a", "b/c"), join("", "x")
    ('a/b/c', 'x')
    """
    name = name.strip("/") if isinstance(name, str) else name
    if not isinstance(name, str):
        raise NodeTypeError("a node's name must be a string", found=type(name).__name__)
    if name:
        check_key(name)
    whole = "/".join(part for part in (path, name) if part)
    reserved = [part for part in whole.split("/") if part in DOCUMENTS or part.startswith(("__", ".dz"))]
    if reserved:
        raise NodeTypeError("a reserved name", found=reserved[0], fix="choose a name that Zarr doesn't use itself")
    return whole


def read_node(store: Store, path: str, zarr_format: int | None = None) -> Node:
    """Read the documents at `path`; v3's are looked for first. Raises NodeNotFoundError, MetadataError."""
    node = find_node(store, path, zarr_format)
    if node is not None:
        return node
    form = "" if zarr_format is None else f" of format {zarr_format}"
    raise NodeNotFoundError(
        f"no array or group{form} here",
        key=_key(path, "zarr.json"),
        found=_what_is_there(store, path),
        expected="zarr.json, .zarray or .zgroup" if zarr_format is None else None,
        fix=f"check the path; the store is {store.token}",
    )


def find_node(store: Store, path: str, zarr_format: int | None = None) -> Node | None:
    """As `read_node`, with None where there is no node."""
    if zarr_format not in (None, 2, 3):
        raise MetadataError("no such Zarr format", found=zarr_format, expected="2 or 3")
    if zarr_format != 2:
        key = _key(path, "zarr.json")
        answer = store.get(key)
        if answer is not None:
            with naming(key):
                return Node(store, path, v3.parse(loads(answer[0], key)), answer[1])
    return None if zarr_format == 3 else _find_v2(store, path)


def _find_v2(store: Store, path: str) -> Node | None:
    for name in (".zarray", ".zgroup"):
        key = _key(path, name)
        answer = store.get(key)
        if answer is None:
            continue
        attributes = _load(store, _key(path, ".zattrs"))
        with naming(key):
            document = loads(answer[0], key)
            metadata: Metadata
            if name == ".zarray":
                metadata = v2.parse_array(document, attributes)
            else:
                metadata = v2.parse_group(document, attributes)
        return Node(store, path, metadata, answer[1])
    return None


def _load(store: Store, key: str) -> dict[str, JSON] | None:
    answer = store.get(key)
    return None if answer is None else loads(answer[0], key)


def _key(path: str, name: str) -> str:
    return f"{path}/{name}" if path else name


def _what_is_there(store: Store, path: str) -> str:
    if not store.can.list:
        return "nothing by those names"
    names = [name for name, _ in zip(store.list_dir(path), range(5), strict=False)]
    return f"only {', '.join(names)}" if names else "nothing"


def document_key(node: Node) -> str:
    """Return the key of the document that makes the node one."""
    if node.metadata.zarr_format == 3:
        return _key(node.path, "zarr.json")
    return _key(node.path, ".zarray" if isinstance(node.metadata, ArrayMetadata) else ".zgroup")


def context_of(options: Options) -> CodecContext:
    """Return what options say to codecs."""
    return CodecContext(options.allow_codecs, options.verify_checksums, options.max_decoded_bytes)


def layout_of(metadata: ArrayMetadata, options: Options) -> Layout:
    """Bind an array's metadata under the options that codecs obey."""
    return bind(metadata, context_of(options))


def documents_of(metadata: Metadata) -> dict[str, dict[str, JSON]]:
    """Return a node's documents by name, the one that makes it a node first."""
    if isinstance(metadata, ArrayMetadata):
        return {"zarr.json": v3.array_document(metadata)} if metadata.zarr_format == 3 else v2.array_documents(metadata)
    return {"zarr.json": v3.group_document(metadata)} if metadata.zarr_format == 3 else v2.group_documents(metadata)


def document_versions(store: Store, path: str) -> tuple[Version | None, ...]:
    """Return the versions of the documents that make `path` a node, None for those that are not there."""
    heads = [store.head(_key(path, name)) for name in ("zarr.json", ".zarray", ".zgroup")]
    return tuple(None if head is None else head[1] for head in heads)


def create_node(store: Store, path: str, metadata: Metadata, *, overwrite: bool = False) -> Node:
    """Publish a node's documents, and those of the groups above that are missing.

    Raises NodeExistsError where there is a node already (also one that somebody makes at this moment),
    NodeTypeError where an array is in the way.
    """
    documents = {name: dumps(document) for name, document in documents_of(metadata).items()}
    clear_place(store, path, overwrite=overwrite)
    make_parents(store, path, metadata.zarr_format)
    return publish(store, path, metadata, documents)


def clear_place(store: Store, path: str, *, overwrite: bool) -> None:
    """Remove the node at `path` if `overwrite`, else raise NodeExistsError where there is one."""
    try:
        old = find_node(store, path)
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
            store.set(_key(path, name), [data])
            continue
        try:
            version = store.set_if(_key(path, name), [data], None)
        except ConflictError as error:
            raise NodeExistsError(
                "somebody else made a node here at the same time",
                key=_key(path, name),
                fix="open it, or choose another path",
            ) from error
    refresh_records(store, path)
    return Node(store, path, metadata, version)


def make_parents(store: Store, path: str, zarr_format: Any) -> None:
    """Make groups of all that is above `path` and is no node yet."""
    for parent in ancestors(path):
        node = find_node(store, parent)
        if node is None:
            metadata = GroupMetadata(zarr_format)
            for name, document in documents_of(metadata).items():
                with suppress(ConflictError):  # somebody else made the same group: what was wanted is there
                    store.set_if(_key(parent, name), [dumps(document)], None)
            refresh_records(store, parent)
        elif isinstance(node.metadata, ArrayMetadata):
            raise NodeTypeError("an array holds no members", key=parent or "(the root)", fix="choose a path outside it")


def delete_node(store: Store, path: str) -> None:
    """Remove a node and all below it: documents first, so that nobody opens what is half gone."""
    _unpublish(store, path)
    doomed = getattr(store, "delete_dir", None)
    if doomed is not None:
        doomed(path)
        return
    for key in list(store.list(path)):
        store.delete(key)


def empty_node(store: Store, path: str, before: Callable[[], None]) -> None:
    """As `delete_node`, but what is dzarr's own stays; `before` is called ahead of each removal, and may raise."""
    before()
    _unpublish(store, path)
    doomed = getattr(store, "delete_dir", None)
    if doomed is not None:
        for name in list(store.list_dir(path)):
            if name.endswith("/"):
                before()
                doomed(_key(path, name[:-1]))
    for key in list(store.list(path)):
        before()
        store.delete(key)


def _unpublish(store: Store, path: str) -> None:
    for name in ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"):
        store.delete(_key(path, name))
    refresh_records(store, path)


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
        if store.head(_key(path, name)) is None:
            raise _gone(path, name)
        fresh["attributes"] = change(document)
        return dict(fresh["attributes"])

    if node.metadata.zarr_format == 3:
        key = _key(path, "zarr.json")
        with naming(key):
            change_document(store, key, change_v3)
    else:
        change_document(store, _key(path, ".zattrs"), change_v2)
    refresh_records(store, path)
    return replace(node, metadata=replace(node.metadata, attributes=fresh["attributes"]))


def _gone(path: str, name: str) -> NodeNotFoundError:
    return NodeNotFoundError("the node is gone", key=_key(path, name), fix="open what is there now, or create it")


def children(store: Store, path: str) -> Iterator[tuple[str, Node | DzarrError]]:
    """Yield (name, node) of the members directly below a group, by name.

    A member whose documents can't be read comes as the error that says why, and hides none of the others.
    """
    for name in sorted(store.list_dir(path)):
        if not name.endswith("/"):
            continue
        name = name[:-1]
        try:
            node = find_node(store, _key(path, name))
        except DzarrError as error:
            yield name, error
            continue
        if node is not None:
            yield name, node


def move_node(store: Store, source: str, target: str) -> None:
    """Move a node and all below it. The old place is removed once the new one is whole."""
    if target == source or f"{target}/".startswith(f"{source}/"):
        raise NodeExistsError("a node can't be moved into itself", key=source, found=target)
    node = read_node(store, source)
    clear_place(store, target, overwrite=False)
    make_parents(store, target, node.metadata.zarr_format)
    keys = sorted(store.list(source), key=lambda key: key.rpartition("/")[2] in DOCUMENTS)
    own = {_key(source, name) for name in DOCUMENTS}
    for key in [key for key in keys if key not in own]:
        answer = store.get(key)
        if answer is not None:
            store.set(target + key[len(source) :], [answer[0]])
    # The moved node's own documents come last of all: until then there is nothing at the new place.
    _publish_copies(store, sorted(own.intersection(keys), reverse=True), source, target)
    refresh_records(store, target, deep=True)
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
