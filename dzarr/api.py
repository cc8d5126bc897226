"""The public functions: thin, they turn urls and handles into what the rooms below take.

Knows: the whole surface. Must not know: how anything is done.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dzarr.array import Array, open_array_node
from dzarr.creation import array_metadata
from dzarr.errors import NodeTypeError, UnsupportedError
from dzarr.format.members import mapping
from dzarr.format.metadata import ArrayMetadata, GroupMetadata
from dzarr.group import Group
from dzarr.io.open import open_store
from dzarr.node import create_node, join, read_node
from dzarr.options import Options, checked


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
        Where it is: a path, ``file://...``, ``memory://name``.
    mode : {"r", "r+"}
        For reading, or for writing too.
    path : str
        The node within the store, "" for its root.
    consolidated : None or False
        Members are read from their own documents. (Reading consolidated records comes in a later release.)
    zarr_format : 2, 3 or None
        Where a place has documents of both formats: which to open. None prefers 3.
    storage_options : mapping, optional
        What a remote store needs to know.
    options : Options, optional
        How the handle reads and writes.

    Raises
    ------
    NodeNotFoundError, MetadataError, UnsupportedError, StoreError

    Examples
    --------
    >>> made = create("memory://open-example", shape=(10, 10), dtype="f4", chunks=(5, 5))
    >>> open("memory://open-example").shape
    (10, 10)
    """
    if mode not in ("r", "r+"):
        raise UnsupportedError("no such mode", found=mode, expected="'r' or 'r+'", fix="dzarr.create makes new arrays")
    if consolidated not in (None, False):
        raise UnsupportedError(
            "consolidated records are not read yet", found=f"consolidated={consolidated!r}", fix="leave it out"
        )
    options = checked(options)
    store = open_store(url, storage_options=storage_options, durability=options.durability)
    node = read_node(store, join("", path), zarr_format)
    if isinstance(node.metadata, ArrayMetadata):
        return open_array_node(node, options, writable=mode == "r+")
    return Group(node, options, writable=mode == "r+")


def open_array(url: Any, mode: str = "r", **keywords: Any) -> Array:
    """Open an array; the parameters are those of `open`. Raises NodeTypeError where there is a group.

    Examples
    --------
    >>> made = create("memory://open-array-example", shape=(3,), dtype="u1")
    >>> open_array("memory://open-array-example").dtype
    dtype('uint8')
    """
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
        Anything that ``numpy.dtype`` takes; a big-endian one is stored so.
    chunks : "auto", int or tuple
        Shape of a chunk; -1 for a whole axis; lengths for each axis make a rectilinear grid.
    shards : None, "auto", tuple, dict or list
        Shape of the objects that hold many chunks each; ``{"shape", "index_location", "index_codecs"}``; a
        list of these, from the outside in, for nested shards. None for one object a chunk.
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
    store = open_store(url, storage_options=storage_options, durability=options.durability)
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
    store = open_store(url, storage_options=storage_options, durability=options.durability)
    metadata = GroupMetadata(2 if zarr_format == 2 else 3, mapping(attributes or {}, "attributes"))
    node = create_node(store, join("", path), metadata, overwrite=overwrite)
    return Group(node, options, writable=True)
