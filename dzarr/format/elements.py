"""Elements: which numpy dtypes can be stored, and how a document's own are made.

Knows: numpy dtypes and their limits. Must not know: how either Zarr version names them (dtypes_v2.py, dtypes_v3.py).

    fixed size       numbers, times, S, U, V, small numbers, structures of all these
    no fixed size    StringDType (text), object (bytes, and whatever an object codec of v2 makes)
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Literal, TypeAlias

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format import fills
from dzarr.format.fills import DType
from dzarr.format.members import wrong
from dzarr.format.metadata import JSON
from dzarr.format.small import small_of

Endian: TypeAlias = Literal["little", "big"]

MAX_ITEM = 64 * 1024 * 1024
"""The largest element in bytes: what a document may make a reader allocate for a single fill value."""

TEXT = np.dtypes.StringDType()
"""The dtype of text of any length."""

OBJECT = np.dtype(object)
"""The dtype of bytes of any length, and of other objects."""


def has_order(dtype: DType) -> bool:
    """Whether the elements of a plain dtype have a byte order."""
    if dtype.kind == "V":
        return dtype.itemsize > 1 and small_of(dtype) is not None
    return dtype.kind not in "bSTO" and dtype.itemsize > 1


def ordered(dtype: DType, endian: Endian | None) -> DType:
    """Return `dtype` in byte order `endian` (None: little), every field of a structure too.

    Types without an order stay as they are.

    Examples
    --------
    >>> ordered(np.dtype([("x", "<f4"), ("y", "u1")]), "big")
    dtype([('x', '>f4'), ('y', 'u1')])
    """
    if dtype.names is not None:
        return np.dtype([_entry(dtype, name, ordered(dtype[name], endian)) for name in dtype.names])
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return np.dtype((ordered(base, endian), shape))
    return dtype.newbyteorder(">" if endian == "big" else "<") if has_order(dtype) else dtype


def native(dtype: DType) -> DType:
    """Return how elements of a plain dtype lie in memory. Structures keep the order that each field has."""
    return dtype.newbyteorder("=") if has_order(dtype) else dtype


def in_order(dtype: DType, endian: Endian | None) -> DType:
    """Return a structure with every field in byte order `endian` (None: little), as v3 stores it.

    Other types come back as they are: their order is the ``bytes`` codec's matter.
    """
    return ordered(dtype, endian) if dtype.names is not None else dtype


def order_of(dtype: DType) -> Endian | None:
    """Return the byte order of a plain dtype's elements, None where they have none."""
    if not has_order(dtype):
        return None
    return "little" if dtype == ordered(dtype, "little") else "big"


def stored_order(dtype: DType) -> Endian | None:
    """Return the order to store a dtype in: its own. A structure has one order: little, unless all of it is big.

    Examples
    --------
    >>> stored_order(np.dtype([("x", ">f4"), ("y", "u1")])), stored_order(np.dtype("u1"))
    ('big', None)
    """
    if dtype.names is None:
        return order_of(dtype.subdtype[0] if dtype.subdtype else dtype)
    found = {order for name in dtype.names if (order := stored_order(dtype[name])) is not None}
    return "big" if found == {"big"} else "little" if found else None


def used_bits(dtype: DType) -> bytes | None:
    """Return an element whose bits are set where `dtype` has meaning in them; None where that is everywhere.

    Examples
    --------
    >>> used_bits(np.dtype([("x", "<f4"), ("y", "u1")])) is None
    True
    """
    return _used(dtype) if _is_narrow(dtype) else None


def _is_narrow(dtype: DType) -> bool:
    if dtype.names is not None:
        return any(_is_narrow(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        return _is_narrow(dtype.subdtype[0])
    small = small_of(dtype)
    return small is not None and small.bits < 8


def _used(dtype: DType) -> bytes:
    if dtype.names is not None:
        return b"".join(_used(dtype[name]) for name in dtype.names)
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return _used(base) * prod(shape)
    small = small_of(dtype)
    if small is not None and small.bits < 8:
        return bytes([(1 << small.bits) - 1])
    return b"\xff" * dtype.itemsize


def title_of(dtype: DType, name: str) -> str | None:
    """Return numpy's title of a field, which is a second name for it."""
    found = dtype.fields[name] if dtype.fields else ()
    return str(found[2]) if len(found) > 2 else None


def _entry(dtype: DType, name: str, field: DType) -> tuple[Any, DType]:
    title = title_of(dtype, name)
    return (name if title is None else (title, name)), field


def no_name(dtype: DType) -> UnsupportedError:
    """Return the error for a dtype that no document can name."""
    return UnsupportedError(f"data type {dtype} is not supported", found=repr(dtype))


def check_storable(dtype: DType) -> None:
    """Check that elements are neither nothing nor absurd, and have no padding. Raises UnsupportedError."""
    if dtype.kind == "T":
        if hasattr(dtype, "na_object"):
            raise UnsupportedError("text with a missing value is not supported", found=repr(dtype), expected=repr(TEXT))
        return
    if dtype.kind not in fills.KINDS or dtype.itemsize == 0:
        raise no_name(dtype)
    if dtype.itemsize > MAX_ITEM:
        raise UnsupportedError(
            "an element is too large", found=f"{dtype.itemsize} bytes", expected=f"at most {MAX_ITEM}"
        )
    if dtype.names is not None and not _is_packed(dtype):
        raise UnsupportedError(
            "a structure with padding is not supported",
            found=repr(dtype),
            fix="pack it with numpy.lib.recfunctions.repack_fields",
        )
    if dtype.names is not None and dtype.hasobject:
        raise UnsupportedError("structures with fields of no fixed size are not supported", found=repr(dtype))


def _is_packed(dtype: DType) -> bool:
    end = 0
    for name in dtype.names or ():
        assert dtype.fields is not None
        field = dtype.fields[name]
        if field[1] != end:
            return False
        end += field[0].itemsize
    return end == dtype.itemsize


def made(spelling: Any, document: JSON, where: str) -> DType:
    """Return numpy's dtype of `spelling`. Where it has none: MetadataError with what stood in the document."""
    try:
        dtype: DType = np.dtype(spelling)
    except (TypeError, ValueError, OverflowError, MemoryError) as error:
        raise wrong(where, document, "one that numpy can make") from error
    check_storable(dtype)
    return dtype


def sized(kind: str, length: int) -> DType:
    """Return a string or raw dtype of `length` items."""
    if length > MAX_ITEM:
        raise UnsupportedError("an element is too large", found=f"{length} items", expected=f"at most {MAX_ITEM} bytes")
    return made(f"{kind}{length}", f"{kind}{length}", "data type")


def structure(entries: Sequence[tuple[Any, ...]], document: JSON, where: str) -> DType:
    """Return the packed structure of numpy's field descriptions, which `document` spelled."""
    if not entries:
        raise wrong(where, document, "at least one field")
    return made(list(entries), document, where)
