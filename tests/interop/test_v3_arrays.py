"""v3 arrays both ways: what dzarr writes a peer reads with the same bits, and the reverse.

Documents are spelled here, by hand, so that none of the three has a say in what they mean. Every codec chain goes
with every way of sharding and of transposing, and with every data type.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

# zarr-python says that sharding with other codecs around it is slow.
pytestmark = pytest.mark.filterwarnings("ignore:Combining a `sharding_indexed` codec")

SHAPE = (7, 8, 6)
# zarr-python compares the inner shape with the object's as if nothing were transposed, so it gets cubes.
OBJECTS = {"zarr-python": (6, 6, 6), "tensorstore": (4, 4, 6)}
DTYPES = [
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128",
]  # fmt: skip


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


LITTLE, BIG, CRC = codec("bytes", endian="little"), codec("bytes", endian="big"), codec("crc32c")
INDEX = (LITTLE, CRC)


def blosc(cname: str, shuffle: str, typesize: int = 2) -> dict[str, Any]:
    return codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=typesize, blocksize=0)


CHAINS: dict[str, list[dict[str, Any]]] = {
    "little": [LITTLE],
    "big": [BIG],
    "crc32c": [LITTLE, CRC],
    "gzip": [LITTLE, codec("gzip", level=5)],
    "zstd": [LITTLE, codec("zstd", level=3, checksum=False)],
    "zstd-checksum": [BIG, codec("zstd", level=1, checksum=True)],
    "zstd-crc32c": [LITTLE, codec("zstd", level=0, checksum=False), CRC],
    "blosc-lz4-shuffle": [LITTLE, blosc("lz4", "shuffle")],
    "blosc-lz4-bitshuffle": [BIG, blosc("lz4", "bitshuffle", 4)],
    "blosc-lz4hc": [LITTLE, blosc("lz4hc", "noshuffle")],
    "blosc-zstd-shuffle": [LITTLE, blosc("zstd", "shuffle", 8)],
    "blosc-zlib-bitshuffle": [LITTLE, blosc("zlib", "bitshuffle")],
    "blosc-blosclz": [LITTLE, blosc("blosclz", "shuffle", 1)],
}


def sharding(chunk: Any, codecs: Any, location: str = "end", index: Any = INDEX) -> dict[str, Any]:
    return codec(
        "sharding_indexed", chunk_shape=list(chunk), codecs=list(codecs), index_codecs=list(index),
        index_location=location,
    )  # fmt: skip


def permuted(shape: Any, order: Any) -> list[int]:
    return [shape[axis] for axis in order or range(len(shape))]


# From a chain and an outer transpose to the whole list of codecs; inner shapes are in stored axes.
SHARDS: dict[str, Callable[[list[Any], Any], list[Any]]] = {
    "none": lambda chain, order: chain,
    "end": lambda chain, order: [sharding(permuted((2, 2, 3), order), chain)],
    "start": lambda chain, order: [sharding(permuted((2, 2, 6), order), chain, "start", (BIG, CRC))],
    "no-checksum": lambda chain, order: [sharding(permuted((2, 1, 6), order), chain, "end", (LITTLE,))],
    "nested": lambda chain, order: [
        sharding(permuted((2, 2, 6), order), [sharding(permuted((2, 1, 6), order), chain, "start")])
    ],
}
ORDERS: dict[str, tuple[Any, Any]] = {
    "C": (None, None),
    "F": ((2, 1, 0), None),
    "rotated": ((1, 2, 0), None),
    "inside": (None, (2, 0, 1)),
    "both": ((2, 0, 1), (1, 0, 2)),
}


def document(peer: Any, dtype: str, chain: str, shards: str, order: str, keys: Any = "default") -> dict[str, Any]:
    outer, inner = ORDERS[order]
    codecs = CHAINS[chain] if inner is None else [codec("transpose", order=list(inner)), *CHAINS[chain]]
    codecs = SHARDS[shards](codecs, outer)
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(SHAPE),
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(OBJECTS[peer.name])}},
        "chunk_key_encoding": {"name": keys} if isinstance(keys, str) else keys,
        "fill_value": {"b": False, "c": [0.0, 0.0]}.get(np.dtype(dtype).kind, 0),
        "codecs": codecs if outer is None else [codec("transpose", order=list(outer)), *codecs],
        "attributes": {},
    }


def values_of(dtype: str, seed: int = 0) -> np.ndarray[Any, Any]:
    values = np.random.default_rng(seed).integers(-9, 9, (2, *SHAPE)).astype("i8")
    return (values[0] + 1j * values[1] if dtype.startswith("complex") else values[0]).astype(dtype)


CASES = sorted(
    # Chains with shards and orders, and with data types: whatever isn't crossed goes round.
    {(DTYPES[i % 14], *case) for i, case in enumerate(product(CHAINS, SHARDS, ORDERS))}
    | {
        (dtype, chain, list(SHARDS)[i % 5], list(ORDERS)[(i // 5) % 5])
        for i, (dtype, chain) in enumerate(product(DTYPES, CHAINS))
    }
)


def check(found: Any, expected: np.ndarray[Any, Any]) -> None:
    assert (found.shape, found.dtype.newbyteorder("=")) == (expected.shape, expected.dtype)
    assert found.astype(expected.dtype).tobytes() == expected.tobytes()


@pytest.mark.parametrize(("dtype", "chain", "shards", "order"), CASES, ids=map("-".join, CASES))
def test_both_ways(
    tmp_path: Path, peer: Any, write_document: Callable[..., Path], dtype: str, chain: str, shards: str, order: str
) -> None:
    values = values_of(dtype)
    theirs = write_document("theirs", document(peer, dtype, chain, shards, order))
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)
    # Part of what a peer wrote is written anew by dzarr, and the reverse; then each reads what both wrote.
    part = np.s_[1:6, :3, 2:5]
    values[part] = values_of(dtype, 1)[part]
    dzarr.open_array(theirs, "r+")[part] = values[part]
    check(peer.read(theirs), values)
    ours = write_document("ours", document(peer, dtype, chain, shards, order))
    dzarr.open_array(ours, "r+")[...] = values
    check(peer.read(ours), values)
    values[:2, 3:] = values_of(dtype, 2)[:2, 3:]
    peer.write(ours, np.s_[:2, 3:], values[:2, 3:])
    check(dzarr.open_array(ours).read(), values)


@pytest.mark.parametrize("shards", SHARDS)
def test_missing_chunks(peer: Any, write_document: Callable[..., Path], shards: str) -> None:
    """One chunk is written; what is missing around it, in its shard and beside it, is the fill value."""
    text = document(peer, "float32", "zstd", shards, "C") | {"fill_value": "NaN"}
    values = np.full(SHAPE, np.nan, "f4")
    values[4:6, 2:4, :2] = 5
    for name, write, read in (
        ("ours", lambda folder, *given: dzarr.open_array(folder, "r+").write(*given), peer.read),
        ("theirs", peer.write, lambda folder: dzarr.open_array(folder).read()),
    ):
        folder = write_document(name, text)
        write(folder, np.s_[4:6, 2:4, :2], values[4:6, 2:4, :2])
        check(read(folder), values)
        assert (
            len(
                [
                    path
                    for path in folder.rglob("*")
                    if path.is_file() and path.name != "zarr.json" and ".dzarr" not in path.parts
                ]
            )
            == 1
        )


KEYS = [
    ("default", "/", "c/1/0/0"), ("default", ".", "c.1.0.0"), ("v2", ".", "1.0.0"), ("v2", "/", "1/0/0"),
    ("default", None, "c/1/0/0"), ("v2", None, "1.0.0"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "separator", "key"), KEYS)
def test_keys(peer: Any, write_document: Callable[..., Path], name: str, separator: Any, key: str) -> None:
    keys = name if separator is None else codec(name, separator=separator)
    values = values_of("int16")
    ours, theirs = (
        write_document(who, document(peer, "int16", "little", "end", "C", keys)) for who in ("ours", "theirs")
    )
    dzarr.open_array(ours, "r+")[...] = values
    check(peer.read(ours), values)
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)
    assert (ours / key).is_file()
    assert (theirs / key).is_file()


@pytest.mark.parametrize(
    ("shape", "chunk", "inner"),
    [((), (), None), ((0,), (3,), None), ((4, 0, 2), (2, 2, 2), (1, 1, 2)), ((1,), (1,), (1,)),
     ((1, 1), (5, 7), (5, 1)), ((1,), (100,), None), ((10,), (3,), (1,)), ((2, 3, 2, 3), (2, 2, 1, 2), (1, 2, 1, 1))],
)  # fmt: skip
def test_shapes(peer: Any, write_document: Callable[..., Path], shape: Any, chunk: Any, inner: Any) -> None:
    text = document(peer, "int32", "little", "none", "C") | {
        "shape": list(shape),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
    }
    if inner is not None:
        text["codecs"] = [sharding(inner, [LITTLE, codec("gzip", level=1)])]
    values = np.arange(1, 1 + np.prod(shape, dtype=int), dtype="i4").reshape(shape)
    ours, theirs = (write_document(who, text) for who in ("ours", "theirs"))
    dzarr.open_array(ours, "r+")[...] = values
    check(peer.read(ours), values)
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)


@pytest.mark.parametrize("peer", ["zarr"], indirect=True)  # tensorstore declines them
@pytest.mark.parametrize("after", [[CRC], [codec("gzip", level=1)], [codec("zstd", level=1, checksum=True), CRC]])
@pytest.mark.parametrize("order", [None, (2, 0, 1)])
def test_codecs_after_sharding(peer: Any, write_document: Callable[..., Path], after: Any, order: Any) -> None:
    """Bytes codecs around a whole shard."""
    text = document(peer, "uint16", "zstd", "start", "C")
    text["codecs"] = SHARDS["start"](CHAINS["zstd"], order) + after
    if order is not None:
        text["codecs"].insert(0, codec("transpose", order=list(order)))
    values = values_of("uint16")
    ours, theirs = (write_document(who, text) for who in ("ours", "theirs"))
    handle = dzarr.open_array(ours, "r+")
    handle[...] = values + 1
    handle[...] = values
    handle[1, 2:4] = values[1, 2:4]
    check(peer.read(ours), values)
    peer.write(theirs, ..., values)
    check(dzarr.open_array(theirs).read(), values)
    check(dzarr.open_array(theirs)[2:5, 1, ::-2].read(), values[2:5, 1, ::-2])
