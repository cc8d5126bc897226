"""Numbers of any type as numbers of any other, in all modes: what comes out is what exact fractions say."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from dzarr.format.codecs.numbers import Floats, Integers, Numbers, numbers
from dzarr.format.codecs.rounding import ROUNDINGS, Unrepresentable, convert

ml_dtypes = pytest.importorskip("ml_dtypes")

PLAIN = "int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
SMALL = """int2 int4 uint2 uint4 bfloat16 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fnuz float8_e5m2
    float8_e5m2fnuz float8_e8m0fnu float4_e2m1fn float6_e2m3fn float6_e3m2fn"""
DTYPES = [np.dtype(name) for name in PLAIN.split()] + [np.dtype(getattr(ml_dtypes, name)) for name in SMALL.split()]


def kind_of(dtype: Any) -> Numbers:
    found = numbers(dtype)
    assert found is not None
    return found


def samples(kind: Numbers) -> Any:
    random = np.random.default_rng(7)
    if isinstance(kind, Integers):
        near = [sign * (1 << k) + d for k in range(kind.bits) for d in (-1, 0, 1) for sign in (1, -1)]
        values = [kind.least, kind.most, *(n for n in near if kind.least <= n <= kind.most)]
        values += [random.integers(kind.least, kind.most, endpoint=True, dtype=kind.work) for _ in range(4)]
        return np.array(values, kind.work).astype(kind.dtype)
    if kind.dtype.itemsize == 1:
        return np.arange(0, 1 << kind.bits, 1 + (kind.bits == 8) * 2, dtype=np.uint8).view(kind.dtype)
    odd = [0.0, -0.0, np.inf, -np.inf, np.nan, 2.0**63, -(2.0**63), 2.0**64, 65504, 65519, 65520, 1e-45, 5e-324]
    drawn = np.concatenate([odd, np.arange(-9, 9) / 4, random.normal(size=12) * 10.0 ** random.integers(-9, 20, 12)])
    with np.errstate(all="ignore"):
        return drawn.astype(kind.dtype)


def whole(x: Fraction, rounding: str) -> int:
    low, rest = x.numerator // x.denominator, x - x.numerator // x.denominator
    match rounding:
        case _ if rest == 0:
            return low
        case "towards-negative":
            return low
        case "towards-positive":
            return low + 1
        case "towards-zero":
            return low + (x < 0)
        case _ if rest != Fraction(1, 2):
            return low + (rest > Fraction(1, 2))
        case "nearest-even":
            return low + (low & 1)
    return low + (x > 0)


def on_grid(x: Fraction, kind: Floats, rounding: str) -> Fraction:
    if x == 0:
        return x
    exponent = math.floor(math.log2(abs(x)))
    exponent += (Fraction(2) ** (exponent + 1) <= abs(x)) - (Fraction(2) ** exponent > abs(x))
    unit = Fraction(2) ** (max(exponent, kind.exponent) - kind.precision + 1)
    return whole(x / unit, rounding) * unit


def expected(value: Any, source: Numbers, target: Numbers, rounding: str, out_of_range: Any) -> Any:
    """The number as a fraction or an odd float, None where there is none."""
    if isinstance(source, Floats) and not math.isfinite(float(value)):
        has = isinstance(target, Floats) and (target.has_nan if math.isnan(float(value)) else target.has_inf)
        return float(value) if has else None
    x = Fraction(int(value)) if isinstance(source, Integers) else Fraction(float(value))
    rounded = whole(x, rounding) if isinstance(target, Integers) else on_grid(x, target, rounding)
    if Fraction(target.least) <= rounded <= Fraction(target.most):
        return Fraction(rounded)
    if out_of_range is None:
        return None
    if out_of_range == "wrap":
        size = 1 << target.bits
        return Fraction(rounded % size - size * (rounded % size > target.most))
    if isinstance(target, Floats) and target.has_inf:
        return math.copysign(math.inf, rounded)
    return Fraction(target.least if rounded < Fraction(target.least) else target.most)


def exact(number: Any, kind: Numbers) -> Any:
    if isinstance(kind, Integers):
        return Fraction(int(number))
    return Fraction(float(number)) if math.isfinite(float(number)) else float(number)


@pytest.mark.parametrize("target", DTYPES, ids=str)
def test_against_fractions(target: Any) -> None:
    into = kind_of(target)
    for dtype in DTYPES:
        source = kind_of(dtype)
        values = samples(source)
        for rounding in ROUNDINGS:
            for out_of_range in (None, "clamp", "wrap")[: 3 if isinstance(into, Integers) else 2]:
                wanted = [expected(value, source, into, rounding, out_of_range) for value in values]
                legal = np.array([want is not None for want in wanted])
                found = convert(values[legal], source, into, rounding, out_of_range)
                assert found.dtype == target
                for number, want in zip(found, (want for want in wanted if want is not None), strict=True):
                    got = exact(number, into)
                    assert got == want or (got != got and want != want), (dtype, rounding, out_of_range, number, want)
                if not legal.all():
                    with pytest.raises(Unrepresentable) as caught:
                        convert(values, source, into, rounding, out_of_range)
                    assert not legal[caught.value.index]


def test_the_first_value_that_has_no_place_is_named() -> None:
    values = np.array([[1.0, 300.0], [2.0, -1.0]])
    with pytest.raises(Unrepresentable, match=r"300\.0 at flat position 1 is not from 0 to 255"):
        convert(values, kind_of(values.dtype), kind_of(np.dtype("u1")), "nearest-even", None)


def test_zeros_keep_their_sign() -> None:
    values = np.array([-0.0, 0.0, -1e-300, 1e-300])
    for name in ("float16", "float32", "bfloat16", "float8_e5m2", "float4_e2m1fn"):
        dtype = np.dtype(getattr(ml_dtypes, name, name))
        found = convert(values, kind_of(values.dtype), kind_of(dtype), "nearest-even", None).astype(np.float64)
        assert np.signbit(found).tolist() == [True, False, True, False]


def test_any_shape_and_byte_order() -> None:
    for shape in ((), (2, 3), (0,)):
        values = np.full(shape, 3, ">i8")
        found = convert(values, kind_of(values.dtype), kind_of(np.dtype("f4")), "towards-zero", None)
        assert found.shape == shape
        assert (found == 3).all()
