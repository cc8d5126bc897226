"""Bad input of every kind gives a DzarrError of the right class that names the place: never a crash, a hang,
garbage, or memory beyond the declared array.

Four tables: documents that break their specification, objects whose bytes can't be, calls that can't be meant,
and sizes that nobody could hold. What one object's damage must not do is spoil its neighbours.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import dzarr
from dzarr.errors import (
    ConflictError,
    CorruptObjectError,
    DTypeError,
    DzarrError,
    GridError,
    LockError,
    MetadataError,
    MissingObjectError,
    NodeExistsError,
    NodeNotFoundError,
    NodeTypeError,
    OptionError,
    ReadOnlyError,
    RegionError,
    StoreError,
    UnsupportedError,
)
from dzarr.io.memory import MemoryStore

MIB = 1 << 20
ROOT = Path(dzarr.__file__).parents[1]

V3 = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [16, 16],
    "data_type": "uint16",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [8, 8]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
}
SHARDED = {
    "name": "sharding_indexed",
    "configuration": {
        "chunk_shape": [4, 4],
        "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, "crc32c"],
    },
}
V2 = {
    "zarr_format": 2,
    "shape": [16, 16],
    "chunks": [8, 8],
    "dtype": "<u2",
    "compressor": None,
    "filters": None,
    "fill_value": 0,
    "order": "C",
}


def changed(document: dict[str, Any], *path: Any, to: Any = None) -> dict[str, Any]:
    """Return `document` with the member at `path` set to `to`, or left out where `to` is ``GONE``."""
    document = deepcopy(document)
    inner: Any = document
    for step in path[:-1]:
        inner = inner[step]
    if to is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return document


def named(value: object) -> str:
    """Return a name for one parameter that is the same in every process."""
    text = repr(value)[:40]
    return type(value).__name__ if " at 0x" in text else text


GONE = object()
GRID = ("chunk_grid", "configuration", "chunk_shape")
INNER = ("codecs", 0, "configuration")
SHARDS = changed(V3, "codecs", to=[SHARDED])
ONES = changed(SHARDED, "configuration", "chunk_shape", to=[1, 1])
THOUSANDS = changed(
    SHARDED, "configuration", to=SHARDED["configuration"] | {"chunk_shape": [1024] * 2, "codecs": [ONES]}
)

# What stands in zarr.json, what it gives, and the word that names the member.
DOCUMENTS: dict[str, tuple[Any, type[DzarrError], str]] = {
    "empty file": (b"", MetadataError, "JSON"),
    "cut short": (json.dumps(V3).encode()[:-9], MetadataError, "JSON"),
    "not UTF-8": (b"\xff\xfe{}", MetadataError, "UTF-8"),
    "not an object": (b"[1]", MetadataError, "object"),
    "a million brackets": (b"[" * 1_000_000, MetadataError, "JSON"),
    "a number of 5000 digits": (b'{"zarr_format": ' + b"1" * 5000 + b"}", MetadataError, "JSON"),
    "a name twice": (b'{"zarr_format": 3, "zarr_format": 3}', MetadataError, "twice"),
    "null bytes": (bytes(500), MetadataError, "JSON"),
    "no zarr_format": (changed(V3, "zarr_format", to=GONE), MetadataError, "zarr_format"),
    "format 4": (changed(V3, "zarr_format", to=4), MetadataError, "zarr_format"),
    "format as text": (changed(V3, "zarr_format", to="3"), MetadataError, "zarr_format"),
    "no node_type": (changed(V3, "node_type", to=GONE), MetadataError, "node_type"),
    "unknown node_type": (changed(V3, "node_type", to="table"), MetadataError, "node_type"),
    "node_type a list": (changed(V3, "node_type", to=["array"]), MetadataError, "node_type"),
    "no shape": (changed(V3, "shape", to=GONE), MetadataError, "shape"),
    "shape a number": (changed(V3, "shape", to=16), MetadataError, "shape"),
    "shape of floats": (changed(V3, "shape", to=[16.0, 16]), MetadataError, "shape"),
    "shape with true": (changed(V3, "shape", to=[True, 16]), MetadataError, "shape"),
    "negative shape": (changed(V3, "shape", to=[-1, 16]), MetadataError, "shape"),
    "shape of 2^63": (changed(V3, "shape", to=[2**63, 16]), MetadataError, "shape"),
    "a thousand dimensions": (changed(V3, "shape", to=[1] * 1000), UnsupportedError, "dimensions"),
    "no data_type": (changed(V3, "data_type", to=GONE), MetadataError, "data_type"),
    "unknown data_type": (changed(V3, "data_type", to="decimal128"), UnsupportedError, "decimal128"),
    "data_type a number": (changed(V3, "data_type", to=7), MetadataError, "data_type"),
    "no chunk_grid": (changed(V3, "chunk_grid", to=GONE), MetadataError, "chunk_grid"),
    "unknown chunk_grid": (changed(V3, "chunk_grid", to={"name": "hexagonal"}), UnsupportedError, "hexagonal"),
    "negative chunk": (changed(V3, *GRID, to=[8, -8]), MetadataError, "chunk_shape"),
    "chunk of 0": (changed(V3, *GRID, to=[0, 8]), MetadataError, "chunk_shape"),
    "chunk as text": (changed(V3, *GRID, to="8"), MetadataError, "chunk_shape"),
    "chunk of another rank": (changed(V3, *GRID, to=[8]), MetadataError, "chunk_shape"),
    "unknown key encoding": (changed(V3, "chunk_key_encoding", to={"name": "md5"}), UnsupportedError, "md5"),
    "separator out of the store": (
        changed(V3, "chunk_key_encoding", "configuration", "separator", to="/../"),
        MetadataError,
        "separator",
    ),
    "no fill_value": (changed(V3, "fill_value", to=GONE), MetadataError, "fill_value"),
    "fill_value too large": (changed(V3, "fill_value", to=70000), MetadataError, "fill"),
    "fill_value as text": (changed(V3, "fill_value", to="zero"), MetadataError, "fill"),
    "fill_value an object": (changed(V3, "fill_value", to={}), MetadataError, "fill"),
    "no codecs": (changed(V3, "codecs", to=GONE), MetadataError, "codecs"),
    "codecs empty": (changed(V3, "codecs", to=[]), MetadataError, "codecs"),
    "codecs an object": (changed(V3, "codecs", to={}), MetadataError, "codecs"),
    "codec a number": (changed(V3, "codecs", to=[5]), MetadataError, "codecs[0]"),
    "unknown codec": (changed(V3, "codecs", to=["bytes", "zip9"]), UnsupportedError, "zip9"),
    "pickle": (changed(V3, "codecs", to=["bytes", "numcodecs.pickle"]), UnsupportedError, "pickle"),
    "no codec makes bytes": (changed(V3, "codecs", to=["zstd"]), MetadataError, "zstd"),
    "codecs in a wrong order": (changed(V3, "codecs", to=["zstd", "bytes"]), MetadataError, "zstd"),
    "no such endian": (changed(V3, "codecs", 0, "configuration", "endian", to="middle"), MetadataError, "endian"),
    "gzip level 99": (
        changed(V3, "codecs", to=["bytes", {"name": "gzip", "configuration": {"level": 99}}]),
        MetadataError,
        "gzip",
    ),
    "transpose no permutation": (
        changed(V3, "codecs", to=[{"name": "transpose", "configuration": {"order": [0, 0]}}, "bytes"]),
        MetadataError,
        "transpose",
    ),
    "transpose before shards no permutation": (
        changed(V3, "codecs", to=[{"name": "transpose", "configuration": {"order": [0, 7]}}, SHARDED]),
        MetadataError,
        "transpose",
    ),
    "shard without chunk_shape": (changed(SHARDS, *INNER, "chunk_shape", to=GONE), MetadataError, "chunk_shape"),
    "shard with negative chunk": (changed(SHARDS, *INNER, "chunk_shape", to=[-4, 4]), MetadataError, "chunk_shape"),
    "chunks don't divide the shard": (changed(SHARDS, *INNER, "chunk_shape", to=[3, 4]), GridError, "divide"),
    "index codecs compress": (
        changed(SHARDS, *INNER, "index_codecs", to=["bytes", "zstd"]),
        MetadataError,
        "index_codecs",
    ),
    "index codecs missing": (changed(SHARDS, *INNER, "index_codecs", to=GONE), MetadataError, "index_codecs"),
    "index in the middle": (changed(SHARDS, *INNER, "index_location", to="middle"), MetadataError, "index_location"),
    "unknown member of sharding": (changed(SHARDS, *INNER, "align", to=4096), MetadataError, "align"),
    "shard inner codec unknown": (changed(SHARDS, *INNER, "codecs", to=["bytes", "zip9"]), UnsupportedError, "zip9"),
    "dimension_names of another rank": (changed(V3, "dimension_names", to=["x"]), MetadataError, "dimension_names"),
    "dimension_names numbers": (changed(V3, "dimension_names", to=[1, 2]), MetadataError, "dimension_names"),
    "attributes a list": (changed(V3, "attributes", to=[1]), MetadataError, "attributes"),
    "storage transformer": (changed(V3, "storage_transformers", to=[{"name": "x"}]), UnsupportedError, "transformer"),
    "unknown member": (changed(V3, "encryption", to={"name": "aes"}), UnsupportedError, "encryption"),
    "group's consolidated record a list": (
        {"zarr_format": 3, "node_type": "group", "consolidated_metadata": [1]},
        MetadataError,
        "consolidated_metadata",
    ),
    "group's record without members": (
        {
            "zarr_format": 3,
            "node_type": "group",
            "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": 5},
        },
        MetadataError,
        "consolidated_metadata.metadata",
    ),
    "group with an unknown member": (
        {"zarr_format": 3, "node_type": "group", "links": [1]},
        UnsupportedError,
        "links",
    ),
    # Sizes that nobody could hold.
    "chunk of 2^62": (changed(V3, *GRID, to=[2**62, 8]), GridError, "max_decoded_bytes"),
    "chunk of 2^31 x 2^31": (changed(V3, *GRID, to=[2**31, 2**31]), GridError, "max_decoded_bytes"),
    "shard of 2^40 chunks": (changed(SHARDS, *GRID, to=[2**22, 2**22]), GridError, "index"),
    "nested shards of 2^40 chunks": (
        changed(changed(V3, *GRID, to=[2**20, 2**20]), "codecs", to=[THOUSANDS]),
        GridError,
        "index",
    ),
    "a string of 2^40 bytes": (
        changed(
            changed(V3, "data_type", to={"name": "null_terminated_bytes", "configuration": {"length_bytes": 2**40}}),
            "fill_value",
            to="",
        ),
        UnsupportedError,
        "element",
    ),
    "2^50 explicit chunks": (
        changed(
            V3,
            "chunk_grid",
            to={
                "name": "rectilinear",
                "configuration": {"kind": "inline", "chunk_shapes": [[[1, 2**50]], [16]]},
            },
        ),
        UnsupportedError,
        "chunks",
    ),
}  # fmt: skip

DOCUMENTS_V2: dict[str, tuple[Any, type[DzarrError], str]] = {
    "empty file": (b"", MetadataError, "JSON"),
    "format 3": (changed(V2, "zarr_format", to=3), MetadataError, "zarr_format"),
    "no chunks": (changed(V2, "chunks", to=GONE), MetadataError, "chunks"),
    "negative chunk": (changed(V2, "chunks", to=[8, -8]), MetadataError, "chunks"),
    "chunk of 2^62": (changed(V2, "chunks", to=[2**62, 8]), GridError, "max_decoded_bytes"),
    "unknown dtype": (changed(V2, "dtype", to="<q9"), UnsupportedError, "q9"),
    "dtype of 2^31 bytes": (changed(V2, "dtype", to="|S2147483648"), UnsupportedError, "element"),
    "dtype a number": (changed(V2, "dtype", to=5), MetadataError, "dtype"),
    "object dtype": (changed(V2, "dtype", to="|O"), DzarrError, "O"),
    "order Z": (changed(V2, "order", to="Z"), MetadataError, "order"),
    "no order": (changed(V2, "order", to=GONE), MetadataError, "order"),
    "unknown compressor": (changed(V2, "compressor", to={"id": "zip9"}), UnsupportedError, "zip9"),
    "compressor without id": (changed(V2, "compressor", to={"level": 1}), MetadataError, "compressor"),
    "compressor a list": (changed(V2, "compressor", to=[1]), MetadataError, "compressor"),
    "compressor of wrong level": (changed(V2, "compressor", to={"id": "zlib", "level": "x"}), DzarrError, "zlib"),
    "filters an object": (changed(V2, "filters", to={"id": "delta"}), MetadataError, "filters"),
    "filter of another dtype": (changed(V2, "filters", to=[{"id": "delta", "dtype": "q9"}]), DzarrError, "delta"),
    "pickle": (changed(V2, "filters", to=[{"id": "pickle"}]), UnsupportedError, "pickle"),
    "separator": (changed(V2, "dimension_separator", to=":"), MetadataError, "dimension_separator"),
    "fill_value": (changed(V2, "fill_value", to="x"), MetadataError, "fill"),
}


def put(folder: Path, name: str, document: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())


def grown(act: Callable[[], Any]) -> int:
    """Return by how many bytes memory grew at most while `act` ran."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def refused(act: Callable[[], Any], error: type[DzarrError], *words: str) -> DzarrError:
    with pytest.raises(error) as caught:
        act()
    for word in words:
        assert word in str(caught.value)
    return caught.value


@pytest.mark.parametrize("case", DOCUMENTS)
def test_v3_documents(tmp_path: Path, case: str) -> None:
    document, error, word = DOCUMENTS[case]
    put(tmp_path / "g" / "a", "zarr.json", document)
    put(tmp_path / "g", "zarr.json", {"zarr_format": 3, "node_type": "group"})
    found = refused(lambda: dzarr.open(tmp_path, path="g/a"), error, word, "g/a/zarr.json")
    assert found.key == "g/a/zarr.json"
    assert grown(lambda: refused(lambda: dzarr.open(tmp_path, path="g/a"), error)) < 32 * MIB
    # Its neighbours don't suffer: the group lists it, and shows what is wrong.
    group = dzarr.open_group(tmp_path, "r+", path="g")
    assert list(group) == ["a"]
    assert "unreadable" in repr(group.tree()) or "unreadable" in str(group.tree())
    assert list(group.arrays()) == []
    refused(lambda: group["a"], error, word)
    refused(lambda: dzarr.create(tmp_path, path="g/a", shape=4, dtype="u1"), DzarrError, "g/a")
    assert dzarr.create(tmp_path, path="g/a", shape=4, dtype="u1", overwrite=True).read().tolist() == [0] * 4


@pytest.mark.parametrize("case", DOCUMENTS_V2)
def test_v2_documents(tmp_path: Path, case: str) -> None:
    document, error, word = DOCUMENTS_V2[case]
    put(tmp_path / "a", ".zarray", document)
    found = refused(lambda: dzarr.open(tmp_path, path="a"), error, word, "a/.zarray")
    assert found.key == "a/.zarray"
    assert grown(lambda: refused(lambda: dzarr.open(tmp_path, path="a"), error)) < 32 * MIB


@pytest.mark.parametrize(
    ("name", "document", "error", "word"),
    [
        (".zattrs", b"{", MetadataError, ".zattrs"),
        (".zattrs", [1], MetadataError, ".zattrs"),
        (".zgroup", b"", MetadataError, ".zgroup"),
        (".zgroup", {"zarr_format": 3}, MetadataError, "zarr_format"),
        (".zgroup", {}, MetadataError, "zarr_format"),
    ],
)
def test_v2_groups_and_attributes(tmp_path: Path, name: str, document: Any, error: Any, word: str) -> None:
    put(tmp_path, ".zgroup", {"zarr_format": 2})
    put(tmp_path, name, document)
    refused(lambda: dzarr.open(tmp_path), error, word, name)


def test_a_document_of_the_other_kind(tmp_path: Path) -> None:
    put(tmp_path / "a", "zarr.json", V3)
    put(tmp_path / "g", "zarr.json", {"zarr_format": 3, "node_type": "group"})
    refused(lambda: dzarr.open_array(tmp_path, path="g"), NodeTypeError, "g")
    refused(lambda: dzarr.open_group(tmp_path, path="a"), NodeTypeError, "a")
    refused(lambda: dzarr.create(tmp_path, path="a/b", shape=1, dtype="u1"), NodeTypeError, "'a'")


# Objects whose bytes can't be

VALUES = np.arange(256, dtype="u2").reshape(16, 16)


def sharded(folder: Any, location: str = "end", **create: Any) -> dzarr.Array:
    """Four shards of four chunks of 32 bytes each, raw; an index has 4 * 16 + 4 bytes."""
    create = {"codecs": ["bytes"], "shards": (8, 8)} | create
    a = dzarr.create(folder, shape=(16, 16), dtype="u2", chunks=(4, 4), index_location=location, **create)
    a.write(..., VALUES)
    return a


def index(entries: list[tuple[int, int]], *, crc: bool = True) -> bytes:
    data = struct.pack(f"<{2 * len(entries)}Q", *(n for entry in entries for n in entry))
    checksum = google_crc32c.value(data) if crc else 0xDEADBEEF
    return data + struct.pack("<I", checksum)


GOOD = [(0, 32), (32, 32), (64, 32), (96, 32)]
NOT_THERE = (2**64 - 1, 2**64 - 1)
DATA = b"".join(VALUES[y : y + 4, x : x + 4].tobytes() for y in (0, 4) for x in (8, 12))

# What the object c/0/1 is replaced by, and a word of the error.
SHARD_CASES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "shorter than its index"),
    "one byte": (b"\0", "shorter than its index"),
    "one byte less than an index": (bytes(67), "shorter than its index"),
    "an index of zeros without data": (index([(0, 0)] * 4), "can't be decoded"),
    "last byte gone": ((DATA + index(GOOD))[:-1], "index"),
    "first byte gone": ((DATA + index(GOOD))[1:], "outside the shard's data"),
    "half": ((DATA + index(GOOD))[:98], "index"),
    "index alone": (index(GOOD), "outside the shard's data"),
    "wrong checksum of the index": (DATA + index(GOOD, crc=False), "index can't be decoded"),
    "offset out of bounds": (DATA + index([*GOOD[:3], (4096, 32)]), "entry 3"),
    "length out of bounds": (DATA + index([*GOOD[:3], (96, 33)]), "entry 3"),
    "entry inside the index": (DATA + index([*GOOD[:3], (128, 32)]), "entry 3"),
    "offset of 2^63": (DATA + index([*GOOD[:3], (2**63, 32)]), "entry 3"),
    "length of 2^63": (DATA + index([*GOOD[:3], (0, 2**63)]), "entry 3"),
    "offset and length that overflow together": (DATA + index([*GOOD[:3], (2**64 - 2, 4)]), "entry 3"),
    "missing by its offset only": (DATA + index([*GOOD[:3], (2**64 - 1, 32)]), "entry 3"),
    "missing by its length only": (DATA + index([*GOOD[:3], (96, 2**64 - 1)]), "entry 3"),
    "a chunk too short": (DATA + index([*GOOD[:3], (96, 31)]), "chunk"),
    "a chunk too long": (DATA + index([*GOOD[:3], (64, 64)]), "chunk"),
    "a chunk of no bytes": (DATA + index([*GOOD[:3], (96, 0)]), "chunk"),
}


@pytest.mark.parametrize("cold", [True, False], ids=["cold", "warm"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "inner"])
@pytest.mark.parametrize("case", SHARD_CASES)
def test_shards(tmp_path: Path, case: str, whole: bool, cold: bool) -> None:
    data, word = SHARD_CASES[case]
    a = sharded(tmp_path)
    if not cold:
        a.read()
    assert (tmp_path / "c/0/1").read_bytes() == DATA + index(GOOD)
    (tmp_path / "c/0/1").write_bytes(data)
    region = (slice(0, 8), slice(8, 16)) if whole else (slice(5, 7), slice(13, 15))
    found = refused(lambda: a.read(region), CorruptObjectError, "c/0/1", word)
    assert found.key == "c/0/1"
    if word == "chunk":
        assert found.chunk == (1, 3)
    refused(a.read, CorruptObjectError, "c/0/1")
    np.testing.assert_array_equal(a.read((slice(8, 16), ...)), VALUES[8:])
    np.testing.assert_array_equal(a.read((slice(0, 8), slice(0, 8))), VALUES[:8, :8])
    # What is torn can't be merged with, and says so; a write that covers it does not look at it.
    if word != "chunk":
        refused(lambda: a.write((0, 8), 7), CorruptObjectError, "c/0/1")
    assert a.write(region if whole else (slice(0, 8), slice(8, 16)), VALUES[:8, 8:]).bytes_read == 0
    np.testing.assert_array_equal(a.read(), VALUES)


@pytest.mark.parametrize("length", [0, 1, 15, 16, 63, 64, 67, 68, 69, 99, 100, 131, 132, 195])
@pytest.mark.parametrize("location", ["start", "end"])
def test_shards_cut_at_every_interesting_length(tmp_path: Path, location: str, length: int) -> None:
    a = sharded(tmp_path, location)
    whole = (tmp_path / "c/0/1").read_bytes()
    assert len(whole) == 196
    (tmp_path / "c/0/1").write_bytes(whole[:length])
    for region in [(slice(0, 8), slice(8, 16)), (7, 15), (0, 8)]:
        refused(lambda: a.read(region), CorruptObjectError, "c/0/1")  # noqa: B023
    refused(lambda: a.write((0, 8), 7), CorruptObjectError, "c/0/1")


@pytest.mark.parametrize("location", ["start", "end"])
def test_an_entry_that_points_into_the_index(tmp_path: Path, location: str) -> None:
    a = sharded(tmp_path, location)
    shift = 68 if location == "start" else 0
    good = [(at + shift, n) for at, n in GOOD]
    inside = [*good[:3], (4 if location == "start" else 130, 32)]
    for entries, right in ((good, True), (inside, False)):
        parts = [index(entries), DATA]
        (tmp_path / "c/0/1").write_bytes(b"".join(parts if location == "start" else parts[::-1]))
        if right:
            assert a.read((7, 15)) == VALUES[7, 15]
        else:
            refused(lambda: a.read((7, 15)), CorruptObjectError, "entry 3", "c/0/1")


def test_indexes_that_look_odd_and_are_legal(tmp_path: Path) -> None:
    a = sharded(tmp_path)
    path, box = tmp_path / "c/0/1", (slice(0, 8), slice(8, 16))
    blocks = {k: VALUES[y : y + 4, x : x + 4] for k, (y, x) in enumerate([(0, 8), (0, 12), (4, 8), (4, 12)])}
    for entries, order in {
        ((96, 32), (64, 32), (32, 32), (0, 32)): (3, 2, 1, 0),  # any order
        ((0, 32), (0, 32), (0, 32), (0, 32)): (0, 0, 0, 0),  # shared by a writer that found them equal
        ((0, 32), NOT_THERE, NOT_THERE, (96, 32)): (0, None, None, 3),  # gaps, and chunks that are not there
    }.items():
        path.write_bytes(DATA + index(list(entries)))
        got = a.read(box)
        for k, which in enumerate(order):
            expected = np.zeros((4, 4), "u2") if which is None else blocks[which]
            y, x = divmod(k, 2)
            np.testing.assert_array_equal(got[4 * y : 4 * y + 4, 4 * x : 4 * x + 4], expected)
    path.write_bytes(DATA + index([(0, 32), (16, 32), (48, 32), (96, 32)]))  # overlapping in part: legal too
    assert a.read((0, 12)) == VALUES[2, 8]


@pytest.mark.parametrize("level", ["outer", "inner"])
@pytest.mark.parametrize("damage", ["checksum", "bounds", "cut"])
def test_nested_shards_with_a_bad_index(tmp_path: Path, level: str, damage: str) -> None:
    a = sharded(tmp_path, shards=[{"shape": (16, 16)}, {"shape": (8, 8)}])
    path = tmp_path / "c/0/0"
    data = bytearray(path.read_bytes())
    outer = len(data) - 68
    # The inner shard of chunk (0, 0) is the first: 4 chunks of 32 bytes and an index.
    start = outer if level == "outer" else 128
    if damage == "checksum":
        data[start + 65] ^= 1
    else:
        entry = (2**40, 32) if damage == "bounds" else (0, 20)
        data[start : start + 68] = index([entry] * 4)
    path.write_bytes(data)
    refused(lambda: a.read((0, 0)), CorruptObjectError, "c/0/0")
    if level == "inner":
        with pytest.raises(CorruptObjectError):
            a.read()


CODECS: dict[str, dict[str, Any]] = {
    "bytes": {"codecs": ["bytes"]},
    "zstd": {"codecs": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}]},
    "zstd with checksum": {"codecs": [{"name": "zstd", "configuration": {"level": 1, "checksum": True}}]},
    "gzip": {"codecs": [{"name": "gzip", "configuration": {"level": 1}}]},
    "crc32c": {"codecs": ["crc32c"]},
    "zstd crc32c": {"codecs": ["zstd", "crc32c"]},
    "transpose": {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "zstd"]},
    **{
        f"blosc {cname}": {
            "codecs": [
                {
                    "name": "blosc",
                    "configuration": {
                        "cname": cname,
                        "clevel": 5,
                        "shuffle": "bitshuffle",
                        "typesize": 2,
                        "blocksize": 0,
                    },
                }
            ]
        }
        for cname in ("lz4", "zstd", "zlib", "blosclz")
    },
    **{
        f"v2 {name}": {"zarr_format": 2, "codecs": {"compressor": {"id": name}}}
        for name in ("zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc")
    },
    "v2 delta": {"zarr_format": 2, "codecs": {"filters": [{"id": "delta", "dtype": "<u2"}], "compressor": None}},
    "v2 shuffle": {"zarr_format": 2, "codecs": {"filters": [{"id": "shuffle", "elementsize": 2}]}},
    "v2 fletcher32": {"zarr_format": 2, "codecs": {"filters": [{"id": "fletcher32"}]}},
    "v2 raw": {"zarr_format": 2, "codecs": {"compressor": None}},
}


def unsharded(folder: Any, codec: str, chunk: int = 8) -> dzarr.Array:
    a = dzarr.create(folder, shape=(16, 16), dtype="u2", chunks=(chunk, chunk), **CODECS[codec])
    a.write(..., VALUES)
    return a


@pytest.mark.parametrize("codec", CODECS)
def test_chunks_that_decode_to_another_length(codec: str) -> None:
    store, other = MemoryStore(), MemoryStore()
    a = unsharded(store, codec)
    key = next(key for key in store.list("") if key in ("c/0/1", "0.1"))
    for size in (4, 16):
        b = dzarr.create(other, path=f"of{size}", shape=(16, 16), dtype="u2", chunks=(size, size), **CODECS[codec])
        b.write(..., VALUES)
        lie = other.get(f"of{size}/" + ("c/0/0" if "/" in key else "0.0"))
        assert lie is not None
        store.set(key, [lie[0]])
        found = refused(lambda: a.read((0, 9)), CorruptObjectError, key)
        assert found.chunk == (0, 1)
    for lie in (b"", b"\0", b"\xff" * 7, bytes(64), bytes(1000)):
        store.set(key, [lie])
        refused(a.read, CorruptObjectError, key, "(0, 1)")
    np.testing.assert_array_equal(a.read((slice(8, 16), ...)), VALUES[8:])


def test_damage_that_only_a_checksum_sees() -> None:
    for codec in ("crc32c", "zstd crc32c", "zstd with checksum", "v2 fletcher32"):
        store = MemoryStore()
        a = unsharded(store, codec)
        key = next(key for key in store.list("") if key in ("c/0/1", "0.1"))
        answer = store.get(key)
        assert answer is not None
        data = bytearray(answer[0])
        data[len(data) // 2] ^= 1
        store.set(key, [data])
        refused(lambda: a.read((0, 9)), CorruptObjectError, key, "(0, 1)")  # noqa: B023


def test_an_outer_codec_that_fails(tmp_path: Path) -> None:
    document = changed(
        SHARDS, "codecs", to=[SHARDED, {"name": "zstd", "configuration": {"level": 1, "checksum": False}}]
    )
    put(tmp_path, "zarr.json", document)
    a = dzarr.open_array(tmp_path, "r+")
    a.write(..., VALUES)
    np.testing.assert_array_equal(a.read(), VALUES)
    (tmp_path / "c/0/1").write_bytes(b"no zstd")
    refused(lambda: a.read((0, 9)), CorruptObjectError, "c/0/1")
    refused(lambda: a.write((0, 9), 1), CorruptObjectError, "c/0/1")


# Headers that lie, and sizes that nobody could hold


def liars() -> dict[str, tuple[str, bytes]]:
    """Small blobs that claim, or hold, far more than a chunk."""
    huge = 3 << 30
    blosc = bytearray(numcodecs.Blosc("lz4", 5, 1).encode(VALUES.tobytes()))
    blosc[4:8] = struct.pack("<I", 2**31 - 100)
    zeros = np.zeros(200 * MIB, "u1")
    return {
        "blosc header": ("blosc lz4", bytes(blosc)),
        "blosc of 200 MiB": ("blosc lz4", numcodecs.Blosc("lz4", 9, 1).encode(zeros)),
        "zstd header": ("zstd", b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", huge) + bytes(20)),
        "zstd bomb": ("zstd", bytes(numcodecs.Zstd(1).encode(zeros))),
        "gzip bomb": ("gzip", bytes(numcodecs.GZip(1).encode(zeros))),
        "zlib bomb": ("v2 zlib", bytes(numcodecs.Zlib(1).encode(zeros))),
        "bz2 bomb": ("v2 bz2", bytes(numcodecs.BZ2(1).encode(zeros))),
        "lz4 header": ("v2 lz4", struct.pack("<I", 2**31 - 1) + bytes(40)),
    }


@pytest.fixture(scope="module")
def lies() -> dict[str, tuple[str, bytes]]:
    return liars()


@pytest.mark.parametrize(
    "case",
    [
        "blosc header",
        "blosc of 200 MiB",
        "zstd header",
        "zstd bomb",
        "gzip bomb",
        "zlib bomb",
        "bz2 bomb",
        "lz4 header",
    ],
)
def test_chunks_that_lie_about_their_size(lies: dict[str, tuple[str, bytes]], case: str, tmp_path: Path) -> None:
    codec, blob = lies[case]
    a = unsharded(tmp_path, codec)
    key = "c/0/1" if (tmp_path / "c").exists() else "0.1"
    (tmp_path / key).write_bytes(blob)
    assert grown(lambda: refused(lambda: a.read((0, 9)), CorruptObjectError, key, "(0, 1)")) < 16 * MIB
    # Codecs in C allocate where Python doesn't see it: the whole process may not grow.
    script = """
import resource, sys, dzarr
a = dzarr.open_array(sys.argv[1])
a.read((15, 15))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    a.read((0, 9))
except dzarr.CorruptObjectError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path], capture_output=True, text=True, cwd=ROOT, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 32


@pytest.mark.parametrize(
    "document",
    [
        changed(V3, "shape", to=[2**62, 16]),
        changed(V3, "shape", to=[2**63 - 1, 2**63 - 1]),
        changed(SHARDS, "shape", to=[2**62, 2**62]),
        changed(changed(SHARDS, "shape", to=[2**62, 2**62]), *GRID, to=[2**12, 2**12]),
        changed(V2, "shape", to=[2**62, 16]),
    ],
    ids=["v3", "v3 both axes", "sharded", "a million chunks a shard", "v2"],
)
def test_absurd_shapes_open_and_read(tmp_path: Path, document: dict[str, Any]) -> None:
    put(tmp_path, "zarr.json" if document["zarr_format"] == 3 else ".zarray", document)
    n = document["shape"][0]

    def act() -> None:
        a = dzarr.open_array(tmp_path, "r+")
        assert a.shape == tuple(document["shape"])
        assert a.nbytes == 2 * document["shape"][0] * document["shape"][1]
        assert "uint16" in repr(a)
        assert a[n - 3 : n, 2:4].read().tolist() == [[0, 0]] * 3
        assert a.read((n // 2, 3)) == 0
        assert a[:: n // 2].shape[0] >= 2
        assert a.vindex[[0, n - 1], [1, 2]].read().tolist() == [0, 0]

    assert grown(act) < 16 * MIB
    a = dzarr.open_array(tmp_path, "r+")
    if document["chunk_grid" if "chunk_grid" in document else "chunks"] == V3["chunk_grid"]:
        a[n - 2 :, 3] = 5
        assert a.read((slice(n - 3, n), 3)).tolist() == [0, 5, 5]


def test_a_huge_shard_is_not_read_for_what_is_missing(tmp_path: Path) -> None:
    put(tmp_path, "zarr.json", changed(changed(SHARDS, "shape", to=[2**40, 2**40]), *GRID, to=[2**13, 2**13]))
    a = dzarr.open_array(tmp_path)
    (tmp_path / "c/0").mkdir(parents=True)
    (tmp_path / "c/0/0").write_bytes(bytes(1000))
    assert grown(lambda: refused(lambda: a.read((0, 0)), CorruptObjectError, "c/0/0", "shorter")) < 16 * MIB


def test_regions_too_large_for_any_memory(tmp_path: Path) -> None:
    for k, shape in enumerate([(2**62, 2**62), (2**45,), (2**36, 2**30)]):
        a = dzarr.create(tmp_path / str(k), shape=shape, dtype="u2", chunks=4 if len(shape) == 1 else (4, 4))
        refused(a.read, RegionError, "too large", str(shape[0]))


@pytest.mark.parametrize(
    "create", [{"shards": None}, {"shards": None, "codecs": ["zstd", "crc32c"]}, {}, {"level": 2}], ids=named
)
def test_files_that_are_mostly_holes(tmp_path: Path, create: dict[str, Any]) -> None:
    if "level" in create:
        create = {"shards": [{"shape": (16, 8)}, {"shape": (8, 8)}]}
    a = sharded(tmp_path, **create)
    path = tmp_path / "c/0/1"
    good = path.read_bytes()
    os.truncate(path, 2**40)

    def act() -> None:
        n = 4 if a.shards is None else 8
        for region in (..., (2, n + 1), (slice(0, n), slice(n, 2 * n))):
            refused(lambda: a.read(region), CorruptObjectError, "c/0/1")  # noqa: B023
        refused(lambda: a.write((2, n + 1), 1), CorruptObjectError, "c/0/1")

    assert grown(act) < 16 * MIB
    # A shard whose index is right, and says that one chunk has a terabyte.
    if "shards" not in create:
        path.write_bytes(b"")
        os.truncate(path, 2**40)
        with path.open("ab") as file:
            file.write(index([(0, 2**40), *GOOD[1:]]))
        assert grown(lambda: refused(lambda: a.read((0, 8)), CorruptObjectError, "(0, 2)", "c/0/1")) < 16 * MIB
        refused(lambda: a.write((0, 8), 1), CorruptObjectError, "c/0/1")
        # And one that is right, with a gap of a terabyte: it is read by its ranges.
        path.write_bytes(DATA)
        os.truncate(path, 2**40)
        with path.open("ab") as file:
            file.write(index(GOOD))
        assert grown(lambda: np.testing.assert_array_equal(a.read(), VALUES)) < 16 * MIB
    path.write_bytes(good)
    np.testing.assert_array_equal(a.read(), VALUES)


def test_a_document_of_a_terabyte(tmp_path: Path) -> None:
    put(tmp_path, "zarr.json", V3)
    os.truncate(tmp_path / "zarr.json", 2**43)
    refused(lambda: dzarr.open(tmp_path), StoreError, "zarr.json", "too large")


# Stores that hold something else than was expected


def test_a_folder_where_an_object_belongs(tmp_path: Path) -> None:
    a = sharded(tmp_path)
    (tmp_path / "c/0/1").unlink()
    (tmp_path / "c/0/1").mkdir()
    # A folder is no object: for the store nothing is there.
    assert a.read((0, 9)) == 0
    refused(lambda: a.with_options(missing="error").read((0, 9)), MissingObjectError, "c/0/1")
    refused(lambda: a.write((slice(0, 8), slice(8, 16)), 1), StoreError, "c/0/1")
    refused(lambda: a.write((0, 9), 1), ConflictError, "c/0/1")


def test_a_folder_where_a_document_belongs(tmp_path: Path) -> None:
    (tmp_path / "zarr.json").mkdir()
    refused(lambda: dzarr.open(tmp_path), NodeNotFoundError, "zarr.json")
    refused(lambda: dzarr.create(tmp_path, shape=1, dtype="u1"), DzarrError, "zarr.json")


def test_an_object_where_a_folder_belongs(tmp_path: Path) -> None:
    a = sharded(tmp_path)
    (tmp_path / "c/2").write_bytes(b"x")
    b = dzarr.create(tmp_path / "b", shape=(4, 4), dtype="u1", chunks=(2, 2))
    (tmp_path / "b" / "c").write_bytes(b"x")
    assert b.read((0, 0)) == 0
    refused(lambda: b.write(..., 1), StoreError, "c/")
    refused(lambda: dzarr.open(tmp_path / "c/2"), UnsupportedError, "c/2")
    refused(lambda: dzarr.create(tmp_path, path="c/2/x", shape=1, dtype="u1"), DzarrError, "c/2")
    np.testing.assert_array_equal(a.read(), VALUES)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    a = sharded(tmp_path)
    (tmp_path / "c/0/1").chmod(0)
    refused(lambda: a.read((0, 9)), StoreError, "c/0/1")
    refused(lambda: a.write((0, 9), 1), StoreError, "c/0/1")


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights there")
def test_a_link_out_of_the_store(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out"
    a = sharded(inside)
    sharded(outside)
    before = (outside / "c/1/0").read_bytes()
    (inside / "c/0/0").unlink()
    (inside / "c/0/1").unlink()
    (inside / "c/0").rmdir()
    (inside / "c/0").symlink_to(outside / "c/1")
    # dzarr may have been in the folder before it became a link: a handle opened now has not.
    b = dzarr.open_array(inside, "r+")
    assert a.read((0, 0)) == VALUES[8, 0]
    refused(lambda: b.write((slice(0, 8), slice(0, 8)), 0), StoreError, "c/0/0", "leads out")
    refused(lambda: b.write((0, 0), 0), StoreError, "c/0/0", "leads out")
    assert (outside / "c/1/0").read_bytes() == before


# Calls that can't be meant

REGIONS: dict[str, Any] = {
    "out of bounds": 99,
    "out of bounds below": -17,
    "of 2^70": 2**70,
    "too many": (0, 0, 0),
    "a float": 1.5,
    "text": "x",
    "bytes": b"x",
    "step 0": (slice(0, 1, 0),),
    "slice of text": slice("a", "b"),
    "slice of floats": slice(1.5, 2),
    "two Ellipses": (..., ...),
    "a boolean": True,
    "a dict": {},
    "an object": object(),
    "a list": [0, 1],
    "an array": np.array([0, 1]),
    "NaN": float("nan"),
}


@pytest.fixture(scope="module")
def array() -> dzarr.Array:
    return sharded(MemoryStore())


@pytest.mark.parametrize("region", REGIONS.values(), ids=REGIONS)
def test_regions(array: dzarr.Array, region: Any) -> None:
    refused(lambda: array.read(region), RegionError)
    refused(lambda: array.write(region, 1), RegionError)
    np.testing.assert_array_equal(array.read(), VALUES)


@pytest.mark.parametrize(
    "item",
    [99, -17, 1.5, "x", [99], [-17], [0.5], [True], np.zeros(3, bool), (0, 0, 0), ["a"], [None], {}, [2**70], object()],
    ids=named,
)
def test_index_arrays(array: dzarr.Array, item: Any) -> None:
    for indexer in (array.oindex, array.vindex):
        if indexer is array.vindex and isinstance(item, tuple):
            continue
        refused(lambda: indexer[item].read(), RegionError)  # noqa: B023
    refused(lambda: array.objects[item].read(), RegionError)


@pytest.mark.parametrize("item", ["x", 1.5, {}, object(), 1j, {1}, np.True_, ["a"], [99], ("x", 0)], ids=named)
def test_what_neither_we_nor_dask_take(array: dzarr.Array, item: Any) -> None:
    refused(lambda: array[item], RegionError)


def test_more_index_arrays(array: dzarr.Array) -> None:
    refused(lambda: array.oindex[np.zeros((2, 2), int)], RegionError, "1-d")
    refused(lambda: array.vindex[[0, 1], [0, 1, 2]], RegionError, "broadcast")
    refused(lambda: array.vindex[np.zeros((3, 16), bool)], RegionError, "mask")
    refused(lambda: array.vindex[:, :], RegionError)
    refused(lambda: array.objects[::2], RegionError)
    refused(lambda: array.objects[slice(None, None, 0)], RegionError)
    refused(lambda: array[:4].objects[0], RegionError, "view")


@pytest.mark.parametrize(
    "out",
    [
        np.empty((3, 3), "u2"),
        np.empty((16, 16)),
        np.empty((16, 16), ">u2"),
        [],
        "x",
        np.broadcast_to(np.zeros((), "u2"), (16, 16)),
    ],
    ids=["shape", "dtype", "byte order", "list", "text", "read-only"],
)
def test_out(array: dzarr.Array, out: Any) -> None:
    refused(lambda: array.read(out=out), RegionError, "out")


@pytest.mark.parametrize("fields", ["x", 5, [1], object(), ["a", "x"]], ids=named)
def test_fields(array: dzarr.Array, fields: Any) -> None:
    store = MemoryStore()
    table = dzarr.create(store, shape=4, dtype=[("a", "u1"), ("b", "f4")])
    assert table.read(fields="a").tolist() == [0] * 4
    for a in (array, table):
        refused(lambda: a.read(fields=fields), RegionError, "field")  # noqa: B023


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ("x", DTypeError),
        (None, DTypeError),
        (object(), DTypeError),
        (1.5, DTypeError),
        (-1, DTypeError),
        (1e9, DTypeError),
        (70000, DTypeError),
        (2**70, DTypeError),
        (float("nan"), DTypeError),
        (1j, DTypeError),
        (np.datetime64("2026-01-01"), DTypeError),
        (np.ma.masked_array([1], [True]), DTypeError),
        (np.array([1.5]), DTypeError),
        ({}, DTypeError),
        ([1, 2, 3], RegionError),
        (np.zeros((17, 16), "u2"), RegionError),
        ([[1], [2, 3]], RegionError),
    ],
    ids=named,
)
def test_values(array: dzarr.Array, values: Any, error: type[DzarrError]) -> None:
    refused(lambda: array.write(..., values), error)
    np.testing.assert_array_equal(array.read(), VALUES)


@pytest.mark.parametrize("lock", ["x", 5, None, object(), True, [], dict, "files"], ids=named)
def test_locks(array: dzarr.Array, lock: Any) -> None:
    refused(lambda: array.write((0, 0), 1, lock=lock), LockError)
    refused(lambda: array.write((slice(0, 8), slice(0, 8)), 1, lock=lock), LockError)
    refused(lambda: array.write((0, 0), 1, lock="dask"), UnsupportedError)
    np.testing.assert_array_equal(array.read(), VALUES)


@pytest.mark.parametrize(
    "options",
    [
        {"missing": "maybe"},
        {"missing": []},
        {"durability": "x"},
        {"cache": None},
        {"threads": 0},
        {"threads": 1.5},
        {"threads": True},
        {"inflight_bytes": -1},
        {"inflight_bytes": "1 MB"},
        {"inflight_bytes": float("nan")},
        {"merge_gap": "x"},
        {"lock_timeout": float("nan")},
        {"max_decoded_bytes": 0},
        {"write_empty_chunks": "no"},
        {"allow_codecs": "pickle"},
        {"allow_codecs": 5},
        {"missing_status": 404},
    ],
    ids=named,
)
def test_options(array: dzarr.Array, options: dict[str, Any]) -> None:
    refused(lambda: array.with_options(**options), OptionError, next(iter(options)))
    with pytest.raises(ValueError, match=next(iter(options))):
        dzarr.Options(**options)


@pytest.mark.parametrize(
    ("keywords", "error"),
    [
        ({"mode": "w"}, UnsupportedError),
        ({"mode": "a"}, UnsupportedError),
        ({"mode": None}, UnsupportedError),
        ({"mode": ["r"]}, UnsupportedError),
        ({"path": 5}, NodeTypeError),
        ({"path": ".."}, StoreError),
        ({"path": "a//b"}, StoreError),
        ({"path": ".zgroup"}, NodeTypeError),
        ({"path": "__x"}, NodeNotFoundError),
        ({"path": "nothing"}, NodeNotFoundError),
        ({"zarr_format": 4}, MetadataError),
        ({"zarr_format": "3"}, MetadataError),
        ({"zarr_format": 2}, NodeNotFoundError),
        ({"storage_options": {"key": "secret"}}, UnsupportedError),
        ({"storage_options": 5}, UnsupportedError),
        ({"options": 5}, OptionError),
        ({"options": {}}, OptionError),
        ({"consolidated": 5}, OptionError),
    ],
    ids=named,
)
def test_open(tmp_path: Path, keywords: dict[str, Any], error: type[DzarrError]) -> None:
    dzarr.create(tmp_path, shape=4, dtype="u1")
    found = refused(lambda: dzarr.open(tmp_path, **keywords), error)
    assert "secret" not in str(found)


@pytest.mark.parametrize(
    "url",
    [5, None, "", "s3://x", "http://x/y", "memory://", "file://host/x", "a\0b", "x" * 5000, ["a"], "zip://a::b"],
    ids=named,
)
def test_urls(url: Any) -> None:
    once = dzarr.Options(retries=0)  # a host that is not there is asked for again and again otherwise
    refused(lambda: dzarr.open(url, options=once), DzarrError)
    refused(lambda: dzarr.create(url, shape=1, dtype="u1", options=once), DzarrError)


LOOP: dict[str, Any] = {}
LOOP["loop"] = LOOP


@pytest.mark.parametrize(
    ("attributes", "word"),
    [
        (5, "attributes"),
        ("x", "attributes"),
        ([1], "attributes"),
        ({"nan": float("nan")}, "attributes.nan"),
        ({"deep": {"list": [1, float("inf")]}}, "attributes.deep.list[1]"),
        ({"array": np.array([np.nan])}, "attributes.array[0]"),
        ({"thing": object()}, "attributes.thing"),
        ({"set": {1}}, "attributes.set"),
        ({"bytes": b"x"}, "attributes.bytes"),
        ({"complex": 1j}, "attributes.complex"),
        ({1: 2}, "attributes"),
        (LOOP, "deep"),
    ],
    ids=named,
)
def test_attributes(tmp_path: Path, attributes: Any, word: str) -> None:
    a = dzarr.create(tmp_path / "a", shape=4, dtype="u1", attributes={"old": 1})
    g = dzarr.create_group(tmp_path / "g", attributes={"old": 1})
    for node in (a, g):
        refused(lambda: node.attrs.update(attributes), MetadataError, word)  # noqa: B023
        refused(lambda: node.attrs.put(attributes), MetadataError, word)  # noqa: B023
        assert dict(node.attrs) == {"old": 1}
    assert dict(dzarr.open(tmp_path / "a").attrs) == {"old": 1}
    refused(lambda: dzarr.create(tmp_path / "b", shape=1, dtype="u1", attributes=attributes), MetadataError, word)
    refused(lambda: dzarr.create_group(tmp_path / "b", attributes=attributes), MetadataError, word)
    refused(lambda: g.create_group("x", attributes=attributes), MetadataError, word)
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    "keywords",
    [
        {"shape": -1}, {"shape": "x"}, {"shape": None}, {"shape": 1.5}, {"shape": 2**63}, {"shape": [1] * 70},
        {"dtype": "nope"}, {"dtype": object}, {"dtype": 5},
        {"chunks": 0}, {"chunks": -5}, {"chunks": "x"}, {"chunks": (1, 2)}, {"chunks": None}, {"chunks": 1.5},
        {"chunks": [[1, 2], 5]}, {"chunks": [[1, 2]]}, {"chunks": [[0, 8]]}, {"chunks": [["a"]]},
        {"shards": 0}, {"shards": 3, "chunks": 2}, {"shards": {}}, {"shards": {"shape": 4, "x": 1}}, {"shards": "x"},
        {"shards": [{}]}, {"shards": {"shape": 4, "index_codecs": 5}},
        {"shards": {"shape": 4, "index_codecs": ["zstd"]}},
        {"index_location": "middle"}, {"index_location": 5}, {"shape": 2**62, "chunks": 2**62},
        {"shape": 2**62, "chunks": 1, "shards": 2**61},
        {"codecs": "zstd"}, {"codecs": ["nope"]}, {"codecs": [5]}, {"codecs": None}, {"codecs": {}},
        {"codecs": [{"name": "zstd", "configuration": {"level": "x"}}]}, {"codecs": ["bytes", "bytes"]},
        {"codecs": ["zstd", "transpose"]}, {"codecs": ["sharding_indexed"]},
        {"fill_value": "x"}, {"fill_value": 1e9}, {"fill_value": [1, 2]}, {"fill_value": object()},
        {"dimension_names": "x"}, {"dimension_names": [1]}, {"dimension_names": ["a", "b"]}, {"dimension_names": 5},
        {"zarr_format": 1}, {"zarr_format": "2"}, {"zarr_format": None},
        {"chunk_key_encoding": "x"}, {"chunk_key_encoding": 5}, {"options": 5},
        {"zarr_format": 2, "shards": 4}, {"zarr_format": 2, "codecs": ["zstd"]}, {"zarr_format": 2, "codecs": {"x": 1}},
        {"zarr_format": 2, "codecs": {"compressor": {"id": "nope"}}}, {"zarr_format": 2, "codecs": {"filters": 5}},
        {"zarr_format": 2, "codecs": {"order": "X"}}, {"zarr_format": 2, "chunk_key_encoding": "x"},
        {"path": "a/../b"}, {"path": "zarr.json"}, {"path": "__a"}, {"path": 5},
    ],
    ids=named,
)  # fmt: skip
def test_create(tmp_path: Path, keywords: dict[str, Any]) -> None:
    refused(lambda: dzarr.create(tmp_path / "new", **({"shape": 8, "dtype": "u1"} | keywords)), DzarrError)
    assert not (tmp_path / "new").exists()


def test_members(tmp_path: Path) -> None:
    g = dzarr.create_group(tmp_path)
    g.create_array("a", shape=4, dtype="u1")
    for name in ("", "/", "..", "a//b", "__x", "zarr.json", ".dzarr", "x\0y", 5, None):
        refused(lambda: g.create_group(name), DzarrError)  # noqa: B023
        refused(lambda: g.create_array(name, shape=1, dtype="u1"), DzarrError)  # noqa: B023
        refused(lambda: g.__delitem__(name), DzarrError)  # noqa: B023
        assert name not in g or name in {"", "/"}
    refused(lambda: g["nothing"], NodeNotFoundError, "nothing")
    refused(lambda: g["a/b"], NodeNotFoundError, "a/b")
    refused(lambda: g.create_group("a"), NodeExistsError, "'a'")
    refused(lambda: g.create_group("a/b"), NodeTypeError, "'a'")
    refused(lambda: g.require_group("a"), NodeTypeError, "'a'")
    refused(lambda: g.require_array("a", shape=5, dtype="u1"), GridError, "'a'")
    refused(lambda: g.require_array("a", shape=4, dtype="f4"), DTypeError, "'a'")
    refused(lambda: g.move("nothing", "b"), NodeNotFoundError, "nothing")
    refused(lambda: g.move("a", "a/b"), NodeExistsError, "a")
    read_only = dzarr.open_group(tmp_path)
    for act in (
        lambda: read_only.create_group("b"),
        lambda: read_only.move("a", "b"),
        lambda: read_only.__delitem__("a"),
        lambda: read_only.attrs.update(x=1),
        lambda: read_only["a"].write(..., 1),
    ):
        refused(act, ReadOnlyError)
    assert list(g) == ["a"]


# Random damage: an error, or the right values


DAMAGED = ["c/0/0", "c/0/1", "c/1/0"]


@pytest.fixture(scope="module", params=["raw", "zstd", "crc32c", "blosc", "nested", "start"])
def victim(request: pytest.FixtureRequest) -> tuple[MemoryStore, dzarr.Array, dict[str, bytes], bool]:
    codecs: dict[str, Any] = {
        "raw": ["bytes"],
        "zstd": ["zstd"],
        "crc32c": ["zstd", "crc32c"],
        "blosc": CODECS["blosc lz4"]["codecs"],
        "nested": ["crc32c"],
        "start": ["crc32c"],
    }
    store = MemoryStore()
    shards: Any = [{"shape": (16, 8)}, {"shape": (8, 8)}] if request.param == "nested" else (8, 8)
    location = "start" if request.param == "start" else "end"
    a = sharded(store, location, shards=shards, codecs=codecs[request.param])
    objects = {key: bytes(store.get(key)[0]) for key in store.list("") if key.startswith("c/")}  # type: ignore[index]
    return store, a, objects, "crc32c" in codecs[request.param]


@given(data=st.data())
def test_random_damage_of_objects(victim: Any, data: st.DataObject) -> None:
    store, a, objects, checked = victim
    key = data.draw(st.sampled_from(sorted(objects)))
    blob = bytearray(objects[key])
    if data.draw(st.booleans(), label="cut"):
        del blob[data.draw(st.integers(0, len(blob) - 1), label="at") :]
    for _ in range(data.draw(st.integers(0, 4), label="flips")):
        if blob:
            near_index = max(0, len(blob) - 68)
            at = data.draw(st.integers(0, len(blob) - 1) | st.integers(near_index, len(blob) - 1))
            blob[at] = data.draw(st.integers(0, 255))
    warm = data.draw(st.booleans(), label="warm")
    if warm:
        a.read()
    store.set(key, [blob])
    keys = set()
    try:
        for y in range(0, 16, 4):
            for x in range(0, 16, 4):
                box = slice(y, y + 4), slice(x, x + 4)
                try:
                    got = a.read(box)
                except CorruptObjectError as error:
                    keys.add(error.key)
                    continue
                if checked or _object_of(a, y, x) != key:
                    np.testing.assert_array_equal(got, VALUES[box])
        with suppress(CorruptObjectError):
            a.read()
        assert keys <= {key}
    finally:
        store.set(key, [objects[key]])


def _object_of(a: dzarr.Array, y: int, x: int) -> str:
    height, width = a.shards  # type: ignore[misc]
    return f"c/{y // height}/{x // width}"


@given(data=st.data())
def test_random_damage_of_documents(data: st.DataObject) -> None:
    which = data.draw(st.sampled_from(["v3", "sharded", "v2", "group"]))
    name, document = {
        "v3": ("zarr.json", V3),
        "sharded": ("zarr.json", SHARDS),
        "v2": (".zarray", V2),
        "group": ("zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": {"a": [1]}}),
    }[which]
    text = bytearray(json.dumps(document).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 3))] = data.draw(
            st.binary(max_size=3) | st.sampled_from([b"-", b"9", b"null", b"[]", b"{}", b'"', b"1e9", b"true"])
        )
        text = text or bytearray(b" ")
    _open_and_read(name, bytes(text))


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_random_values_of_members(data: st.DataObject) -> None:
    name, document = data.draw(st.sampled_from([("zarr.json", V3), ("zarr.json", SHARDS), (".zarray", V2)]))
    document = deepcopy(document)
    inner: Any = document
    while True:
        step = data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else range(len(inner))))
        value = inner[step]
        if not isinstance(value, (dict, list)) or not value or data.draw(st.booleans()):
            inner[step] = data.draw(JSONISH)
            break
        inner = value
    _open_and_read(name, json.dumps(document).encode())


def _open_and_read(name: str, text: bytes) -> None:
    store = MemoryStore()
    store.set(f"a/{name}", [text])
    try:
        node = dzarr.open(store, path="a")
    except DzarrError as error:
        place = error.key
    else:
        place = f"a/{name}"
        repr(node)
        if isinstance(node, dzarr.Array):
            corner = node[(slice(0, 2),) * node.ndim]
            assert corner.read().shape == corner.shape
    assert place in (f"a/{name}", "a/zarr.json")
