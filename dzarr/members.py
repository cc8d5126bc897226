"""Members of a group: from its consolidated record, or from their own documents.

Knows: which of the two is believed, and when a record is put right. Must not know: handles, or how documents are
written. What is read comes from the record, in no request at all. Whoever may write gets members from their own
documents: these win, and the record is repaired where it says otherwise. So nobody writes by a stale shape.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from dzarr.consolidated import refresh_records
from dzarr.errors import DzarrError, MetadataError, NodeTypeError, OptionError
from dzarr.format import v2, v3
from dzarr.format.documents import loads, naming
from dzarr.format.members import mapping
from dzarr.format.metadata import JSON, ArrayMetadata, GroupMetadata
from dzarr.format.records import Record, alone, zmetadata_record
from dzarr.io.store import Store, check_key
from dzarr.node import (
    Metadata,
    Node,
    check_format,
    children,
    find_member,
    find_node,
    find_v3,
    found,
    published_node,
    unpublished_node,
)

CHOICES = (None, True, False, "verify")


def checked_choice(consolidated: Any) -> Any:
    """Return `consolidated` if it is a way to open a group. Raises OptionError."""
    if not any(consolidated is choice or (choice == "verify" and consolidated == choice) for choice in CHOICES):
        raise OptionError("consolidated is wrong", found=repr(consolidated), expected="None, True, False or 'verify'")
    return consolidated


def open_node(
    store: Store, path: str, zarr_format: int | None = None, *, consolidated: Any = None, own: bool = False
) -> Node:
    """Return the node at `path`, with the consolidated record of a group unless that is not wanted.

    Parameters
    ----------
    store, path, zarr_format
        As in `read_node`.
    consolidated : {None, True, False, "verify"}
        Whether there may be a record, must be one, or is none to be looked at ("verify" is as None here).
    own : bool
        Whether the group itself is read from its own documents in v2 too, for somebody who may write.

    Raises NodeNotFoundError, MetadataError; NodeTypeError where an array is to have a record.
    """
    check_format(zarr_format)
    wanted = consolidated is not False
    node = None if zarr_format == 2 else find_v3(store, path, record=wanted)
    if node is None and zarr_format != 3 and wanted:
        node = _with_zmetadata(store, path, own=own)
    if node is None:
        node = _otherwise(store, path, zarr_format)
    if consolidated is True:
        _check_record(node)
    return node


def _otherwise(store: Store, path: str, zarr_format: int | None) -> Node:
    """Return the node at `path` where neither a ``zarr.json`` nor a ``.zmetadata`` is."""
    node = None if zarr_format == 3 else published_node(store, path, 2)
    return found(node or unpublished_node(store, path, zarr_format, above=True), store, path, zarr_format)


def _with_zmetadata(store: Store, path: str, *, own: bool) -> Node | None:
    """Return the v2 group that has a ``.zmetadata``, from that alone unless its `own` documents are wanted."""
    record = _zmetadata(store, path)
    if record is None:
        return None
    if not own:
        return from_record(store, record, path)
    node = find_node(store, path, 2)
    return None if node is None or isinstance(node.metadata, ArrayMetadata) else replace(node, record=record)


def _zmetadata(store: Store, path: str) -> Record | None:
    key = f"{path}/.zmetadata" if path else ".zmetadata"
    answer = store.get(key)
    if answer is None:
        return None
    with naming(key):
        return zmetadata_record(loads(answer[0], key), path, key)


def _check_record(node: Node) -> None:
    if isinstance(node.metadata, ArrayMetadata):
        raise NodeTypeError("an array has no consolidated record", key=node.path or "/", fix="leave consolidated out")
    if node.record is None:
        raise MetadataError(
            "the group has no consolidated record",
            key=node.path or "/",
            found=node.store.token,
            fix="dzarr.consolidate makes one; consolidated=None takes what is there",
        )


# Members


def from_record(store: Store, record: Record, path: str) -> Node | None:
    """Return the node at `path` as the record has it, None where it has none. Raises MetadataError, StoreError."""
    inner = path[len(record.root) :].lstrip("/")
    documents = record.documents(inner)
    if documents is None:
        return None
    if path:
        check_key(path)
    with naming(record.key):
        try:
            metadata = _parse(documents)
        except DzarrError as error:
            error.message = f"{error.message}, in the entry {inner!r} of a consolidated record"
            raise
    kept = record if isinstance(metadata, GroupMetadata) else None
    return Node(store, path, metadata, None, kept, implicit=not documents.keys() - {".zattrs"})


def _parse(documents: dict[str, JSON]) -> Metadata:
    if "zarr.json" in documents:
        return v3.parse(alone(mapping(documents["zarr.json"], "the document")))
    zattrs = mapping(documents.get(".zattrs", {}), ".zattrs")
    if ".zarray" in documents:
        return v2.parse_array(mapping(documents[".zarray"], ".zarray"), zattrs)
    return v2.parse_group(mapping(documents.get(".zgroup", {"zarr_format": 2}), ".zgroup"), zattrs)


def member_at(group: Node, path: str, *, own: bool, consolidated: Any = None) -> Node | None:
    """Return the member at `path` (counted from the store's root), None where there is none.

    Parameters
    ----------
    group : Node
        The group that is asked.
    own : bool
        Whether the member's own documents decide: for somebody who may write. A record that says otherwise is put
        right.
    consolidated
        How the group was opened: whether members that are groups may have records of their own.
    """
    if group.record is not None and not own:
        return from_record(group.store, group.record, path)
    node = find_member(group.store, path, first=group.metadata.zarr_format)
    if group.record is not None:
        _settle(group.store, group.record, path, node)
    if node is None or isinstance(node.metadata, ArrayMetadata):
        return node
    return replace(node, record=None if consolidated is False else _record_for(group, node))


def _record_for(group: Node, node: Node) -> Record | None:
    if group.record is not None or node.metadata.zarr_format == 3:
        return group.record or node.record
    return _zmetadata(node.store, node.path)


def _settle(store: Store, record: Record, path: str, node: Node | None) -> None:
    """Bring all records above a member up to date, where this one says something else than its own documents do."""
    if node is not None and node.metadata.zarr_format != record.zarr_format:
        return
    try:
        told = from_record(store, record, path)
    except DzarrError:
        told = None
    if (told is None) != (node is None) or (told is not None and node is not None and _differ(told, node)):
        if store.can.writable:
            # A group without a document is there for what is below it.
            refresh_records(store, path, deep=node is not None and node.implicit)


def _differ(told: Node, node: Node) -> bool:
    ours, theirs = told.metadata, node.metadata
    if isinstance(ours, GroupMetadata) and isinstance(theirs, GroupMetadata):
        return ours.attributes != theirs.attributes or alone(ours.extra) != alone(theirs.extra)
    return ours != theirs


def members(group: Node, *, own: bool, consolidated: Any = None) -> Iterator[tuple[str, Node | DzarrError]]:
    """Yield (name, node) of the members directly below a group, by name.

    A member that can't be read comes as the error that says why, and hides none of the others.
    """
    if group.record is None or own:
        for name, node in children(group.store, group.path, first=group.metadata.zarr_format):
            if consolidated is False and isinstance(node, Node):
                node = replace(node, record=None)
            yield name, node
        return
    inner = group.path[len(group.record.root) :].lstrip("/")
    for name in group.record.names(inner):
        try:
            told = from_record(group.store, group.record, f"{group.path}/{name}" if group.path else name)
        except DzarrError as error:
            yield name, error
            continue
        if told is not None:
            yield name, told
