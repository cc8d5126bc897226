"""Data types and fill values: what documents call them, and what numpy does.

The door to this room: names are in dtypes_v2.py and dtypes_v3.py, values in fills.py, limits in elements.py.
Must not know: codecs, or how elements are laid out in an object.

    v3 data_type                              v2 dtype      numpy
    "float32"                                 "<f4" ">f4"   float32, native order in memory
    {"name": "numpy.datetime64", ...}         "<M8[ns]"     datetime64[ns]
    "r64"                                     "|V8"         V8
    {"name": "struct", ...}                   [["x","<f4"]] structured, byte orders as in the file
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dzarr.format import fills
from dzarr.format.dtypes_v2 import name_v2, parse_v2
from dzarr.format.dtypes_v3 import DataType, has_old_fill, name_v3, parse_v3, register
from dzarr.format.elements import Endian, check_storable, in_order
from dzarr.format.fills import DType, Scalar
from dzarr.format.metadata import JSON

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
]


def default_fill(dtype: DType) -> Scalar:
    """Return the fill value of an array whose creator names none: zero, NaT or nothing.

    Examples
    --------
    >>> default_fill(np.dtype("M8[s]")), default_fill(np.dtype("u1"))
    (np.datetime64('NaT','s'), np.uint8(0))
    """
    check_storable(dtype)
    return fills.read("NaT", dtype, False) if dtype.kind in "mM" else fills.zero(dtype)


def fill_from_json(value: JSON, dtype: DType, zarr_format: int) -> Scalar | None:
    """Return the fill value that a document spells, as a scalar of `dtype`; None for v2's null.

    Raises MetadataError for anything that isn't exactly one value of the type.

    Examples
    --------
    >>> fill_from_json("-Infinity", np.dtype("f4"), 3)
    np.float32(-inf)
    """
    check_storable(dtype)
    if value is None and zarr_format == 2:
        return None
    return fills.read(value, dtype, zarr_format == 2)


def fill_to_json(value: Any, dtype: DType, zarr_format: int, data_type: JSON = None) -> JSON:
    """Return the document's spelling of a fill value. `data_type` is v3's own name, where it has several.

    Every bit comes back by `fill_from_json`, but for NaN in v2, which has only one.

    Examples
    --------
    >>> fill_to_json(np.float32("nan"), np.dtype("f4"), 3), fill_to_json(b"ab", np.dtype("S2"), 2)
    ('NaN', 'YWI=')
    """
    check_storable(dtype)
    if value is None and zarr_format == 2:
        return None
    return fills.write(to_scalar(value, dtype), zarr_format == 2 or has_old_fill(data_type))


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
    try:
        if dtype.kind == "f" and np.iscomplexobj(value):
            raise TypeError("a complex number for a real type")
        with np.errstate(over="ignore", invalid="ignore"):
            scalar = fills.item(np.asarray(value, dtype))
    except (TypeError, ValueError, OverflowError) as error:
        raise fills.illegal(repr(value), dtype, "one value of that type") from error
    if np.ndim(scalar) or not _is_exact(scalar, value, dtype):
        raise fills.illegal(repr(value), dtype, "one value that the type can hold exactly")
    return scalar


def _is_exact(scalar: Scalar, value: Any, dtype: DType) -> bool:
    if dtype.kind in "fc" or dtype.names is not None:
        return True
    if dtype.kind == "V":
        return scalar.tobytes() == (value.tobytes() if isinstance(value, np.generic) else value)
    if dtype.kind in "mM" and not isinstance(value, np.generic):
        return True
    return bool(scalar == value) or bool(scalar != scalar)
