"""What every bytes to bytes codec must do. A new codec adds one line to CODECS."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numcodecs.zstd
import numpy as np
import pytest

from dzarr.errors import CodecError
from dzarr.format.codecs.codec import BytesBytes, Data, flat
from dzarr.format.codecs.registry import CodecContext, bytes_codec
from dzarr.format.metadata import Extension

BLOSC = {"clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}
CODECS: list[tuple[str, Mapping[str, Any]]] = [
    *[("blosc", {**BLOSC, "cname": cname}) for cname in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")],
    ("blosc", {**BLOSC, "cname": "lz4", "clevel": 0}),
    ("blosc", {**BLOSC, "cname": "lz4", "shuffle": "bitshuffle", "blocksize": 512}),
    ("blosc", {"cname": "zstd", "clevel": 9, "shuffle": "noshuffle"}),
    ("zstd", {"level": 1}),
    ("zstd", {"level": -5, "checksum": True}),
    ("gzip", {"level": 1}),
    ("crc32c", {}),
    ("numcodecs.blosc", {"cname": "zstd", "shuffle": -1}),
    ("numcodecs.zstd", {"level": 100}),
    ("numcodecs.gzip", {"level": -1}),
    ("numcodecs.zlib", {}),
    ("numcodecs.bz2", {"level": 1}),
    ("numcodecs.lzma", {}),
    ("numcodecs.lzma", {"format": 2}),
    ("numcodecs.lzma", {"format": 3, "filters": [{"id": 33, "preset": 1}]}),
    ("numcodecs.lz4", {"acceleration": 10}),
    ("numcodecs.shuffle", {"elementsize": 4}),
    ("numcodecs.base64", {}),
    ("numcodecs.adler32", {}),
    ("numcodecs.crc32", {}),
    ("numcodecs.crc32c", {}),
    ("numcodecs.crc32c", {"location": "start"}),
    ("numcodecs.fletcher32", {}),
    ("numcodecs.jenkins_lookup3", {"initval": 7}),
    ("https://zarr.dev/numcodecs/zlib", {"level": 1}),
]
CHECKED = ("crc32c", "adler32", "crc32", "fletcher32", "jenkins_lookup3")


def made(name: str, configuration: Mapping[str, Any], **context: Any) -> BytesBytes:
    return bytes_codec(Extension(name, configuration), CodecContext(**context))


def samples() -> list[Data]:
    random = np.random.default_rng(5)
    return [
        b"abcd",
        bytearray(4 * 1000),
        memoryview(b"xx" + random.bytes(4 * 4097))[2:],
        np.arange(3000, dtype="<i4"),
        np.arange(300, dtype=">f8"),
        np.array(3, "<u4"),
        random.integers(0, 3, (7, 8, 9)).astype("<u2"),
    ]


def check_bytes_codec(codec: BytesBytes) -> None:
    for data in samples():
        plain = flat(data).tobytes()
        n = len(plain)
        encoded = flat(codec.encode(data)).tobytes()
        assert codec.encoded_size(n) in (None, len(encoded))
        for buffer in (encoded, bytearray(encoded), memoryview(b"?" + encoded)[1:]):
            assert bytes(codec.decode(buffer, n, n)) == plain
            assert bytes(codec.decode(buffer, None, n + 100)) == plain
            out = np.empty(n // 4, "<i4")
            codec.decode_into(buffer, out)
            assert out.tobytes() == plain
        check_lengths(codec, encoded, n)


def check_lengths(codec: BytesBytes, encoded: bytes, n: int) -> None:
    for wrong in (n + 4, n - 4, 2 * n):
        with pytest.raises(CodecError):
            codec.decode(encoded, wrong, wrong)
        with pytest.raises(CodecError):
            codec.decode_into(encoded, np.empty(wrong, "u1"))
    with pytest.raises(CodecError):
        codec.decode(encoded, None, n - 1)
    for cut in (b"", encoded[:1], encoded[:-1], encoded[: len(encoded) // 2], encoded + b"\1\2\3"):
        with pytest.raises(CodecError):
            codec.decode(cut, n, n)
        with pytest.raises(CodecError):
            codec.decode_into(cut, np.empty(n, "u1"))


@pytest.mark.parametrize(("name", "configuration"), CODECS, ids=str)
def test_contract(name: str, configuration: Mapping[str, Any]) -> None:
    check_bytes_codec(made(name, configuration))


@pytest.mark.parametrize("name", CHECKED)
def test_a_changed_byte_is_an_error_unless_checksums_are_off(name: str) -> None:
    name = name if name == "crc32c" else f"numcodecs.{name}"
    encoded = bytearray(flat(made(name, {}).encode(b"12345678")))
    encoded[5] ^= 1
    with pytest.raises(CodecError, match=name.split(".")[-1]):
        made(name, {}).decode(encoded, 8, 8)
    decoded = bytes(made(name, {}, verify_checksums=False).decode(encoded, 8, 8))
    assert sum(a != b for a, b in zip(decoded, b"12345678", strict=True)) == 1
    with pytest.raises(CodecError):
        made(name, {}, verify_checksums=False).decode(encoded[:3], 8, 8)


def test_zstd_frames_one_after_the_other_without_sizes_and_skippable() -> None:
    codec = made("zstd", {"level": 1})
    one, two = numcodecs.zstd.compress(b"a" * 5000), numcodecs.zstd.compress(b"b" * 300, 1, True)
    skipped = struct.pack("<II", 0x184D2A53, 5) + b"hello"
    # A frame of one raw block that names no content size: descriptor 0, a window, "last raw block of 4 bytes".
    silent = struct.pack("<IBB", 0xFD2FB528, 0, 0) + (4 << 3 | 1).to_bytes(3, "little") + b"wxyz"
    for encoded, plain in [
        (one + two, b"a" * 5000 + b"b" * 300),
        (skipped + one, b"a" * 5000),
        (one + skipped, b"a" * 5000),
        (silent, b"wxyz"),
        (one + silent + two, b"a" * 5000 + b"wxyz" + b"b" * 300),
    ]:
        n = len(plain)
        assert bytes(codec.decode(encoded, n, n)) == plain
        assert bytes(codec.decode(encoded, None, max(n, 1 << 20))) == plain
        out = np.empty(n, "u1")
        codec.decode_into(encoded, out)
        assert out.tobytes() == plain
        for wrong in (n - 1, n + 1):
            with pytest.raises(CodecError):
                codec.decode_into(encoded, np.empty(wrong, "u1"))


def test_zstd_frames_of_nothing() -> None:
    codec = made("zstd", {"level": 1})
    empty = numcodecs.zstd.compress(b"")
    assert bytes(codec.decode(empty, 0, 0)) == b""
    assert bytes(codec.decode(empty, None, 10)) == b""
    with pytest.raises(CodecError):
        codec.decode(empty, 1, 1)


@pytest.mark.parametrize("name", ["gzip", "numcodecs.bz2", "numcodecs.lzma"])
def test_streams_one_after_the_other(name: str) -> None:
    codec = made(name, {"level": 1} if name != "numcodecs.lzma" else {})
    parts = [flat(codec.encode(letter * 1000)).tobytes() for letter in (b"a", b"b", b"c")]
    plain = b"a" * 1000 + b"b" * 1000 + b"c" * 1000
    assert bytes(codec.decode(b"".join(parts), 3000, 3000)) == plain
    for wrong in (2999, 3001, 1000):
        with pytest.raises(CodecError):
            codec.decode(b"".join(parts), wrong, wrong)


def test_gzip_may_be_padded_with_zeros() -> None:
    codec = made("gzip", {"level": 1})
    encoded = flat(codec.encode(b"abc")).tobytes()
    assert codec.decode(encoded + bytes(100), 3, 3) == b"abc"


def test_blosc_blocks_that_c_blosc_would_decode_short() -> None:
    codec = made("blosc", {**BLOSC, "cname": "lz4"})
    # Two bytes an element and blocks of an odd length: the last byte of each block would be left as it was.
    blocks = struct.pack("<i", 20) + struct.pack("<i", 256) + bytes(256) + struct.pack("<i", 256) + bytes(256)
    encoded = struct.pack("<BBBBIII", 2, 1, 1 << 5, 2, 513, 513, 16 + len(blocks)) + blocks
    with pytest.raises(CodecError, match="split"):
        codec.decode_into(encoded, np.empty(513, "u1"))


def test_blosc_of_2_gib_is_refused_with_a_fix() -> None:
    codec = made("blosc", {**BLOSC, "cname": "lz4"})
    huge = np.lib.stride_tricks.as_strided(np.zeros(1, "u1"), (1 << 31,), (0,))
    with pytest.raises(CodecError, match=r"too large for blosc.*fix"):
        codec.encode(huge)


def test_snappy_is_declined_by_name() -> None:
    with pytest.raises(NotImplementedError, match="snappy"):
        made("blosc", {**BLOSC, "cname": "snappy"}).encode(b"1234")
