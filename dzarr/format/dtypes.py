"""Data types and fill values: what documents call them, and what numpy does.

The door to this room: names are in dtypes_v2.py and dtypes_v3.py, values in fills.py, limits in elements.py.
Must not know: codecs, or how elements are laid out in an object.

    v3 data_type                              v2 dtype      numpy
    "float32"                                 "<f4" ">f4"   float32, native order in memory
    {"name": "numpy.datetime64", ...}         "<M8[ns]"     datetime64[ns]
    "r64"                                     "|V8"         V8
    "bfloat16", "int4"                        the same      those of the package ml_dtypes
    "complex_bfloat16"                                      a structure of "real" and "imag"
    "string"                                  "|O"          StringDType
    "bytes"                                   "|O"          object
    {"name": "struct", ...}                   [["x","<f4"]] structured, byte orders as in the file
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dzarr.errors import DTypeError
from dzarr.format import fills
from dzarr.format.dtypes_v2 import name_v2, parse_v2
from dzarr.format.dtypes_v3 import DataType, name_v3, parse_v3, register, style_v3
from dzarr.format.elements import Endian, check_storable, in_order
from dzarr.format.fills import OLD, PLAIN, DType, Scalar, Style, zero_d
from dzarr.format.metadata import JSON
from dzarr.format.small import small_of
from dzarr.format.times import cast_times

__all__ = [
    "DType",
    "DataType",
    "Endian",
    "Scalar",
    "default_fill",
    "fill_from_json",
    "fill_to_json",
    "in_order",
    "name_v2",
    "name_v3",
    "parse_v2",
    "parse_v3",
    "register",
    "to_scalar",
    "unset",
    "zero_d",
]


def default_fill(dtype: DType) -> Scalar:
    """Return the fill value of an array whose creator names none: zero, NaT, no text, no bytes.

    Examples
    --------
    >>> default_fill(np.dtype("M8[s]")), default_fill(np.dtype("u1"))
    (np.datetime64('NaT','s'), np.uint8(0))
    """
    check_storable(dtype)
    return fills.read("NaT", dtype, PLAIN) if dtype.kind in "mM" else fills.zero(dtype)


def fill_from_json(
    value: JSON, dtype: DType, zarr_format: int, data_type: JSON = None, codecs: Sequence[str] = ()
) -> Scalar | None:
    """Return the fill value that a document spells, as a scalar of `dtype`; None for v2's null.

    `data_type` is v3's own name, which decides where several share a dtype; `codecs` the ids of v2's filters and
    compressor, which tell what objects are. Raises MetadataError for anything that isn't exactly one value of the
    type.

    Examples
    --------
    >>> fill_from_json("-Infinity", np.dtype("f4"), 3)
    np.float32(-inf)
    """
    check_storable(dtype)
    if value is None and zarr_format == 2:
        return None
    return fills.read(value, dtype, _style(zarr_format, data_type, codecs))


def fill_to_json(
    value: Any, dtype: DType, zarr_format: int, data_type: JSON = None, codecs: Sequence[str] = ()
) -> JSON:
    """Return the document's spelling of a fill value, for which `data_type` and `codecs` are as in `fill_from_json`.

    Every bit comes back by `fill_from_json`, but for NaN in v2, which has only one.

    Examples
    --------
    >>> fill_to_json(np.float32("nan"), np.dtype("f4"), 3), fill_to_json(b"ab", np.dtype("S2"), 2)
    ('NaN', 'YWI=')
    """
    check_storable(dtype)
    if value is None and zarr_format == 2:
        return None
    return fills.write(to_scalar(value, dtype), dtype, _style(zarr_format, data_type, codecs))


def _style(zarr_format: int, data_type: JSON, codecs: Sequence[str]) -> Style:
    if zarr_format == 2:
        return Style(old=True, raw=True) if "vlen-bytes" in codecs else OLD
    return PLAIN if data_type is None else style_v3(data_type)


def unset(dtype: DType, codecs: Sequence[str]) -> np.ndarray[Any, Any]:
    """Return what stands where nothing was written and v2 names no fill value, as a 0-d array.

    It is zero, NaT for times as zarr-python has it, and None for objects that are no bytes. `codecs` are the ids of
    v2's filters and compressor.

    Examples
    --------
    >>> unset(np.dtype("u1"), ()), unset(np.dtype(object), ["json2"])
    (array(0, dtype=uint8), array(None, dtype=object))
    """
    if dtype.kind != "O":
        return zero_d(default_fill(dtype), dtype)
    return zero_d(b"" if "vlen-bytes" in codecs else None, dtype)


def to_scalar(value: Any, dtype: DType) -> Scalar:
    """Return a value that a caller gives as a scalar of `dtype`.

    Floats are rounded to the type, anything else must fit exactly. None is `default_fill`. Raises MetadataError.

    Examples
    --------
    >>> to_scalar(5, np.dtype("u1")), to_scalar(None, np.dtype("f4"))
    (np.uint8(5), np.float32(0.0))
    """
    if value is None:
        return default_fill(dtype)
    check_storable(dtype)
    if dtype.kind == "O":
        return value
    try:
        scalar = _scalar(value, dtype)
    except (TypeError, ValueError, OverflowError, DTypeError) as error:
        raise fills.illegal(repr(value), dtype, "one value of that type") from error
    if np.ndim(scalar) or not _is_exact(scalar, value, dtype):
        raise fills.illegal(repr(value), dtype, "one value that the type can hold exactly")
    return scalar


def _scalar(value: Any, dtype: DType) -> Scalar:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    small = small_of(dtype)
    if dtype.kind == "T" and not isinstance(value, str):
        raise TypeError("no text for a type of text")
    if (dtype.kind == "f" or small) and np.iscomplexobj(value):
        raise TypeError("a complex number for a real type")
    if small is not None:
        # What the type has no room for is found by the rules for documents.
        return value if _is_of(value, dtype) else fills.read(_number(value), dtype, PLAIN)
    if dtype.kind in "mM":
        # In the value's own unit first: numpy wraps around what another has no room for.
        unit = dtype if isinstance(value, (int, np.integer)) else f"{dtype.kind}8"
        return fills.item(cast_times(np.asarray(value, unit), dtype))
    if isinstance(value, (complex, np.complexfloating)) and dtype.names == ("real", "imag"):
        value = (value.real, value.imag)
    with np.errstate(over="ignore", invalid="ignore"):
        # In little endian first: small numbers that are assigned as scalars aren't swapped.
        return fills.item(np.asarray(value, in_order(dtype, "little")).astype(dtype))


def _is_of(value: Any, dtype: DType) -> bool:
    return isinstance(value, np.generic) and value.dtype == dtype


def _number(value: Any) -> int | float:
    return int(value) if isinstance(value, (int, np.integer, np.bool_)) else float(value)


def _is_exact(scalar: Scalar, value: Any, dtype: DType) -> bool:
    small = small_of(dtype)
    if dtype.names is not None:
        value = value[()] if isinstance(value, np.ndarray) else value
        parts: Any = value if isinstance(value, (tuple, np.void)) else ()
        return all(_is_exact(scalar[name], part, dtype[name]) for name, part in zip(dtype.names, parts, strict=False))
    if dtype.subdtype is not None:
        # As lists: what a field of integers or text cuts off shows there, and what a field of floats rounds is fine.
        return dtype.base.kind not in "biuSU" or bool(np.array_equal(scalar, np.asarray(value)))
    if dtype.kind == "S" and isinstance(value, str):
        value = value.encode("ascii", "replace")
    if dtype.kind in "fcT" or (small is not None and small.kind == "f"):
        return True
    if small is not None:
        return bool(int(scalar) == value)
    if dtype.kind == "V":
        return bool(scalar.tobytes() == (value.tobytes() if isinstance(value, np.generic) else value))
    if dtype.kind in "mM" and not isinstance(value, np.generic):
        return True
    return bool(scalar == value) or bool(scalar != scalar)
