"""Elements of variable length: the bytes of the layout, its errors, and that no length in it is believed."""

from __future__ import annotations

import struct
import tracemalloc
from typing import Any

import hypothesis.strategies as st
import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings

from dzarr.errors import CodecError, DzarrError, MetadataError
from dzarr.format.codecs.codec import CodecContext
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import build
from dzarr.format.codecs.vlen import split
from dzarr.format.metadata import Extension

TEXT = np.dtypes.StringDType()
OBJECT = np.dtype(object)
UTF8, BYTES = Extension("vlen-utf8"), Extension("vlen-bytes")
FILTERS = [Extension("bytes"), Extension("numcodecs.vlen-utf8")]
BEHIND = [
    [],
    [Extension("zstd", {"level": 1, "checksum": True})],
    [Extension("gzip", {"level": 1}), Extension("crc32c")],
    [Extension("blosc", {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0})],
]


def bind(chain: list[Extension], shape: tuple[int, ...], dtype: Any = TEXT, fill: Any = "", **context: Any) -> Pipeline:
    held = np.empty((), dtype)
    held[...] = fill
    return Pipeline.bind(chain, shape, dtype, held, CodecContext(**context))


def numbers(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def test_the_layout() -> None:
    pipeline = bind([UTF8], (2, 2))
    data = numbers(4) + numbers(1) + b"a" + numbers(0) + numbers(2) + "ß".encode() + numbers(4) + b"a\0b\0"
    values = pipeline.decode(data)
    assert values.dtype == TEXT
    assert values.tolist() == [["a", ""], ["ß", "a\0b\0"]]
    assert pipeline.encode(values) == data
    assert pipeline.encoded_size is None
    assert pipeline.variable
    assert not pipeline.raw


def test_arrays_as_elements() -> None:
    pipeline = bind([Extension("bytes"), Extension("numcodecs.vlen-array", {"dtype": "<i2"})], (3,), OBJECT, None)
    data = numbers(3, 4) + b"\1\0\2\0" + numbers(0, 2) + b"\xff\xff"
    values = pipeline.decode(data)
    assert [item.tolist() for item in values] == [[1, 2], [], [-1]]
    assert all(item.dtype == np.dtype("<i2") and item.flags.writeable for item in values)
    assert pipeline.encode(values) == data
    lists = np.empty(3, object)
    lists[:] = [[1, 2], (), np.array([-1], "i1")]
    assert pipeline.encode(lists) == data


@pytest.mark.parametrize("behind", BEHIND, ids=lambda chain: "-".join(codec.name for codec in chain))
@pytest.mark.parametrize("shape", [(), (1,), (5,), (3, 4), (2, 3, 2)], ids=str)
@pytest.mark.parametrize("axes", [False, True])
def test_round_trip(behind: list[Extension], shape: tuple[int, ...], axes: bool) -> None:
    n = int(np.prod(shape))
    transpose = [Extension("transpose", {"order": list(range(len(shape)))[::-1]})] if axes else []
    texts = np.array([("", "a", "ßé\0", "x" * 300)[k % 4] + str(k) for k in range(n)], object).reshape(shape)
    raws = np.array([item.encode() + b"\xff\0" for item in texts.reshape(-1)] or [b"z"], object).reshape(shape)
    for codec, dtype, values in ((UTF8, TEXT, texts), (UTF8, OBJECT, texts), (BYTES, OBJECT, raws)):
        pipeline = bind([*transpose, codec, *behind], shape, dtype, b"" if codec is BYTES else "")
        stored = values.transpose().astype(dtype) if axes else values.astype(dtype)
        data = pipeline.encode(stored)
        for buffer in (data, bytearray(data), memoryview(b"?" + bytes(data))[1:]):
            out = np.empty(pipeline.stored_shape, dtype)
            pipeline.decode_into(buffer, out)
            for found in (out, pipeline.decode(buffer)):
                assert found.dtype == dtype
                assert found.tolist() == stored.tolist()


@given(st.lists(st.text(max_size=20), max_size=30))
def test_the_same_bytes_as_numcodecs(texts: list[str]) -> None:
    pipeline = bind([UTF8], (len(texts),))
    data = pipeline.encode(np.array(texts, TEXT))
    assert bytes(data) == bytes(numcodecs.VLenUTF8().encode(np.array(texts, object)))
    assert pipeline.decode(data).tolist() == texts
    assert [item.decode() for item in split(bytes(data), len(texts), "vlen-utf8")] == texts


GOOD = numbers(2, 1) + b"a" + numbers(2) + b"bc"
BROKEN = {
    "nothing": (b"", "wrong number of elements"),
    "a part of the count": (b"\2\0", "wrong number of elements"),
    "fewer": (numbers(1, 1) + b"a", "wrong number of elements"),
    "more": (numbers(3, 1) + b"a" + numbers(0, 0), "wrong number of elements"),
    "too many to be true": (numbers(2**32 - 1) + GOOD[4:], "wrong number of elements"),
    "cut in an element": (GOOD[:-1], "lengths of the elements"),
    "cut in a length": (GOOD[:9] + b"\0\0\0", "lengths of the elements"),
    "bytes left over": (GOOD + b"\0", "lengths of the elements"),
    "a length too long": (numbers(2, 7) + GOOD[8:], "lengths of the elements"),
    "a length of 4 GiB": (numbers(2, 2**32 - 1) + GOOD[8:], "lengths of the elements"),
    "the last of 4 GiB": (GOOD[:9] + numbers(2**32 - 1) + b"bc", "lengths of the elements"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("codec", ["vlen-utf8", "vlen-bytes", "numcodecs.vlen-array"])
def test_broken_bytes(codec: str, name: str) -> None:
    data, message = BROKEN[name]
    chain = {
        "vlen-utf8": [UTF8],
        "vlen-bytes": [BYTES],
        "numcodecs.vlen-array": [Extension("bytes"), Extension("numcodecs.vlen-array", {"dtype": "|u1"})],
    }[codec]
    pipeline = bind(chain, (2,), TEXT if codec == "vlen-utf8" else OBJECT, "" if codec == "vlen-utf8" else b"")
    assert pipeline.decode(GOOD).shape == (2,)
    with pytest.raises(CodecError, match=message):
        pipeline.decode(data)
    with pytest.raises(CodecError, match=message):
        pipeline.decode_into(data, np.empty(2, pipeline.dtype))


def test_bytes_that_are_no_text() -> None:
    for raw in (b"\xff", b"\xc3", b"\xed\xa0\x80"):
        with pytest.raises(CodecError, match=r"vlen-utf8 can't decode these bytes: element 1: .*utf-8"):
            bind([UTF8], (2,)).decode(numbers(2, 1) + b"a" + numbers(len(raw)) + raw)


def test_arrays_of_half_elements() -> None:
    pipeline = bind([Extension("bytes"), Extension("numcodecs.vlen-array", {"dtype": "<i4"})], (1,), OBJECT, None)
    with pytest.raises(CodecError, match="element 0 has 3 bytes"):
        pipeline.decode(numbers(1, 3) + b"abc")


@settings(max_examples=300)
@given(st.data())
def test_any_bytes(data: st.DataObject) -> None:
    """Whatever the bytes, an answer of the right shape or a CodecError; and both ways of decoding agree."""
    start = data.draw(st.sampled_from([GOOD, numbers(2, 0, 0), numbers(2, 3) + "€".encode() + numbers(0)]))
    raw = bytearray(start)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(0, len(raw)))] if data.draw(st.booleans()) else raw
    try:
        slow: Any = [item.decode() for item in split(bytes(raw), 2, "x")] if raw[:4] == numbers(2) else None
    except (DzarrError, UnicodeDecodeError):
        slow = None
    try:
        assert bind([UTF8], (2,)).decode(bytes(raw)).tolist() == slow
    except CodecError:
        assert slow is None


def test_lies_cost_no_memory() -> None:
    pipelines = [bind([UTF8], (2,)), bind([BYTES], (2,), OBJECT, b"")]
    lies = [BROKEN[name][0] for name in ("too many to be true", "a length of 4 GiB", "the last of 4 GiB")]
    tracemalloc.start()
    for pipeline in pipelines:
        for data in lies:
            with pytest.raises(CodecError):
                pipeline.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_compressed_lie_is_bounded() -> None:
    pipeline = bind([UTF8, Extension("zstd", {"level": 1})], (2,), max_decoded_bytes=1 << 16)
    long = bind([UTF8, Extension("zstd", {"level": 1})], (2,)).encode(np.array(["x" * (1 << 17), ""], TEXT))
    with pytest.raises(CodecError, match="decoded length"):
        pipeline.decode(long)
    assert pipeline.longest == 1 << 16


@pytest.mark.parametrize(
    ("codec", "items", "index", "named"),
    [
        ("vlen-utf8", ["a", 5], r"\(0, 1\)", "int 5"),
        ("vlen-utf8", ["a", b"b"], r"\(0, 1\)", "bytes b'b'"),
        ("vlen-utf8", [None, "b"], r"\(0, 0\)", "NoneType None"),
        ("vlen-utf8", ["a", "\ud800"], r"\(0, 1\)", "ud800"),
        ("vlen-bytes", [b"a", "b"], r"\(0, 1\)", "str 'b'"),
        ("vlen-bytes", [b"a", 0], r"\(0, 1\)", "int 0"),
        ("numcodecs.vlen-array", [[1], [[2]]], r"\(0, 1\)", "list"),
        ("numcodecs.vlen-array", [[1], [2.5]], r"\(0, 1\)", "list"),
    ],
)
def test_what_is_no_element(codec: str, items: list[Any], index: str, named: str) -> None:
    config = {"dtype": "<i4"} if codec.endswith("array") else {}
    chain = [Extension("bytes"), Extension(codec, config)] if config else [Extension(codec)]
    pipeline = bind(chain, (1, 2), OBJECT, "" if codec == "vlen-utf8" else b"")
    chunk = np.empty((1, 2), object)
    for k, item in enumerate(items):
        chunk[0, k] = item
    with pytest.raises(CodecError, match=f"element at {index} of the chunk") as caught:
        pipeline.encode(chunk)
    assert named in str(caught.value)


def test_a_fill_value_that_is_none_is_stored_as_nothing() -> None:
    for fill in (None, 0):
        pipeline = bind([Extension("bytes"), Extension("numcodecs.vlen-bytes")], (2,), OBJECT, fill)
        assert pipeline.decode(pipeline.encode(np.array([fill, b"a"], object))).tolist() == [b"", b"a"]


def test_what_does_not_fit() -> None:
    for chain, dtype in (
        ([UTF8], np.dtype("U5")),
        ([UTF8], np.dtype("i4")),
        ([BYTES], TEXT),
        ([BYTES], np.dtype("S5")),
        ([Extension("bytes", {"endian": "little"}), UTF8], np.dtype("i4")),
    ):
        with pytest.raises(MetadataError):
            bind(chain, (2,), dtype, 0 if dtype.kind == "i" else "")
    for chain in ([Extension("bytes")], [Extension("bytes"), Extension("numcodecs.delta", {"dtype": "<i4"})]):
        with pytest.raises(DzarrError):
            bind(chain, (2,))
    for name, config in (("vlen-utf8", {"x": 1}), ("vlen-bytes", {"x": 1}), ("numcodecs.vlen-utf8", {"x": 1})):
        with pytest.raises(MetadataError, match="unknown member x"):
            build(Extension(name, config), CodecContext())
    for dtype in (None, "|O", "nonsense", 5, "|V0"):
        with pytest.raises(MetadataError, match="dtype"):
            build(Extension("numcodecs.vlen-array", {"dtype": dtype}), CodecContext())


def test_numbers_go_through_as_before() -> None:
    plain = Pipeline.bind([Extension("bytes", {"endian": "little"})], (2,), np.dtype("i4"), None, CodecContext())
    assert plain.raw
    assert plain.anew
    assert not plain.variable
    assert plain.longest is None
