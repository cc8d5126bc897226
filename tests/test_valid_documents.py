"""Documents that dzarr writes are valid: ``zarr-metadata``, which shares no code with dzarr, accepts them all, for
every dtype, codec, grid, key encoding and kind of shard, for groups and for consolidated records.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr

model = pytest.importorskip("zarr_metadata.model")
MetadataValidationError = pytest.importorskip("zarr_metadata.problems").MetadataValidationError

SMALL: dict[str, Any] = {"shape": (6, 4), "chunks": (3, 2)}


def validate(folder: Path) -> int:
    """Let the validators read all documents below a folder; return how many there were."""
    count = 0
    for place in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        documents = {path.name: path.read_bytes() for path in place.iterdir() if path.is_file()}
        if "zarr.json" in documents:
            model.node_metadata_from_key_value_v3(documents)
            count += 1
        if documents.keys() & {".zarray", ".zgroup"}:
            model.node_metadata_from_key_value_v2(documents)
            count += 1
        if ".zmetadata" in documents:
            model.ZarrV2ConsolidatedMetadata.from_key_value(documents)
            count += 1
    return count


STRUCTURE = np.dtype([("a", "u1"), ("b", "<f4"), ("c", "<i8")])
FIXED = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", ">i4", ">f8"]
TIMES = [f"{kind}[{unit}]" for kind in ("M8", "m8") for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns")]
TIMES += ["M8[25s]", "m8[10us]"]
BYTES = ["S1", "S5", "U1", "U3", "V1", "V7"]
SPECIAL = {
    "f4": [np.nan, np.inf, -np.inf, -0.0, np.uint32(0x7FC00001).view(np.float32)],
    "f8": [np.nan, np.inf, 1e300],
    "c8": [complex(np.nan, np.inf), 1 + 2j],
    "i8": [-(2**63), 2**63 - 1],
    "u8": [2**64 - 1],
    "S5": [b"ab", b"\xff\0x"],
    "U3": ["äb", "\0a"],
    "V7": [b"\1\2\3\4\5\6\7"],
    "M8[ns]": ["NaT", "2001-02-03"],
    "m8[s]": ["NaT", 5],
}
FILLS = [(dtype, None) for dtype in FIXED + TIMES + BYTES] + [
    (d, fill) for d, fills in SPECIAL.items() for fill in fills
]


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize(("dtype", "fill"), FILLS, ids=str)
def test_dtypes_and_fill_values(tmp_path: Path, dtype: str, fill: Any, form: int) -> None:
    dzarr.create(tmp_path, **SMALL, dtype=dtype, fill_value=fill, zarr_format=form)
    assert validate(tmp_path) == 1


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("fill", [None, (1, 2.5, 3)], ids=["zero", "given"])
def test_structures(tmp_path: Path, form: int, fill: Any) -> None:
    fill = None if fill is None else np.array(fill, STRUCTURE)[()]
    dzarr.create(tmp_path, **SMALL, dtype=STRUCTURE, fill_value=fill, zarr_format=form)
    assert validate(tmp_path) == 1


@pytest.mark.parametrize("form", [2, 3])
@pytest.mark.parametrize("fill", [None, "none", "ünï"])
def test_strings(tmp_path: Path, form: int, fill: Any) -> None:
    dzarr.create(tmp_path, **SMALL, dtype=np.dtypes.StringDType(), fill_value=fill, zarr_format=form)
    assert validate(tmp_path) == 1


SMALL_TYPES = "int2 int4 uint2 uint4 bfloat16 float8_e4m3fn float8_e5m2 float8_e8m0fnu float6_e2m3fn float4_e2m1fn"


@pytest.mark.parametrize("dtype", SMALL_TYPES.split())
@pytest.mark.parametrize("packed", [False, True], ids=["bytes", "packbits"])
def test_small_types(tmp_path: Path, dtype: str, packed: bool) -> None:
    codecs: Any = "auto" if not packed or "8" in dtype or "16" in dtype else ["packbits"]
    dzarr.create(tmp_path, **SMALL, dtype=dtype, codecs=codecs)
    assert validate(tmp_path) == 1


def named(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


BIG = named("bytes", endian="big")
CHAINS: dict[str, list[Any]] = {
    "bytes": ["bytes"],
    "big endian": [BIG],
    "auto": [],
    "gzip": ["bytes", named("gzip", level=5)],
    "zstd": ["bytes", named("zstd", level=3, checksum=True)],
    "crc32c": ["bytes", "crc32c"],
    "transpose": [named("transpose", order=[1, 0]), "bytes"],
    "two transposes": [named("transpose", order=[1, 0]), named("transpose", order=[1, 0]), "bytes"],
    "all at once": [named("transpose", order=[1, 0]), BIG, named("gzip", level=1), "crc32c"],
    **{
        f"blosc {cname} {shuffle}": [
            "bytes",
            named("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=4, blocksize=0),
        ]
        for cname in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    },
    "reshape": [named("reshape", shape=[[0, 1]]), "bytes"],
    "scale_offset": [named("scale_offset", offset=1, scale=2), "bytes"],
    "cast_value": [named("cast_value", data_type="int64"), "bytes"],
    "cast_value in full": [
        named(
            "cast_value",
            data_type="float64",
            rounding="nearest-even",
            scalar_map={"encode": [[7, "NaN"]], "decode": [["NaN", 7]]},
        ),
        "bytes",
    ],
    "bitround": [named("bitround", keepbits=9), "bytes"],
    "numcodecs.zlib": ["bytes", named("numcodecs.zlib", level=1)],
    "numcodecs.bz2": ["bytes", named("numcodecs.bz2", level=1)],
    "numcodecs.lz4": ["bytes", named("numcodecs.lz4", acceleration=1)],
    "numcodecs.shuffle": ["bytes", named("numcodecs.shuffle", elementsize=4), "gzip"],
    "numcodecs.delta": [named("numcodecs.delta", dtype="<i4"), "bytes"],
}


@pytest.mark.parametrize("shards", [None, (6, 4)], ids=["plain", "sharded"])
@pytest.mark.parametrize("chain", CHAINS)
def test_codecs(tmp_path: Path, chain: str, shards: Any) -> None:
    array = dzarr.create(tmp_path, **SMALL, dtype="i4", codecs=CHAINS[chain] or "auto", shards=shards)
    array[...] = np.arange(24).reshape(6, 4)
    assert validate(tmp_path) == 1


V2_CHAINS: dict[str, dict[str, Any]] = {
    "none": {"compressor": None},
    "zlib": {"compressor": {"id": "zlib", "level": 1}},
    "blosc": {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}},
    "filters": {"filters": [{"id": "delta", "dtype": "<i4"}], "compressor": {"id": "bz2", "level": 1}},
    "shuffle alone": {"filters": [{"id": "shuffle", "elementsize": 4}]},
    "Fortran order": {"order": "F"},
}


@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("chain", V2_CHAINS)
def test_codecs_of_v2(tmp_path: Path, chain: str, separator: str) -> None:
    create: dict[str, Any] = {"dtype": "i4", "codecs": V2_CHAINS[chain], "chunk_key_encoding": separator}
    dzarr.create(tmp_path, **SMALL, **create, zarr_format=2)
    assert validate(tmp_path) == 1


SHAPES: dict[str, dict[str, Any]] = {
    "no dimension": {"shape": ()},
    "no element": {"shape": (0, 4), "chunks": (1, 2)},
    "one axis": {"shape": (5,), "chunks": (2,)},
    "chosen chunks": {"shape": (500, 700)},
    "rectilinear": {"shape": (10, 4), "chunks": ((3, 3, 4), (2, 2))},
    "shards": {"shape": (20, 20), "chunks": (2, 5), "shards": (10, 10)},
    "chosen shards": {"shape": (500, 700), "chunks": (10, 10), "shards": "auto"},
    "nested shards": {"shape": (20, 20), "chunks": (2, 5), "shards": [{"shape": (20, 20)}, {"shape": (10, 10)}]},
    "index at the start": {"shape": (20, 20), "chunks": (2, 5), "shards": (10, 10), "index_location": "start"},
    "index without checksum": {
        "shape": (20, 20),
        "chunks": (2, 5),
        "shards": {"shape": (10, 10), "index_codecs": [named("bytes", endian="little")]},
    },
}
ENCODINGS: dict[str, Any] = {
    "default": None,
    "default with dots": named("default", separator="."),
    "v2": "v2",
    "v2 with slashes": named("v2", separator="/"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("shape", SHAPES)
def test_grids_shards_and_keys(tmp_path: Path, shape: str, encoding: str) -> None:
    dzarr.create(tmp_path, **SHAPES[shape], dtype="f4", chunk_key_encoding=ENCODINGS[encoding])
    assert validate(tmp_path) == 1


@pytest.mark.parametrize("form", [2, 3])
def test_names_and_attributes(tmp_path: Path, form: int) -> None:
    attributes = {"units": "m", "nested": {"list": [1, 2.5, None, True]}, "ünï": "ö"}
    array = dzarr.create(
        tmp_path, **SMALL, dtype="f4", attributes=attributes, dimension_names=("y", "x"), zarr_format=form
    )
    assert validate(tmp_path) == 1
    array.attrs["more"] = [1, 2]
    del array.attrs["units"]
    assert validate(tmp_path) == 1


def test_some_dimensions_without_a_name(tmp_path: Path) -> None:
    dzarr.create(tmp_path, **SMALL, dtype="f4", dimension_names=("y", None))
    assert validate(tmp_path) == 1


@pytest.mark.parametrize("form", [2, 3])
def test_groups(tmp_path: Path, form: int) -> None:
    group = dzarr.create_group(tmp_path, zarr_format=form, attributes={"a": {"b": [1]}})
    group.create_group("empty")
    group.create_array("deep/er/a", **SMALL, dtype="u1", attributes={"u": 1})
    group.create_hierarchy({"h": None, "h/x": {**SMALL, "dtype": "f8"}})
    group.attrs["more"] = 1
    group.move("h", "moved")
    assert validate(tmp_path) == 7


@pytest.mark.parametrize("form", [2, 3])
def test_what_store_makes(tmp_path: Path, form: int) -> None:
    import dask.array as da

    dzarr.store(da.ones((20, 30), chunks=(7, 8)), tmp_path / "g" / "x", chunks=(5, 5), zarr_format=form)
    assert validate(tmp_path) == 1


@pytest.mark.parametrize("form", [2, 3])
def test_records_that_dzarr_keeps_true(tmp_path: Path, form: Any) -> None:
    import zarr

    zarr.open_group(tmp_path, mode="w", zarr_format=form).create_array("a", shape=(4,), chunks=(2,), dtype="i4")
    zarr.consolidate_metadata(tmp_path, zarr_format=form)
    group = dzarr.open_group(tmp_path, "r+")
    group.create_array("s/b", **SMALL, dtype="f4", fill_value=np.nan, attributes={"u": 1})
    group.create_group("t")
    group["a"].attrs["x"] = 1
    del group["t"]
    assert validate(tmp_path) == (4 if form == 3 else 5)


@pytest.mark.parametrize(("form", "name"), [(2, ".zmetadata"), (3, "zarr.json")])
def test_records_that_dzarr_makes(tmp_path: Path, form: int, name: str) -> None:
    """They are valid but for one member: the checksums, which every known reader passes over."""
    group = dzarr.create_group(tmp_path, zarr_format=form, attributes={"a": 1})
    group.create_array("s/deep/b", **SMALL, dtype="f4", fill_value=np.inf, attributes={"u": 1})
    group.create_group("empty")
    dzarr.consolidate(tmp_path)
    group["s"].create_array("c", **SMALL, dtype="u1")
    with pytest.raises(MetadataValidationError) as refused:
        validate(tmp_path)
    where = [".".join(map(str, problem.loc)) for problem in refused.value.problems]
    assert where == (["dzarr"] if form == 2 else ["consolidated_metadata.dzarr"])
    document = json.loads((tmp_path / name).read_text())
    del (document if form == 2 else document["consolidated_metadata"])["dzarr"]
    (tmp_path / name).write_text(json.dumps(document))
    assert validate(tmp_path) == (6 if form == 3 else 7)


def test_the_validators_do_refuse(tmp_path: Path) -> None:
    """Otherwise all of the above would show nothing."""
    dzarr.create(tmp_path, **SMALL, dtype="i4", shards=(6, 4))
    path = tmp_path / "zarr.json"
    document = json.loads(path.read_text())
    inner = document["codecs"][0]["configuration"]["codecs"]
    inner[-1] = {"name": "gzip", "configuration": {"level": 99}}
    path.write_text(json.dumps(document))
    with pytest.raises(MetadataValidationError):
        validate(tmp_path)
