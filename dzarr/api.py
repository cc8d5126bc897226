"""The public functions: thin, they turn urls and handles into what the rooms below take.

Knows: the whole surface. Must not know: how anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dzarr.array import Array, open_array_node
from dzarr.changes import create_node, make_explicit
from dzarr.creation import array_metadata
from dzarr.errors import NodeTypeError, ReadOnlyError, UnsupportedError
from dzarr.format.members import mapping
from dzarr.format.metadata import ArrayMetadata, GroupMetadata
from dzarr.group import Group
from dzarr.io.n5 import N5Store
from dzarr.io.open import open_store
from dzarr.members import checked_choice, open_node
from dzarr.node import flag, join
from dzarr.options import Options, checked
from dzarr.verify import verified, write_record


def open(
    url: Any,
    mode: str = "r",
    *,
    path: str = "",
    consolidated: bool | str | None = None,
    zarr_format: int | None = None,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Array | Group:
    """Open an array or a group.

    Parameters
    ----------
    url : str, path or store
        Where it is: a path, ``file://...``, ``memory://name``, ``https://...``, a zip archive, a
        ``reference://`` file, any url that fsspec knows; or what ``dzarr.open_store`` returned.
    mode : {"r", "r+"}
        For reading, or for writing too.
    path : str
        The node within the store, "" for its root.
    consolidated : None, True, False or "verify"
        Where a group's members come from when it is opened for reading. None: from its own consolidated record, if
        it has one, which costs no request; True: from the record, which has to be there; False: from their own
        documents; "verify": from the record, after everything below has been read and found to be the same. Opened
        for writing, members come from their own documents, and a record that says otherwise is put right.
    zarr_format : 2, 3 or None
        Where a place has documents of both formats: which to open. None prefers 3.
    storage_options : mapping, optional
        What a remote store needs to know.
    options : Options, optional
        How the handle reads and writes.

    Raises
    ------
    NodeNotFoundError, MetadataError, UnsupportedError, StoreError; ReadOnlyError for N5 with "r+"

    Examples
    --------
    >>> made = create("memory://open-example", shape=(10, 10), dtype="f4", chunks=(5, 5))
    >>> open("memory://open-example").shape
    (10, 10)
    """
    if mode not in ("r", "r+"):
        raise UnsupportedError("no such mode", found=mode, expected="'r' or 'r+'", fix="dzarr.create makes new arrays")
    checked_choice(consolidated)
    options = checked(options)
    store = open_store(url, storage_options=storage_options, options=options)
    writable = mode == "r+"
    node = open_node(store, join("", path), zarr_format, consolidated=consolidated, own=writable)
    if writable and isinstance(node.store, N5Store):
        raise ReadOnlyError("N5 is read, not written", key=node.path or "/", found=store.token, fix="open it with 'r'")
    if isinstance(node.metadata, ArrayMetadata):
        return open_array_node(node, options, writable=writable)
    if consolidated == "verify":
        node = verified(node)
    return Group(node, options, writable=writable, consolidated=consolidated)


def open_array(url: Any, mode: str = "r", **keywords: Any) -> Array:
    """Open an array; the parameters are those of `open`. Raises NodeTypeError where there is a group.

    Examples
    --------
    >>> made = create("memory://open-array-example", shape=(3,), dtype="u1")
    >>> open_array("memory://open-array-example").dtype
    dtype('uint8')
    """
    keywords.setdefault("consolidated", False)  # an array has no record to look for
    node = open(url, mode, **keywords)
    if not isinstance(node, Array):
        raise NodeTypeError("a group, not an array", key=node.path or "/", found=node.url, fix="use open_group")
    return node


def open_group(url: Any, mode: str = "r", **keywords: Any) -> Group:
    """Open a group; the parameters are those of `open`. Raises NodeTypeError where there is an array.

    Examples
    --------
    >>> made = create_group("memory://open-group-example")
    >>> len(open_group("memory://open-group-example"))
    0
    """
    node = open(url, mode, **keywords)
    if not isinstance(node, Group):
        raise NodeTypeError("an array, not a group", key=node.path or "/", found=node.url, fix="use open_array")
    return node


def create(
    url: Any,
    *,
    shape: Any,
    dtype: Any,
    chunks: Any = "auto",
    shards: Any = None,
    codecs: Any = "auto",
    fill_value: Any = None,
    dimension_names: Sequence[str | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: int = 3,
    chunk_key_encoding: Any = None,
    index_location: str = "end",
    path: str = "",
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Array:
    """Make a new array, open for writing. Nothing but documents is written.

    Parameters
    ----------
    url : str, path or store
        Where to.
    shape : int or tuple of int
    dtype : dtype
        Anything that ``numpy.dtype`` takes; a big-endian one is stored so. Also Zarr's names where numpy has none
        ("bfloat16", "int4", "complex_float16", "r24"), ``str`` or "string" and ``bytes`` or "bytes" for elements of
        any length, and a v3 ``data_type`` as a dict.
    chunks : "auto", int or tuple
        Shape of a chunk; -1 for a whole axis; lengths for each axis make a rectilinear grid.
    shards : None, "auto", tuple, dict or list
        Shape of the objects that hold many chunks each, or lengths for each axis, all multiples of the chunk's;
        ``{"shape", "index_location", "index_codecs"}``; a list of these, from the outside in, for nested shards.
        None for one object a chunk.
    codecs : "auto" or list
        What a chunk goes through: v3 documents or short names in order; ``bytes`` is put in where none makes
        bytes. "auto" is zstd level 1. For v2: ``{"filters": [...], "compressor": {...}, "order": "C"}``.
    fill_value : optional
        What missing chunks hold; None is the dtype's zero (v2: null).
    dimension_names, attributes : optional
    zarr_format : 2 or 3
    chunk_key_encoding : optional
        A v3 document or short name; "." or "/" for v2.
    index_location : {"end", "start"}
        Where in a shard its index lies.
    path : str
        The array within the store; groups on the way that are missing are made.
    overwrite : bool
        Remove what is there first.

    Raises
    ------
    NodeExistsError, MetadataError, GridError, UnsupportedError

    Examples
    --------
    >>> a = create("memory://create-example", shape=(100, 100), dtype="u2", chunks=(10, 10), shards=(50, 50))
    >>> a.chunks, a.shards
    ((10, 10), (50, 50))
    """
    options = checked(options)
    metadata = array_metadata(
        options,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        shards=shards,
        codecs=codecs,
        fill_value=fill_value,
        dimension_names=dimension_names,
        attributes=attributes,
        zarr_format=zarr_format,
        chunk_key_encoding=chunk_key_encoding,
        index_location=index_location,
    )
    store = open_store(url, storage_options=storage_options, options=options)
    node = create_node(store, join("", path), metadata, overwrite=overwrite)
    return open_array_node(node, options, writable=True)


def create_group(
    url: Any,
    *,
    attributes: Mapping[str, Any] | None = None,
    zarr_format: int = 3,
    path: str = "",
    overwrite: bool = False,
    storage_options: Mapping[str, Any] | None = None,
    options: Options | None = None,
) -> Group:
    """Make a new group, open for writing. Raises NodeExistsError, MetadataError.

    Examples
    --------
    >>> create_group("memory://group-api-example", attributes={"title": "empty"}).attrs["title"]
    'empty'
    """
    options = checked(options)
    if zarr_format not in (2, 3):
        raise UnsupportedError("no such Zarr format", found=zarr_format, expected="2 or 3")
    store = open_store(url, storage_options=storage_options, options=options)
    metadata = GroupMetadata(2 if zarr_format == 2 else 3, mapping(attributes or {}, "attributes"))
    node = create_node(store, join("", path), metadata, overwrite=overwrite)
    return Group(node, options, writable=True)


def consolidate(target: Any, *, compute: bool = True) -> Group:
    """Write a group's consolidated record: all documents below it in one, which other readers know too.

    Parameters
    ----------
    target : url, path, store or Group
        The group; a handle must have been opened for writing.
    compute : bool
        Must be true: the record is written here and now, all documents read one after the other.

    Returns
    -------
    Group
        The group with its new record, opened for reading.

    Raises
    ------
    MetadataError
        Where a document below is broken: a record would hide it.
    UnsupportedError
        Where members of the other format lie below, the store can't be listed, or `compute` is false.
    NodeNotFoundError, NodeTypeError, ReadOnlyError, StoreError

    Examples
    --------
    >>> g = create_group("memory://consolidate-example")
    >>> a = g.create_array("s/a", shape=(4,), dtype="u1")
    >>> list(consolidate(g)["s"])
    ['a']
    """
    if not flag(compute, "compute"):
        raise UnsupportedError("a consolidation is not deferred yet", found="compute=False", fix="leave it out")
    group = target if isinstance(target, Group) else open_group(target, "r+", consolidated=False)
    if not group.writable:
        raise ReadOnlyError("the group was opened for reading", key=group.path or "/", fix="open it with mode='r+'")
    node, options = group._node, group.options
    make_explicit(node)
    write_record(node.store, node.path, node.metadata.zarr_format)
    return Group(
        open_node(node.store, node.path, node.metadata.zarr_format, consolidated=True), options, writable=False
    )
