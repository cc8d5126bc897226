"""Decodes mutated and lying blobs, in a process of its own: what it must show is that it doesn't die.

``flips SEED ROUNDS`` truncates blobs and flips their bits. ``drop FOLDER`` writes blobs that claim or hold far more
than a chunk; ``explode FOLDER`` decodes them and prints by how many bytes the process grew at most.
"""

from __future__ import annotations

import bz2
import lzma
import pickle
import random
import resource
import struct
import sys
import zlib
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numcodecs
import numpy as np

from dzarr.errors import CodecError
from dzarr.format.codecs.pipeline import Pipeline
from dzarr.format.codecs.registry import CodecContext
from dzarr.format.metadata import Extension

SHAPE, DTYPE = (24, 20), np.dtype("f4")
CHUNK = np.add.outer(np.arange(24), np.sin(np.arange(20) / 3)).astype(DTYPE)
GIB = 1 << 30


def blosc(cname: str, shuffle: str, clevel: int = 5, blocksize: int = 0) -> Extension:
    config = {"cname": cname, "clevel": clevel, "shuffle": shuffle, "typesize": 4, "blocksize": blocksize}
    return Extension("blosc", config)


def numcodec(codec_id: str, **configuration: object) -> Extension:
    return Extension(f"numcodecs.{codec_id}", configuration)


LITTLE = Extension("bytes", {"endian": "little"})
N5 = [
    {"name": "transpose", "configuration": {"order": [1, 0]}},
    {"name": "bytes", "configuration": {"endian": "big"}},
    {"name": "gzip", "configuration": {"level": 1}},
]
ZFP = [
    {"mode": "reversible"},
    {"mode": "fixed_rate", "rate": 8},
    {"mode": "fixed_accuracy", "tolerance": 0.01},
    {"mode": "fixed_precision", "precision": 12},
    {"mode": "expert", "minbits": 1, "maxbits": 16658, "maxprec": 64, "minexp": -10},
]
CLAMPED = {"data_type": "int16", "out_of_range": "clamp"}
CHAINS = [
    *[[LITTLE, blosc(cname, "shuffle")] for cname in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")],
    [LITTLE, blosc("lz4", "bitshuffle", blocksize=512)],
    [LITTLE, blosc("blosclz", "noshuffle", 1)],
    [LITTLE, blosc("lz4", "noshuffle", 0)],
    [LITTLE, Extension("zstd", {"level": 1, "checksum": True})],
    [LITTLE, Extension("zstd", {"level": 3})],
    [LITTLE, Extension("gzip", {"level": 1})],
    [LITTLE, Extension("crc32c")],
    [LITTLE, Extension("zstd", {"level": 1}), blosc("lz4", "noshuffle"), Extension("gzip", {"level": 1})],
    *[[LITTLE, numcodec(name)] for name in ("zlib", "bz2", "lzma", "lz4", "base64", "fletcher32", "jenkins_lookup3")],
    [LITTLE, numcodec("delta", dtype="<f4"), numcodec("shuffle", elementsize=4), numcodec("adler32")],
    [LITTLE, numcodec("fixedscaleoffset", offset=0, scale=100, dtype="<f4", astype="<i2"), numcodec("zlib")],
    [numcodec("quantize", digits=2, dtype="<f4", astype="<f2"), LITTLE, numcodec("lz4")],
    *[
        [numcodec("zfpy", mode=mode, rate=rate, tolerance=0.01, precision=12)]
        for mode, rate in ((2, 8), (2, 2000), (3, -1), (4, -1))
        if find_spec("zfpy")
    ],
    *[[numcodec("pcodec")] for _ in range(1) if find_spec("pcodec")],
    *[[Extension("zfp", mode)] for mode in ZFP if find_spec("zfpy")],
    *[[Extension(f"imagecodecs_{name}")] for name in ("zstd", "lerc", "deflate", "tiff") if find_spec("imagecodecs")],
    [Extension("packbits", {"padding_encoding": "first_byte", "first_bit": 3})],
    [Extension("n5_default", {"codecs": N5})],
    [Extension("n5_default", {"codecs": N5[:2]})],
    [LITTLE, Extension("conditional", {"codecs": [{"name": "numcodecs.shuffle"}, N5[2], "crc32c"]})],
    [Extension("scale_offset", {"offset": 3}), Extension("cast_value", CLAMPED), LITTLE, Extension("crc32c")],
]


def pipeline_of(chain: list[Extension]) -> Pipeline:
    return Pipeline.bind(chain, SHAPE, DTYPE, None, CodecContext())


def mutated(blob: bytes, choose: random.Random) -> bytes:
    data = bytearray(blob)
    kind = choose.randrange(6)
    if kind == 0:
        return bytes(data[: choose.randrange(len(data))])
    if kind == 1:
        return bytes(data) + choose.randbytes(choose.randrange(1, 40))
    if kind == 2:
        # Headers decide most: hit one of the first bytes.
        data[choose.randrange(min(24, len(data)))] = choose.randrange(256)
    if kind == 3:
        data[choose.randrange(min(24, len(data)))] = choose.choice((0, 0x7F, 0x80, 0xFF))
    for _ in range(choose.randrange(1, 8)):
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    return bytes(data)


def flips(seed: int, rounds: int) -> None:
    choose = random.Random(seed)
    decoded = refused = 0
    for chain in CHAINS:
        pipeline = pipeline_of(chain)
        blob = bytes(pipeline.encode(CHUNK))
        low, high = np.empty(SHAPE, DTYPE), np.empty(SHAPE, DTYPE)
        for _ in range(rounds):
            data = mutated(blob, choose)
            low.view("u4")[...], high.view("u4")[...] = 0, 0xFFFFFFFF
            try:
                answer = pipeline.decode(data)
                pipeline.decode_into(data, low)
                pipeline.decode_into(data, high)
            except CodecError:
                refused += 1
                continue
            decoded += 1
            assert (answer.shape, answer.dtype) == (SHAPE, DTYPE)
            # Whatever comes out, no byte of it is what was in memory before.
            assert answer.tobytes() == low.tobytes() == high.tobytes(), (chain, data)
    sys.stdout.write(f"{decoded} {refused}")


def bombs() -> list[tuple[list[Extension], bytes]]:
    zeros = bytes(64 << 20)
    size = CHUNK.nbytes
    zstd, gzip = numcodecs.zstd.compress(zeros), zlib.compressobj(9, wbits=31)
    gzipped = gzip.compress(zeros) + gzip.flush()
    # A frame without a content size: descriptor 0, a window of 64 MiB, blocks that each repeat one byte.
    repeated = (131072 << 3 | 2).to_bytes(3, "little") + b"x"
    endless = struct.pack("<IBB", 0xFD2FB528, 0, 16 << 3) + repeated * 8192 + (8 << 3 | 3).to_bytes(3, "little") + b"x"
    blosced = bytearray(numcodecs.blosc.compress(zeros, b"zstd", 9, 1, 0, 4))
    lying = bytearray(numcodecs.blosc.compress(CHUNK, b"lz4", 5, 1, 0, 4))
    lying[4:8] = struct.pack("<I", GIB)
    xz = bytearray(lzma.compress(CHUNK.tobytes(), lzma.FORMAT_ALONE))
    xz[1:5] = struct.pack("<I", 0xF0000000)
    found = [
        ([LITTLE, Extension("zstd", {"level": 1})], zstd),
        ([LITTLE, Extension("zstd", {"level": 1})], endless),
        ([LITTLE, Extension("zstd", {"level": 1}), Extension("zstd", {"level": 1})], zstd),
        ([LITTLE, Extension("zstd", {"level": 1}), Extension("zstd", {"level": 1})], endless),
        ([LITTLE, Extension("gzip", {"level": 1})], gzipped),
        ([LITTLE, Extension("zstd", {"level": 1}), Extension("gzip", {"level": 1})], gzipped),
        ([LITTLE, numcodec("zlib")], zlib.compress(zeros)),
        ([LITTLE, numcodec("bz2")], bz2.compress(zeros)),
        ([LITTLE, numcodec("lzma")], lzma.compress(zeros)),
        ([LITTLE, numcodec("lzma", format=2)], bytes(xz)),
        ([LITTLE, numcodec("lz4")], struct.pack("<I", GIB) + bytes(20)),
        ([LITTLE, numcodec("lz4")], struct.pack("<I", size) + bytes(20)),
        ([LITTLE, blosc("lz4", "shuffle")], bytes(blosced)),
        ([LITTLE, blosc("lz4", "shuffle")], bytes(lying)),
        ([LITTLE, blosc("lz4", "shuffle"), blosc("lz4", "shuffle")], bytes(blosced)),
    ]
    if find_spec("zfpy"):
        large = numcodecs.get_codec({"id": "zfpy", "mode": 4, "tolerance": 1.0}).encode(np.zeros((1 << 24,), "f4"))
        found.append(([numcodec("zfpy")], large))
    return found


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def explode(folder: Path) -> None:
    """Decode what another process has dropped: making the bombs takes the memory that decoding must not."""
    worst = 0
    for path in sorted(folder.iterdir()):
        chain, blob = pickle.loads(path.read_bytes())
        pipeline = pipeline_of(chain)
        pipeline.decode(pipeline.encode(CHUNK))
        out = np.empty(SHAPE, DTYPE)
        before = peak()
        for decode in (pipeline.decode, partial(pipeline.decode_into, out=out)):
            try:
                decode(blob)
            except CodecError:
                continue
            raise SystemExit(f"{chain} decoded a bomb of {len(blob)} bytes")
        worst = max(worst, peak() - before)
    sys.stdout.write(f"{worst}")


if __name__ == "__main__":
    if sys.argv[1] == "flips":
        flips(int(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1] == "drop":
        for k, bomb in enumerate(bombs()):
            (Path(sys.argv[2]) / f"{k:02}").write_bytes(pickle.dumps(bomb))
    else:
        explode(Path(sys.argv[2]))
