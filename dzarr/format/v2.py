"""Zarr v2 documents: ``.zarray``, ``.zgroup`` and ``.zattrs`` to the model and back.

Knows: the members of v2 documents, and which chain of codecs they stand for. Must not know: v3, what the codecs
do, stores. Source: Zarr v2, "Metadata"; ``_ARRAY_DIMENSIONS`` is xarray's.

    dtype ">i4", order "F",                      codecs  transpose (order [1, 0]), bytes (big),
    filters [delta], compressor zlib   <------>          numcodecs.delta, numcodecs.zlib

    dtype "|O", filters [vlen-utf8]    <------>  codecs  bytes, which does nothing to objects, numcodecs.vlen-utf8
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dzarr.errors import MetadataError
from dzarr.format import nczarr
from dzarr.format.dtypes import fill_from_json, fill_to_json, parse_v2
from dzarr.format.dtypes_v2 import OBJECT_CODECS
from dzarr.format.grid import RegularAxis
from dzarr.format.keys import KeyEncoding
from dzarr.format.members import extents, listed, mapping, required, version, wrong
from dzarr.format.metadata import JSON, ArrayMetadata, Extension, GroupMetadata

DIMENSIONS = "_ARRAY_DIMENSIONS"
"""The attribute in which xarray keeps the names of a v2 array's dimensions."""

PREFIX = "numcodecs."
"""What v2's codec ids are called in the model."""

_ARRAY = {"zarr_format", "shape", "chunks", "dtype", "compressor", "fill_value", "order", "filters"}
_ARRAY |= {"dimension_separator"}

_FILTERS = {"adler32", "astype", "bitround", "categorize", "crc32", "crc32c", "delta", "fixedscaleoffset"}
_FILTERS |= {"fletcher32", "jenkins_lookup3", "packbits", "quantize", "shuffle", *OBJECT_CODECS}
"""Codecs that are no compressors: at the end of a chain they still stand among the filters."""


def parse_array(zarray: Mapping[str, JSON], zattrs: Mapping[str, JSON] | None = None) -> ArrayMetadata:
    """Return the model of an array's documents. `zattrs` is None where there is no ``.zattrs``.

    ``fill_value`` is None where the document says null. Members that v2 doesn't have are kept in ``extra``.
    Raises MetadataError, naming the member, where a document breaks the specification, and UnsupportedError where
    it needs what dzarr doesn't have.

    Examples
    --------
    >>> array = parse_array({"zarr_format": 2, "shape": [10, 10], "chunks": [4, 4], "dtype": ">f4", "order": "F",
    ...     "fill_value": "NaN", "filters": None, "compressor": {"id": "zlib", "level": 1}})
    >>> [codec.name for codec in array.codecs], array.fill_value, array.dtype
    (['transpose', 'bytes', 'numcodecs.zlib'], np.float32(nan), dtype('float32'))
    """
    version(zarray, 2)
    shape = extents(required(zarray, "shape"), "shape", 0)
    data_type = required(zarray, "dtype")
    filters = _parse_filters(zarray)
    ids = codec_ids(filters)
    try:
        dtype, endian = parse_v2(data_type, ids)
    except RecursionError as error:
        raise MetadataError("dtype is nested too deeply") from error
    separator: Any = zarray.get("dimension_separator", ".")
    if separator not in (".", "/"):
        raise wrong("dimension_separator", separator, '"." or "/"')
    attributes = mapping({} if zattrs is None else zattrs, "attributes")
    names = _parse_names(attributes.get(DIMENSIONS), len(shape))
    order = _parse_order(required(zarray, "order"), len(shape))
    bytes_codec = Extension("bytes", {} if endian is None else {"endian": endian})
    return ArrayMetadata(
        zarr_format=2,
        shape=shape,
        dtype=dtype,
        data_type=data_type,
        grid=tuple(map(RegularAxis, shape, _parse_chunks(required(zarray, "chunks"), shape))),
        keys=KeyEncoding("v2", separator),
        fill_value=fill_from_json(zarray.get("fill_value"), dtype, 2, codecs=ids),
        codecs=(*order, bytes_codec, *filters),
        attributes=attributes,
        dimension_names=nczarr.dimension_names(len(shape), attributes, zarray) if names is None else names,
        extra={name: value for name, value in zarray.items() if name not in _ARRAY},
    )


def parse_group(zgroup: Mapping[str, JSON], zattrs: Mapping[str, JSON] | None = None) -> GroupMetadata:
    """Return the model of a group's documents. Raises MetadataError.

    Examples
    --------
    >>> parse_group({"zarr_format": 2}).zarr_format
    2
    """
    version(zgroup, 2)
    attributes = mapping({} if zattrs is None else zattrs, "attributes")
    return GroupMetadata(2, attributes, extra={name: value for name, value in zgroup.items() if name != "zarr_format"})


def parse_consolidated(zmetadata: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the documents of a ``.zmetadata`` by their keys, like ``a/.zarray``. Raises MetadataError.

    They are not looked at: a bad one hides none of the others.
    """
    found = required(zmetadata, "zarr_consolidated_format")
    if type(found) is not int or found != 1:
        raise wrong("zarr_consolidated_format", found, "the integer 1")
    return mapping(required(zmetadata, "metadata"), "metadata")


def codec_ids(codecs: Sequence[Extension]) -> tuple[str, ...]:
    """Return what v2 calls the codecs of a chain; those that it doesn't have are left out.

    Examples
    --------
    >>> codec_ids([Extension("bytes"), Extension("numcodecs.zlib")])
    ('zlib',)
    """
    return tuple(codec.name.removeprefix(PREFIX) for codec in codecs if codec.name.startswith(PREFIX))


def array_documents(metadata: ArrayMetadata) -> dict[str, dict[str, JSON]]:
    """Return the documents of an array by their names: ``.zarray``, and ``.zattrs`` where there are attributes.

    Dimension names go into the attribute ``_ARRAY_DIMENSIONS``, unless it is there already. Raises MetadataError
    where the model can't be said in v2.
    """
    order, filters, compressor = _split_codecs(metadata.codecs)
    if metadata.keys.name != "v2":
        raise wrong("chunk key encoding", metadata.keys.name, "v2, the only one that v2 has")
    zarray: dict[str, JSON] = {
        "zarr_format": 2,
        "shape": list(metadata.shape),
        "chunks": [_step(axis) for axis in metadata.grid],
        "dtype": metadata.data_type,
        "compressor": compressor,
        "fill_value": fill_to_json(metadata.fill_value, metadata.dtype, 2, codecs=codec_ids(metadata.codecs)),
        "order": order,
        "filters": filters or None,
        "dimension_separator": metadata.keys.separator,
    }
    attributes = dict(metadata.attributes)
    said = nczarr.dimension_names(len(metadata.shape), attributes, metadata.extra)
    if metadata.dimension_names not in (None, said) and DIMENSIONS not in attributes:
        attributes[DIMENSIONS] = _names_document(metadata.dimension_names or ())
    return {".zarray": zarray | dict(metadata.extra)} | ({".zattrs": attributes} if attributes else {})


def group_documents(metadata: GroupMetadata) -> dict[str, dict[str, JSON]]:
    """Return the documents of a group by their names: ``.zgroup``, and ``.zattrs`` where there are attributes."""
    documents: dict[str, dict[str, JSON]] = {".zgroup": {"zarr_format": 2} | dict(metadata.extra)}
    return documents | ({".zattrs": dict(metadata.attributes)} if metadata.attributes else {})


def _parse_chunks(value: JSON, shape: tuple[int, ...]) -> tuple[int, ...]:
    chunks = extents(value, "chunks", 0, len(shape))
    # Writers that took the shape of an empty array for its chunks left zeros; there is no chunk to disagree on.
    steps = tuple(1 if step == size == 0 else step for step, size in zip(chunks, shape, strict=True))
    return extents(steps, "chunks", 1)


def _parse_order(value: JSON, ndim: int) -> tuple[Extension, ...]:
    if value not in ("C", "F"):
        raise wrong("order", value, '"C" or "F"')
    return (Extension("transpose", {"order": list(range(ndim))[::-1]}),) if value == "F" and ndim > 1 else ()


def _parse_filters(zarray: Mapping[str, JSON]) -> tuple[Extension, ...]:
    filters, compressor = zarray.get("filters"), zarray.get("compressor")
    chain = [] if filters is None else list(listed(filters, "filters"))
    named = [(f"filters[{k}]", codec) for k, codec in enumerate(chain)]
    return tuple(
        _codec(codec, where) for where, codec in named + [("compressor", compressor)] * (compressor is not None)
    )


def _codec(value: JSON, where: str) -> Extension:
    configuration = mapping(value, where)
    name = configuration.pop("id", None)
    if not isinstance(name, str) or not name:
        raise wrong(f"{where}.id", name, "the id of a codec")
    return Extension(PREFIX + name, configuration)


def _parse_names(value: JSON, ndim: int) -> tuple[str, ...] | None:
    """Return the names if they are some: the attribute is another tool's, so that anything may stand there."""
    if isinstance(value, (list, tuple)) and len(value) == ndim and all(isinstance(name, str) for name in value):
        return tuple(value)
    return None


def _names_document(names: tuple[str | None, ...]) -> list[JSON]:
    if None in names:
        raise wrong("dimension_names", list(names), "a name for every dimension, or for none, in v2")
    return list(names)


def _split_codecs(codecs: tuple[Extension, ...]) -> tuple[str, list[dict[str, JSON]], dict[str, JSON] | None]:
    """Return order, filters and compressor. A compressor is the last codec, unless it is known to be none."""
    chain = list(codecs)
    order = "C"
    if chain and chain[0].name == "transpose":
        axes = list(chain.pop(0).configuration.get("order", ()))
        order = "C" if axes == sorted(axes) else "F"
        if order == "F" and axes != sorted(axes)[::-1]:
            raise wrong("transpose", axes, "axes in their order, or all reversed, in v2")
    if not chain or chain.pop(0).name != "bytes":
        raise wrong("codecs", [codec.name for codec in codecs], "perhaps transpose, then bytes, then v2's codecs")
    filters = [_codec_document(codec) for codec in chain]
    return order, filters, filters.pop() if filters and filters[-1]["id"] not in _FILTERS else None


def _codec_document(codec: Extension) -> dict[str, JSON]:
    if not codec.name.startswith(PREFIX):
        raise wrong("codecs", codec.name, f"codecs that v2 has, named {PREFIX}...")
    return {"id": codec.name.removeprefix(PREFIX)} | dict(codec.configuration)


def _step(axis: Any) -> int:
    if not isinstance(axis, RegularAxis):
        raise wrong("chunks", repr(axis), "chunks of one length, in v2")
    return axis.step
