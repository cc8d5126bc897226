"""The codecs of the package imagecodecs: a chunk is an image to them, in either position, and lies are refused."""

from __future__ import annotations

import sys
from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.errors import CodecError, MetadataError, UnsupportedError
from dzarr.format.codecs import image
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext, build
from dzarr.format.metadata import Extension

LITTLE = Extension("bytes", {"endian": "little"})
# id, configuration, dtype, chunk; all without loss
CASES: list[tuple[str, dict[str, Any], str, tuple[int, ...]]] = [
    ("jpeg2k", {}, "u2", (1, 20, 30, 1)),
    ("jpeg2k", {"level": 0}, "u1", (20, 30, 3)),
    ("jpegxl", {"lossless": True}, "u1", (20, 30)),
    ("jpegls", {}, "u1", (20, 30)),
    ("png", {}, "u1", (20, 30, 3)),
    ("png", {}, "u2", (20, 30)),
    ("qoi", {}, "u1", (20, 30, 3)),
    ("webp", {"lossless": True}, "u1", (20, 30, 3)),
    ("lerc", {}, "f4", (20, 30)),
    ("tiff", {}, "u2", (20, 30)),
    ("zfp", {}, "f4", (20, 30)),
    ("zstd", {}, "f4", (20, 30)),
    ("deflate", {}, "i8", (7,)),
    ("lzw", {}, "u1", (99,)),
    ("blosc", {}, "i4", (20, 30)),
    ("bitshuffle", {"itemsize": 4}, "i4", (20, 32)),
    ("delta", {"shape": [20, 30], "dtype": "<i4"}, "i4", (20, 30)),
]


def pipeline_of(chain: list[Extension], shape: tuple[int, ...], dtype: Any) -> Pipeline:
    return Pipeline.bind(chain, shape, np.dtype(dtype), None, CodecContext())


def values_of(dtype: str, shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(4).integers(0, 200, shape).astype(dtype)


@pytest.mark.parametrize(("name", "configuration", "dtype", "shape"), CASES, ids=str)
def test_round_trip(name: str, configuration: dict[str, Any], dtype: str, shape: tuple[int, ...]) -> None:
    module = pytest.importorskip("imagecodecs.numcodecs")
    values = values_of(dtype, shape)
    for chain in (
        [Extension(f"imagecodecs_{name}", configuration)],
        [LITTLE, Extension(f"numcodecs.imagecodecs_{name}", configuration)],
        [Extension(f"imagecodecs_{name}", configuration), Extension("crc32c")],
    ):
        pipeline = pipeline_of(chain, shape, dtype)
        data = pipeline.encode(values)
        out = np.empty(shape, dtype)
        pipeline.decode_into(data, out)
        assert out.tobytes() == pipeline.decode(data).tobytes() == values.tobytes()
    theirs = {cls.codec_id: cls for cls in vars(module).values() if hasattr(cls, "codec_id")}
    codec = theirs[f"imagecodecs_{name}"](**configuration)
    assert isinstance(codec, numcodecs.abc.Codec)
    encoded = codec.encode(values)
    data = encoded.tobytes() if isinstance(encoded, np.ndarray) else bytes(encoded)
    pipeline = pipeline_of([Extension(f"imagecodecs_{name}", configuration)], shape, dtype)
    assert pipeline.decode(data).tobytes() == values.tobytes()


def test_behind_a_compressor_it_sees_bytes() -> None:
    pytest.importorskip("imagecodecs")
    values = values_of("i4", (20, 30))
    chain = [LITTLE, Extension("crc32c"), Extension("imagecodecs_zstd"), Extension("imagecodecs_lz4", {"header": True})]
    pipeline = pipeline_of(chain, (20, 30), "i4")
    assert pipeline.decode(pipeline.encode(values)).tobytes() == values.tobytes()


def test_an_image_of_another_size_is_refused_before_it_is_decoded() -> None:
    pytest.importorskip("imagecodecs")
    small = pipeline_of([Extension("imagecodecs_png")], (20, 30), "u1")
    large = pipeline_of([Extension("imagecodecs_png")], (4000, 4000), "u1")
    data = large.encode(np.zeros((4000, 4000), "u1"))
    for blob in (data, b"", b"no image", bytes(small.encode(values_of("u1", (20, 30))))[:-30]):
        with pytest.raises(CodecError, match="imagecodecs_png"):
            small.decode(blob)


def test_configurations() -> None:
    pytest.importorskip("imagecodecs")
    with pytest.raises(MetadataError, match="quality"):
        build(Extension("imagecodecs_png", {"quality": 3}), CodecContext())
    with pytest.raises(UnsupportedError, match="imagecodecs_none"):
        build(Extension("imagecodecs_none"), CodecContext())
    with pytest.raises(MetadataError, match="itemsize"):
        pipeline_of([Extension("imagecodecs_bitshuffle")], (8, 8), "i4")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs.numcodecs", None)
    image._classes.cache_clear()
    with pytest.raises(UnsupportedError, match=r"pip install 'dzarr\[imagecodecs\]'"):
        build(Extension("numcodecs.imagecodecs_png"), CodecContext())
    image._classes.cache_clear()
