"""Chains of codecs: what goes in comes out, whatever the dtype, shape, order and strides."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import hypothesis.strategies as st
import numcodecs.blosc
import numpy as np
import pytest
from hypothesis import given

from dzarr.errors import CodecError
from dzarr.format.codecs import registry
from dzarr.format.codecs.codec import BytesBytes, Data, flat
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

LITTLE, BIG = Extension("bytes", {"endian": "little"}), Extension("bytes", {"endian": "big"})
BLOSC = Extension("blosc", {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "typesize": 2, "blocksize": 0})
ZSTD, GZIP, CRC = Extension("zstd", {"level": 1}), Extension("gzip", {"level": 1}), Extension("crc32c")
CHAINS = [
    [LITTLE],
    [BIG],
    [LITTLE, CRC],
    [LITTLE, BLOSC],
    [BIG, BLOSC],
    [LITTLE, ZSTD],
    [BIG, ZSTD, CRC],
    [LITTLE, GZIP],
    [LITTLE, BLOSC, CRC],
    [LITTLE, ZSTD, GZIP, CRC],
    [LITTLE, CRC, ZSTD],
    [LITTLE, Extension("numcodecs.lz4")],
    [LITTLE, Extension("numcodecs.shuffle", {}), Extension("numcodecs.zlib")],
    [LITTLE, Extension("numcodecs.blosc", {"shuffle": -1})],
    [BIG, Extension("numcodecs.fletcher32"), Extension("numcodecs.bz2")],
]
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "m8[D]"]
DTYPES += ["S5", "U3", "V7", "i4,f8", "i2,M8[s],S3", ">i4,<f8"]
SHAPES: list[tuple[int, ...]] = [(), (1,), (5,), (3, 4), (2, 3, 5), (1, 1, 1, 1)]


def bind(chain: list[Extension], shape: tuple[int, ...], dtype: Any, **context: Any) -> Pipeline:
    return Pipeline.bind(chain, shape, np.dtype(dtype), None, CodecContext(**context))


def values(shape: tuple[int, ...], dtype: Any, seed: int = 3) -> np.ndarray[Any, Any]:
    dtype = np.dtype(dtype)
    n = int(np.prod(shape))
    if dtype.kind == "U":
        return np.array(["ab", "", "ß€x"] * n, dtype)[:n].reshape(shape)
    random = np.random.default_rng(seed).integers(0, 2 if dtype.kind == "b" else 256, n * dtype.itemsize)
    return np.frombuffer(random.astype("u1").tobytes(), dtype).reshape(shape).copy()


def same(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> bool:
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(codec.name for codec in chain))
def test_round_trip(chain: list[Extension], dtype: str, shape: tuple[int, ...]) -> None:
    pipeline = bind(chain, shape, dtype)
    chunk = values(shape, dtype)
    data = pipeline.encode(chunk)
    assert memoryview(data).format == "B"
    assert pipeline.encoded_size in (None, len(data))
    assert pipeline.nbytes == chunk.nbytes
    if pipeline.raw:
        assert bytes(data) == chunk.tobytes()
        assert pipeline.encoded_size == pipeline.nbytes
    for buffer in (bytes(data), bytearray(data), memoryview(b"?" + bytes(data))[1:]):
        assert same(pipeline.decode(buffer), chunk)
        out = np.empty(shape, dtype)
        pipeline.decode_into(buffer, out)
        assert same(out, chunk)


@pytest.mark.parametrize(
    ("chain", "dtype", "raw"),
    [
        ([LITTLE], "i4", True),
        ([BIG], "i4", False),
        ([BIG], "u1", True),
        ([Extension("bytes")], "S3", True),
        ([Extension("bytes")], ">i4,<f8", True),
        ([LITTLE], ">i4,<f8", False),
        ([LITTLE, CRC], "i4", False),
        ([Extension("transpose", {"order": [1, 0]}), LITTLE], "i4", True),
        ([Extension("numcodecs.delta", {"dtype": "<i4"}), LITTLE], "i4", False),
    ],
    ids=str,
)
def test_raw(chain: list[Extension], dtype: str, raw: bool) -> None:
    assert bind(chain, (2, 3), dtype).raw is raw


def test_big_endian_on_disk() -> None:
    assert bytes(bind([BIG], (2,), "u2").encode(np.array([1, 2], "u2"))) == b"\0\1\0\2"
    assert bytes(bind([BIG], (1,), "U1").encode(np.array(["a"]))) == b"\0\0\0a"
    assert bytes(bind([BIG], (), "M8[s]").encode(np.array(5, "M8[s]"))) == b"\0" * 7 + b"\5"


@given(st.permutations(range(4)), st.permutations(range(4)), st.sampled_from(CHAINS))
def test_leading_transposes_become_axes(first: list[int], second: list[int], chain: list[Extension]) -> None:
    shape = (2, 3, 4, 5)
    folded = bind(
        [Extension("transpose", {"order": first}), Extension("transpose", {"order": second}), *chain], shape, "i2"
    )
    array = values(shape, "i2")
    stored = array.transpose(first).transpose(second)
    assert (folded.axes is None) == (stored.strides == array.strides)
    assert same(stored, array if folded.axes is None else array.transpose(folded.axes))
    assert folded.stored_shape == stored.shape
    assert folded.shape == shape
    plain = bind(chain, stored.shape, "i2")
    assert bytes(folded.encode(stored)) == bytes(plain.encode(np.ascontiguousarray(stored)))
    assert same(folded.decode(folded.encode(stored)), np.ascontiguousarray(stored))


def test_old_orders() -> None:
    assert bind([Extension("transpose", {"order": "F"}), LITTLE], (2, 3), "i2").axes == (1, 0)
    assert bind([Extension("transpose", {"order": "C"}), LITTLE], (2, 3), "i2").axes is None


def test_a_transpose_after_another_array_codec_is_done() -> None:
    chain = [Extension("bitround", {"keepbits": 10}), Extension("transpose", {"order": [1, 0]}), LITTLE]
    pipeline = bind(chain, (2, 3), "f4")
    chunk = np.arange(6, dtype="f4").reshape(2, 3)
    assert pipeline.axes is None
    assert bytes(pipeline.encode(chunk)) == chunk.T.tobytes()
    out = np.empty((2, 3), "f4")
    pipeline.decode_into(pipeline.encode(chunk), out)
    assert same(out, chunk)
    assert pipeline.decode(pipeline.encode(chunk)).flags.c_contiguous


@pytest.mark.parametrize("chain", CHAINS[:6], ids=str)
def test_any_strides_go_in(chain: list[Extension]) -> None:
    pipeline = bind(chain, (3, 4), "i4")
    whole = values((6, 8), "i4")
    for chunk in (whole[::2, ::2], whole[:3, 3::-1], whole[:4, :3].T, np.broadcast_to(whole[0, 0], (3, 4))):
        assert same(pipeline.decode(pipeline.encode(chunk)), np.ascontiguousarray(chunk))


def test_nothing_is_copied_on_the_way_to_the_store() -> None:
    chunk = values((30, 40), "i4")
    assert np.shares_memory(flat(bind([LITTLE], (30, 40), "i4").encode(chunk)), chunk)
    data = chunk.tobytes()
    assert np.shares_memory(bind([LITTLE], (30, 40), "i4").decode(data), np.frombuffer(data, "u1"))


@pytest.mark.parametrize("other", [np.zeros((2, 4), "i4"), np.zeros((2, 3), "i8"), np.zeros((2, 3), ">i4")])
def test_another_chunk_is_not_encoded(other: np.ndarray[Any, Any]) -> None:
    with pytest.raises(CodecError, match="another shape or dtype"):
        bind([LITTLE, ZSTD], (2, 3), "i4").encode(other)


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_chunks_of_another_length_are_errors(chain: list[Extension]) -> None:
    pipeline = bind(chain, (4, 4), "i4")
    for shape in [(4, 3), (4, 5), (8, 8)]:
        data = bytes(bind(chain, shape, "i4").encode(values(shape, "i4")))
        with pytest.raises(CodecError):
            pipeline.decode(data)
        with pytest.raises(CodecError):
            pipeline.decode_into(data, np.empty((4, 4), "i4"))


def test_a_chunk_above_the_limit_is_not_bound() -> None:
    with pytest.raises(CodecError, match="max_decoded_bytes"):
        bind([LITTLE], (100, 100), "i4", max_decoded_bytes=1000)


def test_a_pipeline_pickles_as_its_codecs() -> None:
    pipeline = bind([LITTLE, BLOSC, CRC], (4, 4), "i4")
    again = pickle.loads(pickle.dumps(pipeline))
    chunk = values((4, 4), "i4")
    assert same(again.decode(pipeline.encode(chunk)), chunk)
    assert len(pickle.dumps(pipeline)) < 1500
    assert "blosc" in repr(again)


def test_no_checksum_is_compared_when_that_is_switched_off() -> None:
    chunk = values((4,), "i4")
    data = bytearray(bind([LITTLE, CRC], (4,), "i4").encode(chunk))
    data[-1] ^= 1
    with pytest.raises(CodecError, match="checksum"):
        bind([LITTLE, CRC], (4,), "i4").decode(data)
    assert same(bind([LITTLE, CRC], (4,), "i4", verify_checksums=False).decode(data), chunk)


class Careless(BytesBytes):
    """What another package may bring: it raises whatever comes."""

    name = "careless"

    def encode(self, data: Data) -> Data:
        raise KeyError("encode")

    def decode(self, data: Any, size: int | None, limit: int) -> Any:
        raise KeyError("decode")


@pytest.mark.parametrize("before", [[LITTLE], [Extension("numcodecs.delta", {"dtype": "|u1"}), LITTLE]], ids=str)
def test_whatever_a_codec_raises_is_a_codec_error(monkeypatch: pytest.MonkeyPatch, before: list[Extension]) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    registry.register("careless", lambda configuration, context: Careless())
    pipeline = bind([*before, Extension("careless")], (4,), "u1")
    with pytest.raises(CodecError):
        pipeline.encode(np.zeros(4, "u1"))
    with pytest.raises(CodecError):
        pipeline.decode(b"1234")
    with pytest.raises(CodecError):
        pipeline.decode_into(b"1234", np.zeros(4, "u1"))


@pytest.mark.parametrize("codec", [BLOSC, ZSTD, GZIP, Extension("numcodecs.lz4")], ids=str)
def test_many_threads_on_one_pipeline(codec: Extension) -> None:
    assert numcodecs.blosc.use_threads is False
    pipeline = bind([LITTLE, codec, CRC], (32, 32, 32), "u2")
    chunks = [values((32, 32, 32), "u2", seed) for seed in range(8)]

    def work(k: int) -> bool:
        chunk = chunks[k % 8]
        out = np.empty_like(chunk)
        pipeline.decode_into(pipeline.encode(chunk), out)
        return same(out, chunk)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
