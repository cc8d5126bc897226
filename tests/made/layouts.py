"""Where chunks lie: shards in every form that a writer may give them, and grids whose chunks differ in length."""

from __future__ import annotations

import gzip
import struct
from typing import Any

import google_crc32c
import numpy as np

from tests.made.case import BIG, CRC, LITTLE, PLAIN, Case, codec, index, shard, sharding, v3

SHARDING = "Zarr v3, sharding_indexed"


def bytes_of(values: Any, dtype: str = "<u2") -> bytes:
    return np.ascontiguousarray(values, dtype).tobytes()


def summed(data: bytes) -> bytes:
    return data + struct.pack("<I", google_crc32c.value(data))


# One object of 4 x 4 in chunks of 2 x 2.
VALUES = np.arange(16, dtype="u2").reshape(4, 4) + 1
CHUNKS = [bytes_of(VALUES[y : y + 2, x : x + 2]) for y in (0, 2) for x in (0, 2)]
SOME = VALUES.copy()
SOME[:2, 2:] = 9


def one(data: bytes, codecs: Any, values: Any = VALUES, **more: Any) -> dict[str, Any]:
    return {"write": v3("uint16", [4, 4], [4, 4], {"c/0/0": data}, fill=9, codecs=codecs), "values": values, **more}


def inner(location: str = "end") -> dict[str, Any]:
    return sharding([1, 2], [LITTLE], index_location=location)


def rows(chunk: bytes, **form: Any) -> bytes:
    """A chunk of 2 x 2 as a shard of its two rows."""
    return shard([chunk[:4], chunk[4:]], **form)


STORED = VALUES.transpose(1, 0)
STORED_CHUNKS = [bytes_of(STORED[y : y + 2, x : x + 2]) for y in (0, 2) for x in (0, 2)]
SHARED = index([(0, 8), (8, 8), (0, 8), (8, 8)])
DEEP = {
    # Three levels: 4 x 4 holds 4 x 2, that holds 2 x 2, that holds 1 x 2.
    "chunks": [
        shard([shard([bytes_of(VALUES[y : y + 1, x : x + 2]) for y in (top, top + 1)]) for top in (0, 2)], start=True)
        for x in (0, 2)
    ],
    "codecs": sharding([4, 2], [sharding([2, 2], [sharding([1, 2])], index_location="start")]),
}

SHARDS = [
    Case("shard, index at the end", SHARDING, **one(shard(CHUNKS), [sharding([2, 2], index_location="end")])),
    Case("shard, no index_location", SHARDING, **one(shard(CHUNKS), [sharding([2, 2])])),
    Case("shard, index at the start", SHARDING,
         **one(shard(CHUNKS, start=True), [sharding([2, 2], index_location="start")])),
    Case("shard, a chunk missing", SHARDING, **one(shard([CHUNKS[0], None, *CHUNKS[2:]]), [sharding([2, 2])], SOME)),
    Case("shard, all chunks missing", SHARDING, **one(shard([None] * 4), [sharding([2, 2])], np.full((4, 4), 9, "u2"))),
    Case("shard, index without a checksum", SHARDING,
         **one(shard(CHUNKS, checked=False), [sharding([2, 2], index=[LITTLE])])),
    Case("shard, index in big endian", SHARDING,
         **one(shard(CHUNKS, order=">"), [sharding([2, 2], index=[BIG, CRC])])),
    Case("shard, gaps between chunks", SHARDING, **one(shard(CHUNKS, gap=5), [sharding([2, 2])])),
    Case("shard, chunks in any order", SHARDING,
         **one(b"".join(CHUNKS[::-1]) + index([(24, 8), (16, 8), (8, 8), (0, 8)]), [sharding([2, 2])])),
    Case("shard, chunks that share a range", SHARDING,
         **one(b"".join(CHUNKS[:2]) + SHARED, [sharding([2, 2])], np.concatenate([VALUES[:2]] * 2))),
    Case("shard, compressed chunks with checksums", SHARDING,
         **one(shard([summed(gzip.compress(chunk)) for chunk in CHUNKS]),
               [sharding([2, 2], [LITTLE, codec("gzip", level=5), CRC])])),
    Case("shard after a transpose", SHARDING,
         **one(shard(STORED_CHUNKS), [codec("transpose", order=[1, 0]), sharding([2, 2])])),
    Case("shard after two transposes", SHARDING,
         **one(shard(CHUNKS), [codec("transpose", order=[1, 0]), codec("transpose", order=[1, 0]), sharding([2, 2])])),
    Case("transposes before and inside a shard", SHARDING,
         **one(shard(CHUNKS[::2] + CHUNKS[1::2]),
               [codec("transpose", order=[1, 0]), sharding([2, 2], [codec("transpose", order=[1, 0]), LITTLE])])),
    Case("a transpose to F, as older drafts spelled it", "Zarr v3 draft, transpose",
         **one(shard(STORED_CHUNKS), [codec("transpose", order="F"), sharding([2, 2])])),
    Case("codecs behind a shard", SHARDING,
         **one(gzip.compress(shard(CHUNKS)), [sharding([2, 2]), codec("gzip", level=1)])),
    Case("checksum behind a shard", SHARDING,
         **one(summed(shard(CHUNKS)), [sharding([2, 2]), CRC])),
    Case("nested shards", SHARDING, **one(shard([rows(chunk) for chunk in CHUNKS]), [sharding([2, 2], [inner()])])),
    Case("nested shards, indexes at both ends", SHARDING,
         **one(shard([rows(chunk, start=True) for chunk in CHUNKS]), [sharding([2, 2], [inner("start")])])),
    Case("nested shards, a gzip between", SHARDING,
         **one(shard([gzip.compress(rows(chunk)) for chunk in CHUNKS]),
               [sharding([2, 2], [inner(), codec("gzip", level=1)])])),
    Case("shards in three levels", SHARDING, **one(shard(DEEP["chunks"]), [DEEP["codecs"]])),
    Case("shard over the edge", SHARDING, v3("uint16", [3], [4], {"c/0": shard([bytes_of([1, 2]), bytes_of([3, 77])])},
         codecs=[sharding([2])]), np.array([1, 2, 3], "u2")),
    Case("shard of big-endian elements", SHARDING, v3("uint16", [2], [2], {"c/0": shard([bytes_of([1, 2], ">u2")])},
         codecs=[sharding([2], [BIG])]), np.array([1, 2], "u2")),
    Case("an index that lies", SHARDING, v3("uint16", [4], [4], {"c/0": bytes(8) + index([(0, 4), (4096, 4)])},
         codecs=[sharding([2])]), error="CorruptObjectError", word="entry 1"),
    Case("an index with a wrong checksum", SHARDING,
         v3("uint16", [4], [4], {"c/0": bytes(8) + index([(0, 4), (4, 4)])[:-4] + b"abcd"}, codecs=[sharding([2])]),
         error="CorruptObjectError", word="index"),
    Case("chunks that don't divide their shard", SHARDING, v3("uint16", [4], [4], {}, codecs=[sharding([3])]),
         error="MetadataError|GridError", word="chunk"),
]  # fmt: skip


def rectilinear(*lengths: Any) -> dict[str, Any]:
    return codec("rectilinear", kind="inline", chunk_shapes=list(lengths))


GRIDS = "zarr-extensions, chunk-grids/rectilinear"
WIDE = np.arange(1, 37, dtype="u2").reshape(6, 6)
CUTS = {(y, x): bytes_of(WIDE[y : y + h, x : x + w]) for y, h in ((0, 1), (1, 2), (3, 3)) for x, w in ((0, 4), (4, 2))}
CELLS = {f"c/{(0, 1, 3).index(y)}/{(0, 4).index(x)}": data for (y, x), data in CUTS.items()}
# Shards of 2, 4 and 2 rows, in chunks of 2.
TALL = np.arange(8, dtype="u2")
TALL_SHARDS = {
    "c/0": shard([bytes_of([0, 1])]),
    "c/1": shard([bytes_of([2, 3]), bytes_of([4, 5])]),
    "c/2": shard([bytes_of([6, 7])]),
}

RECTILINEAR = [
    Case("rectilinear", GRIDS, v3("uint16", [6, 6], rectilinear([1, 2, 3], [4, 2]), CELLS), WIDE),
    Case("rectilinear, a step and runs", GRIDS,
         v3("uint16", [6, 6], rectilinear([[1, 1], 2, [3, 1]], 4), {
             **CELLS, **{f"c/{k}/1": bytes_of(np.pad(WIDE[y : y + h, 4:], ((0, 0), (0, 2))))
                         for k, (y, h) in enumerate([(0, 1), (1, 2), (3, 3)])}}), WIDE),
    Case("rectilinear, cells past the shape", GRIDS,
         v3("uint16", [5], rectilinear([4, 4, 4]), {"c/0": bytes_of([1, 2, 3, 4]), "c/1": bytes_of([5, 77, 77, 77]),
                                                    "c/2": bytes_of([7, 7, 7, 7])}), np.array([1, 2, 3, 4, 5], "u2")),
    Case("rectilinear, a missing cell", GRIDS, v3("uint16", [3], rectilinear([1, 2]), {"c/0": bytes_of([5])}, fill=3),
         np.array([5, 3, 3], "u2")),
    Case("rectilinear, an empty axis", GRIDS, v3("uint16", [0, 2], rectilinear([3, 1], 2), {}), np.zeros((0, 2), "u2")),
    Case("rectilinear, transposed", GRIDS,
         v3("uint16", [2, 3], rectilinear([1, 1], [2, 1]),
            {"c/0/0": bytes_of([1, 2]), "c/0/1": bytes_of([3]), "c/1/0": bytes_of([4, 5]), "c/1/1": bytes_of([6])},
            codecs=[codec("transpose", order=[1, 0]), LITTLE]), np.arange(1, 7, dtype="u2").reshape(2, 3)),
    Case("rectilinear shards", GRIDS, v3("uint16", [8], rectilinear([2, 4, 2]), TALL_SHARDS, codecs=[sharding([2])]),
         TALL),
    Case("rectilinear, strings", GRIDS,
         v3("string", [3], rectilinear([1, 2]), {"c/1": b"\2\0\0\0\1\0\0\0b\0\0\0\0"}, fill="a",
            codecs=[codec("vlen-utf8")]), np.array(["a", "b", ""], "T")),
    Case("rectilinear, too short", GRIDS, v3("uint16", [6], rectilinear([1, 2]), {}), error="MetadataError",
         word="chunk_shapes"),
    Case("rectilinear, a cell of nothing", GRIDS, v3("uint16", [6], rectilinear([0, 6]), {}), error="MetadataError",
         word="chunk_shapes"),
    Case("rectilinear, another kind", GRIDS,
         v3("uint16", [6], codec("rectilinear", kind="elsewhere", chunk_shapes=[6]), {}),
         error="MetadataError|UnsupportedError", word="kind"),
]  # fmt: skip

MEMBERS = [
    Case("codecs by their bare names", "Zarr v3 core, extension definition",
         v3("uint8", [2], [2], {"c/0": b"\1\2"}, codecs=["bytes"], chunk_key_encoding="default"), np.array([1, 2],
         "u1")),
    Case("an unknown member that may be ignored", "Zarr v3 core, array metadata",
         v3("uint8", [1], [1], {"c/0": b"\1"}, codecs=[PLAIN], more={"must_understand": False}), np.array([1], "u1")),
    Case("an unknown member", "Zarr v3 core, array metadata", v3("uint8", [1], [1], {}, codecs=[PLAIN], more={}),
         error="UnsupportedError", word="more"),
    Case("a storage transformer", "Zarr v3 core, storage transformers",
         v3("uint8", [1], [1], {}, codecs=[PLAIN], storage_transformers=[{"name": "x"}]), error="UnsupportedError",
         word="storage transformer"),
    Case("an unknown codec", "Zarr v3 core, codecs", v3("uint8", [1], [1], {}, codecs=[PLAIN, codec("nobody.knows")]),
         error="UnsupportedError", word="nobody.knows"),
    Case("an unknown data type", "Zarr v3 core, data types", v3("uint7", [1], [1], {}), error="UnsupportedError",
         word="uint7"),
    Case("an unknown key encoding", "Zarr v3 core, chunk key encoding",
         v3("uint8", [1], [1], {}, codecs=[PLAIN], chunk_key_encoding="fanout"), error="UnsupportedError",
         word="fanout"),
    Case("dimension names, some without", "Zarr v3 core, dimension_names",
         v3("uint8", [1, 1], [1, 1], {}, codecs=[PLAIN], dimension_names=["y", None]), np.zeros((1, 1), "u1"),
         names=("y", None)),
    *[
        Case(f"keys {name} with {separator}", "Zarr v3 core, chunk key encoding",
             v3("uint8", [2, 2], [1, 2], {key: b"\1\2"}, codecs=[PLAIN],
                chunk_key_encoding=codec(name, separator=separator)), np.array([[0, 0], [1, 2]], "u1"))
        for name, separator, key in [("default", "/", "c/1/0"), ("default", ".", "c.1.0"), ("v2", "/", "1/0"),
                                     ("v2", ".", "1.0")]
    ],
]  # fmt: skip

CASES = [*SHARDS, *RECTILINEAR, *MEMBERS]
