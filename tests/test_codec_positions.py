"""Every codec in every position that is legal: alone, inside a shard, around one, between two, as its index codec.

Each array goes through the public functions: created or opened from a document, written in parts, read whole and
in part. Positions that are not legal are errors that name the codec.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.errors import MetadataError

SHAPE, SHARD, CHUNK = (12, 16), (6, 8), (3, 4)
VALUES = (np.add.outer(np.arange(12) * 5, np.arange(16)) % 100 + 10).astype("i4")


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


LITTLE = codec("bytes", endian="little")
INDEX = [LITTLE, codec("crc32c")]
N5 = codec(
    "n5_default", codecs=[codec("transpose", order=[1, 0]), codec("bytes", endian="big"), codec("gzip", level=1)]
)

ARRAYS = {
    "transpose": codec("transpose", order=[1, 0]),
    "transpose-F": codec("transpose", order="F"),
    "reshape": codec("reshape", shape=[[0, 1]]),
    "squeeze": codec("squeeze"),
    "bitround": codec("bitround", keepbits=31),
    "cast_value": codec("cast_value", data_type="float64"),
    "cast_value-uint8": codec("cast_value", data_type="uint8"),
    "scale_offset": codec("scale_offset", offset=3, scale=2),
    "delta": codec("numcodecs.delta", dtype="<i4"),
    "fixedscaleoffset": codec("numcodecs.fixedscaleoffset", offset=0, scale=1, dtype="<i4", astype="<i8"),
    "astype": codec("numcodecs.astype", encode_dtype="<i2", decode_dtype="<i4"),
}
WHOLE = {
    "bytes": LITTLE,
    "endian": codec("endian", endian="big"),
    "packbits": codec("packbits", last_bit=15, padding_encoding="last_byte"),
    "zfp": codec("zfp", mode="reversible"),
    "zfpy": codec("numcodecs.zfpy"),
    "pcodec": codec("numcodecs.pcodec"),
    "n5_default": N5,
    "imagecodecs": codec("imagecodecs_lerc"),
}
PACKAGES = {"zfp": "zfpy", "zfpy": "zfpy", "pcodec": "pcodec", "imagecodecs": "imagecodecs"}
BYTES = {
    "crc32c": codec("crc32c"),
    "gzip": codec("gzip", level=1),
    "zstd": codec("zstd", level=1, checksum=True),
    "blosc": codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4, blocksize=0),
    "conditional": codec("conditional", codecs=[codec("numcodecs.shuffle"), codec("zstd", level=1)]),
    **{f"numcodecs.{name}": codec(f"numcodecs.{name}") for name in
       "zlib bz2 lzma lz4 zstd blosc gzip shuffle base64 adler32 crc32 crc32c fletcher32 jenkins_lookup3".split()},
}  # fmt: skip


def sharding(codecs: list[Any], chunk: tuple[int, ...] = CHUNK, index: list[Any] | None = None) -> dict[str, Any]:
    return codec("sharding_indexed", chunk_shape=list(chunk), codecs=codecs, index_codecs=index or INDEX)


def check(tmp_path: Path, codecs: list[Any], values: Any = VALUES, chunk: tuple[int, ...] = SHARD) -> None:
    document = {
        "zarr_format": 3, "node_type": "array", "shape": list(values.shape), "data_type": str(values.dtype),
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunk)}},
        "chunk_key_encoding": "default", "fill_value": 12, "codecs": codecs,
    }  # fmt: skip
    (tmp_path / "zarr.json").write_text(json.dumps(document))
    array = dzarr.open_array(str(tmp_path), mode="r+")
    expected = np.full(values.shape, 12, values.dtype)
    # A part of one object first, so that it is merged later; one object stays away.
    for region in (np.s_[1:4, 2:5], np.s_[:, 6:], np.s_[:6]):
        array[region] = values[region]
        expected[region] = values[region]
        assert (dzarr.open_array(str(tmp_path)).read() == expected).all()
    assert (array.read((slice(2, 9), slice(3, 14))) == expected[2:9, 3:14]).all()


def need(name: str) -> None:
    if name in PACKAGES:
        pytest.importorskip(PACKAGES[name])


@pytest.mark.parametrize("name", ARRAYS)
def test_from_array_to_array(name: str, tmp_path: Path) -> None:
    first = ARRAYS[name]
    flat = name == "reshape"
    for k, codecs in enumerate([
        [first, LITTLE],
        [sharding([first, LITTLE])],
        [first, sharding([LITTLE], (48,) if flat else (4, 3) if "transpose" in name else CHUNK)],
        [sharding([first, sharding([LITTLE], (12,) if flat else (1, 1))])],
        [first, ARRAYS["scale_offset"], LITTLE, BYTES["zstd"]],
    ]):  # fmt: skip
        if k == 2 and name == "reshape":
            codecs = [first, sharding([LITTLE], (12,))]
        if k == 4 and name in ("cast_value-uint8", "astype", "fixedscaleoffset", "cast_value"):
            codecs = [ARRAYS["scale_offset"], first, LITTLE, BYTES["zstd"]]
        folder = tmp_path / str(k)
        folder.mkdir()
        check(folder, codecs)


@pytest.mark.parametrize("name", WHOLE)
def test_from_array_to_bytes(name: str, tmp_path: Path) -> None:
    need(name)
    for k, codecs in enumerate([
        [WHOLE[name]],
        [WHOLE[name], BYTES["zstd"], BYTES["crc32c"]],
        [sharding([WHOLE[name]])],
        [sharding([sharding([WHOLE[name], BYTES["crc32c"]], (1, 2))])],
        [ARRAYS["transpose"], WHOLE[name]],
    ]):  # fmt: skip
        folder = tmp_path / str(k)
        folder.mkdir()
        check(folder, codecs)


@pytest.mark.parametrize("name", BYTES)
def test_from_bytes_to_bytes(name: str, tmp_path: Path) -> None:
    outer = BYTES[name]
    # numcodecs's shuffle takes whole elements only, which compressed bytes aren't.
    behind = BYTES["numcodecs.base64" if name == "numcodecs.shuffle" else "blosc"]
    for k, codecs in enumerate([
        [LITTLE, outer],
        [LITTLE, outer, BYTES["gzip"], BYTES["crc32c"]],
        [LITTLE, behind, outer],
        [sharding([LITTLE, outer])],
        [sharding([LITTLE]), outer],
        [sharding([LITTLE, outer]), outer, BYTES["crc32c"]],
        [sharding([sharding([LITTLE, outer], (1, 2)), outer])],
    ]):  # fmt: skip
        folder = tmp_path / str(k)
        folder.mkdir()
        check(folder, codecs)


CHECKS = "adler32 crc32 crc32c fletcher32 jenkins_lookup3 base64 shuffle"
FIXED = ["crc32c", *(f"numcodecs.{name}" for name in CHECKS.split())]


@pytest.mark.parametrize("name", [*FIXED, "zstd", "gzip", "blosc", "conditional", "numcodecs.lz4"])
def test_as_a_codec_of_an_index(name: str, tmp_path: Path) -> None:
    codecs = [sharding([LITTLE], index=[LITTLE, BYTES[name]])]
    if name in FIXED:
        check(tmp_path, codecs)
    else:
        with pytest.raises(MetadataError, match="fixed size"):
            check(tmp_path, codecs)


@pytest.mark.parametrize(
    "codecs",
    [
        [],
        [ARRAYS["scale_offset"]],
        [BYTES["zstd"]],
        [BYTES["zstd"], LITTLE],
        [LITTLE, LITTLE],
        [LITTLE, ARRAYS["cast_value"]],
        [LITTLE, ARRAYS["scale_offset"]],
        [LITTLE, codec("packbits")],
        [LITTLE, N5],
        [LITTLE, sharding([LITTLE])],
        [sharding([LITTLE]), ARRAYS["delta"]],
        [sharding([LITTLE, BYTES["crc32c"], ARRAYS["bitround"]])],
        [sharding([BYTES["crc32c"]])],
        [LITTLE, codec("conditional", codecs=[LITTLE])],
    ],
    ids=str,
)
def test_positions_that_are_not_legal(codecs: list[Any], tmp_path: Path) -> None:
    with pytest.raises(MetadataError):
        check(tmp_path, codecs)


def test_declined_by_name(tmp_path: Path) -> None:
    for name in ("gdeflate", "zarrs.gdeflate", "https://codec.zarrs.dev/bytes_to_bytes/gdeflate", "zarrs.optional"):
        with pytest.raises(dzarr.UnsupportedError, match=name.rpartition("/")[2].rpartition(".")[2]):
            check(tmp_path, [LITTLE, codec(name)])


@pytest.mark.parametrize("shards", [None, SHARD], ids=["chunks", "shards"])
@pytest.mark.parametrize("name", [*ARRAYS, *WHOLE, *BYTES])
def test_created_by_short_lists(name: str, shards: Any, tmp_path: Path) -> None:
    need(name)
    named = {**ARRAYS, **WHOLE, **BYTES}[name]
    array = dzarr.create(str(tmp_path / "a"), shape=SHAPE, dtype="i4", chunks=CHUNK, shards=shards, codecs=[named])
    array[...] = VALUES
    again = dzarr.open_array(str(tmp_path / "a"))
    assert (again.read() == VALUES).all()
    assert (dzarr.open_array(str(tmp_path / "a")).to_dask().compute() == VALUES).all()


def test_every_codec_is_here() -> None:
    from dzarr.format.codecs.registry import names

    tried = {step["name"] for step in [*ARRAYS.values(), *WHOLE.values(), *BYTES.values()]}
    elsewhere = {"vlen-utf8", "vlen-bytes", "gdeflate", "sharding_indexed", "numcodecs.*", "imagecodecs_*"}
    assert {name for name in names() if not name.startswith("n5.")} - tried - elsewhere == set()
