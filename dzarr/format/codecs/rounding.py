"""Numbers of one type turned into numbers of another, in every rounding mode and out-of-range mode.

Knows: exact arithmetic in float64 and in integers. Must not know: documents, or who asks.
Source: the registered codec ``cast_value``.

    integer -> integer    bounds are compared, nothing is rounded
    float   -> integer    rounded in float64, which holds every source exactly
    integer -> float      to float64 first; where that is inexact, its last bit says so (rounding to odd), so that
                          rounding once more is right in every mode
    float   -> float      scaled so that the target's last bit counts 1, rounded, and scaled back: all exact
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import numpy as np

from dzarr.format.codecs.codec import Array
from dzarr.format.codecs.numbers import Floats, Integers, Numbers

OutOfRange: TypeAlias = Literal["clamp", "wrap"]


class Unrepresentable(ValueError):
    """A value that the target type can't hold; ``index`` is its flat position, ``value`` the value."""

    def __init__(self, index: int, value: Any, reason: str) -> None:
        super().__init__(f"{value!s} at flat position {index} {reason}")
        self.index = index
        self.value = value


def _away(x: Array) -> Array:
    whole = np.trunc(x)
    return whole + np.where(np.abs(x - whole) >= 0.5, np.copysign(1.0, x), np.copysign(0.0, x))


ROUNDINGS: dict[str, Callable[[Array], Array]] = {
    "nearest-even": np.rint,
    "towards-zero": np.trunc,
    "towards-positive": np.ceil,
    "towards-negative": np.floor,
    "nearest-away": _away,
}


def convert(array: Array, source: Numbers, target: Numbers, rounding: str, out_of_range: OutOfRange | None) -> Array:
    """Return the numbers of `array`, which are of `source`, as numbers of `target`, in native order.

    Raises Unrepresentable for the first that `target` can't hold.
    """
    flat = array.reshape(-1)
    if isinstance(source, Floats):
        with np.errstate(all="ignore"):
            wide = flat.astype(np.float64)
        if isinstance(target, Integers):
            result = _float_to_integers(wide, target, ROUNDINGS[rounding], out_of_range)
        else:
            result = to_floats(wide, target, rounding, out_of_range)
    else:
        plain = flat.astype(source.work, copy=False)
        if isinstance(target, Integers):
            result = _to_integers(plain, target, out_of_range)
        else:
            result = to_floats(_from_integers(plain, target, rounding), target, rounding, out_of_range)
    return result.reshape(array.shape)


def _refuse(bad: Array, values: Array, reason: str) -> None:
    if bad.any():
        index = int(np.argmax(bad))
        raise Unrepresentable(index, values[index], reason)


def _to_integers(array: Array, target: Integers, out_of_range: OutOfRange | None) -> Array:
    if out_of_range == "wrap":
        return _wrapped(array.astype(np.uint64), target)
    info = np.iinfo(array.dtype)
    least, most = max(target.least, info.min), min(target.most, info.max)
    if out_of_range is None:
        _refuse((array < least) | (array > most), array, f"is not from {target.least} to {target.most}")
    else:
        array = np.clip(array, least, most)
    return array.astype(target.work).astype(target.dtype)


def _wrapped(bits: Array, target: Integers) -> Array:
    """Return the lowest bits of each number as one of `target`, in two's complement."""
    if target.bits >= 8:
        return bits.astype(f"u{target.bits // 8}").view(target.dtype)
    size = 1 << target.bits
    kept = (bits & np.uint64(size - 1)).astype(np.int16)
    return np.where(kept > target.most, kept - size, kept).astype(target.work).astype(target.dtype)


def _float_to_integers(
    wide: Array, target: Integers, rounded: Callable[[Array], Array], out_of_range: OutOfRange | None
) -> Array:
    _refuse(~np.isfinite(wide), wide, f"has no place in {target.dtype}")
    whole = rounded(wide)
    # Both bounds are powers of two (or zero), which float64 holds exactly.
    low, high = float(target.least), float(target.most + 1)
    if out_of_range == "wrap":
        part = np.fmod(whole, 2.0**target.bits)
        bits = np.abs(part).astype(np.uint64)
        return _wrapped(np.where(part < 0, np.uint64(0) - bits, bits), target)
    below, above = whole < low, whole >= high
    if out_of_range is None:
        _refuse(below | above, wide, f"is not from {target.least} to {target.most}")
        return whole.astype(target.work).astype(target.dtype)
    inside = np.where(below | above, 0.0, whole).astype(target.work)
    inside[below], inside[above] = target.least, target.most
    return inside.astype(target.dtype)


def _from_integers(array: Array, target: Floats, rounding: str) -> Array:
    """Return integers as float64: rounded as asked if that is the target, else to odd where they are inexact."""
    near = array.astype(np.float64)
    if array.dtype.itemsize < 8:
        return near
    top = 2.0 ** (64 if array.dtype.kind == "u" else 63)
    # The nearest float64 may be one past the last integer; everything else goes back exactly.
    over = near >= top
    back = np.where(over, 0.0, near).astype(array.dtype)
    above = over | (back > array)
    below = ~over & (back < array)
    toward_zero = np.where(above & (near > 0) | below & (near < 0), np.nextafter(near, 0.0), near)
    if target.precision < 53:
        odd = toward_zero.view(np.uint64) | (above | below).astype(np.uint64)
        return odd.view(np.float64)
    if rounding == "nearest-even":
        return near
    if rounding == "nearest-away":
        return _nearest_away(array, near, toward_zero)
    if rounding == "towards-zero":
        return toward_zero
    if rounding == "towards-positive":
        return np.where(below, np.nextafter(near, np.inf), near)
    return np.where(above, np.nextafter(near, -np.inf), near)


def _nearest_away(array: Array, near: Array, toward_zero: Array) -> Array:
    """Return the nearest float64, and of two the one further from zero."""
    outer = np.nextafter(toward_zero, np.where(near < 0, -np.inf, np.inf))
    unit = np.abs(outer - toward_zero)
    rest = np.abs((array - toward_zero.astype(array.dtype)).astype(np.float64))
    return np.where((near == toward_zero) & (rest * 2 == unit), outer, near)


def to_floats(wide: Array, target: Floats, rounding: str, out_of_range: OutOfRange | None) -> Array:
    """Return the 1-d float64 array `wide` as numbers of `target`. Raises Unrepresentable."""
    nan, inf = np.isnan(wide), np.isinf(wide)
    if not target.has_nan:
        _refuse(nan, wide, f"has no place in {target.dtype}")
    if not target.has_inf:
        _refuse(inf, wide, f"has no place in {target.dtype}")
    result = wide if target.precision == 53 else _on_grid(wide, target, ROUNDINGS[rounding])
    below, above = (result < target.least) & ~inf, (result > target.most) & ~inf
    if out_of_range is None:
        _refuse(below | above, wide, f"is not from {target.least:g} to {target.most:g}")
    elif below.any() or above.any():
        infinite = target.has_inf
        result = np.where(below, -np.inf if infinite else target.least, result)
        result = np.where(above, np.inf if infinite else target.most, result)
    with np.errstate(all="ignore"):
        return result.astype(target.dtype)


def _on_grid(wide: Array, target: Floats, rounded: Callable[[Array], Array]) -> Array:
    """Return the numbers rounded to the precision of `target`, as if its exponents had no upper end."""
    finite = np.where(np.isfinite(wide), wide, 0.0)
    _, exponent = np.frexp(finite)
    unit = np.maximum(exponent - 1, target.exponent) - (target.precision - 1)
    result = np.ldexp(rounded(np.ldexp(finite, -unit)), unit)
    # What rounds to nothing keeps its sign.
    return np.where(np.isfinite(wide), np.copysign(result, wide), wide)
