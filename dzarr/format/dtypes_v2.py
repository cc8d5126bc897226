"""How Zarr v2 names data types: numpy's own spellings.

Knows: typestrings and lists of fields. Must not know: v3, fill values, or the rest of a document.
Source: Zarr v2 "Data type encoding", which is numpy's array interface.

    "<f4" ">f4"     float32, native in memory; the byte order is told apart
    "<M8[ns]"       datetime64[ns]
    [["x", "<f4"], ["y", ">i2", [2]]]    a structure; each field keeps its byte order
"""

from __future__ import annotations

import re
from typing import Any

from dzarr.errors import UnsupportedError
from dzarr.format.elements import MAX_ITEM, Endian, check_storable, has_order, made, no_name, sized, structure
from dzarr.format.fills import DType
from dzarr.format.members import is_integer, listed, shown, wrong
from dzarr.format.metadata import JSON

_V2_SIZES = {"b": (1,), "i": (1, 2, 4, 8), "u": (1, 2, 4, 8), "f": (2, 4, 8), "c": (8, 16), "m": (8,), "M": (8,)}
_V2 = re.compile(r"([<>|])([a-zA-Z])([0-9]{1,18})?(\[[^\[\]]+\])?")


def parse_v2(text: JSON) -> tuple[DType, Endian | None]:
    """Return the numpy dtype of a v2 ``dtype``, and its byte order in the file.

    Plain types are native in memory. Structures keep the byte order of each field, and have None, as have
    types without any.

    Examples
    --------
    >>> parse_v2(">i4"), parse_v2("|S5")
    ((dtype('int32'), 'big'), (dtype('S5'), None))
    """
    if isinstance(text, (list, tuple)):
        return structure([_v2_field(entry) for entry in text], text, "dtype"), None
    dtype = _v2_plain(text)
    native = dtype.newbyteorder("=")
    if not has_order(native):
        return native, None
    return native, "big" if text[0] == ">" else "little"


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
        return [_v2_entry(name, dtype[name]) for name in dtype.names]
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
        kinds = " (objects)" if kind == "O" else ""
        raise UnsupportedError(f"data type {text!r}{kinds} is not supported", found=shown(text))
    if order == "|" and has_order(dtype):
        raise wrong("dtype", text, 'a byte order, "<" or ">"')
    return dtype


def _v2_field(entry: JSON) -> tuple[Any, ...]:
    if not isinstance(entry, (list, tuple)) or len(entry) not in (2, 3) or not isinstance(entry[0], str):
        raise wrong("dtype", entry, "a field: its name, its dtype and perhaps a shape")
    name, inner = entry[:2]
    if isinstance(inner, (list, tuple)):
        field = parse_v2(inner)[0]
    else:
        field = _v2_plain(inner).newbyteorder(">" if inner[0] == ">" else "<")
    if len(entry) == 2:
        return name, field
    shape = [entry[2]] if isinstance(entry[2], int) else listed(entry[2], "dtype")
    if not all(is_integer(n, 1, MAX_ITEM) for n in shape):
        raise wrong("dtype", entry, "a shape of positive integers")
    return name, field, tuple(shape)


def _v2_entry(name: str, field: DType) -> list[JSON]:
    base, shape = field.subdtype or (field, ())
    inner = name_v2(base, "big" if base.byteorder == ">" else "little")
    return [name, inner, list(shape)] if shape else [name, inner]
