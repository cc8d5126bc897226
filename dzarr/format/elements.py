"""Elements: which numpy dtypes can be stored, and how a document's own are made.

Knows: numpy dtypes and their limits. Must not know: how either Zarr version names them (dtypes_v2.py, dtypes_v3.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format import fills
from dzarr.format.fills import DType
from dzarr.format.members import wrong
from dzarr.format.metadata import JSON

Endian: TypeAlias = Literal["little", "big"]

MAX_ITEM = 64 * 1024 * 1024
"""The largest element in bytes: what a document may make a reader allocate for a single fill value."""


def has_order(dtype: DType) -> bool:
    """Whether the elements of a plain dtype have a byte order."""
    return dtype.kind not in "bSV" and dtype.itemsize > 1


def in_order(dtype: DType, endian: Endian | None) -> DType:
    """Return a structure with every field in byte order `endian` (None: little), as v3 stores it.

    Other types come back as they are: their order is the ``bytes`` codec's matter.
    """
    return dtype.newbyteorder(">" if endian == "big" else "<") if dtype.names is not None else dtype


def no_name(dtype: DType) -> UnsupportedError:
    """Return the error for a dtype that no document can name."""
    return UnsupportedError(f"data type {dtype} is not supported", found=repr(dtype))


def check_storable(dtype: DType) -> None:
    """Check that elements have a fixed size, neither nothing nor absurd, and no padding. Raises UnsupportedError."""
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


def _is_packed(dtype: DType) -> bool:
    end = 0
    for field in (dtype.fields or {}).values():
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
