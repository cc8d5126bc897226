"""N5: ``attributes.json`` to the v3 document that says the same.

Knows: the members of an N5 dataset, and how each is spelled in v3. Must not know: stores, or how blocks are decoded
(the codecs ``n5_default`` and ``n5.lz4``). Sources: the N5 specification 4.0.0, "File-system specification";
zarr-extensions, ``n5_default``.

N5 counts its axes from the fastest; numpy, and whoever reads N5 from Python, from the slowest. So the axes of an
array are those of the dataset reversed, and the key of its object (k, j, i) is the block's ``i/j/k``.

    dimensions [x, y, z]     <----->     shape (z, y, x),  codecs [transpose, n5_default[transpose, bytes, ...]]
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format.codecs import lz4_blocks
from dzarr.format.codecs.registry import register
from dzarr.format.members import extents, mapping, required, wrong
from dzarr.format.metadata import JSON

DOCUMENT = "attributes.json"

_KEYWORDS = {"n5", "dimensions", "blockSize", "dataType", "compression", "compressionType"}
_TYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {"float32", "float64"}
_VARIABLE = {"object", "string"}


register(lz4_blocks.NAME, lz4_blocks.lz4_blocks)


def is_dataset(attributes: Mapping[str, JSON]) -> bool:
    """Return whether a group with these attributes is a dataset, as the mandatory ones tell."""
    return attributes.keys() >= {"dimensions", "blockSize", "dataType"}


def is_marked(attributes: Mapping[str, JSON]) -> bool:
    """Return whether an ``attributes.json`` is N5's beyond doubt: a dataset, or a root with its version."""
    return "n5" in attributes or is_dataset(attributes)


def v3_document(attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the v3 document of the group or dataset that has these attributes.

    Raises MetadataError, naming the member, for a broken dataset, and UnsupportedError for blocks of objects and
    for compressions without a codec here.

    Examples
    --------
    >>> dataset = {"dimensions": [100, 200], "blockSize": [10, 20], "dataType": "uint8", "compression": {"type": "raw"}}
    >>> v3_document(dataset)["shape"], v3_document({"n5": "4.0.0", "a": 1})["attributes"]
    ([200, 100], {'a': 1})
    """
    plain = {name: value for name, value in attributes.items() if name not in _KEYWORDS}
    if not is_dataset(attributes):
        return {"zarr_format": 3, "node_type": "group", "attributes": plain}
    shape = extents(required(attributes, "dimensions"), "dimensions", 0)
    if not shape:
        raise wrong("dimensions", [], "at least one")
    data_type = required(attributes, "dataType")
    if not isinstance(data_type, str):
        raise wrong("dataType", data_type, "the name of a type")
    if data_type in _VARIABLE:
        raise UnsupportedError("N5 blocks of serialized objects are not read", found=data_type, expected=sorted(_TYPES))
    if data_type not in _TYPES:
        raise wrong("dataType", data_type, f"one of {sorted(_TYPES)}")
    document: dict[str, JSON] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape[::-1]),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": _blocks(attributes, len(shape))}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": _codecs(len(shape), data_type, _compression(attributes)),
        "attributes": plain,
    }
    names = _names(attributes, len(shape))
    return document if names is None else document | {"dimension_names": names}


def _blocks(attributes: Mapping[str, JSON], ndim: int) -> list[int]:
    return list(extents(required(attributes, "blockSize"), "blockSize", 1, ndim)[::-1])


def _names(attributes: Mapping[str, JSON], ndim: int) -> list[str] | None:
    """Return the names of the axes: ``axes`` in N5's order, or what xarray wrote in numpy's."""
    for name, step in (("axes", -1), ("_ARRAY_DIMENSIONS", 1)):
        axes = attributes.get(name)
        if isinstance(axes, list) and len(axes) == ndim and all(isinstance(axis, str) for axis in axes):
            return axes[::step]
    return None


def _compression(attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    if "compression" not in attributes and "compressionType" in attributes:  # N5 1.0
        return {"type": attributes["compressionType"]}
    compression = required(attributes, "compression")
    return {"type": compression} if isinstance(compression, str) else mapping(compression, "compression")


def _codecs(ndim: int, data_type: str, compression: Mapping[str, JSON]) -> list[JSON]:
    reverse = {"name": "transpose", "configuration": {"order": list(range(ndim))[::-1]}}
    block = [reverse, {"name": "bytes", "configuration": {"endian": "big"}}, *_compressor(compression, data_type)]
    return [reverse, {"name": "n5_default", "configuration": {"codecs": block}}]


def _compressor(compression: Mapping[str, JSON], data_type: str) -> list[JSON]:
    """Return the codecs that undo a compression; only what decoding needs to know is taken over."""
    kind = required(compression, "type", "compression")
    if kind == "raw":
        return []
    if kind in ("gzip", "zlib"):
        zlib = kind == "zlib" or compression.get("useZlib") is True
        return [_codec("numcodecs.zlib" if zlib else "gzip", level=6)]
    if kind == "bzip2":
        return [_codec("numcodecs.bz2", level=9)]
    if kind == "xz":
        return [_codec("numcodecs.lzma", format=1)]
    if kind == "zstd":
        return [_codec("zstd", level=0, checksum=False)]
    if kind == "lz4":
        return [_codec(lz4_blocks.NAME)]
    if kind == "blosc":
        itemsize = np.dtype(data_type).itemsize
        return [_codec("blosc", cname="lz4", clevel=5, shuffle="noshuffle", typesize=itemsize, blocksize=0)]
    if not isinstance(kind, str):
        raise wrong("compression.type", kind, "the name of a compression")
    raise UnsupportedError(
        "an N5 compression that dzarr doesn't read",
        found=kind,
        expected="raw, gzip, bzip2, xz, lz4, blosc or zstd",
    )


def _codec(name: str, **configuration: JSON) -> dict[str, JSON]:
    return {"name": name, "configuration": configuration}
