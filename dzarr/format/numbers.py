"""Fill values that are numbers, truths or times, bit for bit.

Knows: numpy's numbers and the small ones. Must not know: text, bytes and structures (fills.py), or how documents
name types.

    JSON                        float32
    0.1, 5                      nearest value, ties to even
    "NaN"                       0x7fc00000: that one NaN and no other
    "Infinity", "-Infinity"
    "0x7fa00000"                those bits; the only way to say any other NaN

Source: Zarr v3 "Permitted fill values", the registered extensions, and v2 "Fill value encoding".
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dzarr.format.metadata import JSON
from dzarr.format.small import Small, small_of
from dzarr.format.spelling import PLAIN, DType, Scalar, Spelling, Style, illegal, is_number, item

NAN_BITS = {2: 0x7E00, 4: 0x7FC00000, 8: 0x7FF8000000000000}
"""The NaN that "NaN" means, by item size of numpy's floats: positive, quiet, no payload."""

_HEX = frozenset("0123456789abcdefABCDEF")


def from_bits(bits: int, dtype: DType) -> Scalar:
    """Return the scalar of `dtype` with those bits."""
    return item(np.array(bits, f"u{dtype.itemsize}").view(dtype))


def to_bits(value: Scalar) -> int:
    """Return the bits of a scalar of 1, 2, 4 or 8 bytes."""
    array = np.asarray(value)
    return int(array.view(f"u{array.dtype.itemsize}")[()])


def nan_bits(dtype: DType) -> int | None:
    """Return the bits that "NaN" means, None where the type has no NaN."""
    small = small_of(dtype)
    return NAN_BITS[dtype.itemsize] if small is None else small.nan


def _read_bool(value: JSON, dtype: DType, style: Style) -> Scalar:
    if isinstance(value, bool) or (style.old and is_number(value) and value in (0, 1)):
        return np.bool_(value)
    raise illegal(value, dtype, "true or false")


def _read_integer(value: JSON, dtype: DType, style: Style) -> Scalar:
    small = small_of(dtype)
    info = np.iinfo(dtype) if small is None else None
    least, most = (info.min, info.max) if info is not None else small.limits  # type: ignore[union-attr]
    # A float is no legal spelling, yet some writers put 0.0 or -9999.0 here; a value that is exact is taken.
    if is_number(value) and least <= value <= most and value == int(value):
        return item(np.array(int(value)).astype(dtype) if small else np.array(int(value), dtype))
    raise illegal(value, dtype, f"an integer from {least} to {most}")


def _write_integer(value: Scalar, dtype: DType, style: Style) -> JSON:
    return int(value)


def _read_float(value: JSON, dtype: DType, style: Style) -> Scalar:
    if isinstance(value, str):
        return _read_float_text(value, dtype)
    if not is_number(value):
        raise illegal(value, dtype, 'a number, "NaN", "Infinity", "-Infinity" or "0x" and hexadecimal digits')
    if value != value:  # a bare NaN token, as older writers put it
        return _nan(value, dtype)
    try:
        number = float(value)
    except OverflowError as error:
        raise illegal(value, dtype, "a number that a float can hold") from error
    small = small_of(dtype)
    if small is not None and not small.infinite:
        return _read_bounded(number, value, dtype, small)
    with np.errstate(over="ignore"):
        return item(np.array(number).astype(dtype))


def _read_bounded(number: float, value: JSON, dtype: DType, small: Small) -> Scalar:
    """Return a number of a type without infinity: beyond its limits there is nothing to round to."""
    least, most = small.limits
    if 0 <= number < least:
        return from_bits(0, dtype)  # a type without zero: its least number is the nearest
    if not least <= number <= most:
        raise illegal(value, dtype, f"a number from {least} to {most}")
    return item(np.array(number).astype(dtype))


def _nan(value: JSON, dtype: DType) -> Scalar:
    bits = nan_bits(dtype)
    if bits is None:
        raise illegal(value, dtype, "a number: the type has no NaN")
    return from_bits(bits, dtype)


def _read_float_text(text: str, dtype: DType) -> Scalar:
    if text == "NaN":
        return _nan(text, dtype)
    if text in ("Infinity", "-Infinity"):
        return _read_float(float(text), dtype, PLAIN)
    digits = 2 * dtype.itemsize
    if text.startswith("0x") and len(text) == 2 + digits and _HEX.issuperset(text[2:]):
        bits, small = int(text, 16), small_of(dtype)
        if small is None or bits < 1 << small.bits:
            return from_bits(bits, dtype)
    raise illegal(text, dtype, f'"NaN", "Infinity", "-Infinity" or "0x" and {digits} hexadecimal digits')


def _write_float(value: Scalar, dtype: DType, style: Style) -> JSON:
    number = float(value)
    if number == number:
        return {np.inf: "Infinity", -np.inf: "-Infinity"}.get(number, number)
    bits = to_bits(value)
    # v2 knows one NaN only.
    return "NaN" if style.old or bits == nan_bits(dtype) else f"0x{bits:0{2 * dtype.itemsize}x}"


def read_pair(value: JSON, part: DType, dtype: DType) -> tuple[Scalar, Scalar]:
    """Return the real and the imaginary part, floats of dtype `part`, that a complex number is spelled by."""
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise illegal(value, dtype, "a list of two: the real and the imaginary part")
    return _read_float(value[0], part, PLAIN), _read_float(value[1], part, PLAIN)


def write_pair(real: Scalar, imaginary: Scalar, part: DType, style: Style) -> JSON:
    """Return the spelling of a complex number by its parts."""
    return [_write_float(real, part, style), _write_float(imaginary, part, style)]


def _read_complex(value: JSON, dtype: DType, style: Style) -> Scalar:
    if style.old and is_number(value):
        value = [value, 0.0]
    part = np.dtype(f"f{dtype.itemsize // 2}")
    return item(np.array(read_pair(value, part, dtype), part).view(dtype).reshape(()))


def _write_complex(value: Scalar, dtype: DType, style: Style) -> JSON:
    part = np.dtype(f"f{dtype.itemsize // 2}")
    real, imaginary = np.asarray(value).reshape(1).view(part)
    return write_pair(real, imaginary, part, style)


def _read_time(value: JSON, dtype: DType, style: Style) -> Scalar:
    count: Any = np.iinfo(np.int64).min if value == "NaT" else value
    # As with integers: some writers have no other numbers than floats.
    if not is_number(count) or not -(2**63) <= count < 2**63 or count != int(count):
        raise illegal(value, dtype, '"NaT" or an integer of 64 bits')
    return item(np.array(int(count), np.int64).view(dtype))


def _write_time(value: Scalar, dtype: DType, style: Style) -> JSON:
    count = int(np.asarray(value).view(np.int64)[()])
    return "NaT" if count == -(2**63) and not style.old else count


INTEGER = Spelling(_read_integer, _write_integer)
FLOAT = Spelling(_read_float, _write_float)

KINDS: dict[str, Spelling] = {
    "b": Spelling(_read_bool, lambda value, dtype, style: bool(value)),
    "i": INTEGER,
    "u": INTEGER,
    "f": FLOAT,
    "c": Spelling(_read_complex, _write_complex),
    "m": Spelling(_read_time, _write_time),
    "M": Spelling(_read_time, _write_time),
}
"""One row a numpy kind; small numbers go by ``INTEGER`` and ``FLOAT``."""
