"""New arrays: what a caller asks for, as metadata.

Knows: the defaults, how chunks and shards are chosen, and the short forms that callers may use. Must not
know: stores. Every choice is made here, once; what comes out is a complete model.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dzarr.errors import GridError, MetadataError, UnsupportedError
from dzarr.format.choose import choose_chunks, choose_shards
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, CodecContext
from dzarr.format.codecs.defaults import completed
from dzarr.format.codecs.registry import build, extension
from dzarr.format.dtypes import default_fill, name_v2, name_v3, to_scalar
from dzarr.format.elements import has_order
from dzarr.format.grid import ExplicitAxis, Grid, RegularAxis
from dzarr.format.grids import parse_keys
from dzarr.format.keys import KeyEncoding
from dzarr.format.members import mapping, shown
from dzarr.format.metadata import JSON, ArrayMetadata, Extension

DEFAULT_CODEC = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}
DEFAULT_V2 = {"id": "zstd", "level": 1}  # not every reader knows "checksum"
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
    extent = _lengths("shape", shape, least=0)
    given = _dtype(dtype)
    native = given if given.kind == "V" else given.newbyteorder("=")
    levels = list(_levels(shards, index_location))
    objects, inner = _grids(extent, native.itemsize, chunks, levels)
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
        return _define_v2(common, given, codecs, fill_value, chunk_key_encoding)
    chain = _chain(codecs, given, context)
    for k in reversed(range(len(levels))):
        below = inner if k == len(levels) - 1 else levels[k + 1]["shape"]
        chain = (_sharding(below, chain, levels[k]),)
    fill = default_fill(native) if fill_value is None else to_scalar(fill_value, native)
    return ArrayMetadata(
        zarr_format=3,
        data_type=name_v3(native),
        keys=_keys(chunk_key_encoding),
        fill_value=fill,
        codecs=chain,
        **common,
    )


def _define_v2(
    common: dict[str, Any], given: np.dtype[Any], codecs: Any, fill_value: Any, encoding: Any
) -> ArrayMetadata:
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
    endian = _endian(given)
    chain = [Extension("bytes", {} if endian is None else {"endian": endian})]
    if order == "F" and len(common["shape"]) > 1:
        chain.insert(0, Extension("transpose", {"order": list(reversed(range(len(common["shape"]))))}))
    compressor = codecs.get("compressor")
    filters = codecs.get("filters") or ()
    if not isinstance(filters, (list, tuple)):
        raise MetadataError("filters are wrong", found=shown(filters), expected="a list of v2 codecs")
    for document in [*filters, *([compressor] if compressor else [])]:
        if not isinstance(document, Mapping) or not isinstance(document.get("id"), str):
            raise MetadataError("a v2 codec is wrong", found=shown(document), expected='{"id": ..., ...}')
        config = {name: value for name, value in document.items() if name != "id"}
        chain.append(Extension("numcodecs." + document["id"], config))
    native = common["dtype"]
    return ArrayMetadata(
        zarr_format=2,
        data_type=name_v2(native, endian),
        keys=KeyEncoding("v2", encoding),
        fill_value=None if fill_value is None else to_scalar(fill_value, native),
        codecs=tuple(chain),
        **common,
    )


def _dtype(dtype: Any) -> np.dtype[Any]:
    try:
        found: np.dtype[Any] = np.dtype(dtype)
    except (TypeError, ValueError) as error:
        raise MetadataError(f"dtype is wrong: {error}", found=dtype, expected="a numpy dtype") from error
    return found


def _endian(dtype: np.dtype[Any]) -> Any:
    if not has_order(dtype):
        return None
    return "big" if dtype.newbyteorder("S").byteorder == "<" or dtype.byteorder == ">" else "little"


def _lengths(name: str, value: Any, least: int, ndim: int | None = None) -> tuple[int, ...]:
    """Return integers that a caller gave, one for all axes spread out."""
    try:
        if isinstance(value, (bool, np.bool_)):
            raise TypeError("a boolean")
        if isinstance(value, (int, np.integer)):
            lengths: tuple[int, ...] = (int(value),) * (1 if ndim is None else ndim)
        else:
            lengths = tuple(operator.index(n) for n in value)
    except TypeError:
        raise GridError(f"{name} is wrong", found=shown(value), expected="an integer for each axis") from None
    if (ndim is not None and len(lengths) != ndim) or any(n < least or n >= 1 << 63 for n in lengths):
        count = "" if ndim is None else f"{ndim} "
        raise GridError(f"{name} is wrong", found=lengths, expected=f"{count}integers of at least {least}")
    return lengths


def _levels(shards: Any, index_location: str) -> Iterator[dict[str, Any]]:
    """Yield the shard levels from the outside in, each with shape, index_location and index_codecs."""
    if shards is None:
        return
    nested = isinstance(shards, list) and bool(shards) and all(isinstance(level, Mapping) for level in shards)
    for level in shards if nested else [shards]:
        document = dict(level) if isinstance(level, Mapping) else {"shape": level}
        unknown = set(document) - {"shape", "index_location", "index_codecs"}
        if unknown or "shape" not in document:
            raise GridError(
                "shards are wrong", found=shown(level), expected="a shape, or {shape, index_location, index_codecs}"
            )
        location = document.get("index_location", index_location)
        if location not in ("start", "end"):
            raise GridError("index_location is wrong", found=location, expected="'start' or 'end'")
        codecs = document.get("index_codecs") or INDEX_CODECS
        if not isinstance(codecs, (list, tuple)):
            raise MetadataError("index_codecs are wrong", found=shown(codecs), expected="a list of codecs")
        yield {"shape": document["shape"], "index_location": location, "index_codecs": codecs}


def _grids(
    shape: tuple[int, ...], itemsize: int, chunks: Any, levels: list[dict[str, Any]]
) -> tuple[Grid, tuple[int, ...]]:
    """Return the object grid and the chunk shape; shapes of `levels` are filled in."""
    ndim = len(shape)
    if _is_explicit(chunks):
        if levels:
            raise UnsupportedError("explicit chunk lengths inside shards", found=shown(chunks), fix="use equal chunks")
        return _explicit(shape, chunks), ()
    fixed = [None if _auto(level["shape"]) else _lengths("shards", level["shape"], 1, ndim) for level in levels]
    inner = fixed[-1] if fixed else None
    if _auto(chunks):
        chunk = choose_chunks(shape, itemsize, inner, sharded=bool(levels))
    else:
        chunk = tuple(
            max(1, n) if c == -1 else c for n, c in zip(shape, _lengths("chunks", chunks, -1, ndim), strict=True)
        )
        _lengths("chunks", chunk, 1, ndim)
    below = chunk
    for level, objects in zip(reversed(levels), reversed(fixed), strict=True):
        level["shape"] = objects = objects or choose_shards(shape, itemsize, below)
        if any(n % c for n, c in zip(objects, below, strict=True)):
            raise GridError(
                "shards must be whole multiples of what they hold",
                found=f"shards {objects}, chunks {below}",
                fix=f"use shards like {tuple(max(c, n // c * c) for n, c in zip(objects, below, strict=True))}",
            )
        below = objects
    return tuple(map(RegularAxis, shape, below)), chunk


def _auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _is_explicit(chunks: Any) -> bool:
    return isinstance(chunks, (list, tuple)) and any(isinstance(axis, (list, tuple)) for axis in chunks)


def _explicit(shape: tuple[int, ...], chunks: Sequence[Any]) -> Grid:
    if len(chunks) != len(shape):
        raise GridError("chunks are wrong", found=shown(chunks), expected=f"lengths for {len(shape)} axes")
    grid: list[Any] = []
    for n, axis in zip(shape, chunks, strict=True):
        if not isinstance(axis, (list, tuple)):
            grid.append(RegularAxis(n, _lengths("chunks", axis, 1, 1)[0]))
            continue
        lengths = _lengths("chunks", axis, 1)
        if sum(lengths) < n:
            raise GridError("explicit chunk lengths end before the array does", found=sum(lengths), expected=n)
        grid.append(ExplicitAxis(n, (0, *(sum(lengths[: k + 1]) for k in range(len(lengths))))))
    return tuple(grid)


def _sharding(chunk: tuple[int, ...], chain: tuple[Extension, ...], level: dict[str, Any]) -> Extension:
    return Extension(
        "sharding_indexed",
        {
            "chunk_shape": list(chunk),
            "codecs": [_document(codec) for codec in chain],
            "index_codecs": [_document(extension(codec)) for codec in level["index_codecs"]],
            "index_location": level["index_location"],
        },
    )


def _document(codec: Extension) -> JSON:
    if not codec.configuration:
        return {"name": codec.name}
    return {"name": codec.name, "configuration": dict(codec.configuration)}


def _chain(codecs: Any, given: np.dtype[Any], context: CodecContext) -> tuple[Extension, ...]:
    """Return the chunk's codecs, with ``bytes`` put in where none makes bytes."""
    if _auto(codecs):
        codecs = [DEFAULT_CODEC]
    if isinstance(codecs, (str, Mapping)) or not isinstance(codecs, Sequence):
        raise MetadataError("codecs are wrong", found=shown(codecs), expected="a list of codecs, or 'auto'")
    chain = [completed(codec if isinstance(codec, Extension) else extension(codec), given) for codec in codecs]
    if any(codec.name == "sharding_indexed" for codec in chain):
        raise MetadataError("sharding is not named among the codecs", fix="pass shards=")
    kinds = [build(codec, context) for codec in chain]
    if not any(isinstance(kind, ArrayBytes) for kind in kinds):
        at = sum(isinstance(kind, ArrayArray) for kind in kinds)
        endian = _endian(given)
        chain.insert(at, Extension("bytes", {} if endian is None else {"endian": endian}))
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
