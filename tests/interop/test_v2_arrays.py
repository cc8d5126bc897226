"""v2 arrays both ways: what dzarr writes a peer reads with the same bits, and the reverse.

Every compressor goes with every order, separator and byte order, and with every data type; filters and the rarer
compressors are zarr-python's alone.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

SHAPE, CHUNKS = (7, 5, 6), (4, 4, 3)
DTYPES = [
    "|b1", "|i1", "<i2", ">i2", "<i4", ">i4", "<i8", ">i8", "|u1", "<u2", ">u2", "<u4", ">u4", "<u8", ">u8",
    "<f2", ">f2", "<f4", ">f4", "<f8", ">f8", "<c8", ">c8", "<c16", ">c16",
]  # fmt: skip


def blosc(cname: str, shuffle: int) -> dict[str, Any]:
    return {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0}


COMPRESSORS: dict[str, Any] = {
    "none": None,
    "zlib": {"id": "zlib", "level": 1},
    "gzip": {"id": "gzip", "level": 5},
    "bz2": {"id": "bz2", "level": 1},
    "zstd": {"id": "zstd", "level": 1},
    "blosc-lz4": blosc("lz4", 1),
    "blosc-zstd-bit": blosc("zstd", 2),
    "blosc-zlib": blosc("zlib", 0),
    "blosc-lz4hc": blosc("lz4hc", 1),
    "blosc-blosclz": blosc("blosclz", 1),
    "lz4": {"id": "lz4", "acceleration": 1},
    "lzma": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
}
OF_ZARR = {"lz4", "lzma"}  # tensorstore doesn't know them
FILTERS: dict[str, list[dict[str, Any]]] = {
    "delta": [{"id": "delta", "dtype": "<i4", "astype": "<i4"}],
    "delta-narrow": [{"id": "delta", "dtype": "<i4", "astype": "<i2"}],
    "shuffle": [{"id": "shuffle", "elementsize": 4}],
    "crc32": [{"id": "crc32"}],
    "adler32": [{"id": "adler32"}],
    "fletcher32": [{"id": "fletcher32"}],
    "jenkins": [{"id": "jenkins_lookup3"}],
    "several": [{"id": "delta", "dtype": "<i4", "astype": "<i4"}, {"id": "shuffle", "elementsize": 4}, {"id": "crc32"}],
    "fixedscaleoffset": [{"id": "fixedscaleoffset", "scale": 1, "offset": -9, "dtype": "<i4", "astype": "<u2"}],
    "astype": [{"id": "astype", "encode_dtype": "<i2", "decode_dtype": "<i4"}],
    "base64": [{"id": "base64"}],
}


def document(dtype: str, compressor: str, order: str, separator: str | None, **changes: Any) -> dict[str, Any]:
    given = {
        "zarr_format": 2,
        "shape": list(SHAPE),
        "chunks": list(CHUNKS),
        "dtype": dtype,
        "compressor": COMPRESSORS[compressor],
        "filters": None,
        "order": order,
        "fill_value": {"b": False, "c": [0.0, 0.0]}.get(np.dtype(dtype).kind, 0),
    }
    return given | ({} if separator is None else {"dimension_separator": separator}) | changes


def values_of(dtype: str, seed: int = 0) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(seed).integers(-9, 9, (2, *SHAPE)).astype("i8")
    native = np.dtype(dtype).newbyteorder("=")
    return (values[0] + 1j * values[1] if native.kind == "c" else values[0]).astype(native)


def check(found: Any, expected: np.ndarray[Any, Any]) -> None:
    assert (found.shape, found.dtype.newbyteorder("=")) == (expected.shape, expected.dtype)
    assert found.astype(expected.dtype).tobytes() == expected.tobytes()


def both_ways(peer: Any, write_document: Callable[..., Path], text: dict[str, Any]) -> None:
    values = values_of(text["dtype"])
    theirs = write_document("theirs", text, ".zarray")
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)
    part = np.s_[1:6, :3, 2:5]
    values[part] = values_of(text["dtype"], 1)[part]
    dzarr.open_array(theirs, "r+")[part] = values[part]
    check(peer.read(theirs), values)
    ours = write_document("ours", text, ".zarray")
    dzarr.open_array(ours, "r+")[...] = values
    check(peer.read(ours), values)
    values[:2, 3:] = values_of(text["dtype"], 2)[:2, 3:]
    peer.write(ours, np.s_[:2, 3:], values[:2, 3:])
    check(dzarr.open_array(ours).read(), values)


CASES = sorted(
    # Compressors with orders and separators, and with data types: whatever isn't crossed goes round.
    {(DTYPES[(7 * i) % 25], *case) for i, case in enumerate(product(COMPRESSORS, "CF", "./"))}
    | {
        (dtype, compressor, "CF"[(i + i // 12) % 2], "./"[(i // 2 + i // 24) % 2])
        for i, (dtype, compressor) in enumerate(product(DTYPES, COMPRESSORS))
    }
)


@pytest.mark.parametrize(("dtype", "compressor", "order", "separator"), CASES, ids=map(" ".join, CASES))
def test_both_ways(
    peer: Any, write_document: Callable[..., Path], dtype: str, compressor: str, order: str, separator: str
) -> None:
    if compressor in OF_ZARR and peer.name == "tensorstore":
        return
    both_ways(peer, write_document, document(dtype, compressor, order, separator))


@pytest.mark.parametrize("peer", ["zarr"], indirect=True)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", ["none", "zlib", "blosc-lz4"])
@pytest.mark.parametrize("filters", FILTERS)
def test_filters(peer: Any, write_document: Callable[..., Path], filters: str, compressor: str, order: str) -> None:
    both_ways(peer, write_document, document("<i4", compressor, order, None, filters=FILTERS[filters]))


@pytest.mark.parametrize("peer", ["zarr"], indirect=True)
def test_filters_that_lose(peer: Any, write_document: Callable[..., Path]) -> None:
    """Both lose the same bits."""
    chains = (
        [{"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f4"}],
        [{"id": "bitround", "keepbits": 3}],
        [{"id": "fixedscaleoffset", "scale": 10, "offset": 0.5, "dtype": "<f8", "astype": "<i4"}],
    )
    values = np.random.default_rng(0).normal(size=SHAPE) * 100
    for k, chain in enumerate(chains):
        text = document("<f8", "zlib", "C", ".", filters=chain)
        ours, theirs = (write_document(f"{who}{k}", text, ".zarray") for who in ("ours", "theirs"))
        dzarr.open_array(ours, "r+")[...] = values
        peer.write(theirs, ..., values)
        found = dzarr.open_array(theirs).read()
        check(peer.read(ours), found)
        check(dzarr.open_array(ours).read(), found)
        assert np.abs(found - values).max() < 30
        assert not np.array_equal(found, values)


@pytest.mark.parametrize("fill", [None, 7])
@pytest.mark.parametrize("order", ["C", "F"])
def test_missing_chunks(peer: Any, write_document: Callable[..., Path], order: str, fill: Any) -> None:
    values = np.full(SHAPE, fill or 0, "i4")
    values[4:6, 2:4, :2] = 5
    text = document("<i4", "zlib", order, "/", fill_value=fill)
    ours, theirs = (write_document(who, text, ".zarray") for who in ("ours", "theirs"))
    dzarr.open_array(ours, "r+")[4:6, 2:4, :2] = 5
    assert [path.relative_to(ours).as_posix() for path in ours.glob("[0-9]*/**/*") if path.is_file()] == ["1/0/0"]
    check(peer.read(ours), values)
    peer.write(theirs, np.s_[4:6, 2:4, :2], values[4:6, 2:4, :2])
    check(dzarr.open_array(theirs).read(), values)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    ("shape", "chunks"), [((), ()), ((0,), (3,)), ((4, 0), (2, 2)), ((1,), (1,)), ((1, 1), (5, 7)), ((10,), (3,)),
                          ((2, 3, 2, 3), (2, 2, 1, 2))],
)  # fmt: skip
def test_shapes(peer: Any, write_document: Callable[..., Path], shape: Any, chunks: Any, order: str) -> None:
    text = document(">f4", "zstd", order, ".", shape=list(shape), chunks=list(chunks))
    values = np.arange(1, 1 + np.prod(shape, dtype=int), dtype="f4").reshape(shape)
    ours, theirs = (write_document(who, text, ".zarray") for who in ("ours", "theirs"))
    dzarr.open_array(ours, "r+")[...] = values
    check(peer.read(ours), values)
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)


@pytest.mark.parametrize("peer", ["zarr"], indirect=True)
@pytest.mark.parametrize(("dtype", "filled"), [
    ("<M8[s]", np.datetime64("2020-02-29", "s")), (">m8[ns]", np.timedelta64(-5, "ns")), ("|S5", b"abc"),
    ("<U4", "é"), (">U4", "bc"), ("|V3", b"abc"),
])  # fmt: skip
@pytest.mark.parametrize("order", ["C", "F"])
def test_other_types(peer: Any, tmp_path: Path, dtype: str, filled: Any, order: str) -> None:
    kind = np.dtype(dtype).newbyteorder("=")
    values = np.zeros((5, 4), kind)
    values[1:4, ::2] = np.array(filled, kind)
    codecs = {"order": order, "compressor": {"id": "zlib", "level": 1}}
    made = dzarr.create(
        tmp_path / "a", shape=(5, 4), chunks=(2, 3), dtype=dtype, zarr_format=2, codecs=codecs,
        fill_value=np.zeros((), kind)[()],
    )  # fmt: skip
    made[...] = values
    check(peer.read(tmp_path / "a"), values)
    peer.write(tmp_path / "a", np.s_[2:, 1:], values[:3, :3])
    values[2:, 1:] = values[:3, :3].copy()
    check(dzarr.open_array(tmp_path / "a").read(), values)


@pytest.mark.parametrize("peer", ["zarr"], indirect=True)
@pytest.mark.parametrize("order", ["C", "F"])
def test_structures(peer: Any, tmp_path: Path, order: str) -> None:
    dtype = np.dtype([("x", "<f4"), ("y", ">i2"), ("z", "|S3")])
    values = np.zeros((5, 4), dtype)
    values["x"], values["y"], values["z"] = np.arange(20).reshape(5, 4), -3, b"abc"
    made = dzarr.create(
        tmp_path / "a", shape=(5, 4), chunks=(2, 3), dtype=dtype, zarr_format=2,
        codecs={"order": order, "compressor": blosc("lz4", 1)},
    )  # fmt: skip
    made[...] = values
    assert peer.read(tmp_path / "a").tobytes() == values.tobytes()
    peer.write(tmp_path / "a", np.s_[1:, 2:], values[:4, :2])
    values[1:, 2:] = values[:4, :2].copy()
    assert dzarr.open_array(tmp_path / "a").read().tobytes() == values.tobytes()
    assert dzarr.open_array(tmp_path / "a").read(fields=["z", "x"])["x"].tobytes() == values["x"].tobytes()
