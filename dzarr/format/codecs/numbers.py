"""Which numbers a dtype holds: its width, its bounds, its precision.

Knows: integers of 2 to 64 bits, floats of 4 to 64 bits and their odd members. Must not know: codecs, or how one
type is turned into another (rounding.py). Sources: IEEE 754; the registered texts of the small types, whose dtypes
are those of the package ``ml_dtypes``.

    float16          11 bits of precision from 2**-14 on, -65504 to 65504, infinities, NaN, -0
    float4_e2m1fn     2 bits from 2**0 on, -6 to 6, none of the others but -0
    float8_e8m0fnu    powers of two from 2**-127 to 2**127, NaN, neither zero nor sign
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import TypeAlias

import numpy as np

from dzarr.format.fills import DType
from dzarr.format.small import small_of


@dataclass(frozen=True)
class Integers:
    """The integers from `least` to `most`, in `bits` bits; `work` is numpy's own type with room for them."""

    dtype: DType
    bits: int
    least: int
    most: int
    work: DType


@dataclass(frozen=True)
class Floats:
    """Floating-point numbers of `precision` bits, the leading one counted, from ``2**exponent`` on.

    Below that they lie as close as just above it. `least` and `most` are the outermost finite ones.
    """

    dtype: DType
    bits: int
    precision: int
    exponent: int
    least: float
    most: float
    has_inf: bool
    has_nan: bool


Numbers: TypeAlias = Integers | Floats


@lru_cache(maxsize=64)
def numbers(dtype: DType) -> Numbers | None:
    """Return what `dtype` holds in whatever byte order, None where that isn't real numbers.

    Examples
    --------
    >>> numbers(np.dtype("i2")).most, numbers(np.dtype("f2")).precision, numbers(np.dtype("M8[s]"))
    (32767, 11, None)
    """
    if small_of(dtype) is not None:
        return _small(dtype.newbyteorder("="))
    if dtype.kind in "iu":
        info = np.iinfo(dtype := dtype.newbyteorder("="))
        return Integers(dtype, info.bits, int(info.min), int(info.max), dtype)
    if dtype.kind == "f" and dtype.itemsize <= 8:
        dtype = dtype.newbyteorder("=")
        limits = np.finfo(dtype)
        least, most = float(limits.min), float(limits.max)
        return Floats(dtype, 8 * dtype.itemsize, limits.nmant + 1, int(limits.minexp), least, most, True, True)
    return None


def _small(dtype: DType) -> Numbers:
    library = import_module("ml_dtypes")  # it is there, as it made the dtype
    if dtype.name.startswith(("int", "uint")):
        whole = library.iinfo(dtype)
        work = np.dtype(np.int8 if whole.min < 0 else np.uint8)
        return Integers(dtype, int(whole.bits), int(whole.min), int(whole.max), work)
    limits = library.finfo(dtype)
    with np.errstate(all="ignore"):
        odd = np.array([np.inf, np.nan]).astype(dtype).astype(np.float64)
    return Floats(
        dtype=dtype,
        bits=int(limits.bits),
        precision=int(limits.nmant) + 1,
        exponent=int(limits.minexp),
        least=float(limits.min),
        most=float(limits.max),
        has_inf=bool(np.isinf(odd[0])),
        has_nan=bool(np.isnan(odd[1])),
    )
