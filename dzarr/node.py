"""Nodes: arrays and groups as documents in a store.

Knows: which names nodes may have, where their documents are, and what is a node without a document of its own. Must
not know: handles, dask, what chunks hold, or how nodes are made and changed (changes.py). Sources: Zarr v3 core,
"Node names"; Zarr v2, "Hierarchies".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dzarr.errors import (
    DzarrError,
    MetadataError,
    NodeNotFoundError,
    NodeTypeError,
    OptionError,
)
from dzarr.format import nczarr, v2, v3
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.documents import loads, naming
from dzarr.format.layout import Layout, bind
from dzarr.format.metadata import JSON, ArrayMetadata, GroupMetadata
from dzarr.format.records import INLINE, Record, inline_record
from dzarr.io.n5 import n5_above, n5_here
from dzarr.io.paths import HIDDEN, OWN
from dzarr.io.store import Store, Version, Want, check_key, key_in
from dzarr.options import Options

Metadata = ArrayMetadata | GroupMetadata

DOCUMENTS = {"zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata"}

LISTINGS = 16
"""Folders that are listed in search of a node, where a folder may be an implicit group."""


@dataclass(frozen=True)
class Node:
    """A node as it was when it was read: its place, its metadata, and the version of its document.

    ``record`` is the consolidated record that tells a group's members, its own or that of a group above.
    ``implicit`` marks a group of v2 that has no document: a folder that holds nodes.
    """

    store: Store
    path: str
    metadata: Metadata
    version: Version | None
    record: Record | None = None
    implicit: bool = False


def join(path: str, name: str) -> str:
    """Return the path of `name` below `path`, its segments checked. Raises StoreError, NodeTypeError.

    Every name is taken that a node may have, whoever made it: `check_new` is stricter.

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
    _refuse_reserved(whole, lambda part: part in DOCUMENTS or part == OWN or part.startswith(HIDDEN))
    return whole


def check_new(path: str) -> str:
    """Return the path of a node that is to be made, if each of its names may be one. Raises NodeTypeError.

    Names that begin with two underscores are reserved, and names of nothing but dots are none.
    """
    _refuse_reserved(path, lambda part: part.startswith("__") or not part.strip("."))
    return path


def _refuse_reserved(path: str, is_reserved: Callable[[str], bool]) -> None:
    reserved = [part for part in path.split("/") if part and is_reserved(part)]
    if reserved:
        raise NodeTypeError("a reserved name", found=reserved[0], fix="choose a name that Zarr doesn't use itself")


def flag(value: Any, name: str) -> bool:
    """Return `value` if it is true or false. Raises OptionError for anything else: the text "no" is true to Python.

    Examples
    --------
    >>> flag(True, "overwrite")
    True
    """
    if not isinstance(value, (bool, np.bool_)):
        raise OptionError(f"{name} is neither true nor false", found=repr(value), expected="True or False")
    return bool(value)


def read_node(store: Store, path: str, zarr_format: int | None = None) -> Node:
    """Read what is at `path`; v3's document is looked for first. Raises NodeNotFoundError, MetadataError."""
    node = published_node(store, path, zarr_format) or unpublished_node(store, path, zarr_format, above=True)
    return found(node, store, path, zarr_format)


def found(node: Node | None, store: Store, path: str, zarr_format: int | None) -> Node:
    """Return `node`, or raise NodeNotFoundError where it is None."""
    if node is not None:
        return node
    form = "" if zarr_format is None else f" of format {zarr_format}"
    raise NodeNotFoundError(
        f"no array or group{form} here",
        key=key_in(path, "zarr.json"),
        found=_what_is_there(store, path),
        expected="zarr.json, .zarray or .zgroup" if zarr_format is None else None,
        fix=f"check the path; the store is {store.token}",
    )


def find_node(store: Store, path: str, zarr_format: int | None = None) -> Node | None:
    """As `read_node`, with None where there is no node (or a folder of N5 that only its root gives away)."""
    return published_node(store, path, zarr_format) or unpublished_node(store, path, zarr_format)


def unpublished_node(store: Store, path: str, zarr_format: int | None, *, above: bool = False) -> Node | None:
    """Return the node at `path` that no document of Zarr's makes: one of N5, or a group of v2 without a document.

    `above` has N5's root looked for in the folders above, too.
    """
    if zarr_format is None:
        container = n5_here(store, path) or (n5_above(store, path) if above else None)
        if container is not None:
            return find_v3(container, path)
    return None if zarr_format == 3 else implicit_group(store, path)


def check_format(zarr_format: int | None) -> None:
    """Raise MetadataError for a format that there isn't; None stands for either."""
    if zarr_format not in (None, 2, 3):
        raise MetadataError("no such Zarr format", found=zarr_format, expected="2 or 3")


def published_node(store: Store, path: str, zarr_format: int | None = None, *, first: int = 3) -> Node | None:
    """Return the node that has a Zarr document at `path`, None where there is none.

    Of a place that has documents of both formats, `first` is taken.
    """
    check_format(zarr_format)
    for form in (first, 5 - first) if zarr_format is None else (zarr_format,):
        node = find_v3(store, path) if form == 3 else find_v2(store, path)
        if node is not None:
            return node
    return None


def find_v3(store: Store, path: str, *, record: bool = True) -> Node | None:
    """Return the node that a ``zarr.json`` describes; without `record`, a consolidated one in it is not looked at."""
    key = key_in(path, "zarr.json")
    answer = store.get(key)
    if answer is None:
        return None
    with naming(key):
        document = loads(answer[0], key)
        if not record:
            document.pop(INLINE, None)
        return Node(store, path, v3.parse(document), answer[1], inline_record(document, path, key))


def find_v2(store: Store, path: str) -> Node | None:
    """Return the node that a ``.zarray`` or a ``.zgroup`` describes."""
    for name in (".zarray", ".zgroup"):
        key = key_in(path, name)
        answer = store.get(key)
        if answer is None:
            continue
        beside = _beside(store, path, is_array=name == ".zarray")
        with naming(key):
            document = loads(answer[0], key)
            metadata: Metadata
            if name == ".zarray":
                metadata = _array_v2(document, *beside)
            else:
                metadata = v2.parse_group(document, beside[0])
        return Node(store, path, metadata, answer[1])
    return None


def _beside(store: Store, path: str, *, is_array: bool) -> list[dict[str, JSON] | None]:
    """Return what lies beside a v2 document, in one batch: attributes, and netCDF's document of an array."""
    keys = [key_in(path, name) for name in ((".zattrs", nczarr.DOCUMENT) if is_array else (".zattrs",))]
    if len(keys) == 1:
        return [_load(store, keys[0])]
    beside: list[dict[str, JSON] | None] = [None] * len(keys)
    for k, parts in store.fetch([Want(key) for key in keys]):
        beside[k] = None if parts is None else loads(parts.buffers[0], keys[k])
    return beside


def _array_v2(
    document: dict[str, JSON], attributes: dict[str, JSON] | None, ncz: dict[str, JSON] | None
) -> ArrayMetadata:
    metadata = v2.parse_array(document, attributes)
    if ncz is None or metadata.dimension_names is not None:
        return metadata
    return replace(metadata, dimension_names=nczarr.dimension_names(len(metadata.shape), {"_nczarray": ncz}))


def implicit_group(store: Store, path: str) -> Node | None:
    """Return the v2 group at `path` that has no document: a folder with an array or a group of v2 somewhere below.

    Early writers made no documents for groups. A few folders are looked at, no more, so that a folder of other
    things costs little. v3 has no such groups.
    """
    if not store.can.list or not _holds_v2(store, path):
        return None
    attributes = _load(store, key_in(path, ".zattrs"))
    return Node(store, path, GroupMetadata(2, attributes or {}), None, implicit=True)


def _holds_v2(store: Store, path: str) -> bool:
    waiting = deque([path])
    for _ in range(LISTINGS):
        if not waiting:
            break
        folder = waiting.popleft()
        names = set(store.list_dir(folder))
        if folder != path and names & {".zarray", ".zgroup"}:
            return True
        if "zarr.json" not in names:
            waiting.extend(key_in(folder, name[:-1]) for name in sorted(names) if name.endswith("/"))
    return False


def _load(store: Store, key: str) -> dict[str, JSON] | None:
    answer = store.get(key)
    return None if answer is None else loads(answer[0], key)


def _what_is_there(store: Store, path: str) -> str:
    if not store.can.list:
        return "nothing by those names"
    names = [name for name, _ in zip(store.list_dir(path), range(5), strict=False)]
    return f"only {', '.join(names)}" if names else "nothing"


def document_key(node: Node) -> str:
    """Return the key of the document that makes the node one."""
    if node.metadata.zarr_format == 3:
        return key_in(node.path, "zarr.json")
    return key_in(node.path, ".zarray" if isinstance(node.metadata, ArrayMetadata) else ".zgroup")


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
    heads = [store.head(key_in(path, name)) for name in ("zarr.json", ".zarray", ".zgroup")]
    return tuple(None if head is None else head[1] for head in heads)


def children(store: Store, path: str, *, first: int = 3) -> Iterator[tuple[str, Node | DzarrError]]:
    """Yield (name, node) of the members directly below a group, by name.

    A member whose documents can't be read comes as the error that says why, and hides none of the others.
    """
    for name in sorted(name[:-1] for name in store.list_dir(path) if name.endswith("/")):
        try:
            node = find_member(store, key_in(path, name), first=first)
        except DzarrError as error:
            yield name, error
            continue
        if node is not None:
            yield name, node


def find_member(store: Store, path: str, *, first: int = 3) -> Node | None:
    """Return the member at `path` of a group whose format is `first`, None where there is none.

    Only groups of v2 have members without documents: looking for them costs a listing.
    """
    node = published_node(store, path, first=first)
    return implicit_group(store, path) if node is None and first == 2 else node
