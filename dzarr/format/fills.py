"""Fill values: one element of an array, as JSON and as a numpy scalar, bit for bit.

Knows: numpy kinds, and how either Zarr version spells a value of each. Must not know: the names of data
types (dtypes.py) or anything else of a document.

    JSON                        float32
    0.1, 5                      nearest value, ties to even
    "NaN"                       0x7fc00000: that one NaN and no other
    "Infinity", "-Infinity"
    "0x7fa00000"                those bits; the only way to say any other NaN

Source: Zarr v3 "Permitted fill values", the registered extensions of numpy's types, and v2 "Fill value encoding".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

import numpy as np

from dzarr.errors import MetadataError
from dzarr.format.members import shown
from dzarr.format.metadata import JSON

Scalar: TypeAlias = "np.generic[Any]"
DType: TypeAlias = "np.dtype[Any]"


@dataclass(frozen=True)
class Spelling:
    """How the values of one numpy kind are read from JSON and written to it.

    ``old`` is true for v2 documents (and the few v3 types that kept v2's spelling).
    """

    read: Callable[[JSON, DType, bool], Scalar]
    write: Callable[[Scalar, bool], JSON]


def read(value: JSON, dtype: DType, old: bool) -> Scalar:
    """Return the scalar of `dtype` that `value` stands for. Raises MetadataError."""
    # Scalars are native; the fields of a structure lie in their own order, and numpy swaps on assignment.
    return KINDS[dtype.kind].read(value, dtype if dtype.kind == "V" else dtype.newbyteorder("="), old)


def write(value: Scalar, old: bool) -> JSON:
    """Return the JSON that stands for `value`."""
    return KINDS[value.dtype.kind].write(value, old)


def illegal(value: JSON, dtype: DType, expected: str) -> MetadataError:
    """Return the error for a fill value that its type can't have."""
    return MetadataError(f"fill_value is wrong for {dtype}", found=shown(value), expected=expected)


def zero(dtype: DType) -> Scalar:
    """Return the element of `dtype` whose bytes are all zero."""
    return item(np.zeros((), dtype))


def item(array: np.ndarray[Any, Any]) -> Scalar:
    """Return the only element of a 0-d array."""
    return cast(Scalar, array[()])


def _from_bits(bits: int, dtype: DType) -> Scalar:
    return item(np.array(bits, f"u{dtype.itemsize}").view(dtype))


def _is_number(value: JSON) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _read_bool(value: JSON, dtype: DType, old: bool) -> Scalar:
    if isinstance(value, bool) or (old and _is_number(value) and value in (0, 1)):
        return np.bool_(value)
    raise illegal(value, dtype, "true or false")


def _read_integer(value: JSON, dtype: DType, old: bool) -> Scalar:
    info = np.iinfo(dtype)
    # A float is no legal spelling, yet some writers put 0.0 or -9999.0 here; a value that is exact is taken.
    if _is_number(value) and info.min <= value <= info.max and value == int(value):
        return item(np.array(int(value), dtype))
    raise illegal(value, dtype, f"an integer from {info.min} to {info.max}")


NAN_BITS = {2: 0x7E00, 4: 0x7FC00000, 8: 0x7FF8000000000000}
"""The NaN that "NaN" means, by item size: positive, quiet, no payload."""


def _read_float(value: JSON, dtype: DType, old: bool) -> Scalar:
    if isinstance(value, str):
        return _read_float_text(value, dtype)
    if not _is_number(value):
        raise illegal(value, dtype, 'a number, "NaN", "Infinity", "-Infinity" or "0x" and hexadecimal digits')
    if value != value:  # a bare NaN token, as older writers put it
        return _from_bits(NAN_BITS[dtype.itemsize], dtype)
    try:
        with np.errstate(over="ignore"):
            return item(np.array(float(value), dtype))
    except OverflowError as error:
        raise illegal(value, dtype, "a number that a float can hold") from error


def _read_float_text(text: str, dtype: DType) -> Scalar:
    if text == "NaN":
        return _from_bits(NAN_BITS[dtype.itemsize], dtype)
    if text in ("Infinity", "-Infinity"):
        return item(np.array(float(text), dtype))
    digits = 2 * dtype.itemsize
    if text.startswith("0x") and len(text) == 2 + digits and all(c in "0123456789abcdefABCDEF" for c in text[2:]):
        return _from_bits(int(text, 16), dtype)
    raise illegal(text, dtype, f'"NaN", "Infinity", "-Infinity" or "0x" and {digits} hexadecimal digits')


def _write_float(value: Scalar, old: bool) -> JSON:
    number = float(cast(Any, value))
    if number == number:
        return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(number, number)
    size = value.dtype.itemsize
    bits = int(np.asarray(value).view(f"u{size}")[()])
    # v2 knows one NaN only.
    return "NaN" if old or bits == NAN_BITS[size] else f"0x{bits:0{2 * size}x}"


def _read_complex(value: JSON, dtype: DType, old: bool) -> Scalar:
    if old and _is_number(value):
        value = [value, 0.0]
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise illegal(value, dtype, "a list of two: the real and the imaginary part")
    part = np.dtype(f"f{dtype.itemsize // 2}")
    pair = np.array([_read_float(number, part, old) for number in value], part)
    return item(pair.view(dtype).reshape(()))


def _write_complex(value: Scalar, old: bool) -> JSON:
    real, imaginary = np.asarray(value).reshape(1).view(f"f{value.dtype.itemsize // 2}")
    return [_write_float(real, old), _write_float(imaginary, old)]


def _read_time(value: JSON, dtype: DType, old: bool) -> Scalar:
    count = np.iinfo(np.int64).min if value == "NaT" else value
    if not isinstance(count, int) or isinstance(count, bool) or not -(2**63) <= count < 2**63:
        raise illegal(value, dtype, '"NaT" or an integer of 64 bits')
    return item(np.array(count, np.int64).view(dtype))


def _write_time(value: Scalar, old: bool) -> JSON:
    count = int(np.asarray(value).view(np.int64)[()])
    return "NaT" if count == -(2**63) and not old else count


def _decode_base64(value: str, dtype: DType) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise illegal(value, dtype, "bytes in base64") from error


def _encode_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _is_zero(value: JSON, old: bool) -> bool:
    """v2 writers put a plain 0 for types that have no numbers."""
    return old and _is_number(value) and value == 0


def _read_string(value: JSON, dtype: DType, old: bool) -> Scalar:
    if _is_zero(value, old):
        return np.bytes_(b"")
    if not isinstance(value, str):
        raise illegal(value, dtype, "bytes in base64")
    raw = _decode_base64(value, dtype).rstrip(b"\0")
    if len(raw) > dtype.itemsize:
        raise illegal(value, dtype, f"at most {dtype.itemsize} bytes in base64")
    return np.bytes_(raw)


def _read_text(value: JSON, dtype: DType, old: bool) -> Scalar:
    if _is_zero(value, old):
        return np.str_("")
    if not isinstance(value, str) or len(value.rstrip("\0")) > dtype.itemsize // 4:
        raise illegal(value, dtype, f"a string of at most {dtype.itemsize // 4} code points")
    return np.str_(value.rstrip("\0"))


def _read_void(value: JSON, dtype: DType, old: bool) -> Scalar:
    if _is_zero(value, old):
        return zero(dtype)
    if isinstance(value, str):
        raw = _decode_base64(value, dtype)
    elif dtype.names is not None:
        return _read_fields(value, dtype, old)
    elif isinstance(value, (list, tuple)) and all(type(n) is int and 0 <= n < 256 for n in value):
        raw = bytes(value)
    else:
        raise illegal(value, dtype, "a list of bytes, or bytes in base64")
    if len(raw) != dtype.itemsize:
        raise illegal(value, dtype, f"{dtype.itemsize} bytes")
    return item(np.frombuffer(bytearray(raw), dtype).reshape(()))


def _read_fields(value: JSON, dtype: DType, old: bool) -> Scalar:
    names = dtype.names or ()
    if not isinstance(value, Mapping) or value.keys() != set(names):
        raise illegal(value, dtype, f"an object with the members {list(names)}, or bytes in base64")
    element = np.zeros((), dtype)
    for name in names:
        field = dtype[name]
        if field.subdtype is not None:
            raise illegal(value, dtype, "bytes in base64, as a field is an array")
        element[name] = read(value[name], field, old)
    return item(element)


def _write_void(value: Scalar, old: bool) -> JSON:
    if old:
        return _encode_base64(value.tobytes())
    if value.dtype.names is None:
        return list(value.tobytes())
    fields = cast(Any, value)
    return {name: write(fields[name], old) for name in value.dtype.names}


KINDS: dict[str, Spelling] = {
    "b": Spelling(_read_bool, lambda value, old: bool(value)),
    "i": Spelling(_read_integer, lambda value, old: int(cast(Any, value))),
    "u": Spelling(_read_integer, lambda value, old: int(cast(Any, value))),
    "f": Spelling(_read_float, _write_float),
    "c": Spelling(_read_complex, _write_complex),
    "m": Spelling(_read_time, _write_time),
    "M": Spelling(_read_time, _write_time),
    "S": Spelling(_read_string, lambda value, old: _encode_base64(bytes(cast(Any, value)))),
    "U": Spelling(_read_text, lambda value, old: str(value)),
    "V": Spelling(_read_void, _write_void),
}
"""One row a numpy kind. A type of a new kind is one more row."""
