"""Zip files, N5 and references, by hand."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np

from tests.made.case import Case, put
from tests.made.hierarchies import ARRAY2, GROUP, ONES, array3, objects


def zipped(found: Mapping[str, Any], method: int = zipfile.ZIP_STORED, **entry: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        with zipfile.ZipFile(folder / "x.zip", "w", method) as file:
            for key, value in found.items():
                with file.open(key, "w", **entry) as out:
                    out.write(value if isinstance(value, bytes) else json.dumps(value).encode())

    return write


ZIPPED = {"zarr.json": GROUP, "a/zarr.json": array3(), "a/c/0": b"\1\2"}


def prefixed(folder: Path) -> None:
    """A zip file behind other bytes, as self-extracting ones are."""
    zipped(ZIPPED)(folder)
    path = folder / "x.zip"
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())


ZIPS = [
    Case("zip, stored", "APPNOTE 4.4.5", zipped(ZIPPED), ONES, path="a", location="x.zip"),
    Case("zip, deflated", "APPNOTE 4.4.5", zipped(ZIPPED, zipfile.ZIP_DEFLATED), ONES, path="a", location="x.zip"),
    Case("zip, zip64 entries", "APPNOTE 4.5.3", zipped(ZIPPED, force_zip64=True), ONES, path="a", location="x.zip"),
    Case("zip, by its scheme", "APPNOTE", zipped(ZIPPED), ONES, path="a", location="x.zip", scheme="zip://"),
    Case("zip, members", "APPNOTE", zipped(ZIPPED | {"b/zarr.json": array3()}), members=("a", "b"), location="x.zip"),
    Case("zip behind other bytes", "APPNOTE 4.1.9", prefixed, ONES, path="a", location="x.zip"),
    Case("zip, bzip2 entries", "APPNOTE 4.4.5", zipped(ZIPPED, zipfile.ZIP_BZIP2), path="a", location="x.zip",
         error="UnsupportedError|StoreError", word="", values=None),
    Case("zip, cut short", "APPNOTE", lambda folder: (folder / "x.zip").write_bytes(b"PK\3\4" + bytes(30)) and None,
         location="x.zip", scheme="zip://", error="StoreError|CorruptObjectError", word=""),
]  # fmt: skip

HEADER = struct.pack(">HH3I", 0, 3, 1, 2, 3)
SIX = struct.pack(">6H", *range(1, 7))


def n5(compression: Any, block: bytes, data_type: str = "uint16", **more: Any) -> dict[str, Any]:
    dataset = {"dimensions": [1, 2, 3], "blockSize": [1, 2, 3], "dataType": data_type, "compression": compression}
    return {"attributes.json": {"n5": "4.0.0"}, "a/attributes.json": dataset | more, "a/0/0/0": block}


# The specification's own example: 1 x 2 x 3 numbers, the first axis fastest, so the last in C order.
CUBE = np.arange(1, 7, dtype="u2").reshape(3, 2, 1)
SPEC_BZIP2 = bytes.fromhex(
    "425a683931415926535902 3e0dd200000040007f00200031 0c010d31a87394337c5dc914e1424008f83748".replace(" ", "")
)
SPEC_GZIP = bytes.fromhex("1f8b08000000000000006360646062606660616065600300aaea6dbf0c000000")
SPEC_XZ = bytes.fromhex(
    "fd377a585a000004e6d6b446020021011600000074 2fe5a301000b000100020003000400050006000d0309ca34ec15a7000124"
    "0ca618d8d81fb6f37d010000000004595a".replace(" ", "")
)
EDGE = {
    "attributes.json": {"n5": "4.0.0"},
    "a/attributes.json": {"dimensions": [3], "blockSize": [2], "dataType": "int8", "compression": {"type": "raw"}},
    "a/0": struct.pack(">HHI2b", 0, 1, 2, 1, 2),
    "a/1": struct.pack(">HHIb", 0, 1, 1, 3),  # shorter, as Java writes the last block
}
N5 = [
    Case("n5, raw", "N5 4.0.0, example", objects(n5({"type": "raw"}, HEADER + SIX)), CUBE, path="a"),
    Case("n5, bzip2", "N5 4.0.0, example", objects(n5({"type": "bzip2", "blockSize": 9}, HEADER + SPEC_BZIP2)), CUBE,
         path="a"),
    Case("n5, gzip", "N5 4.0.0, example", objects(n5({"type": "gzip", "level": -1}, HEADER + SPEC_GZIP)), CUBE,
         path="a"),
    Case("n5, zlib in gzip's name", "N5, gzip with useZlib", objects(n5({"type": "gzip", "useZlib": True}, HEADER
         + zlib.compress(SIX))), CUBE, path="a"),
    Case("n5, xz", "N5 4.0.0, example", objects(n5({"type": "xz", "preset": 6}, HEADER + SPEC_XZ)), CUBE, path="a"),
    Case("n5, blosc", "N5 4.0.0", objects(n5({"type": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1,
         "blocksize": 0,
         "nthreads": 1}, HEADER + numcodecs.blosc.compress(SIX, b"lz4", 5, 1))), CUBE, path="a"),
    Case("n5, the older name of the compression", "N5 1.x", objects(
         {key: value if key != "a/attributes.json" else {"dimensions": [1, 2, 3], "blockSize": [1, 2, 3],
          "dataType": "uint16", "compressionType": "gzip"} for key, value in n5({},
               HEADER + gzip.compress(SIX)).items()}),
         CUBE, path="a"),
    Case("n5, shorter blocks at the edge", "N5 4.0.0", objects(EDGE), np.array([1, 2, 3], "i1"), path="a"),
    Case("n5, a missing block", "N5 4.0.0: datasets are sparse", objects({key: value for key, value in EDGE.items()
         if key != "a/0"}), np.array([0, 0, 3], "i1"), path="a"),
    Case("n5, members", "N5 4.0.0", objects(EDGE), members=("a",)),
    Case("n5, a block of variable length", "N5 4.0.0", objects(EDGE | {"a/0": struct.pack(">HHII2b", 1, 1, 2, 2, 1,
         2)}),
         path="a", error="UnsupportedError|CorruptObjectError|CodecError", word=""),
    Case("n5, a block of other dimensions", "N5 4.0.0", objects(EDGE | {"a/0": struct.pack(">HHII2b", 0, 2, 1, 2, 1,
         2)}),
         path="a", error="CorruptObjectError|CodecError", word=""),
    Case("n5, a block that claims to be larger", "N5 4.0.0", objects(EDGE | {"a/0": struct.pack(">HHI2b", 0, 1, 3, 1,
         2)}),
         path="a", error="CorruptObjectError|CodecError", word=""),
]  # fmt: skip
assert bz2.decompress(SPEC_BZIP2) == gzip.decompress(SPEC_GZIP) == lzma.decompress(SPEC_XZ) == SIX


def referenced(refs: Any) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        put(folder, {"refs.json": refs, "data.bin": b"..\1\2..", "other.bin": b"\3\4"})

    return write


TEXTS = {".zgroup": '{"zarr_format": 2}', "a/.zarray": json.dumps(ARRAY2)}
V1 = {
    "version": 1,
    "templates": {"u": "data.bin", "f": "{{c}}.bin"},
    "gen": [{"key": "a/{{i}}", "url": "{{u}}", "offset": "{{i + 2}}", "length": "1", "dimensions": {"i": {"stop": 2}}}],
    "refs": TEXTS | {"a/.zarray": json.dumps(ARRAY2 | {"chunks": [1]})},
}
KERCHUNK = "kerchunk, references specification, "
REFERENCES = [
    Case("references, version 0, a range", KERCHUNK + "version 0", referenced(TEXTS | {"a/0": ["data.bin", 2, 2]}),
         ONES,
         path="a", location="refs.json", scheme="reference://"),
    Case("references, a whole file", KERCHUNK + "version 1", referenced(TEXTS | {"a/0": ["other.bin"]}),
         np.array([3, 4], "u1"), path="a", location="refs.json", scheme="reference://"),
    Case("references, data within", KERCHUNK + "version 1", referenced(TEXTS | {"a/0": "base64:"
         + base64.b64encode(b"\5\6").decode()}), np.array([5, 6], "u1"), path="a", location="refs.json",
         scheme="reference://"),
    Case("references, documents as objects", KERCHUNK + "version 0", referenced({".zgroup": {"zarr_format": 2},
         "a/.zarray": ARRAY2, "a/0": "\7\10"}), np.array([7, 8], "u1"), path="a", location="refs.json",
         scheme="reference://"),
    Case("references, version 1, templates and gen", KERCHUNK + "version 1", referenced(V1), ONES, path="a",
         location="refs.json", scheme="reference://"),
    Case("references, a template with an argument", KERCHUNK + "version 1", referenced(V1 | {"gen": [],
         "refs": TEXTS | {
         "a/0": ["{{f(c='other')}}"]}}), np.array([3, 4], "u1"), path="a", location="refs.json", scheme="reference://"),
    Case("references, members", KERCHUNK + "version 0", referenced(TEXTS), members=("a",), location="refs.json",
         scheme="reference://"),
    Case("references, beyond the end of a file", KERCHUNK + "version 0", referenced(TEXTS | {"a/0": ["data.bin", 5,
         2]}),
         path="a", location="refs.json", scheme="reference://", error="StoreError|CorruptObjectError", word="a/0"),
    Case("references, to a file that isn't there", KERCHUNK + "version 0",
         referenced(TEXTS | {"a/0": ["gone.bin", 0, 2]}),
         path="a", location="refs.json", scheme="reference://", error="StoreError", word=""),
    Case("references, not JSON", KERCHUNK + "version 0", objects({"refs.json": b"{", }), location="refs.json",
         scheme="reference://", error="StoreError|MetadataError|CorruptObjectError", word=""),
]  # fmt: skip

CASES = [*ZIPS, *N5, *REFERENCES]
