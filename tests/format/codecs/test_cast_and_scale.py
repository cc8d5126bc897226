"""``cast_value`` and ``scale_offset`` as documents have them: the registered texts' examples, fill values, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dzarr.errors import CodecError, DzarrError, MetadataError, UnsupportedError
from dzarr.format.codecs.codec import ChunkSpec
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, build, extension
from dzarr.format.metadata import Extension

LITTLE = Extension("bytes", {"endian": "little"})


def cast(**configuration: Any) -> dict[str, Any]:
    return {"name": "cast_value", "configuration": configuration}


def scale(**configuration: Any) -> dict[str, Any]:
    return {"name": "scale_offset", "configuration": configuration}


def pipeline_of(dtype: Any, count: int, *codecs: Any, fill: Any = None) -> Pipeline:
    dtype = np.dtype(dtype)
    fill = None if fill is None else np.asarray(fill, dtype)
    return Pipeline.bind([*map(extension, codecs), LITTLE], (count,), dtype, fill, CodecContext())


def stored(values: Any, into: str, *codecs: Any) -> Any:
    """Encode, and look at what the bytes codec was given."""
    return np.frombuffer(bytes(pipeline_of(values.dtype, values.size, *codecs).encode(values)), into)


def test_the_texts_own_overflow_example() -> None:
    values = np.array([128.0])
    assert stored(values, "i1", cast(data_type="int8", out_of_range="clamp")).tolist() == [127]
    assert stored(values, "i1", cast(data_type="int8", out_of_range="wrap")).tolist() == [-128]
    with pytest.raises(CodecError, match=r"128.0 at flat position 0.*fix"):
        stored(values, "i1", cast(data_type="int8"))
    wrapped = stored(np.array([32768, 32769, -32769]), "<i2", cast(data_type="int16", out_of_range="wrap"))
    assert wrapped.tolist() == [-32768, -32767, 32767]


def test_like_numpy() -> None:
    codec = cast(
        data_type="uint8",
        rounding="towards-zero",
        out_of_range="wrap",
        scalar_map={"encode": [["NaN", 0], ["+Infinity", 0], ["-Infinity", 0]]},
    )
    values = np.array([np.nan, np.inf, -np.inf, 255.9, 256.0, -1.5, 1e9])
    with np.errstate(invalid="ignore"):
        numpy_says = np.where(np.isfinite(values), values, 0).astype(np.int64).astype(np.uint8)
    assert stored(values, "u1", codec).tolist() == numpy_says.tolist()


def test_float64_in_bytes_with_nan() -> None:
    codecs = [
        scale(offset=-10, scale=0.1),
        cast(data_type="uint8", rounding="nearest-even", scalar_map={"encode": [["NaN", 0]], "decode": [[0, "NaN"]]}),
    ]
    pipeline = pipeline_of("f8", 4, *codecs, fill=np.nan)
    values = np.array([0.0, 2540.0, np.nan, 96.0])
    data = bytes(pipeline.encode(values))
    assert list(data) == [1, 255, 0, 11]
    assert np.allclose(pipeline.decode(data), [0, 2540, np.nan, 100], equal_nan=True)


def test_uint16_range_reduction() -> None:
    values = np.array([1000, 1255, 1001], "u2")
    pipeline = pipeline_of("u2", 3, scale(offset=1000), cast(data_type="uint8"), fill=1000)
    assert list(bytes(pipeline.encode(values))) == [0, 255, 1]
    assert pipeline.decode(b"\0\xff\1").tolist() == values.tolist()
    with pytest.raises(CodecError, match="999"):
        pipeline.encode(np.array([1000, 999, 1001], "u2"))


def test_the_first_of_several_mappings_counts() -> None:
    codec = cast(data_type="int16", scalar_map={"encode": [[5, 1], [5, 2], [0, -1]]})
    assert stored(np.array([5.0, -0.0, 7.0]), "<i2", codec).tolist() == [1, -1, 7]


@pytest.mark.parametrize("dtype", ["bfloat16", "int4", "uint2", "float8_e4m3", "float4_e2m1fn"])
def test_small_types(dtype: str) -> None:
    small = np.dtype(getattr(pytest.importorskip("ml_dtypes"), dtype))
    values = np.array([0, 1, -1, 1]) if dtype != "uint2" else np.array([0, 1, 2, 3])
    pipeline = pipeline_of("f4", 4, cast(data_type=dtype), fill=0)
    data = pipeline.encode(values.astype("f4"))
    assert bytes(data) == values.astype(small).tobytes()
    assert pipeline.decode(data).tolist() == values.tolist()
    back = Pipeline.bind([extension(cast(data_type="float64")), LITTLE], (4,), small, None, CodecContext())
    assert back.decode(back.encode(values.astype(small))).tobytes() == values.astype(small).tobytes()


@pytest.mark.parametrize(
    ("dtype", "codec", "error", "word"),
    [
        ("f4", cast(), MetadataError, "data_type is missing"),
        ("f4", cast(data_type="float1"), DzarrError, "float1"),
        ("f4", cast(data_type="uint8", rounding="up"), MetadataError, "rounding"),
        ("f4", cast(data_type="uint8", out_of_range="error"), MetadataError, "out_of_range"),
        ("f4", cast(data_type="float16", out_of_range="wrap"), MetadataError, "out_of_range"),
        ("f4", cast(data_type="uint8", scalar_map={"code": []}), MetadataError, "code"),
        ("f4", cast(data_type="uint8", scalar_map={"encode": [[1]]}), MetadataError, "pairs"),
        ("f4", cast(data_type="uint8", scalar_map={"encode": [[1, 256]]}), MetadataError, "256"),
        ("i4", cast(data_type="uint8", scalar_map={"encode": [["NaN", 0]]}), MetadataError, "NaN"),
        ("f4", cast(data_type="uint8", level=1), MetadataError, "level"),
        ("f4", cast(data_type="complex64"), UnsupportedError, "complex64"),
        ("M8[s]", cast(data_type="int64"), UnsupportedError, "datetime64"),
        ("U3", cast(data_type="int64"), UnsupportedError, "real numbers"),
        ("u1", scale(offset="x"), MetadataError, "offset"),
        ("u1", scale(offset=256), MetadataError, "offset"),
        ("u1", scale(scale=0.5), MetadataError, "scale"),
        ("u1", scale(scale=0), MetadataError, "scale"),
        ("f4", scale(scale=0.0), MetadataError, "scale"),
        ("f4", scale(scale="NaN"), MetadataError, "scale is wrong"),
        ("f4", scale(offset="Infinity"), MetadataError, "offset is wrong"),
        ("f4", scale(factor=1), MetadataError, "factor"),
        ("c8", scale(), UnsupportedError, "complex64"),
    ],
)
def test_refused(dtype: str, codec: dict[str, Any], error: type[Exception], word: str) -> None:
    with pytest.raises(error, match=word):
        pipeline_of(dtype, 3, codec)


@pytest.mark.parametrize(
    ("dtype", "fill", "codec", "word"),
    [
        ("f8", np.nan, cast(data_type="uint8"), "can't be cast"),
        ("f8", 300, cast(data_type="uint8"), "can't be cast"),
        ("f8", 0.5, cast(data_type="uint8"), "doesn't survive"),
        ("f8", 300, cast(data_type="uint8", out_of_range="clamp"), "doesn't survive"),
        ("u1", 3, scale(offset=4), "fill value"),
    ],
)
def test_a_fill_value_that_is_lost(dtype: str, fill: Any, codec: dict[str, Any], word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        pipeline_of(dtype, 3, codec, fill=fill)


def test_fill_values_go_through_the_chain() -> None:
    spec = ChunkSpec((2,), np.dtype("f4"), np.float32(30))
    for codec in (scale(offset=10, scale=0.5), cast(data_type="uint8")):
        made = build(extension(codec), CodecContext()).bound(spec)  # type: ignore[arg-type]
        spec = made.resolve(spec)  # type: ignore[union-attr]
    assert (spec.dtype, spec.fill) == (np.dtype("u1"), np.uint8(10))


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
@pytest.mark.parametrize(("offset", "factor"), [(0, 1), (3, 2), (100, 7), (-5, -3), (0, -1), (127, 1), (-128, 1)])
def test_integer_arithmetic_is_exact_or_refused(dtype: str, offset: int, factor: int) -> None:
    info = np.iinfo(dtype)
    if info.min == 0 and (offset < 0 or factor < 0):
        return
    pipeline = pipeline_of(dtype, 1, scale(offset=offset, scale=factor))
    numbers = {info.min, info.max, 0, 1, 5, info.max // 2, info.min // 2, info.max // factor, info.min // factor}
    numbers |= {n + d for n in numbers for d in (-1, 1, offset)}
    for number in sorted(n for n in numbers if info.min <= n <= info.max):
        values = np.array([number], dtype)
        less, product = number - offset, (number - offset) * factor
        if all(info.min <= n <= info.max for n in (less, product)):
            assert np.frombuffer(bytes(pipeline.encode(values)), dtype)[0] == product
            assert pipeline.decode(np.array([product], dtype).tobytes())[0] == number
        else:
            with pytest.raises(CodecError, match="leaves the type"):
                pipeline.encode(values)
        part, rest = divmod(number, factor)
        if rest or not all(info.min <= n <= info.max for n in (part, part + offset)):
            with pytest.raises(CodecError, match="scale_offset"):
                pipeline.decode(values.tobytes())
        else:
            assert pipeline.decode(values.tobytes())[0] == part + offset


def test_float_arithmetic() -> None:
    values = np.array([0.1, -3.7, 1e30, np.nan, np.inf], "f4")
    pipeline = pipeline_of("f4", 5, scale(offset=5, scale=0.1))
    with np.errstate(all="ignore"):
        expected = (values - np.float32(5)) * np.float32(0.1)
        back = expected / np.float32(0.1) + np.float32(5)
    data = bytes(pipeline.encode(values))
    assert data == expected.tobytes()
    assert pipeline.decode(data).tobytes() == back.tobytes()
    for value, factor in ((3e38, 10), (65504.0, 2)):
        dtype = "f4" if value > 1e5 else "f2"
        with pytest.raises(CodecError, match="scale_offset"):
            pipeline_of(dtype, 1, scale(scale=factor)).encode(np.array([value], dtype))


def test_small_float_arithmetic() -> None:
    small = np.dtype(pytest.importorskip("ml_dtypes").bfloat16)
    values = np.array([1, 2.5, -7], small)
    pipeline = pipeline_of(small, 3, scale(offset=1, scale=2))
    assert bytes(pipeline.encode(values)) == ((values - small.type(1)) * small.type(2)).tobytes()
    assert pipeline.decode(pipeline.encode(values)).tobytes() == values.tobytes()


def test_short_hand_and_big_endian() -> None:
    pipeline = Pipeline.bind(
        [extension("scale_offset"), extension(cast(data_type="int32")), Extension("bytes", {"endian": "big"})],
        (2,), np.dtype("f8"), None, CodecContext(),
    )  # fmt: skip
    assert bytes(pipeline.encode(np.array([1.0, -2.0]))).hex() == "00000001fffffffe"
    assert pipeline.decode(bytes.fromhex("00000001fffffffe")).tolist() == [1, -2]
