"""New arrays: what a caller asks for, as metadata.

Knows: the defaults, how chunks and shards are chosen, and the short forms that callers may use. Must not
know: stores. Every choice is made here, once; what comes out is a complete model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dzarr.errors import GridError, MetadataError, UnsupportedError
from dzarr.format.asked import Asked, asked
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, CodecContext
from dzarr.format.codecs.defaults import completed
from dzarr.format.codecs.registry import build, extension
from dzarr.format.dtypes import default_fill, in_order, name_v2, name_v3, parse_v2, to_scalar
from dzarr.format.dtypes_v2 import OBJECT_CODECS
from dzarr.format.elements import order_of, stored_order
from dzarr.format.grids import parse_keys
from dzarr.format.keys import KeyEncoding
from dzarr.format.members import mapping, shown
from dzarr.format.metadata import JSON, ArrayMetadata, Extension
from dzarr.format.requested import ShardLevel, is_explicit, lengths_of, requested_grids
from dzarr.format.v2 import codec_ids
from dzarr.format.v3 import endian_of

DEFAULT_CODEC = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
DEFAULT_V2 = {"id": "zstd", "level": 1}  # not every reader knows "checksum"
ELEMENT_CODECS = {"T": "vlen-utf8", "O": "vlen-bytes"}
"""What turns elements of no fixed size into bytes, in both versions."""
INDEX_CODECS = ({"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"})


def define_array(
    *,
    shape: Any,
    dtype: Any,
    chunks: Any = "auto",
    shards: Any = None,
    codecs: Any = "auto",
    fill_value: Any = None,
    dimension_names: Sequence[str | None] | None = None,
    attributes: Mapping[str, JSON] | None = None,
    zarr_format: int = 3,
    chunk_key_encoding: Any = None,
    index_location: str = "end",
    context: CodecContext,
) -> ArrayMetadata:
    """Return the metadata of a new array. For the parameters see ``dzarr.create``.

    Raises MetadataError, GridError or UnsupportedError, naming the argument.

    Examples
    --------
    >>> made = define_array(shape=(100, 100), dtype="u2", chunks=10, shards=50, context=CodecContext())
    >>> made.grid[0], [codec.name for codec in made.codecs]
    (RegularAxis(size=100, step=50), ['sharding_indexed'])
    """
    if zarr_format not in (2, 3):
        raise MetadataError("no such Zarr format", found=zarr_format, expected="2 or 3")
    if index_location not in ("start", "end"):
        raise GridError("index_location is wrong", found=index_location, expected="'start' or 'end'")
    extent = lengths_of("shape", shape, least=0)
    wanted = asked(dtype)
    native = wanted.dtype
    objects, levels = requested_grids(extent, native.itemsize, chunks, shards, index_location)
    common: dict[str, Any] = {
        "shape": extent,
        "dtype": native,
        "grid": objects,
        "attributes": mapping(attributes or {}, "attributes"),
        "dimension_names": _names(dimension_names, len(extent)),
    }
    if zarr_format == 2:
        if levels:
            raise UnsupportedError("Zarr v2 has no shards", found=shards, fix="leave out shards=, or use zarr_format=3")
        if is_explicit(chunks):
            raise UnsupportedError("Zarr v2 has chunks of one length along each axis", found=shown(chunks))
        return _define_v2(common, wanted, codecs, fill_value, chunk_key_encoding)
    wanted = _elements(wanted, codecs)
    data_type = name_v3(wanted.dtype) if wanted.data_type is None else wanted.data_type
    chain = _chain(codecs, wanted.given, context)
    common["dtype"] = native = in_order(wanted.dtype, endian_of(chain))
    for level in reversed(levels):
        chain = (_sharding(level, chain),)
    fill = default_fill(native) if fill_value is None else to_scalar(fill_value, native)
    return ArrayMetadata(
        zarr_format=3,
        data_type=data_type,
        keys=_keys(chunk_key_encoding),
        fill_value=fill,
        codecs=chain,
        **common,
    )


def _define_v2(common: dict[str, Any], wanted: Asked, codecs: Any, fill_value: Any, encoding: Any) -> ArrayMetadata:
    if encoding is None:
        encoding = "."
    if encoding not in (".", "/"):
        raise MetadataError("chunk_key_encoding of a v2 array is its separator", found=encoding, expected="'.' or '/'")
    if codecs == "auto":
        codecs = {"compressor": DEFAULT_V2}
    if not isinstance(codecs, Mapping) or set(codecs) - {"filters", "compressor", "order"}:
        raise MetadataError(
            "codecs of a v2 array are wrong", found=shown(codecs), expected='{"filters": [...], "compressor": {...}}'
        )
    order = codecs.get("order", "C")
    if order not in ("C", "F"):
        raise MetadataError("order is wrong", found=order, expected="'C' or 'F'")
    endian = order_of(wanted.given)
    chain = [Extension("bytes", {} if endian is None else {"endian": endian})]
    if order == "F" and len(common["shape"]) > 1:
        chain.insert(0, Extension("transpose", {"order": list(reversed(range(len(common["shape"]))))}))
    compressor = codecs.get("compressor")
    filters = codecs.get("filters") or ()
    if not isinstance(filters, (list, tuple)):
        raise MetadataError("filters are wrong", found=shown(filters), expected="a list of v2 codecs")
    filters = _object_filters(wanted, filters)
    for document in [*filters, *([compressor] if compressor else [])]:
        if not isinstance(document, Mapping) or not isinstance(document.get("id"), str):
            raise MetadataError("a v2 codec is wrong", found=shown(document), expected='{"id": ..., ...}')
        config = {name: value for name, value in document.items() if name != "id"}
        chain.append(Extension("numcodecs." + document["id"], config))
    data_type = name_v2(wanted.dtype, endian)
    # What objects are in memory depends on the codec that makes them.
    common["dtype"] = native = parse_v2(data_type, codec_ids(chain))[0]
    return ArrayMetadata(
        zarr_format=2,
        data_type=data_type,
        keys=KeyEncoding("v2", encoding),
        fill_value=None if fill_value is None else to_scalar(fill_value, native),
        codecs=tuple(chain),
        **common,
    )


def _object_filters(wanted: Asked, filters: Sequence[Any]) -> Sequence[Any]:
    """Return v2's filters with one that encodes elements of no fixed size, where they need it."""
    ids = {document.get("id") for document in filters if isinstance(document, Mapping)}
    if wanted.dtype.kind not in ELEMENT_CODECS or ids & set(OBJECT_CODECS):
        return filters
    if wanted.dtype.kind == "O" and wanted.data_type is None:
        raise UnsupportedError(
            "dtype object says nothing about what the objects are",
            found=f"filters {sorted(map(str, ids))}",
            fix=f"name the filter that encodes them, one of {', '.join(OBJECT_CODECS)}, or use dtype='string'",
        )
    return [{"id": ELEMENT_CODECS[wanted.dtype.kind]}, *filters]


def _elements(wanted: Asked, codecs: Any) -> Asked:
    """Return what v3 calls objects: the codec tells, if the caller didn't."""
    if wanted.dtype.kind != "O" or wanted.data_type is not None:
        return wanted
    listed = codecs if isinstance(codecs, (list, tuple)) else ()
    names = {codec.name if isinstance(codec, Extension) else extension(codec).name for codec in listed}
    if "vlen-utf8" in names:
        return asked(str)
    if "vlen-bytes" in names:
        return asked(bytes)
    raise UnsupportedError(
        "dtype object says nothing about what the objects are",
        fix="use dtype='string' or dtype='bytes', or name their codec: codecs=['vlen-utf8'] or ['vlen-bytes']",
    )


def _sharding(level: ShardLevel, chain: tuple[Extension, ...]) -> Extension:
    return Extension(
        "sharding_indexed",
        {
            "chunk_shape": list(level.parts),
            "codecs": [_document(codec) for codec in chain],
            "index_codecs": [_document(extension(codec)) for codec in level.index_codecs or INDEX_CODECS],
            "index_location": level.index_location,
        },
    )


def _document(codec: Extension) -> JSON:
    if not codec.configuration and not codec.name.startswith("numcodecs."):  # see v3.py
        return {"name": codec.name}
    return {"name": codec.name, "configuration": dict(codec.configuration)}


def _chain(codecs: Any, given: np.dtype[Any], context: CodecContext) -> tuple[Extension, ...]:
    """Return the chunk's codecs, with ``bytes``, or what elements of no fixed size need, where none makes bytes."""
    if isinstance(codecs, str) and codecs == "auto":
        codecs = [DEFAULT_CODEC]
    if isinstance(codecs, (str, Mapping)) or not isinstance(codecs, Sequence):
        raise MetadataError("codecs are wrong", found=shown(codecs), expected="a list of codecs, or 'auto'")
    chain = [completed(codec if isinstance(codec, Extension) else extension(codec), given) for codec in codecs]
    if any(codec.name == "sharding_indexed" for codec in chain):
        raise MetadataError("sharding is not named among the codecs", fix="pass shards=")
    kinds = [build(codec, context) for codec in chain]
    if not any(isinstance(kind, ArrayBytes) for kind in kinds):
        at = sum(isinstance(kind, ArrayArray) for kind in kinds)
        name = ELEMENT_CODECS.get(given.kind, "bytes")
        # A codec before it may make elements that have a byte order of those that have none.
        endian = stored_order(given) or ("little" if at and name == "bytes" else None)
        chain.insert(at, Extension(name, {} if endian is None else {"endian": endian}))
    return tuple(chain)


def _names(names: Any, ndim: int) -> tuple[str | None, ...] | None:
    if names is None:
        return None
    if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != ndim:
        raise MetadataError("dimension_names are wrong", found=shown(names), expected=f"{ndim} names")
    if not all(name is None or isinstance(name, str) for name in names):
        raise MetadataError("dimension_names are wrong", found=shown(names), expected="strings or None")
    return tuple(names)


def _keys(encoding: Any) -> KeyEncoding:
    if encoding is None:
        return KeyEncoding("default", "/")
    if isinstance(encoding, KeyEncoding):
        return encoding
    return parse_keys(encoding)
