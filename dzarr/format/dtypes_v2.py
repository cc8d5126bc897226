"""How Zarr v2 names data types: numpy's own spellings.

Knows: typestrings and lists of fields. Must not know: v3, fill values, or the rest of a document.
Source: Zarr v2 "Data type encoding", which is numpy's array interface. Small numbers have no typestring; TensorStore
writes their v3 names here, always little endian.

    "<f4" ">f4"     float32, native in memory; the byte order is told apart
    "<M8[ns]"       datetime64[ns]
    [["x", "<f4"], ["y", ">i2", [2]]]    a structure; each field keeps its byte order; a title may stand by its name
    "|O"            text where the object codec is vlen-utf8, else objects
    "bfloat16"      bfloat16
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.elements import (
    MAX_ITEM,
    OBJECT,
    TEXT,
    Endian,
    check_storable,
    has_order,
    made,
    no_name,
    order_of,
    ordered,
    sized,
    structure,
    title_of,
)
from dzarr.format.fills import DType
from dzarr.format.members import is_integer, listed, shown, wrong
from dzarr.format.metadata import JSON
from dzarr.format.small import SMALL, small_of

OBJECT_CODECS = ("vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "pickle", "categorize")
"""The codecs of numcodecs that take objects."""

_V2_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16), "m": (8,), "M": (8,)}
_V2 = re.compile(r"([<>|])([a-zA-Z])([0-9]{1,18})?(\[[^\[\]]+\])?")


def parse_v2(text: JSON, codecs: Sequence[str] = ()) -> tuple[DType, Endian | None]:
    """Return the numpy dtype of a v2 ``dtype``, and its byte order in the file.

    Plain types are native in memory. Structures keep the byte order of each field, and have None, as have
    types without any. `codecs` are the ids of the document's filters and compressor: what objects are depends on
    the one that encodes them. Raises MetadataError, UnsupportedError.

    Examples
    --------
    >>> parse_v2(">i4"), parse_v2("|S5"), parse_v2("|O", ["vlen-utf8"])
    ((dtype('int32'), 'big'), (dtype('S5'), None), (StringDType(), None))
    """
    if isinstance(text, (list, tuple)):
        return structure([_v2_field(entry) for entry in text], text, "dtype"), None
    if isinstance(text, str) and text in SMALL:
        dtype = SMALL[text].dtype
        return dtype, "little" if has_order(dtype) else None
    if isinstance(text, str) and re.fullmatch(r"[<>|]O[48]?", text):
        return _objects(text, codecs), None
    dtype = _v2_plain(text)
    if not has_order(dtype):
        return dtype, None
    return ordered(dtype, "little").newbyteorder("="), "big" if text[0] == ">" else "little"


def _objects(text: str, codecs: Sequence[str]) -> DType:
    if not codecs:
        raise MetadataError(
            f"data type {text!r} (objects) without a codec that encodes objects",
            found="no filters",
            expected=f"one of {', '.join(OBJECT_CODECS)} among the filters",
        )
    return TEXT if "vlen-utf8" in codecs else OBJECT


def name_v2(dtype: DType, endian: Endian | None = None) -> JSON:
    """Return the v2 ``dtype`` for elements stored in byte order `endian` (None: little).

    Raises UnsupportedError where there is none.

    Examples
    --------
    >>> import numpy as np
    >>> name_v2(np.dtype("u2"), "big"), name_v2(np.dtype([("x", "<f4"), ("y", "i1", (2,))]))
    ('>u2', [['x', '<f4'], ['y', '|i1', [2]]])
    """
    check_storable(dtype)
    if dtype.names is not None:
        return [_v2_entry(dtype, name) for name in dtype.names]
    if dtype.kind in "OT":
        return "|O"
    small = small_of(dtype)
    if small is not None:
        if endian == "big":
            raise UnsupportedError(f"v2 has no name for a big endian {small.name}", fix="store it little endian")
        return small.name
    if dtype.kind not in "SUV" and dtype.itemsize not in _V2_SIZES[dtype.kind]:
        raise no_name(dtype)
    return dtype.newbyteorder(">" if endian == "big" else "<").str


def _v2_plain(text: JSON) -> DType:
    match = _V2.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise wrong("dtype", text, 'byte order, kind and size, like "<f4", or a list of fields')
    order, kind, size, unit = match[1], match[2], int(match[3] or -1), match[4]
    if unit is not None and kind not in "mM":
        raise wrong("dtype", text, "a unit only where there is a time")
    if kind in "SUV" and size > 0:
        dtype = sized(kind, size)
    elif size in _V2_SIZES.get(kind, ()):
        dtype = made(f"{kind}{size}{unit or ''}", text, "dtype")
    else:
        raise UnsupportedError(f"data type {text!r} is not supported", found=shown(text))
    if order == "|" and has_order(dtype):
        raise wrong("dtype", text, 'a byte order, "<" or ">"')
    return dtype


def _v2_field(entry: JSON) -> tuple[Any, ...]:
    if not isinstance(entry, (list, tuple)) or len(entry) not in (2, 3):
        raise wrong("dtype", entry, "a field: its name, its dtype and perhaps a shape")
    name, field = _v2_name(entry[0], entry), _v2_field_type(entry[1])
    if len(entry) == 2:
        return name, field
    shape = [entry[2]] if isinstance(entry[2], int) else listed(entry[2], "dtype")
    if not all(is_integer(n, 1, MAX_ITEM) for n in shape):
        raise wrong("dtype", entry, "a shape of positive integers")
    return name, field, tuple(shape)


def _v2_name(name: JSON, entry: JSON) -> Any:
    """Return the name, or (title, name), as numpy writes a field that has both."""
    if isinstance(name, str):
        return name
    if isinstance(name, (list, tuple)) and len(name) == 2 and all(isinstance(part, str) for part in name):
        return tuple(name)
    raise wrong("dtype", entry, "a field: its name, its dtype and perhaps a shape")


def _v2_field_type(inner: JSON) -> DType:
    if isinstance(inner, (list, tuple)):
        return parse_v2(inner)[0]
    if isinstance(inner, str) and inner in SMALL:
        return SMALL[inner].dtype
    if isinstance(inner, str) and inner.endswith("O"):
        raise UnsupportedError("structures with objects as fields are not supported", found=shown(inner))
    return ordered(_v2_plain(inner), "big" if inner[0] == ">" else "little")


def _v2_entry(dtype: DType, name: str) -> list[JSON]:
    title = title_of(dtype, name)
    base, shape = dtype[name].subdtype or (dtype[name], ())
    entry: list[JSON] = [name if title is None else [title, name], name_v2(base, order_of(base))]
    return [*entry, list(shape)] if shape else entry
