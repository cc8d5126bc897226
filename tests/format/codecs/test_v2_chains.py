"""Filters and compressors of v2 documents: the same bytes and the same values as zarr-python has."""

from __future__ import annotations

from typing import Any

import numcodecs
import numpy as np
import pytest

from dzarr.format.codecs.codec import CodecContext
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.metadata import Extension

zarr = pytest.importorskip("zarr")

SHAPE = (6, 10)
BLOSC = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
ZLIB = {"id": "zlib", "level": 1}


def field(dtype: str) -> np.ndarray[Any, Any]:
    values = 1000 + np.add.outer(np.arange(6) * 3.25, np.arange(10) ** 2 / 7)
    return (values % 2 > 1) if dtype == "|b1" else values.astype(dtype)


CASES: list[tuple[str, list[dict[str, Any]], dict[str, Any] | None]] = [
    *[(dtype, [], compressor) for dtype in ("<i2", ">f8", "|u1", "|b1") for compressor in (None, BLOSC, ZLIB)],
    *[("<f4", [], {**BLOSC, "shuffle": shuffle}) for shuffle in (-1, 0, 2)],
    ("<f4", [], {"id": "zstd", "level": 3}),
    ("<f4", [], {"id": "lz4", "acceleration": 1}),
    ("<f4", [], {"id": "bz2", "level": 9}),
    ("<f4", [], {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None}),
    ("<i4", [{"id": "delta", "dtype": "<i4"}], None),
    ("<i4", [{"id": "delta", "dtype": "<i4", "astype": "<i2"}], ZLIB),
    (">i4", [{"id": "delta", "dtype": ">i4"}], BLOSC),
    (">i4", [{"id": "delta", "dtype": ">i4", "astype": ">i2"}, {"id": "shuffle", "elementsize": 2}], ZLIB),
    ("<f8", [{"id": "fixedscaleoffset", "offset": 1000, "scale": 10, "dtype": "<f8", "astype": "|u1"}], BLOSC),
    ("<f8", [{"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f4"}], ZLIB),
    ("<f8", [{"id": "quantize", "digits": 1, "dtype": "<f8"}, {"id": "delta", "dtype": "<f8"}], BLOSC),
    ("<f4", [{"id": "bitround", "keepbits": 5}], BLOSC),
    ("<f2", [{"id": "bitround", "keepbits": 10}], ZLIB),
    ("|b1", [{"id": "packbits"}], ZLIB),
    ("<i8", [{"id": "astype", "encode_dtype": "<i2", "decode_dtype": "<i8"}], BLOSC),
    ("<f4", [{"id": "shuffle", "elementsize": 4}, {"id": "adler32"}], ZLIB),
    ("<i4", [{"id": "fletcher32"}], None),
    ("<i4", [{"id": "crc32"}], BLOSC),
    ("<i4", [{"id": "base64"}], None),
    ("<U3", [{"id": "categorize", "labels": ["ab", "c"], "dtype": "<U3", "astype": "|u1"}], None),
]


def zarr_chunk(values: Any, order: str, filters: list[dict[str, Any]], compressor: dict[str, Any] | None) -> Any:
    """Write one chunk with zarr-python; return its bytes and what zarr-python reads."""
    store = zarr.storage.MemoryStore()
    array = zarr.create_array(
        store,
        shape=values.shape,
        chunks=values.shape,
        dtype=values.dtype,
        order=order,
        filters=[numcodecs.get_codec(f) for f in filters] or None,
        compressors=None if compressor is None else numcodecs.get_codec(compressor),
        zarr_format=2,
        config={"write_empty_chunks": True},
    )
    array[...] = values
    return store._store_dict["0.0"].to_bytes(), array[...]


def pipeline_of(values: Any, order: str, codecs: list[dict[str, Any]]) -> Pipeline:
    chain = [Extension("bytes", {"endian": "big" if values.dtype.str[0] == ">" else "little"})]
    chain += [Extension(f"numcodecs.{c['id']}", {k: v for k, v in c.items() if k != "id"}) for c in codecs]
    if order == "F":
        chain.insert(0, Extension("transpose", {"order": [1, 0]}))
    return Pipeline.bind(chain, SHAPE, values.dtype.newbyteorder("="), None, CodecContext())


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(("dtype", "filters", "compressor"), CASES, ids=str)
def test_same_bytes_and_values(
    dtype: str, filters: list[dict[str, Any]], compressor: dict[str, Any] | None, order: str
) -> None:
    values = np.array([["ab", "c", "", "ab", "zzz"] * 2] * 6, dtype) if dtype[1] == "U" else field(dtype)
    theirs, expected = zarr_chunk(values, order, filters, compressor)
    pipeline = pipeline_of(values, order, [*filters, *([compressor] if compressor else [])])
    native = values.astype(pipeline.dtype)
    if order == "C" or "bitround" not in str(filters):
        assert bytes(pipeline.encode(native if order == "C" else native.T)) == theirs
    elif pipeline.dtype == "f4":
        # numcodecs' bitround copies an F-ordered array into C order, so zarr-python reads it back permuted:
        # dzarr encodes what decodes to the values, and decodes what is there as zarr-python does.
        rounded = pipeline.decode(pipeline.encode(native.T)).T
        assert np.abs(rounded - values).max() <= 16
        assert (expected != rounded).any()
    out = np.empty(pipeline.stored_shape, pipeline.dtype)
    pipeline.decode_into(theirs, out)
    assert pipeline.decode(theirs).tobytes() == out.tobytes()
    found = out if order == "C" else out.T
    assert np.ascontiguousarray(found).tobytes() == expected.astype(pipeline.dtype).tobytes(order="C")


@pytest.mark.parametrize("dtype", ["<f4", "<i8"])
def test_zfpy_and_pcodec_stand_where_a_compressor_does(dtype: str) -> None:
    for codec_id in ("zfpy", "pcodec"):
        pytest.importorskip(codec_id)
        values = field(dtype)
        config = {"id": codec_id, "mode": 2, "rate": 32} if codec_id == "zfpy" and dtype == "<f4" else {"id": codec_id}
        theirs, expected = zarr_chunk(values, "C", [], config)
        pipeline = pipeline_of(values, "C", [config])
        assert bytes(pipeline.encode(values)) == theirs
        assert pipeline.decode(theirs).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "codec",
    [
        {"id": "delta", "dtype": "<i4"},
        {"id": "fixedscaleoffset", "offset": 0, "scale": 1, "astype": "<i8"},
        {"id": "astype", "encode_dtype": "<i8"},
        {"id": "shuffle"},
    ],
    ids=str,
)
def test_v3_documents_may_leave_the_dtype_to_the_chunk(codec: dict[str, Any]) -> None:
    extension = Extension(f"numcodecs.{codec['id']}", {k: v for k, v in codec.items() if k != "id"})
    little = Extension("bytes", {"endian": "little"})
    chain = [little, extension] if codec["id"] == "shuffle" else [extension, little]
    values = np.arange(24, dtype="<i4").reshape(4, 6)
    pipeline = Pipeline.bind(chain, (4, 6), values.dtype, None, CodecContext())
    assert (pipeline.decode(pipeline.encode(values)) == values).all()
