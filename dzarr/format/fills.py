"""Fill values: one element of an array, as JSON and as a numpy scalar, bit for bit.

Knows: text, bytes, structures and objects, and which spelling each kind of dtype has. Must not know: the names of
data types (dtypes.py) or anything else of a document. Numbers are in numbers.py.

    JSON                        dtype                        value
    "abc"                       U5, StringDType              text
    "YWJj"                      S5, bytes                    base64 of b"abc"
    [97, 98, 99]                V3, bytes                    the same, byte for byte
    {"x": 1.5, "y": "NaT"}      structure                    each field as its own type spells it
    [1.5, 2.5]                  structure real, imag         a complex number of small floats

Source: Zarr v3 "Permitted fill values", the registered extensions, and v2 "Fill value encoding".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import numpy as np

from dzarr.errors import UnsupportedError
from dzarr.format import numbers
from dzarr.format.attributes import plain
from dzarr.format.metadata import JSON
from dzarr.format.small import small_of
from dzarr.format.spelling import OLD, PLAIN, DType, Scalar, Spelling, Style, illegal, is_number, is_zero, item

__all__ = [
    "KINDS",
    "OLD",
    "PLAIN",
    "DType",
    "Scalar",
    "Style",
    "illegal",
    "item",
    "read",
    "spelling",
    "write",
    "zero",
    "zero_d",
]


def spelling(dtype: DType) -> Spelling:
    """Return how the values of a dtype are spelled."""
    small = small_of(dtype)
    if small is not None:
        return numbers.INTEGER if small.kind == "i" else numbers.FLOAT
    return KINDS[dtype.kind]


def read(value: JSON, dtype: DType, style: Style) -> Scalar:
    """Return the scalar of `dtype` that `value` stands for. Raises MetadataError."""
    # Scalars are native; the fields of a structure lie in their own order, and numpy swaps on assignment.
    return spelling(dtype).read(value, dtype if dtype.kind in "VOT" else dtype.newbyteorder("="), style)


def write(value: Scalar, dtype: DType, style: Style) -> JSON:
    """Return the JSON that stands for `value`. Raises MetadataError where there is none."""
    return spelling(dtype).write(value, dtype, style)


def zero(dtype: DType) -> Scalar:
    """Return the element of `dtype` whose bytes are all zero; empty text, and empty bytes for objects."""
    return b"" if dtype.kind == "O" else item(np.zeros((), dtype))


def zero_d(value: Scalar, dtype: DType) -> np.ndarray[Any, Any]:
    """Return a 0-d array that holds `value`, a list as one object too.

    Examples
    --------
    >>> zero_d([1, 2], np.dtype(object)).shape
    ()
    """
    if dtype.kind != "O":
        return np.asarray(value, dtype).reshape(())
    array = np.empty((), object)
    array[()] = value
    return array


def _decode_base64(value: str, dtype: DType) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise illegal(value, dtype, "bytes in base64") from error


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _read_string(value: JSON, dtype: DType, style: Style) -> Scalar:
    if is_zero(value, style) or (style.old and isinstance(value, str) and not value.strip("\0")):
        return np.bytes_(b"")  # NCZarr spells the empty one by NUL itself
    if not isinstance(value, str):
        raise illegal(value, dtype, "bytes in base64")
    raw = _decode_base64(value, dtype).rstrip(b"\0")
    if len(raw) > dtype.itemsize:
        raise illegal(value, dtype, f"at most {dtype.itemsize} bytes in base64")
    return np.bytes_(raw)


def _read_text(value: JSON, dtype: DType, style: Style) -> Scalar:
    if is_zero(value, style):
        return np.str_("")
    if not isinstance(value, str) or len(value.rstrip("\0")) > dtype.itemsize // 4:
        raise illegal(value, dtype, f"a string of at most {dtype.itemsize // 4} code points")
    return np.str_(value.rstrip("\0"))


def _read_long_text(value: JSON, dtype: DType, style: Style) -> Scalar:
    if value is None:
        return ""  # no legal spelling, yet some writers say "none" by it
    if style.old and is_number(value):
        return str(value)  # v2 writers put their default, the number 0
    if not isinstance(value, str):
        raise illegal(value, dtype, "a string")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise illegal(value, dtype, "a string that has a form in UTF-8") from error
    return value


def _read_void(value: JSON, dtype: DType, style: Style) -> Scalar:
    if is_zero(value, style):
        return zero(dtype)
    if style.pair:
        return _read_pair(value, dtype)
    if isinstance(value, str):
        raw = _decode_base64(value, dtype)
    elif dtype.names is not None:
        return _read_fields(value, dtype, style)
    elif _is_bytes(value):
        raw = bytes(value)
    else:
        raise illegal(value, dtype, "a list of bytes, or bytes in base64")
    if len(raw) != dtype.itemsize:
        raise illegal(value, dtype, f"{dtype.itemsize} bytes")
    return item(np.frombuffer(bytearray(raw), dtype).reshape(()))


def _is_bytes(value: JSON) -> bool:
    return isinstance(value, (list, tuple)) and all(type(n) is int and 0 <= n < 256 for n in value)


def _read_pair(value: JSON, dtype: DType) -> Scalar:
    element = np.zeros((), dtype)
    pair = numbers.read_pair(value, dtype["real"].newbyteorder("="), dtype)
    # As arrays: small numbers that are assigned as scalars aren't swapped.
    element["real"], element["imag"] = map(np.asarray, pair)
    return item(element)


def _read_fields(value: JSON, dtype: DType, style: Style) -> Scalar:
    names = dtype.names or ()
    if not isinstance(value, Mapping) or value.keys() != set(names):
        raise illegal(value, dtype, f"an object with the members {list(names)}, or bytes in base64")
    element = np.zeros((), dtype)
    for name in names:
        field = dtype[name]
        if field.subdtype is not None:
            raise illegal(value, dtype, "bytes in base64, as a field is an array")
        element[name] = np.asarray(read(value[name], field, style.of(name)))  # an array, as in `_read_pair`
    return item(element)


def _write_void(value: Scalar, dtype: DType, style: Style) -> JSON:
    if style.pair:
        return numbers.write_pair(_native(value["real"]), _native(value["imag"]), dtype["real"], style)
    if style.old:
        return _encode_base64(value.tobytes())
    if dtype.names is None:
        return list(value.tobytes())
    return {name: write(_native(value[name]), dtype[name], style.of(name)) for name in dtype.names}


def _native(value: Scalar) -> Scalar:
    """Return the value of a field in native order, which numpy's scalars of structures don't all have."""
    array = np.asarray(value)
    order = "=" if array.dtype.names is None else array.dtype.byteorder
    return array.astype(array.dtype.newbyteorder(order))[()]


def _read_object(value: JSON, dtype: DType, style: Style) -> Scalar:
    if not style.raw:
        return value
    if value is None or is_zero(value, style):
        return b""
    if isinstance(value, str):
        return _decode_base64(value, dtype)
    if _is_bytes(value):
        return bytes(value)
    raise illegal(value, dtype, "a list of bytes, or bytes in base64")


def _write_object(value: Scalar, dtype: DType, style: Style) -> JSON:
    if isinstance(value, (bytes, bytearray)):
        if not style.raw:
            raise UnsupportedError("bytes have no spelling as a fill value here", found=repr(value), expected="JSON")
        return _encode_base64(bytes(value))
    if style.raw:
        raise illegal(repr(value), dtype, "bytes")
    return plain(value, "fill_value", nan=style.old)


KINDS: dict[str, Spelling] = numbers.KINDS | {
    "S": Spelling(_read_string, lambda value, dtype, style: _encode_base64(bytes(value))),
    "U": Spelling(_read_text, lambda value, dtype, style: str(value)),
    "T": Spelling(_read_long_text, lambda value, dtype, style: str(value)),
    "V": Spelling(_read_void, _write_void),
    "O": Spelling(_read_object, _write_object),
}
"""One row a numpy kind. A type of a new kind is one more row."""
