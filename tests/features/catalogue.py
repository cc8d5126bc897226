"""Every row of the table.

Knows: the spellings of data types, codecs, grids, keys and shards that the specifications and registries have. Must not
know: who reads which.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.dtypes import StringDType

from tests.features.feature import (
    BIG,
    CRC32C,
    LITTLE,
    PLAIN,
    Document,
    Feature,
    Hierarchy,
    Place,
    Row,
    Values,
    codec,
    sharding,
    v2,
    v3,
)

NUMBERS = np.array([1, 2, 3, 4, 5], "i4")
SQUARE = np.arange(1, 25, dtype="i4").reshape(4, 6)
TEXT = np.array(["a", "", "äöü", "longer text"], StringDType())


def rows() -> list[Row]:
    """Return all rows, in order."""
    return [
        *_types_v3(),
        *_types_v2(),
        *_codecs_v3(),
        *_codecs_v2(),
        *_grids(),
        *_shards(),
        *_hierarchies(),
        *_places(),
    ]


# --------------------------------------------------------------------------------------------------- data types


def _types_v3() -> Iterator[Feature]:
    section = "Data types of v3"
    yield Feature(section, "bool", v3("bool", a := np.array([True, False, True]), fill=False, codecs=[PLAIN]), a)
    for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"):
        values = np.array([1, 2, np.iinfo(name).max], name)
        yield Feature(section, name, v3(name, values), values)
    for name in ("float16", "float32", "float64"):
        yield Feature(section, name, v3(name, a := np.array([1, -2.5, np.inf], name), fill="NaN"), a)
    for name in ("complex64", "complex128"):
        yield Feature(section, name, v3(name, a := np.array([1, 2 - 3j, 0.5j], name), fill=[0, "NaN"]), a)
    for name, dtype in (("complex_float32", "c8"), ("complex_float64", "c16")):
        yield Feature(section, name, v3(name, a := np.array([1, 2 - 3j, 0.5j], dtype), fill=[0, 0]), a)
    for name in ("int2", "int4", "uint2", "uint4"):
        values = np.array([1, 0, 1], getattr(ml_dtypes, name))
        yield Feature(section, name, v3(name, values, codecs=[PLAIN]), values)
    for name in _small_floats():
        values = np.array([1, 2, 0.5], getattr(ml_dtypes, name))
        codecs = [LITTLE] if name == "bfloat16" else [PLAIN]
        fill = "0x7f" if name == "float8_e8m0fnu" else 0.0
        yield Feature(section, name, v3(name, values, fill=fill, codecs=codecs), values)
    for name in ("bfloat16", "float16", "float8_e4m3fn"):
        small = np.dtype(getattr(ml_dtypes, name, None) or name)
        values = np.zeros(3, np.dtype([("real", small), ("imag", small)]))
        values["real"], values["imag"] = [1, 2, 0.5], [0.5, 1, 2]
        yield Feature(section, f"complex_{name}", v3(f"complex_{name}", values, fill=[0.0, 0.0]), values)
    yield Feature(section, "r16", v3("r16", a := _raw([b"ab", b"\0c"], 2), fill=[0, 0], codecs=[PLAIN]), a)
    yield Feature(section, "r24", v3("r24", a := _raw([b"abc", b"\0de"], 3), fill=[0, 0, 0], codecs=[PLAIN]), a)
    for name, dtype in (("raw_bytes", "V3"), ("null_terminated_bytes", "S3")):
        values = _raw([b"abc", b"xyz"], 3).view(dtype)
        yield Feature(section, name, v3(codec(name, length_bytes=3), values, fill="AAAA", codecs=[PLAIN]), values)
    values = np.array(["äb", "", "xyz"], "U3")
    yield Feature(
        section, "fixed_length_utf32", v3(codec("fixed_length_utf32", length_bytes=12), values, fill=""), values
    )
    for name, kind in (("numpy.datetime64", "M8"), ("numpy.timedelta64", "m8")):
        data_type = codec(name, unit="s", scale_factor=10)
        values = np.array([1, -2, "NaT"], f"{kind}[10s]")
        yield Feature(section, name, v3(data_type, values, fill="NaT"), values)
    yield Feature(section, "string", v3("string", TEXT, fill="", codecs=[codec("vlen-utf8")]), TEXT)
    for name in ("bytes", "variable_length_bytes"):
        values = np.array([b"a", b"", b"\xff\0longer"], object)
        yield Feature(section, name, v3(name, values, fill="", codecs=[codec("vlen-bytes")]), values)
    values = np.array([(1, 2.5), (3, -1)], [("a", "u1"), ("b", "<f4")])
    fields = [{"name": "a", "data_type": "uint8"}, {"name": "b", "data_type": "float32"}]
    yield Feature(section, "struct", v3(codec("struct", fields=fields), values, fill={"a": 0, "b": 0.0}), values)
    old = codec("structured", fields=[["a", "uint8"], ["b", "float32"]])
    yield Feature(section, "structured", v3(old, values, fill="AAAAAAA="), values)


def _small_floats() -> list[str]:
    names = "bfloat16 float8_e3m4 float8_e4m3 float8_e4m3b11fnuz float8_e4m3fn float8_e4m3fnuz float8_e5m2"
    names += " float8_e5m2fnuz float8_e8m0fnu float6_e2m3fn float6_e3m2fn float4_e2m1fn"
    return names.split()


def _raw(items: list[bytes], length: int) -> Values:
    return np.frombuffer(b"".join(items), f"V{length}")


def _types_v2() -> Iterator[Feature]:
    section = "Data types of v2"
    yield Feature(section, "`|b1`", v2("|b1", a := np.array([True, False, True]), fill=False), a)
    for dtype in ("|u1", "<i2", ">i4", "<u8", "<f2", "<f4", ">f8", "<c8", ">c16"):
        values = np.array([1, 2, 3], dtype)
        fill: Any = [0.0, 0.0] if values.dtype.kind == "c" else 0
        yield Feature(section, f"`{dtype}`", v2(dtype, values, fill=None if fill else 0), values)
    yield Feature(section, "`|S3`", v2("|S3", a := np.array([b"a", b"xyz"]), fill="AAAA"), a)
    yield Feature(section, "`|S3` with `fill_value` 0", v2("|S3", a, fill=0), a)
    for dtype in ("<U3", ">U3"):
        yield Feature(section, f"`{dtype}`", v2(dtype, a := np.array(["ä", "xyz"], "U3"), fill=""), a)
    yield Feature(section, "`|V3`", v2("|V3", a := _raw([b"abc", b"\0de"], 3), fill="AAAA"), a)
    for dtype in ("<M8[s]", "<m8[ns]"):
        yield Feature(section, f"`{dtype}`", v2(dtype, a := np.array([1, 2, "NaT"], dtype), fill="NaT"), a)
    structure = [["a", "|u1"], ["b", "<f4"]]
    values = np.array([(1, 2.5), (3, -1)], [("a", "u1"), ("b", "<f4")])
    yield Feature(section, "structure", v2(structure, values, fill=None), values)
    nested = np.zeros(2, [("a", "u1"), ("b", [("x", "<f4"), ("y", "<i2", (2,))])])
    nested["a"], nested["b"]["x"], nested["b"]["y"] = [1, 2], [0.5, 1], [[1, 2], [3, 4]]
    spelled = [["a", "|u1"], ["b", [["x", "<f4"], ["y", "<i2", [2]]]]]
    yield Feature(section, "structure in a structure, with a sub-array", v2(spelled, nested, fill=None), nested)
    objects: dict[str, tuple[Document, Values]] = {
        "vlen-utf8": ({"id": "vlen-utf8"}, TEXT),
        "vlen-bytes": ({"id": "vlen-bytes"}, np.array([b"a", b"\xff\0"], object)),
        "vlen-array": ({"id": "vlen-array", "dtype": "<i4"}, _ragged()),
        "json2": ({"id": "json2", "encoding": "utf-8", "strict": True}, np.array(["a", 1, [2], None], object)),
        "msgpack2": ({"id": "msgpack2"}, np.array(["a", 1, [2], None], object)),
        "pickle": ({"id": "pickle", "protocol": 5}, np.array(["a", 1, [2], None], object)),
    }
    for name, (filter_, values) in objects.items():
        yield Feature(section, f"objects as {name}", v2("|O", values, fill=None, filters=[filter_]), values)
    yield Feature(section, "`fill_value` null", v2("<i4", NUMBERS, fill=None), NUMBERS)


def _ragged() -> Values:
    values = np.empty(2, object)
    values[0], values[1] = np.array([1, 2], "i4"), np.array([3], "i4")
    return values


# ------------------------------------------------------------------------------------------------------- codecs

FLOATS = np.array([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4], "f4")
BYTES_V3: dict[str, Document] = {
    **{
        f"blosc ({cname})": codec("blosc", cname=cname, clevel=5, shuffle="shuffle", typesize=4, blocksize=0)
        for cname in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")
    },
    "gzip": codec("gzip", level=5),
    "zstd": codec("zstd", level=1, checksum=False),
    "zstd with checksum": codec("zstd", level=1, checksum=True),
    "crc32c": CRC32C,
    "numcodecs.blosc": codec("numcodecs.blosc", cname="lz4", clevel=5, shuffle=1, blocksize=0),
    "numcodecs.bz2": codec("numcodecs.bz2", level=1),
    "numcodecs.gzip": codec("numcodecs.gzip", level=1),
    "numcodecs.lz4": codec("numcodecs.lz4", acceleration=1),
    "numcodecs.lzma": codec("numcodecs.lzma", preset=1),
    "numcodecs.zlib": codec("numcodecs.zlib", level=1),
    "numcodecs.zstd": codec("numcodecs.zstd", level=1),
    "numcodecs.shuffle": codec("numcodecs.shuffle", elementsize=4),
    "numcodecs.adler32": codec("numcodecs.adler32"),
    "numcodecs.crc32": codec("numcodecs.crc32"),
    "numcodecs.crc32c": codec("numcodecs.crc32c"),
    "numcodecs.fletcher32": codec("numcodecs.fletcher32"),
    "numcodecs.jenkins_lookup3": codec("numcodecs.jenkins_lookup3", initval=0),
}
ARRAYS_V3: dict[str, tuple[str, list[Any], Values]] = {
    "bytes, big endian": ("int32", [BIG], NUMBERS),
    "bytes by its bare name": ("uint8", ["bytes"], NUMBERS.astype("u1")),
    "transpose": ("int32", [codec("transpose", order=[1, 0]), LITTLE], SQUARE),
    'transpose with `order: "F"`': ("int32", [codec("transpose", order="F"), LITTLE], SQUARE),
    "endian (of the draft)": ("int32", [codec("endian", endian="little")], NUMBERS),
    "reshape": ("int32", [codec("reshape", shape=[[0, 1]]), LITTLE], SQUARE),
    "squeeze": ("int32", [codec("squeeze"), LITTLE], NUMBERS.reshape(1, 5)),
    "bitround": ("float32", [codec("bitround", keepbits=10), LITTLE], FLOATS),
    "packbits": ("bool", [codec("packbits")], np.array([True, False, True, True, False, True, True, False])),
    "cast_value": ("float64", [codec("cast_value", data_type="int16"), LITTLE], np.array([1.0, 2, 3, 4])),
    "scale_offset": ("float32", [codec("scale_offset", offset=1, scale=2), LITTLE], FLOATS),
    "zfp": ("float32", [codec("zfp", mode="reversible")], FLOATS),
    "n5_default": (
        "int16",
        [codec("n5_default", codecs=[codec("transpose", order=[0]), BIG, codec("gzip", level=1)])],
        np.arange(1, 9, dtype="i2"),
    ),
    "conditional": ("int32", [LITTLE, codec("conditional", codecs=[codec("gzip", level=1)])], NUMBERS),
    "numcodecs.delta": ("int32", [codec("numcodecs.delta", dtype="<i4"), LITTLE], NUMBERS),
    "numcodecs.bitround": ("float32", [codec("numcodecs.bitround", keepbits=10), LITTLE], FLOATS),
    "numcodecs.quantize": ("float32", [codec("numcodecs.quantize", digits=2, dtype="<f4"), LITTLE], FLOATS),
    "numcodecs.fixedscaleoffset": (
        "float32",
        [codec("numcodecs.fixedscaleoffset", offset=0, scale=2, dtype="<f4", astype="<i2"), LITTLE],
        FLOATS,
    ),
    "numcodecs.astype": (
        "float64",
        [codec("numcodecs.astype", encode_dtype="<f4", decode_dtype="<f8"), LITTLE],
        FLOATS.astype("f8"),
    ),
    "numcodecs.packbits": ("bool", [codec("numcodecs.packbits"), PLAIN], np.array([True, False, True, True])),
    "numcodecs.pcodec": ("float32", [codec("numcodecs.pcodec", level=8, mode_spec="auto")], FLOATS),
    "numcodecs.zfpy": ("float32", [codec("numcodecs.zfpy", mode=4, tolerance=1e-6)], FLOATS),
    "gdeflate": ("int32", [LITTLE, codec("gdeflate", compression_level=1)], NUMBERS),
    "an unknown codec that need not be understood": (
        "int32",
        [LITTLE, {"name": "example.note", "must_understand": False}],
        NUMBERS,
    ),
}


def _codecs_v3() -> Iterator[Feature]:
    section = "Codecs of v3"
    for name, (data_type, codecs, values) in ARRAYS_V3.items():
        chunks = {2: (1, 5) if values.shape == (1, 5) else (2, 3)}.get(values.ndim, (4,))
        fill = False if data_type == "bool" else 0
        yield Feature(section, name, v3(data_type, values, codecs=codecs, chunks=chunks, fill=fill), values)
    for name, document in BYTES_V3.items():
        yield Feature(section, name, v3("int32", NUMBERS, codecs=[LITTLE, document]), NUMBERS)


COMPRESSORS: dict[str, Document] = {
    **{
        f"blosc ({cname})": {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": 1, "blocksize": 0}
        for cname in ("lz4", "zstd", "zlib")
    },
    "bz2": {"id": "bz2", "level": 1},
    "gzip": {"id": "gzip", "level": 1},
    "lz4": {"id": "lz4", "acceleration": 1},
    "lzma": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
    "zlib": {"id": "zlib", "level": 1},
    "zstd": {"id": "zstd", "level": 1},
    "pcodec": {"id": "pcodec", "level": 8},
    "zfpy": {"id": "zfpy", "mode": 4, "tolerance": 1e-6},
}
FILTERS: dict[str, Document] = {
    "adler32": {"id": "adler32"},
    "astype": {"id": "astype", "encode_dtype": "<f4", "decode_dtype": "<f8"},
    "bitround": {"id": "bitround", "keepbits": 10},
    "categorize": {"id": "categorize", "labels": ["a", "b"], "dtype": "<U1", "astype": "|u1"},
    "crc32": {"id": "crc32"},
    "crc32c": {"id": "crc32c"},
    "delta": {"id": "delta", "dtype": "<f4"},
    "fixedscaleoffset": {"id": "fixedscaleoffset", "offset": 0, "scale": 2, "dtype": "<f4", "astype": "<i2"},
    "fletcher32": {"id": "fletcher32"},
    "jenkins_lookup3": {"id": "jenkins_lookup3", "initval": 0},
    "packbits": {"id": "packbits"},
    "quantize": {"id": "quantize", "digits": 2, "dtype": "<f4"},
    "shuffle": {"id": "shuffle", "elementsize": 4},
}


def _codecs_v2() -> Iterator[Feature]:
    section = "Codecs of v2"
    for name, document in COMPRESSORS.items():
        yield Feature(section, name, v2("<f4", FLOATS, chunks=(4,), compressor=document), FLOATS)
    special: dict[str, tuple[str, Values, Any]] = {
        "astype": ("<f8", FLOATS.astype("f8"), 0),
        "packbits": ("|b1", np.array([True, False, True, True]), False),
        "categorize": ("<U1", np.array(["a", "b", "a"]), ""),
    }
    for name, document in FILTERS.items():
        dtype, values, fill = special.get(name, ("<f4", FLOATS, 0))
        yield Feature(section, name, v2(dtype, values, chunks=(4,), fill=fill, filters=[document]), values)
    zlib = COMPRESSORS["zlib"]
    yield Feature(section, "Fortran order", v2("<i4", SQUARE, chunks=(2, 3), order="F", compressor=zlib), SQUARE)
    chain = {"filters": [FILTERS["delta"], FILTERS["shuffle"]], "compressor": zlib}
    yield Feature(section, "two filters and a compressor", v2("<f4", FLOATS, chunks=(4,), **chain), FLOATS)


# ---------------------------------------------------------------------------------------- grids, keys and shards


def _grids() -> Iterator[Feature]:
    section = "Grids, keys and documents"
    yield Feature(section, "regular, cut off at the end", v3("int32", SQUARE, chunks=(3, 4)), SQUARE)
    grid = codec("rectilinear", kind="inline", chunk_shapes=[[1, 3], [[2, 3]]])
    yield Feature(section, "rectilinear", v3("int32", SQUARE, chunk_grid=grid), SQUARE)
    scalar = np.array(7, "i4")
    yield Feature(section, "no dimension", v3("int32", scalar, chunks=()), scalar)
    yield Feature(section, "no dimension, v2", v2("<i4", scalar, chunks=()), scalar)
    empty = np.zeros((0, 3), "i4")
    yield Feature(section, "no element", v3("int32", empty, chunks=(1, 3)), empty)
    for name in ("default", "v2"):
        for separator in ("/", "."):
            keys = codec(name, separator=separator)
            documents = v3("int32", SQUARE, chunks=(2, 3), chunk_key_encoding=keys)
            yield Feature(section, f"keys {name}, `{separator}`", documents, SQUARE)
    for separator in (".", "/"):
        documents = v2("<i4", SQUARE, chunks=(2, 3), dimension_separator=separator)
        yield Feature(section, f"keys of v2 arrays, `{separator}`", documents, SQUARE)
    yield Feature(section, "keys by their bare name", v3("int32", NUMBERS, chunk_key_encoding="default"), NUMBERS)
    note = {"example": {"must_understand": False, "text": "x"}}
    yield Feature(section, "a member that need not be understood", v3("int32", NUMBERS, **note), NUMBERS)
    names = {"dimension_names": ["x"]}
    yield Feature(section, "dimension names", v3("int32", NUMBERS, **names), NUMBERS)
    nan = np.array([1, 2], "f4")
    yield Feature(section, "a NaN with a payload as fill value", v3("float32", nan, fill="0x7fc00001"), nan)


def _shards() -> Iterator[Feature]:
    section = "Shards"
    gzip = codec("gzip", level=1)
    shapes: dict[str, list[Document]] = {
        "index at the end": [sharding((2, 3))],
        "index at the start": [sharding((2, 3), index_location="start")],
        "compressed chunks": [sharding((2, 3), [LITTLE, gzip])],
        "index without checksum": [sharding((2, 3), index_codecs=[LITTLE])],
        "index in big endian": [sharding((2, 3), index_codecs=[BIG, CRC32C])],
        "shards in shards": [sharding((4, 3), [sharding((2, 1))])],
        "after a transpose": [codec("transpose", order=[1, 0]), sharding((3, 2))],
        "a transpose inside": [sharding((2, 3), [codec("transpose", order=[1, 0]), LITTLE])],
        "a transpose between shards": [sharding((4, 3), [codec("transpose", order=[1, 0]), sharding((1, 2))])],
        "a compressor around shards": [sharding((2, 3)), gzip],
        "a checksum around shards": [sharding((2, 3)), CRC32C],
    }
    for name, codecs in shapes.items():
        yield Feature(section, name, v3("int32", SQUARE, codecs=codecs, chunks=(4, 6)), SQUARE)
    grid = codec("rectilinear", kind="inline", chunk_shapes=[[2, 2], [3, 3]])
    uneven = codec("rectilinear", kind="inline", chunk_shapes=[[4], [2, 4]])
    yield Feature(
        section, "rectilinear, all alike", v3("int32", SQUARE, codecs=[sharding((1, 3))], chunk_grid=grid), SQUARE
    )
    yield Feature(section, "rectilinear", v3("int32", SQUARE, codecs=[sharding((2, 2))], chunk_grid=uneven), SQUARE)
    yield Feature(section, "strings in shards", _string_shards(), TEXT)


def _string_shards() -> dict[str, Document]:
    return v3("string", TEXT, fill="", codecs=[sharding((2,), [codec("vlen-utf8")])], chunks=(4,))


# -------------------------------------------------------------------------------------- hierarchies and stores

FOUR = np.array([1, 2, 3, 4], "u1")
_GROUPS: dict[int, tuple[str, Document]] = {
    2: (".zgroup", {"zarr_format": 2}),
    3: ("zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": {}}),
}


def array_of_four(form: int, name: str = "") -> Feature:
    """Return the array that lies in every hierarchy and every store."""
    documents = v3("uint8", FOUR, codecs=[PLAIN]) if form == 3 else v2("|u1", FOUR)
    return Feature("", name, documents, FOUR)


def put_four(folder: Path, form: int) -> None:
    """Write that array with its data: chunks of two raw bytes."""
    array_of_four(form).put_documents(folder)
    chunks = folder / "c" if form == 3 else folder
    chunks.mkdir(exist_ok=True)
    (chunks / "0").write_bytes(b"\1\2")
    (chunks / "1").write_bytes(b"\3\4")


def put_group(folder: Path, form: int, **more: Any) -> None:
    """Write the document of a group."""
    folder.mkdir(parents=True, exist_ok=True)
    name, document = _GROUPS[form]
    (folder / name).write_text(json.dumps(document | more))


def _plain_group(form: int) -> Any:
    def make(folder: Path) -> None:
        put_group(folder, form)
        put_group(folder / "s", form)
        put_four(folder / "s" / "a", form)
        put_four(folder / "b", form)

    return make


def _consolidated(form: int) -> Any:
    def make(folder: Path) -> None:
        """Only the record tells of the member: its own document is not there."""
        put_four(folder / "a", form)
        path = folder / "a" / ("zarr.json" if form == 3 else ".zarray")
        member = json.loads(path.read_text())
        path.unlink()
        if form == 3:
            record = {"kind": "inline", "must_understand": False, "metadata": {"a": member}}
            put_group(folder, 3, consolidated_metadata=record)
        else:
            put_group(folder, 2)
            record = {".zgroup": {"zarr_format": 2}, "a/.zarray": member}
            (folder / ".zmetadata").write_text(json.dumps({"zarr_consolidated_format": 1, "metadata": record}))

    return make


def _bad_child(folder: Path) -> None:
    put_group(folder, 3)
    put_four(folder / "b", 3)
    put_four(folder / "a", 3)
    (folder / "a" / "zarr.json").write_text("{")


def _implicit(folder: Path) -> None:
    put_group(folder, 2)
    put_four(folder / "s" / "a", 2)


def _n5(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "attributes.json").write_text('{"n5": "2.5.1"}')
    (folder / "a").mkdir()
    dataset = {"dimensions": [4], "blockSize": [2], "dataType": "uint8", "compression": {"type": "raw"}}
    (folder / "a" / "attributes.json").write_text(json.dumps(dataset))
    for k, data in enumerate((b"\1\2", b"\3\4")):
        (folder / "a" / str(k)).write_bytes(b"\0\0\0\1\0\0\0\2" + data)


def _hierarchies() -> Iterator[Hierarchy]:
    section = "Hierarchies"
    yield Hierarchy(section, "groups", _plain_group(3), ("b", "s/a"), 3)
    yield Hierarchy(section, "groups of v2", _plain_group(2), ("b", "s/a"), 2)
    yield Hierarchy(section, "members known from a consolidated record", _consolidated(3), ("a",), 3, True)
    yield Hierarchy(section, "members known from `.zmetadata`", _consolidated(2), ("a",), 2, True)
    yield Hierarchy(section, "groups of v2 without a document", _implicit, ("s/a",), 2)
    yield Hierarchy(section, "a member that can't be read hides no other", _bad_child, ("b",), 3)
    yield Hierarchy(section, "an N5 container", _n5, ("a",))


def _places() -> Iterator[Place]:
    section = "Stores"

    def folder(path: Path) -> str:
        put_four(path / "x.zarr", 3)
        return str(path / "x.zarr")

    def zipped(compression: int) -> Any:
        def make(path: Path) -> str:
            source = Path(folder(path))
            with zipfile.ZipFile(path / "x.zarr.zip", "w", compression) as file:
                for entry in sorted(source.rglob("*")):
                    if entry.is_file():
                        file.write(entry, entry.relative_to(source).as_posix())
            return str(path / "x.zarr.zip")

        return make

    def referenced(path: Path) -> str:
        source = Path(folder(path))
        chunk = str(source / "c" / "0")
        references = {"zarr.json": (source / "zarr.json").read_text(), "c/0": [chunk, 0, 2], "c/1": "base64:AwQ="}
        (path / "refs.json").write_text(json.dumps({"version": 1, "refs": references}))
        return str(path / "refs.json")

    yield Place(section, "a folder", "folder", folder)
    yield Place(section, "a zip file, stored", "zip", zipped(zipfile.ZIP_STORED))
    yield Place(section, "a zip file, deflated", "zip", zipped(zipfile.ZIP_DEFLATED))
    yield Place(section, "HTTP, without listing", "http", folder)
    yield Place(section, "another file system of fsspec (`local://`)", "fsspec", folder)
    yield Place(section, "kerchunk references in JSON", "reference", referenced)
