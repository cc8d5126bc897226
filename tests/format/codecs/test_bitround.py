"""The ``bitround`` codec: floats as numcodecs rounds them, integers as their digits say, decoding changes nothing."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.errors import MetadataError, UnsupportedError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

LITTLE = Extension("bytes", {"endian": "little"})


def pipeline_of(dtype: Any, keepbits: int, name: str = "bitround", count: int = 1) -> Pipeline:
    chain = [Extension(name, {"keepbits": keepbits}), LITTLE]
    return Pipeline.bind(chain, (count,), np.dtype(dtype), None, CodecContext())


def rounded(values: Any, keepbits: int, name: str = "bitround") -> Any:
    pipeline = pipeline_of(values.dtype, keepbits, name, values.size)
    data = pipeline.encode(values)
    return pipeline.decode(data)


@pytest.mark.parametrize("name", ["bitround", "numcodecs.bitround"])
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_floats_as_numcodecs_rounds_them(dtype: str, name: str) -> None:
    size = np.dtype(dtype).itemsize
    bits = np.random.default_rng(1).integers(0, 1 << 8 * size - 1, 500, dtype=np.uint64, endpoint=True)
    values = bits.astype(f"u{size}").view(dtype)
    values = np.concatenate([values[np.isfinite(values)], [0, -0.0, np.inf, -np.inf]]).astype(dtype)
    for keepbits in (0, 1, 3, np.finfo(dtype).nmant - 1, np.finfo(dtype).nmant):
        theirs = numcodecs.BitRound(keepbits).encode(values)
        assert rounded(values, keepbits, name).tobytes() == theirs.tobytes()


def test_nan_stays_nan() -> None:
    values = np.array([0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000], "u4").view("f4")
    assert rounded(values, 3).tobytes() == values.tobytes()


def test_complex_numbers_by_their_parts() -> None:
    values = np.array([1.23456789 - 8.3587192834j, 98765.43210 + 0j], "c8")
    assert rounded(values, 3).tolist() == [1.25 - 8j, 98304 + 0j]


def test_bfloat16() -> None:
    dtype = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    values = np.array([1.234, -8.36, 98765], dtype)
    assert rounded(values, 3).astype("f4").tolist() == [1.25, -8.0, 98304]


def test_the_registered_samples() -> None:
    # Chunks of the sample arrays beside the registered text: they are rounded already, so nothing changes.
    floats = np.array([0, 0.1015625, 1.25, 12, 120, 1280, np.nan, np.inf, -np.inf], "<f4")
    assert floats.tobytes().hex() == "000000000000d03d0000a03f000040410000f0420000a0440000c07f0000807f000080ff"
    whole = np.array([0, 1, 10, 12, 96, 128, 192, 192, 224, 224], "u1")
    for values in (floats, whole):
        assert rounded(values, 3).tobytes() == values.tobytes()


def expected(number: int, keepbits: int, dtype: Any) -> int:
    """Round to `keepbits` digits from the highest one, ties to even, not past the ends of the type."""
    size = abs(number)
    drop = max(size.bit_length() - keepbits, 0)
    low = size >> drop << drop
    rest, half = size - low, (1 << drop) // 2
    up = rest > half or (rest == half and drop > 0 and low >> drop & 1)
    high = low + (1 << drop)
    sign = -1 if number < 0 else 1
    info = np.iinfo(dtype)
    return sign * (high if up and info.min <= sign * high <= info.max else low)


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "M8[ns]", "m8[s]", ">i4"])
def test_integers(dtype: str) -> None:
    plain = "i8" if dtype[0] in "mM" else dtype
    info = np.iinfo(np.dtype(plain))
    near = [sign * (1 << k) + d for k in range(info.bits) for d in (-2, -1, 0, 1, 3) for sign in (1, -1)]
    numbers = [info.min, info.max, *range(-20, 100), *near]
    numbers = [n for n in numbers if info.min <= n <= info.max]
    values = np.array(numbers, plain).view(dtype)
    for keepbits in (1, 2, 3, 7, 64):
        found = rounded(values, keepbits).view(plain).tolist()
        assert found == [expected(n, keepbits, plain) for n in numbers]


def test_what_the_registered_text_counts() -> None:
    values = np.array([0, 1024, 1280, 1664, 1685, 123145182, 4294967295], "u4")
    assert rounded(values, 3).tolist() == [0, 1024, 1280, 1536, 1792, 117440512, 3758096384]


def test_errors() -> None:
    with pytest.raises(MetadataError, match=r"keepbits.*at most 23"):
        pipeline_of("f4", 24)
    with pytest.raises(UnsupportedError, match="numbers only"):
        pipeline_of("S4", 3)
