"""The ``zfp`` codec against zfpy: the same streams in every mode, integers by their promotion, nothing read beyond."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, build
from dzarr.format.codecs.zfp import Expert
from dzarr.format.metadata import Extension

zfpy = pytest.importorskip("zfpy")

EXPERT = {"mode": "expert", "minbits": 1, "maxbits": 16658, "maxprec": 64, "minexp": -1074}
# What a document says, and what zfpy is called with for the same.
MODES: list[tuple[dict[str, Any], dict[str, float]]] = [
    ({"mode": "reversible"}, {}),
    ({"mode": "fixed_accuracy", "tolerance": 0.05}, {"tolerance": 0.05}),
    ({"mode": "fixed_accuracy", "tolerance": 0}, {"tolerance": 0.0}),
    ({"mode": "fixed_rate", "rate": 10.5}, {"rate": 10.5}),
    ({"mode": "fixed_precision", "precision": 19}, {"precision": 19}),
    ({**EXPERT, "maxprec": 19}, {"precision": 19}),
    ({**EXPERT, "minexp": -5}, {"tolerance": 2.0**-5}),
    ({**EXPERT, "minexp": -1075}, {}),
]
SHAPES = [(13,), (9, 6), (5, 3, 7), (2, 5, 3, 4)]


def pipeline_of(shape: tuple[int, ...], dtype: Any, **configuration: Any) -> Pipeline:
    return Pipeline.bind([Extension("zfp", configuration)], shape, np.dtype(dtype), None, CodecContext())


def field(shape: tuple[int, ...], dtype: Any = "f4") -> Any:
    values = np.cumsum(np.random.default_rng(2).normal(size=shape), axis=-1) * 20
    return values.astype(dtype)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("configuration", "keywords"), MODES, ids=str)
def test_the_streams_of_zfpy(configuration: Any, keywords: Any, shape: tuple[int, ...], dtype: str) -> None:
    values = field(shape, dtype)
    pipeline = pipeline_of(shape, dtype, **configuration)
    data = bytes(pipeline.encode(values))
    assert data == zfpy.compress_numpy(values, write_header=False, **keywords)
    expected = zfpy.decompress_numpy(zfpy.compress_numpy(values, write_header=True, **keywords))
    assert pipeline.decode(data).tobytes() == expected.tobytes()
    if not keywords:
        assert expected.tobytes() == values.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("keywords", [{}, {"tolerance": 0.25}, {"rate": 12}, {"precision": 15}], ids=str)
def test_expert_streams_by_the_header_that_zfp_would_have_written(keywords: Any, shape: tuple[int, ...]) -> None:
    values = field(shape)
    data = zfpy.compress_numpy(values, write_header=False, **keywords)
    bits = int(keywords.get("rate", 0) * 4 ** len(shape))
    exponent = -1075 if not keywords else -2 if "tolerance" in keywords else -1074
    expert = Expert(bits or 1, bits or 16658, int(keywords.get("precision", 64)), exponent)
    header, length = expert.header(zfpy.type_float, shape)
    stream = (int.from_bytes(data, "little") << length | header).to_bytes(len(data) + 64, "little")
    # zfpy itself can say what the header means, and decode what follows it.
    told = zfpy.header(stream)
    assert [told[axis] for axis in ("nx", "ny", "nz", "nw")][: len(shape)] == list(shape[::-1])
    found = zfpy.decompress_numpy(stream + bytes(1000))
    assert found.tobytes() == pipeline_of(shape, "f4", **mode_of(keywords)).decode(data).tobytes()


def mode_of(keywords: dict[str, float]) -> dict[str, Any]:
    names = {"tolerance": "fixed_accuracy", "rate": "fixed_rate", "precision": "fixed_precision"}
    return {"mode": names[next(iter(keywords))], **keywords} if keywords else {"mode": "reversible"}


def test_an_expert_mode_of_its_own_is_read_and_not_written() -> None:
    values = field((9, 6))
    pipeline = pipeline_of((9, 6), "f4", **{**EXPERT, "maxprec": 20, "minexp": -30})
    with pytest.raises(UnsupportedError, match="read and not written"):
        pipeline.encode(values)
    # With an exponent that cuts nothing off, the precision alone decides.
    data = zfpy.compress_numpy(values, write_header=False, precision=20)
    assert np.abs(pipeline.decode(data) - values).max() < 1e-3


SMALL = [getattr(pytest.importorskip("ml_dtypes"), name) for name in ("int4", "uint4", "int2", "bfloat16")]


@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "u4", "u8", "f2", "M8[s]", "m8[ns]", *SMALL], ids=str)
def test_promoted_types_come_back(dtype: Any) -> None:
    dtype = np.dtype(dtype)
    whole = np.arange(60, dtype="i8") % 7 - (3 if dtype.kind in "if" else 0)
    values = (whole if dtype.itemsize > 1 or dtype.kind in "iu" else whole % 2).astype(dtype).reshape(5, 12)
    pipeline = pipeline_of((5, 12), dtype, mode="reversible")
    assert pipeline.decode(pipeline.encode(values)).tobytes() == values.tobytes()


@pytest.mark.parametrize(("dtype", "bits", "middle"), [("i1", 8, 0), ("u1", 8, 128), ("i2", 16, 0), ("u2", 16, 32768)])
def test_short_integers_are_promoted_as_zfp_promotes_them(dtype: str, bits: int, middle: int) -> None:
    values = np.linspace(np.iinfo(dtype).min, np.iinfo(dtype).max, 64).astype(dtype).reshape(8, 8)
    promoted = (values.astype("i4") - middle) << (31 - bits)
    data = bytes(pipeline_of((8, 8), dtype, mode="fixed_precision", precision=20).encode(values))
    assert data == zfpy.compress_numpy(promoted.astype("i4"), write_header=False, precision=20)


def test_large_unsigned_numbers_have_no_place() -> None:
    pipeline = pipeline_of((2,), "u4", mode="reversible")
    with pytest.raises(CodecError, match="2147483648"):
        pipeline.encode(np.array([1, 2**31], "u4"))


def test_what_numcodecs_writes_has_a_header_more() -> None:
    values = field((9, 6))
    theirs = numcodecs.get_codec({"id": "zfpy", "mode": zfpy.mode_fixed_rate, "rate": 16}).encode(values)
    chain = [Extension("numcodecs.zfpy", {"mode": zfpy.mode_fixed_rate, "rate": 16})]
    headed = Pipeline.bind(chain, (9, 6), values.dtype, None, CodecContext())
    plain = pipeline_of((9, 6), "f4", mode="fixed_rate", rate=16)
    assert bytes(headed.encode(values)) == theirs
    assert headed.decode(theirs).tobytes() == plain.decode(plain.encode(values)).tobytes()


def test_zero_and_five_dimensions() -> None:
    point = np.array(3.25, "f4")
    pipeline = pipeline_of((), "f4", mode="reversible")
    assert pipeline.decode(pipeline.encode(point)) == point
    with pytest.raises(UnsupportedError, match="squeeze or reshape"):
        pipeline_of((2, 1, 2, 2, 2), "f4", mode="reversible")
    chain = [Extension("squeeze"), Extension("zfp", {"mode": "reversible"})]
    five = Pipeline.bind(chain, (2, 1, 2, 2, 2), np.dtype("f4"), None, CodecContext())
    values = field((2, 1, 2, 2, 2))
    assert five.decode(five.encode(values)).tobytes() == values.tobytes()


@pytest.mark.parametrize(
    ("configuration", "word"),
    [
        ({}, "mode is missing"),
        ({"mode": "lossless"}, "mode"),
        ({"mode": "fixed_rate"}, "rate is missing"),
        ({"mode": "fixed_rate", "rate": -1}, "rate"),
        ({"mode": "fixed_rate", "rate": 10**400}, "rate"),
        ({"mode": "fixed_rate", "rate": 0.1}, "rate is wrong for 2 dimensions"),
        ({"mode": "fixed_rate", "rate": 1e9}, "rate is wrong for 2 dimensions"),
        ({"mode": "fixed_accuracy", "tolerance": float("nan")}, "tolerance"),
        ({"mode": "fixed_precision", "precision": 1.5}, "precision"),
        ({"mode": "reversible", "rate": 8}, "rate"),
        ({**EXPERT, "minbits": 20000}, "minbits"),
        ({**EXPERT, "maxprec": 0}, "maxprec"),
    ],
)
def test_wrong_configuration(configuration: dict[str, Any], word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        pipeline_of((8, 8), "f4", **configuration)


def test_rates_that_make_zfp_write_past_its_buffer() -> None:
    for rate in (0, 0.01, 1e6):
        with pytest.raises(MetadataError, match="rate"):
            Pipeline.bind(
                [Extension("numcodecs.zfpy", {"mode": zfpy.mode_fixed_rate, "rate": rate})],
                (8, 8), np.dtype("f8"), None, CodecContext(),
            )  # fmt: skip


@pytest.mark.parametrize("dtype", ["c8", "S4", "?"])
def test_types_without_numbers(dtype: str) -> None:
    with pytest.raises(UnsupportedError, match="zfp"):
        pipeline_of((8,), dtype, mode="reversible")


def test_nothing_is_read_past_the_end() -> None:
    values = field((30, 40))
    pipeline = pipeline_of(values.shape, "f4", mode="fixed_rate", rate=16)
    data = bytes(pipeline.encode(values))
    # What is cut off reads as zeros: two reads agree, whatever lies behind in memory.
    for cut in (0, 1, len(data) // 2):
        first, second = pipeline.decode(data[:cut]), pipeline.decode(data[:cut] + b"")
        assert first.tobytes() == second.tobytes()
    wide = pipeline_of(values.shape, "f4", mode="fixed_rate", rate=2000)
    with pytest.raises(CodecError, match="too few"):
        wide.decode(data)


def test_names_of_before_it_was_registered() -> None:
    for name in ("zarrs.zfp", "https://codec.zarrs.dev/array_to_bytes/zfp"):
        assert build(Extension(name, {"mode": "reversible"}), CodecContext()).name == "zfp"
