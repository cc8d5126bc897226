"""The ``packbits`` codec, bit by bit: what is stored is what the registered text spells out, for every data type."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.packbits import SLAB
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

ml_dtypes = pytest.importorskip("ml_dtypes")

SMALL = {name: np.dtype(getattr(ml_dtypes, name)) for name in ("int2", "uint2", "int4", "uint4", "bfloat16")}
SMALL |= {name: np.dtype(getattr(ml_dtypes, name)) for name in ("float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn")}
PAIR = np.dtype([("real", SMALL["float6_e2m3fn"]), ("imag", SMALL["float6_e2m3fn"])])
# dtype, bits of a component, components
BITS: list[tuple[Any, int, int]] = [
    ("?", 1, 1), (SMALL["int2"], 2, 1), (SMALL["uint2"], 2, 1), (SMALL["int4"], 4, 1), (SMALL["uint4"], 4, 1),
    (SMALL["float4_e2m1fn"], 4, 1), (SMALL["float6_e2m3fn"], 6, 1), (SMALL["float6_e3m2fn"], 6, 1), (PAIR, 6, 2),
    *((f"{kind}{size}", 8 * size, 1) for kind in "iu" for size in (1, 2, 4, 8)), ("f4", 32, 1), ("f8", 64, 1),
    (SMALL["bfloat16"], 16, 1), ("c8", 32, 2), ("c16", 64, 2), (">i2", 16, 1), (">f8", 64, 1),
]  # fmt: skip
PADDINGS = ("none", "first_byte", "last_byte")


def pipeline_of(shape: tuple[int, ...], dtype: Any, **configuration: Any) -> Pipeline:
    return Pipeline.bind([Extension("packbits", configuration)], shape, np.dtype(dtype), None, CodecContext())


def sample(dtype: Any, bits: int, parts: int, count: int) -> Any:
    size = np.dtype(dtype).itemsize // parts
    random = np.random.default_rng(3)
    numbers = random.integers(0, 1 << bits, count * parts, dtype=np.uint64, endpoint=False) if bits < 64 else None
    numbers = random.integers(0, 1 << 63, count * parts, dtype=np.uint64) * 2 + 1 if numbers is None else numbers
    little = numbers.astype(f"<u{size}").view(np.uint8)
    if np.dtype(dtype).str[0] == ">":
        little = little.reshape(-1, size)[:, ::-1].copy().reshape(-1)
    return little.view(dtype)


def components(values: Any, parts: int) -> list[int]:
    size = values.dtype.itemsize // parts
    raw = values.tobytes()
    order = "big" if values.dtype.str[0] == ">" else "little"
    return [int.from_bytes(raw[k : k + size], order) for k in range(0, len(raw), size)]


def packed(values: Any, bits: int, parts: int, first: int, last: int, padding: str) -> bytes:
    """The text of the specification, with integers of any length."""
    width = last - first + 1
    sequence = sum(
        (number >> first & (1 << width) - 1) << k * width for k, number in enumerate(components(values, parts))
    )
    length = len(values) * parts * width
    data = sequence.to_bytes(-(-length // 8), "little")
    told = bytes([-length % 8])
    return {"none": data, "first_byte": told + data, "last_byte": data + told}[padding]


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize(("dtype", "bits", "parts"), BITS, ids=str)
def test_every_type(dtype: Any, bits: int, parts: int, padding: str) -> None:
    for count in (1, 7, 8, 29):
        values = sample(dtype, bits, parts, count)
        pipeline = pipeline_of((count,), dtype, padding_encoding=padding)
        data = bytes(pipeline.encode(values))
        assert data == packed(values, bits, parts, 0, bits - 1, padding)
        assert pipeline.encoded_size == len(data)
        out = np.empty(count, dtype)
        pipeline.decode_into(data, out)
        assert out.tobytes() == pipeline.decode(data).tobytes() == values.tobytes()


@pytest.mark.parametrize(("first", "last"), [(0, 3), (2, 11), (4, 15), (15, 15), (3, None), (None, 9)])
@pytest.mark.parametrize("dtype", ["<i2", "<u2"])
def test_some_of_the_bits(dtype: str, first: int | None, last: int | None) -> None:
    low, high = first or 0, 15 if last is None else last
    values = (sample("<i2", 16, 1, 50) >> 2).astype(dtype)
    pipeline = pipeline_of((50,), dtype, first_bit=first, last_bit=last)
    data = bytes(pipeline.encode(values))
    assert data == packed(values, 16, 1, low, high, "none")
    width = high - low + 1
    kept = [number >> low & (1 << width) - 1 for number in components(values, 1)]
    if dtype == "<i2":
        kept = [number - (number >> width - 1 << width) for number in kept]
    assert pipeline.decode(data).tolist() == [number << low for number in kept]


def test_more_than_one_slab() -> None:
    values = sample(SMALL["uint4"], 4, 1, SLAB + 13)
    pipeline = pipeline_of(values.shape, values.dtype)
    data = bytes(pipeline.encode(values))
    assert data == packed(values, 4, 1, 0, 3, "none")
    assert pipeline.decode(data).tobytes() == values.tobytes()


def test_booleans_are_booleans() -> None:
    pipeline = pipeline_of((2, 2), "?", padding_encoding="start_byte")
    assert bytes(pipeline.encode(np.array([[True, False], [True, True]]))) == b"\4\r"
    found = pipeline.decode(b"\4\xfd")
    assert found.dtype == bool
    assert found.view("u1").tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("values", "configuration", "expected"),
    [
        (np.arange(11) % 3 == 0, {"padding_encoding": "first_byte"}, "054902"),
        (np.arange(-5, 6, dtype="i2") * 4, {"first_bit": 2, "last_bit": 6, "padding_encoding": "last_byte"},
         "9b77ff4110831401"),
        (np.arange(1, 6, dtype="u4") * 1000, {"last_bit": 12}, "e803fae02ed0873801"),
        ((np.arange(1, 4) * (1 + 2j)).astype("c8"), {"first_bit": 20}, "f8034000844004c440"),
    ],
    ids=str,
)  # fmt: skip
def test_bytes_that_zarrs_wrote(values: Any, configuration: dict[str, Any], expected: str) -> None:
    pipeline = pipeline_of(values.shape, values.dtype, **configuration)
    assert bytes(pipeline.encode(values)).hex() == expected
    assert pipeline.decode(bytes.fromhex(expected)).tobytes() == values.tobytes()


@pytest.mark.parametrize("padding", ["first_byte", "last_byte"])
def test_a_padding_byte_that_zarrs_forgets(padding: str) -> None:
    values = np.arange(5, dtype="u2")
    assert pipeline_of((5,), "u2", padding_encoding=padding).decode(values.tobytes()).tolist() == values.tolist()
    with pytest.raises(CodecError, match="packbits"):
        pipeline_of((5,), "u2", padding_encoding=padding, first_bit=8).decode(bytes(5))


@pytest.mark.parametrize("data", [b"", b"\4", b"\4\1\1", b"\3\1", b"\xff\1"])
def test_wrong_bytes(data: bytes) -> None:
    pipeline = pipeline_of((4,), "?", padding_encoding="first_byte")
    with pytest.raises(CodecError, match="packbits"):
        pipeline.decode(data)


@pytest.mark.parametrize(
    ("dtype", "configuration", "word"),
    [
        ("u1", {"first_bit": 5, "last_bit": 3}, "last_bit"),
        ("u1", {"last_bit": 8}, "last_bit < 8"),
        ("?", {"first_bit": 1}, "last_bit < 1"),
        ("u1", {"first_bit": -1}, "first_bit"),
        ("u1", {"first_bit": True}, "first_bit"),
        ("u1", {"padding_encoding": "middle"}, "padding_encoding"),
        ("u1", {"bits": 3}, "bits"),
    ],
)
def test_wrong_configuration(dtype: str, configuration: dict[str, Any], word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        pipeline_of((4,), dtype, **configuration)


@pytest.mark.parametrize("dtype", ["S3", "U2", "V4", "i4,f4"])
def test_what_has_no_bits(dtype: str) -> None:
    with pytest.raises(UnsupportedError, match="packbits"):
        pipeline_of((4,), dtype)
