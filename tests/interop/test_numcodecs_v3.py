"""The codecs of numcodecs in v3 documents, both ways with zarr-python, in whole chunks and inside shards."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

zarr = pytest.importorskip("zarr")
pytestmark = [
    # zarr-python warns of each of these codecs that no specification has it.
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3"),
    pytest.mark.filterwarnings("ignore:Combining a `sharding_indexed` codec"),
]

SHAPE, CHUNK, SHARD = (10, 12), (5, 4), (10, 8)
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
INDEX = [LITTLE, {"name": "crc32c"}]


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": f"numcodecs.{name}", "configuration": configuration}


BYTES = [
    codec("bz2", level=5), codec("crc32"), codec("crc32c"), codec("crc32c", location="start"), codec("adler32"),
    codec("fletcher32"), codec("jenkins_lookup3", initval=3), codec("lz4", acceleration=2), codec("lzma", preset=1),
    codec("blosc", cname="zstd", clevel=3, shuffle=2), codec("gzip", level=1), codec("zlib", level=1),
    codec("zstd", level=3), codec("shuffle", elementsize=4),
]  # fmt: skip
ARRAYS = [
    ("<i4", codec("delta", dtype="<i4")),
    ("<i4", codec("delta", dtype="<i4", astype="<i2")),
    ("<f8", codec("fixedscaleoffset", offset=0, scale=10, dtype="<f8", astype="<i4")),
    ("<f8", codec("quantize", digits=1, dtype="<f8")),
    ("<f4", codec("quantize", digits=1, dtype="<f4")),
    ("<i4", codec("astype", encode_dtype="<i8", decode_dtype="<i4")),
    ("<f4", codec("bitround", keepbits=5)),
]
WHOLE = [
    *(codec("zfpy", mode=mode, tolerance=0.01, rate=16, precision=20) for mode in (2, 3, 4)),
    codec("pcodec", level=3),
]
CASES: list[tuple[str, list[dict[str, Any]]]] = [
    *(("<i4", [LITTLE, outer]) for outer in BYTES),
    *((dtype, [first, LITTLE]) for dtype, first in ARRAYS),
    ("<i4", [ARRAYS[0][1], LITTLE, BYTES[-1], BYTES[0], BYTES[1]]),
    *((dtype, [whole]) for whole in WHOLE for dtype in ("<f4", "<i8")),
    ("<f8", [WHOLE[-1], BYTES[2]]),
]
NAMES = {"<i4": "int32", "<i8": "int64", "<f4": "float32", "<f8": "float64"}


def document(dtype: str, chain: list[dict[str, Any]], sharded: bool) -> dict[str, Any]:
    if sharded:
        inner = {"chunk_shape": list(CHUNK), "codecs": chain, "index_codecs": INDEX, "index_location": "end"}
        chain = [{"name": "sharding_indexed", "configuration": inner}]
    return {
        "zarr_format": 3, "node_type": "array", "shape": list(SHAPE), "data_type": NAMES[dtype], "fill_value": 0,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(SHARD if sharded else CHUNK)}},
        "chunk_key_encoding": {"name": "default"}, "codecs": chain, "attributes": {},
    }  # fmt: skip


def values_of(dtype: str) -> Any:
    return (np.add.outer(np.arange(10) * 7.25, np.arange(12) ** 2 / 3) + 1).astype(dtype)


def lost(chain: list[dict[str, Any]], values: Any) -> Any:
    """How far a chain may be from the values, element by element."""
    if "bitround" in chain[0]["name"]:
        return np.abs(values) / 32
    if "zfpy" in chain[0]["name"]:
        # A precision of so few bits leaves nothing of 64-bit integers.
        return np.inf if chain[0]["configuration"]["mode"] == 3 and values.dtype.kind == "i" else 3
    return {"numcodecs.fixedscaleoffset": 0.0501, "numcodecs.quantize": 0.0501}.get(chain[0]["name"], 0)


@pytest.mark.parametrize("sharded", [False, True], ids=["chunks", "shards"])
@pytest.mark.parametrize(("dtype", "chain"), CASES, ids=str)
def test_both_ways(dtype: str, chain: list[dict[str, Any]], sharded: bool, write_document: Callable[..., Path]) -> None:
    for package, name in (("pcodec", "pcodec"), ("zfpy", "zfpy")):
        if any(step["name"] == f"numcodecs.{name}" for step in chain) and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    values = values_of(dtype)
    theirs = write_document("theirs", document(dtype, chain, sharded))
    zarr.open_array(theirs, mode="r+")[...] = values
    expected = zarr.open_array(theirs, mode="r")[...]
    found = dzarr.open_array(str(theirs)).read()
    assert found.tobytes() == expected.tobytes()
    assert (np.abs(found - values) <= lost(chain, values)).all()

    ours = write_document("ours", document(dtype, chain, sharded))
    dzarr.open_array(str(ours), mode="r+")[...] = values
    assert zarr.open_array(ours, mode="r")[...].tobytes() == expected.tobytes()
    # zarr-python hands blosc single bytes and not elements; Python's gzip writes another header than zlib.
    if not sharded and not any(step["name"] in ("numcodecs.blosc", "numcodecs.gzip") for step in chain):
        for path in sorted((theirs / "c").rglob("*")):
            if path.is_file():
                assert (ours / path.relative_to(theirs)).read_bytes() == path.read_bytes()
