"""``n5_default``: blocks as the text has them, byte by byte, and blocks that TensorStore's N5 driver wrote."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dzarr.errors import CodecError, MetadataError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

GZIP = {"name": "gzip", "configuration": {"level": 5}}
BLOSC = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle", "blocksize": 0}}
BZ2 = {"name": "numcodecs.bz2", "configuration": {"level": 1}}
XZ = {"name": "numcodecs.lzma", "configuration": {"preset": 6}}


def n5(ndim: int, *compressor: Any, endian: Any = "big", order: Any = None) -> Extension:
    order = list(range(ndim))[::-1] if order is None else order
    to_bytes = {"name": "bytes", "configuration": {"endian": endian}} if endian else "bytes"
    steps = [{"name": "transpose", "configuration": {"order": order}}, to_bytes, *compressor]
    return Extension("n5_default", {"codecs": steps})


def pipeline_of(shape: tuple[int, ...], dtype: Any, codec: Extension, fill: Any = None) -> Pipeline:
    return Pipeline.bind([codec], shape, np.dtype(dtype), fill, CodecContext())


def test_a_block_byte_by_byte() -> None:
    values = np.array([[1, 2, 3], [4, 5, 6]], "i2")
    pipeline = pipeline_of((2, 3), "i2", n5(2))
    data = bytes(pipeline.encode(values))
    assert data == struct.pack(">HHII6h", 0, 2, 2, 3, 1, 4, 2, 5, 3, 6)
    assert pipeline.decode(data).tolist() == values.tolist()


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("compressor", [[], [GZIP], [BLOSC], [BZ2], [XZ]], ids=str)
def test_round_trip(dtype: str, compressor: list[Any]) -> None:
    values = np.arange(60).reshape(3, 4, 5).astype(dtype)
    pipeline = pipeline_of((3, 4, 5), dtype, n5(3, *compressor))
    out = np.empty((3, 4, 5), dtype)
    pipeline.decode_into(pipeline.encode(values), out)
    assert out.tobytes() == values.tobytes()


def test_blocks_are_cut_or_filled_up() -> None:
    pipeline = pipeline_of((3, 4), "i2", n5(2), fill=np.int16(-1))
    cut = bytes(pipeline_of((2, 3), "i2", n5(2)).encode(np.arange(6, dtype="i2").reshape(2, 3)))
    assert pipeline.decode(cut).tolist() == [[0, 1, 2, -1], [3, 4, 5, -1], [-1] * 4]
    large = np.arange(30, dtype="i2").reshape(5, 6)
    found = pipeline.decode(pipeline_of((5, 6), "i2", n5(2)).encode(large))
    assert found.tolist() == large[:3, :4].tolist()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        struct.pack(">HHI", 0, 2, 2),
        struct.pack(">HHII6h", 1, 2, 2, 3, *range(6)),
        struct.pack(">HHII6h", 2, 2, 2, 3, *range(6)),
        struct.pack(">HHIII6h", 0, 3, 1, 2, 3, *range(6)),
        struct.pack(">HHII5h", 0, 2, 2, 3, *range(5)),
        struct.pack(">HHII7h", 0, 2, 2, 3, *range(7)),
        struct.pack(">HHII6h", 0, 2, 2**31, 2**31, *range(6)),
        struct.pack(">HHII6h", 0, 2, 2**32 - 1, 3, *range(6)),
    ],
)
@pytest.mark.parametrize("compressor", [[], [GZIP]], ids=str)
def test_wrong_blocks(data: bytes, compressor: list[Any]) -> None:
    with pytest.raises(CodecError):
        pipeline_of((2, 3), "i2", n5(2, *compressor)).decode(data)


@pytest.mark.parametrize(
    ("dtype", "codec", "word"),
    [
        ("i2", Extension("n5_default", {}), "codecs is missing"),
        ("i2", Extension("n5_default", {"codecs": ["bytes"]}), "codecs is wrong"),
        ("i2", n5(2, GZIP, GZIP), "codecs is wrong"),
        ("i2", n5(2, order=[0, 1]), "axes reversed"),
        ("i2", n5(3), "order"),
        ("i2", n5(2, endian="little"), "endian 'big'"),
        ("i2", n5(2, endian=None), "endian"),
        ("c8", n5(2), "complex64"),
        ("f2", n5(2), "float16"),
        ("i2", n5(2, {"name": "transpose", "configuration": {"order": [1, 0]}}), "bytes to bytes"),
    ],
)
def test_wrong_configuration(dtype: str, codec: Extension, word: str) -> None:
    with pytest.raises(MetadataError, match=word):
        pipeline_of((2, 3), dtype, codec)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({"type": "raw"}, []),
        ({"type": "gzip"}, [GZIP]),
        ({"type": "gzip", "useZlib": True}, [{"name": "numcodecs.zlib", "configuration": {}}]),
        ({"type": "bzip2"}, [BZ2]),
        ({"type": "xz"}, [XZ]),
        ({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 0}, [BLOSC]),
        ({"type": "zstd"}, [{"name": "zstd", "configuration": {"level": 1}}]),
    ],
    ids=str,
)
def test_blocks_of_tensorstore(tmp_path: Path, theirs: dict[str, Any], ours: list[Any]) -> None:
    ts = pytest.importorskip("tensorstore")
    spec = {
        "driver": "n5", "kvstore": f"file://{tmp_path}/array", "create": True,
        "metadata": {"dimensions": [7, 5], "blockSize": [4, 3], "dataType": "int32", "compression": theirs},
    }  # fmt: skip
    values = np.arange(35, dtype="i4").reshape(7, 5)
    array = ts.open(spec).result()
    array.write(values).result()
    pipeline = pipeline_of((4, 3), "i4", n5(2, *ours), fill=np.int32(0))
    for i, j in np.ndindex(2, 2):
        path = tmp_path / "array" / str(i) / str(j)
        found = pipeline.decode(path.read_bytes())
        part = values[4 * i : 4 * i + 4, 3 * j : 3 * j + 3]
        assert (found[: part.shape[0], : part.shape[1]] == part).all()
        path.write_bytes(pipeline.encode(np.ascontiguousarray(found * 3)))
    assert json.loads((tmp_path / "array/attributes.json").read_text())["blockSize"] == [4, 3]
    again = ts.open({"driver": "n5", "kvstore": f"file://{tmp_path}/array"}).result()
    assert (again.read().result() == values * 3).all()
