"""Zarr v3 documents: ``zarr.json`` to the model and back.

Knows: the members of v3 documents. Must not know: v2, codecs' configurations, stores.
Source: Zarr v3 core, "Metadata".

    parse(document) -> ArrayMetadata | GroupMetadata        array_document(m), group_document(m) -> document
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format import nczarr
from dzarr.format.dtypes import Endian, fill_from_json, fill_to_json, in_order, parse_v3
from dzarr.format.grids import grid_document, keys_document, parse_grid, parse_keys
from dzarr.format.members import extension, extents, listed, mapping, required, shown, version, wrong
from dzarr.format.metadata import JSON, ArrayMetadata, Extension, GroupMetadata
from dzarr.format.transformers import parse_transformers

_ARRAY = {
    "zarr_format",
    "node_type",
    "shape",
    "data_type",
    "chunk_grid",
    "chunk_key_encoding",
    "fill_value",
    "codecs",
    "attributes",
    "dimension_names",
    "storage_transformers",
}
_GROUP = {"zarr_format", "node_type", "attributes"}


def parse(document: Mapping[str, JSON]) -> ArrayMetadata | GroupMetadata:
    """Return the model of a v3 document, whichever node it describes. Raises as `parse_array` does."""
    node = required(document, "node_type")
    if node == "array":
        return parse_array(document)
    if node == "group":
        return parse_group(document)
    raise wrong("node_type", node, '"array" or "group"')


def parse_array(document: Mapping[str, JSON]) -> ArrayMetadata:
    """Return the model of an array's document.

    Raises MetadataError, naming the member, where the document breaks the specification, and UnsupportedError
    where it is legal and needs what dzarr doesn't have.

    Examples
    --------
    >>> array = parse_array({"zarr_format": 3, "node_type": "array", "shape": [10], "data_type": "uint8",
    ...     "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4]}}, "chunk_key_encoding": "default",
    ...     "fill_value": 0, "codecs": ["bytes"]})
    >>> array.shape, array.dtype, array.grid, array.codecs[0].name
    ((10,), dtype('uint8'), (RegularAxis(size=10, step=4),), 'bytes')
    """
    _check_node(document, "array")
    shape = extents(required(document, "shape"), "shape", 0)
    codecs = _parse_codecs(required(document, "codecs"))
    data_type = required(document, "data_type")
    try:
        dtype = in_order(parse_v3(data_type), endian_of(codecs))
    except RecursionError as error:
        raise MetadataError("data_type is nested too deeply") from error
    attributes = mapping(document.get("attributes", {}), "attributes")
    names = _parse_names(document.get("dimension_names"), len(shape))
    transformers = parse_transformers(document.get("storage_transformers"))
    return ArrayMetadata(
        zarr_format=3,
        shape=shape,
        dtype=dtype,
        data_type=data_type,
        grid=parse_grid(required(document, "chunk_grid"), shape),
        keys=parse_keys(required(document, "chunk_key_encoding")),
        fill_value=fill_from_json(required(document, "fill_value"), dtype, 3, data_type),
        codecs=codecs,
        attributes=attributes,
        dimension_names=nczarr.dimension_names(len(shape), attributes) if names is None else names,
        extra=_parse_extra(document, _ARRAY) | transformers,
    )


def parse_group(document: Mapping[str, JSON]) -> GroupMetadata:
    """Return the model of a group's document; its inline consolidated metadata too. Raises as `parse_array` does.

    Examples
    --------
    >>> parse_group({"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}).attributes
    {'a': 1}
    """
    _check_node(document, "group")
    # Some versions of zarr-python wrote null for "none".
    document = {name: value for name, value in document.items() if (name, value) != ("consolidated_metadata", None)}
    record = document.get("consolidated_metadata")
    return GroupMetadata(
        zarr_format=3,
        attributes=mapping(document.get("attributes", {}), "attributes"),
        consolidated=None if record is None else _parse_consolidated(record),
        extra=_parse_extra(document, _GROUP, known="consolidated_metadata"),
    )


def array_document(metadata: ArrayMetadata) -> dict[str, JSON]:
    """Return the document of an array. Raises MetadataError where the model can't be said in v3."""
    document: dict[str, JSON] = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(metadata.shape),
        "data_type": metadata.data_type,
        "chunk_grid": grid_document(metadata.grid),
        "chunk_key_encoding": keys_document(metadata.keys),
        "fill_value": fill_to_json(metadata.fill_value, metadata.dtype, 3, metadata.data_type),
        "codecs": [_codec_document(codec) for codec in metadata.codecs],
        "attributes": dict(metadata.attributes),
    }
    if metadata.dimension_names is not None:
        document["dimension_names"] = list(metadata.dimension_names)
    return document | dict(metadata.extra)


def group_document(metadata: GroupMetadata) -> dict[str, JSON]:
    """Return the document of a group, with ``consolidated`` as its inline record.

    A record read from a document keeps its other members. Where ``consolidated`` is None, there is none.
    """
    document: dict[str, JSON] = {"zarr_format": 3, "node_type": "group", "attributes": dict(metadata.attributes)}
    document |= dict(metadata.extra)
    record = document.get("consolidated_metadata")
    if metadata.consolidated is not None:
        kept = dict(record) if isinstance(record, Mapping) else {"kind": "inline", "must_understand": False}
        document["consolidated_metadata"] = kept | {"metadata": dict(metadata.consolidated)}
    elif isinstance(record, Mapping) and record.get("kind") == "inline":
        del document["consolidated_metadata"]
    return document


def _check_node(document: Mapping[str, JSON], node: str) -> None:
    version(document, 3)
    found = required(document, "node_type")
    if found != node:
        raise wrong("node_type", found, f'"{node}"')


def _parse_codecs(value: JSON) -> tuple[Extension, ...]:
    codecs = listed(value, "codecs")
    if not codecs:
        raise wrong("codecs", list(codecs), "at least the codec that makes bytes")
    return tuple(extension(codec, f"codecs[{k}]", ignorable=True) for k, codec in enumerate(codecs))


def _codec_document(codec: Extension) -> dict[str, JSON]:
    document: dict[str, JSON] = {"name": codec.name}
    # It may be left out where it is empty, but zarr-python asks for it in these.
    if codec.configuration or codec.name.startswith("numcodecs."):
        document["configuration"] = dict(codec.configuration)
    if not codec.must_understand:
        document["must_understand"] = False
    return document


def endian_of(codecs: tuple[Any, ...]) -> Endian | None:
    """Return the byte order that the chain stores, also inside shards: a structure is kept in memory as it lies."""
    for codec in codecs:
        name, configuration = codec.name, codec.configuration
        if name == "bytes":
            return "big" if configuration.get("endian") == "big" else "little"
        if name == "sharding_indexed" and isinstance(configuration.get("codecs"), (list, tuple)):
            return endian_of(_parse_codecs(configuration["codecs"]))
    return None


def _parse_names(value: JSON, ndim: int) -> tuple[str | None, ...] | None:
    if value is None:
        return None
    names = listed(value, "dimension_names")
    if len(names) != ndim or not all(name is None or isinstance(name, str) for name in names):
        raise wrong("dimension_names", list(names), f"{ndim} strings or nulls, as many as shape has")
    return tuple(names)


def _parse_extra(document: Mapping[str, JSON], members: set[str], known: str = "") -> dict[str, JSON]:
    extra = {name: value for name, value in document.items() if name not in members}
    for name, value in extra.items():
        if name != known and not (isinstance(value, Mapping) and value.get("must_understand") is False):
            raise UnsupportedError(
                f"the document has a member {name!r} that dzarr doesn't know",
                found=shown(value),
                expected="an object with must_understand false, if it may be ignored",
            )
    return extra


def _parse_consolidated(record: JSON) -> dict[str, JSON] | None:
    record = mapping(record, "consolidated_metadata")
    if record.get("kind") != "inline":
        if record.get("must_understand") is False:
            return None
        kind = shown(record.get("kind"))
        raise UnsupportedError("consolidated metadata of this kind is not supported", found=kind, expected="inline")
    # Its entries are not looked at: a bad one hides none of the others.
    return mapping(required(record, "metadata", "consolidated_metadata"), "consolidated_metadata.metadata")
