"""Codecs by name, and what a document can get wrong about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dzarr.errors import DzarrError, MetadataError, UnsupportedError
from dzarr.format.codecs import registry
from dzarr.format.codecs.codec import ArrayArray, ArrayBytes, BytesBytes
from dzarr.format.codecs.defaults import completed
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, build, bytes_codec, extension
from dzarr.format.codecs.transpose import Transpose
from dzarr.format.metadata import Extension

BLOSC = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}
LITTLE = Extension("bytes", {"endian": "little"})


def without(key: str) -> dict[str, Any]:
    return {k: v for k, v in BLOSC.items() if k != key}


@pytest.mark.parametrize(
    ("name", "configuration", "named"),
    [
        ("bytes", {"endian": "middle"}, ["bytes", "endian", "middle"]),
        ("bytes", {"endian": 1}, ["bytes", "endian", "1"]),
        ("bytes", {"order": "little"}, ["bytes", "order"]),
        ("transpose", {}, ["transpose", "order", "missing"]),
        ("transpose", {"order": "K"}, ["transpose", "order", "K"]),
        ("transpose", {"order": [0, True]}, ["transpose", "order", "true"]),
        ("transpose", {"order": [0, -1]}, ["transpose", "order", "-1"]),
        ("blosc", {}, ["blosc", "cname", "missing"]),
        ("blosc", without("cname"), ["blosc", "cname", "missing"]),
        ("blosc", without("clevel"), ["blosc", "clevel", "missing"]),
        ("blosc", without("shuffle"), ["blosc", "shuffle", "missing"]),
        ("blosc", without("typesize"), ["blosc", "typesize", "missing"]),
        ("blosc", {**BLOSC, "cname": "lz5"}, ["blosc", "cname", "lz5", "lz4"]),
        ("blosc", {**BLOSC, "cname": ["lz4"]}, ["blosc", "cname"]),
        ("blosc", {**BLOSC, "clevel": 10}, ["blosc", "clevel", "10", "0 to 9"]),
        ("blosc", {**BLOSC, "clevel": "5"}, ["blosc", "clevel", '"5"']),
        ("blosc", {**BLOSC, "clevel": True}, ["blosc", "clevel", "true"]),
        ("blosc", {**BLOSC, "shuffle": 1}, ["blosc", "shuffle", "noshuffle"]),
        ("blosc", {**BLOSC, "typesize": 0}, ["blosc", "typesize", "0"]),
        ("blosc", {**BLOSC, "blocksize": -1}, ["blosc", "blocksize", "-1"]),
        ("blosc", {**BLOSC, "level": 5}, ["blosc", "unknown member level"]),
        ("zstd", {}, ["zstd", "level", "missing"]),
        ("zstd", {"level": 23}, ["zstd", "level", "23", "22"]),
        ("zstd", {"level": 1.0}, ["zstd", "level", "1.0"]),
        ("zstd", {"level": None}, ["zstd", "level", "null"]),
        ("zstd", {"level": 1, "checksum": 1}, ["zstd", "checksum", "true or false"]),
        ("gzip", {}, ["gzip", "level", "missing"]),
        ("gzip", {"level": -1}, ["gzip", "level", "-1"]),
        ("crc32c", {"location": "end"}, ["crc32c", "location"]),
        ("bitround", {"keepbits": "3"}, ["keepbits", '"3"']),
        ("bitround", {}, ["bitround", "keepbits"]),
        ("numcodecs.blosc", {"shuffle": 3}, ["numcodecs.blosc", "shuffle", "3"]),
        ("numcodecs.blosc", {"typesize": 0}, ["numcodecs.blosc", "typesize", "0"]),
        ("numcodecs.zlib", {"level": 10}, ["numcodecs.zlib", "level", "10"]),
        ("numcodecs.bz2", {"level": 0}, ["numcodecs.bz2", "level", "0"]),
        ("numcodecs.lz4", {"acceleration": "fast"}, ["numcodecs.lz4", "acceleration", "fast"]),
        ("numcodecs.lzma", {"format": 0}, ["numcodecs.lzma", "format", "0"]),
        ("numcodecs.lzma", {"preset": 77}, ["numcodecs.lzma"]),
        ("numcodecs.lzma", {"format": 3}, ["numcodecs.lzma", "filters"]),
        ("numcodecs.lzma", {"filters": "x"}, ["numcodecs.lzma", "filters"]),
        ("numcodecs.lzma", {"format": 3, "filters": [{"id": 99}]}, ["numcodecs.lzma"]),
        ("numcodecs.delta", {"dtype": "nonsense"}, ["numcodecs.delta", "nonsense"]),
        ("numcodecs.delta", {"dtype": "|O"}, ["numcodecs.delta", "object"]),
        ("numcodecs.fixedscaleoffset", {"offset": "1", "scale": 1, "dtype": "<f8"}, ["offset", '"1"']),
        ("numcodecs.fixedscaleoffset", {"scale": 1, "dtype": "<f8"}, ["fixedscaleoffset", "offset"]),
        ("numcodecs.quantize", {"digits": 1.5, "dtype": "<f8"}, ["quantize", "digits", "1.5"]),
        ("numcodecs.quantize", {"digits": 1, "dtype": "<i4"}, ["quantize", "floating"]),
        ("numcodecs.astype", {}, ["astype", "encode_dtype"]),
        ("numcodecs.packbits", {"bits": 1}, ["packbits", "bits"]),
        ("numcodecs.shuffle", {"elementsize": "4"}, ["shuffle", "elementsize", '"4"']),
        ("numcodecs.adler32", {"location": "middle"}, ["adler32", "middle"]),
        ("numcodecs.zfpy", {"speed": 1}, ["zfpy", "speed"]),
    ],
)
def test_wrong_configuration(name: str, configuration: dict[str, Any], named: list[str]) -> None:
    if name == "numcodecs.zfpy":
        pytest.importorskip("zfpy")
    with pytest.raises(MetadataError) as caught:
        build(Extension(name, configuration), CodecContext())
    for word in named:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("snapy", ["unknown codec snapy", "bitround", "blosc", "dzarr.codecs"]),
        ("numcodecs.snapy", ["unknown codec numcodecs.snapy", "install"]),
        ("numcodecs.json", ["numcodecs.json ", "retired", "json2"]),
        ("numcodecs.msgpack", ["retired", "msgpack2"]),
        ("numcodecs.pickle", ["pickle", "allow_codecs"]),
    ],
)
def test_declined_by_name(name: str, named: list[str]) -> None:
    with pytest.raises(UnsupportedError) as caught:
        build(Extension(name), CodecContext())
    for word in named:
        assert word in str(caught.value)


@pytest.mark.parametrize("allowed", ["pickle", "numcodecs.pickle"])
def test_pickle_by_request(allowed: str) -> None:
    context = CodecContext(allow=frozenset({allowed}))
    pipeline = Pipeline.bind([LITTLE, Extension("numcodecs.pickle", {})], (3,), np.dtype("i4"), None, context)
    values = np.arange(3, dtype="i4")
    assert (pipeline.decode(pipeline.encode(values)) == values).all()
    other = Pipeline.bind([LITTLE, Extension("numcodecs.pickle", {})], (4,), np.dtype("i4"), None, context)
    for data in (pipeline.encode(values), b"no pickle"):
        with pytest.raises(DzarrError):
            other.decode(data)


@pytest.mark.parametrize(
    "chain",
    [
        [],
        ["crc32c"],
        ["bytes", "bytes"],
        ["crc32c", "bytes"],
        ["bytes", "crc32c", "bytes"],
        ["bytes", {"name": "transpose", "configuration": {"order": [0]}}],
        ["bytes", "crc32c", {"name": "numcodecs.delta", "configuration": {"dtype": "|u1"}}],
        ["bytes", {"name": "numcodecs.delta", "configuration": {"dtype": "|u1"}}, "bytes"],
        [{"name": "transpose", "configuration": {"order": [0]}}],
    ],
    ids=str,
)
def test_chains_that_can_not_be(chain: list[Any]) -> None:
    with pytest.raises(MetadataError, match="wrong order"):
        Pipeline.bind(list(map(extension, chain)), (4,), np.dtype("u1"), None, CodecContext())


@pytest.mark.parametrize(
    ("dtype", "codec", "named"),
    [
        ("i4", {"name": "bytes"}, "endian is missing"),
        ("U2", {"name": "bytes"}, "endian is missing"),
        ("M8[s]", {"name": "bytes"}, "endian is missing"),
        ("i4", {"name": "transpose", "configuration": {"order": [0]}}, "permutation"),
        ("i4", {"name": "transpose", "configuration": {"order": [1, 1]}}, "permutation"),
        ("i4", {"name": "numcodecs.packbits"}, "bool"),
        ("u1", {"name": "numcodecs.delta", "configuration": {"dtype": "<i8"}}, "fit"),
    ],
)
def test_codecs_that_do_not_fit_the_chunk(dtype: str, codec: dict[str, Any], named: str) -> None:
    chain = [codec] if codec["name"] == "bytes" else [codec, {"name": "bytes", "configuration": {"endian": "little"}}]
    with pytest.raises(MetadataError, match=named):
        Pipeline.bind(list(map(extension, chain)), (3, 3), np.dtype(dtype), None, CodecContext())


@pytest.mark.parametrize("dtype", ["O", "i4,O"])
def test_elements_of_variable_length_are_declined(dtype: str) -> None:
    with pytest.raises(UnsupportedError, match="variable length"):
        Pipeline.bind([LITTLE], (3,), np.dtype(dtype), None, CodecContext())


def test_bytes_codec_takes_no_other_kind() -> None:
    with pytest.raises(MetadataError, match="bytes to bytes"):
        bytes_codec(LITTLE, CodecContext())


class Point:
    """What an installed package offers."""

    name = value = "plugin"

    def __init__(self, loaded: Any) -> None:
        self.loaded = loaded

    def load(self) -> Any:
        if isinstance(self.loaded, Exception):
            raise self.loaded
        return self.loaded


def test_a_codec_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def entry_points(group: str, name: str) -> list[Point]:
        asked.append((group, name))
        return [Point(lambda configuration, context: Transpose("C"))]

    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(registry, "entry_points", entry_points)
    build(LITTLE, CodecContext())
    assert asked == []
    assert isinstance(build(Extension("plugin"), CodecContext()), ArrayArray)
    assert isinstance(build(Extension("plugin"), CodecContext()), ArrayArray)
    assert asked == [("dzarr.codecs", "plugin")]


@pytest.mark.parametrize(
    "loaded", [ImportError("no such thing"), lambda configuration, context: 3], ids=["load", "kind"]
)
def test_a_broken_package(monkeypatch: pytest.MonkeyPatch, loaded: Any) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    monkeypatch.setattr(registry, "entry_points", lambda group, name: [Point(loaded)])
    with pytest.raises(UnsupportedError, match="plugin"):
        build(Extension("plugin"), CodecContext())


def test_old_and_new_names(monkeypatch: pytest.MonkeyPatch) -> None:
    context = CodecContext()
    assert isinstance(build(Extension("endian", {"endian": "big"}), context), ArrayBytes)
    assert isinstance(build(Extension("https://zarr.dev/numcodecs/lz4"), context), BytesBytes)
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    registry.register("mine", lambda configuration, context: Transpose("F"))
    assert build(extension("mine"), context).name == "transpose"
    assert "mine" in registry.names()


@pytest.mark.parametrize("name", ["bytes", "blosc", "zstd", "gzip", "crc32c", "numcodecs.zlib"])
def test_a_bare_name_is_completed_for_a_new_array(name: str) -> None:
    codec = completed(extension(name), np.dtype("u2"))
    assert build(codec, CodecContext()).name == name
    assert completed(codec, np.dtype("u2")) == codec
