"""``conditional``: which codecs a chunk went through is told by its first bytes, whoever decided it."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.errors import CodecError, MetadataError
from dzarr.format.codecs.codec import BytesBytes
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, bytes_codec
from dzarr.format.metadata import Extension

SHUFFLE = {"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}}
ZSTD = {"name": "zstd", "configuration": {"level": 5}}
LITTLE = Extension("bytes", {"endian": "little"})


def made(*codecs: Any, **rest: Any) -> BytesBytes:
    return bytes_codec(Extension("conditional", {"codecs": list(codecs), **rest}), CodecContext())


SMOOTH = np.arange(500, dtype="<i4").tobytes()
NOISE = np.random.default_rng(0).bytes(2000)


@pytest.mark.parametrize("mask", range(8))
def test_every_mask_is_read(mask: int) -> None:
    codec = made(SHUFFLE, ZSTD, "crc32c")
    encoded = SMOOTH
    if mask & 1:
        encoded = numcodecs.Shuffle(4).encode(encoded).tobytes()
    if mask & 2:
        encoded = numcodecs.Zstd(3).encode(encoded)
    if mask & 4:
        encoded = bytes(bytes_codec(Extension("crc32c"), CodecContext()).encode(encoded))
    data = bytes([mask]) + encoded
    assert bytes(codec.decode(data, 2000, 2000)) == SMOOTH
    assert bytes(codec.decode(data, None, 4000)) == SMOOTH
    for wrong in (1999, 2004):
        with pytest.raises(CodecError):
            codec.decode(data, wrong, wrong)
    with pytest.raises(CodecError):
        codec.decode(data, None, 1999)


def test_a_chunk_goes_without_what_makes_it_longer() -> None:
    codec = made(SHUFFLE, ZSTD, "crc32c")
    short, long = bytes(codec.encode(SMOOTH)), bytes(codec.encode(NOISE))
    assert (short[0], long[0]) == (0b111, 0b101)
    assert len(short) < 1000 < len(long) == len(NOISE) + 5
    assert bytes(codec.decode(long, 2000, 2000)) == NOISE


def test_lengths_that_are_known_before() -> None:
    assert made(SHUFFLE, "crc32c").encoded_size(100) == 105
    assert made(ZSTD).encoded_size(100) is None
    assert made(header_bits=24).encoded_size(100) == 103


@pytest.mark.parametrize(("count", "bits", "header"), [(0, None, 0), (1, None, 1), (9, None, 2), (1, 32, 4), (8, 8, 1)])
def test_headers(count: int, bits: int | None, header: int) -> None:
    codec = made(*["crc32c"] * count, **({} if bits is None else {"header_bits": bits}))
    data = bytes(codec.encode(b"abcd"))
    assert data[:header] == ((1 << count) - 1).to_bytes(header, "little")
    assert len(data) == header + 4 + 4 * count
    assert bytes(codec.decode(data, 4, 4)) == b"abcd"


@pytest.mark.parametrize("data", [b"", b"\2abcd", b"\xffabcd", b"\1abcd", b"\0abc"])
def test_wrong_bytes(data: bytes) -> None:
    with pytest.raises(CodecError):
        made("crc32c").decode(data, 4, 4)


@pytest.mark.parametrize(
    ("configuration", "word"),
    [
        ({}, "codecs is missing"),
        ({"codecs": "zstd"}, "codecs"),
        ({"codecs": [LITTLE.name]}, "bytes to bytes"),
        ({"codecs": [{"name": "zstd"}]}, "level"),
        ({"codecs": ["crc32c"], "header_bits": 12}, "header_bits"),
        ({"codecs": ["crc32c"] * 9, "header_bits": 8}, "header_bits"),
        ({"codecs": [], "mask": 1}, "mask"),
    ],
)
def test_wrong_configuration(configuration: dict[str, Any], word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        bytes_codec(Extension("conditional", configuration), CodecContext())


def test_in_a_chain_and_inside_itself() -> None:
    inner = {"name": "conditional", "configuration": {"codecs": [{"name": "numcodecs.shuffle"}, ZSTD]}}
    chain = [LITTLE, Extension("conditional", {"codecs": [inner, "crc32c"]}), Extension("crc32c")]
    values = np.arange(100, dtype="i4")
    pipeline = Pipeline.bind(chain, (100,), values.dtype, None, CodecContext())
    assert (pipeline.decode(pipeline.encode(values)) == values).all()
