"""Every data type through every codec that takes it, in both formats, with shards and without: all of it comes back.

Values bit for bit, the dtype, the fill value, the attributes and the names of dimensions survive, also a rewrite of the
document; the document is strict JSON and means the same to a second reader. zarr-python reads what it knows of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.io.memory import MemoryStore

Values = np.ndarray[Any, Any]
SHAPE = (5, 4)
ATTRIBUTES = {"units": "K", "é": [1, None, {"deep": [True, -0.5]}], "_unknown": {"must_understand": False}}
NAMES = ("y", None)
RANDOM = np.random.default_rng(7)


@dataclass(frozen=True)
class Type:
    """A data type: how `dzarr.create` is asked for it, its elements, and what kind of codec it suits."""

    asked: Any
    values: Values
    fill: Any
    kind: str
    formats: tuple[int, ...] = (2, 3)
    zarr: tuple[int, ...] = (2, 3)


def numbers(dtype: Any) -> Values:
    """From 0 to 3: every number type has them, and no arithmetic here loses any."""
    return RANDOM.integers(0, 4, SHAPE).astype(dtype)


def any_bits(dtype: Any) -> Values:
    size = np.dtype(dtype).itemsize
    return np.frombuffer(RANDOM.bytes(20 * size), dtype).reshape(SHAPE)


def text(maximum: int) -> list[str]:
    return ["".join(RANDOM.choice(list("aé∅𝄞z"), RANDOM.integers(0, maximum + 1))) for _ in range(20)]


POINT = np.dtype([("x", "<f4"), ("n", "<i2")])
NESTED = np.dtype([("at", POINT), ("when", "<M8[s]"), ("tag", "S3"), ("flag", "?")])


def nested() -> Values:
    values = np.zeros(20, NESTED)
    values["at"] = np.frombuffer(RANDOM.bytes(20 * POINT.itemsize), POINT)
    values["when"], values["tag"], values["flag"] = np.arange(20), b"ab", np.arange(20) % 2
    return values.reshape(SHAPE)


def objects(found: list[Any]) -> Values:
    values = np.empty(20, object)
    values[:] = found
    return values.reshape(SHAPE)


TYPES: dict[str, Type] = {
    "bool": Type("?", RANDOM.integers(0, 2, SHAPE).astype("?"), True, "b"),
    **{
        name: Type(name, numbers(name), 5, "i")
        for name in ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">u2")
    },
    **{name: Type(name, numbers(name), 1.5, "f") for name in ("f2", "f4", "f8", ">f8")},
    **{f"{name}, any bits": Type(name, any_bits(name), np.nan, "fixed") for name in ("f4", "f8", "c16")},
    **{name: Type(name, numbers(name), 1.5 - 2j, "c") for name in ("c8", "c16", ">c8")},
    "M8[ns]": Type("M8[ns]", any_bits("i8").view("M8[ns]"), np.datetime64("NaT", "ns"), "fixed"),
    "m8[10s]": Type("m8[10s]", any_bits("i8").view("m8[10s]"), np.timedelta64(30, "s"), "fixed"),
    "S5": Type("S5", np.array(text(1)).astype("U").view("u4").astype("S5")[:20].reshape(SHAPE), b"ab", "fixed"),
    "U3": Type("U3", np.array(text(3), "U3").reshape(SHAPE), "é∅", "fixed"),
    ">U3": Type(">U3", np.array(text(3), "U3").reshape(SHAPE), "", "fixed"),
    "V3": Type("V3", any_bits("V3"), np.void(b"\1\0\xff"), "fixed", zarr=(2,)),
    "structure": Type(POINT, any_bits(POINT), np.array((1.5, -2), POINT)[()], "fixed", zarr=()),
    "nested structure": Type(NESTED, nested(), nested()[0, 1], "fixed", zarr=()),
    "string": Type("string", np.array(text(40), "T").reshape(SHAPE), "∅", "text"),
    "bytes": Type("bytes", objects([RANDOM.bytes(k * k) for k in range(20)]), b"\0x", "bytes"),
}
SMALL = (
    "int2 uint2 int4 uint4 float4_e2m1fn float6_e2m3fn float6_e3m2fn float8_e3m4 float8_e4m3 float8_e4m3b11fnuz "
    "float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz float8_e8m0fnu bfloat16"
).split()
WIDTHS = {"2": 2, "4": 4, "6": 6}
if find_spec("ml_dtypes"):
    import ml_dtypes

    for _name in SMALL:
        _dtype = np.dtype(getattr(ml_dtypes, _name))
        _width = next((width for n, width in WIDTHS.items() if _name.split("_")[0].endswith(f"t{n}")), 8)
        _values = RANDOM.integers(0, 1 << _width, SHAPE, "u1")
        if "int" in _name:
            _values = RANDOM.integers(0, 2, SHAPE).astype(_dtype)
        elif _dtype.itemsize == 1:
            _values = _values.view(_dtype)
        else:
            _values = any_bits(_dtype)
        TYPES[_name] = Type(_name, _values, 1, "small" if _width < 8 else "fixed", formats=(3,), zarr=())
        if "int" not in _name:
            _pairs = np.zeros(SHAPE, [("real", _dtype), ("imag", _dtype)])
            _pairs["real"], _pairs["imag"] = _values, _values[::-1]
            _fill = np.array((1, 2), _pairs.dtype)[()]
            TYPES[f"complex_{_name}"] = Type(f"complex_{_name}", _pairs, _fill, "fixed", formats=(3,), zarr=())


def codec(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


@dataclass(frozen=True)
class Chain:
    """Codecs of one array: for which kinds of types, whether zarr-python has them, and how far values may move."""

    codecs: Any
    kinds: str
    only: Callable[[np.dtype[Any]], bool] = lambda dtype: True
    zarr: bool = True
    moved: float = 0.0


def old(name: str, **configuration: Any) -> dict[str, Any]:
    return {"id": name, **configuration}


FIXED = "b i f c fixed small"
BLOSCS = [
    ("lz4", "shuffle"),
    ("lz4hc", "noshuffle"),
    ("blosclz", "bitshuffle"),
    ("zstd", "shuffle"),
    ("zlib", "shuffle"),
]
CHECKSUMS = ("adler32", "crc32", "crc32c", "fletcher32", "jenkins_lookup3")


def is_native(dtype: np.dtype[Any]) -> bool:
    return dtype.isnative


def wide(dtype: np.dtype[Any]) -> bool:
    return dtype.isnative and dtype.itemsize >= 4


CHAINS: dict[str, Chain] = {
    "auto": Chain("auto", FIXED + " text bytes"),
    "raw": Chain([], FIXED + " text bytes"),
    "big": Chain([codec("bytes", endian="big")], FIXED),
    "transpose": Chain([codec("transpose", order=[1, 0])], FIXED + " text bytes"),
    "gzip": Chain([codec("gzip", level=1)], FIXED + " text bytes"),
    "zstd checked": Chain([codec("zstd", level=3, checksum=True)], FIXED + " text bytes"),
    "crc32c": Chain([codec("crc32c")], FIXED + " text bytes"),
    **{
        f"blosc {cname} {shuffle}": Chain([codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=4,
        blocksize=0)],
                                          FIXED + " text bytes")
        for cname, shuffle in BLOSCS
    },
    **{f"numcodecs.{name}": Chain([codec(f"numcodecs.{name}")], FIXED + " text bytes", zarr=name != "base64")
       for name in ("zlib", "bz2", "lzma", "lz4", "base64", *CHECKSUMS)},
    "shuffle, zlib": Chain([codec("numcodecs.shuffle", elementsize=1), codec("numcodecs.zlib", level=1)], FIXED),
    "two of them": Chain([codec("zstd", level=1, checksum=False), codec("gzip", level=1), codec("crc32c")],
         FIXED + " text bytes"),
    "conditional": Chain([codec("conditional", codecs=[codec("gzip", level=1)])], FIXED, zarr=False),
    "reshape": Chain([codec("reshape", shape=[-1])], FIXED + " text bytes", zarr=False),
    "packbits": Chain([codec("packbits")], "b i small", zarr=False),
    "packbits, padding told": Chain([codec("packbits", padding_encoding="first_byte")], "b small", zarr=False),
    "delta": Chain(["numcodecs.delta"], "i f", is_native),
    "bitround": Chain([codec("bitround", keepbits=5)], "f", zarr=False),
    "numcodecs.bitround": Chain([codec("numcodecs.bitround", keepbits=5)], "f", is_native),
    "fixedscaleoffset": Chain(["numcodecs.fixedscaleoffset"], "f", is_native),
    "quantize": Chain(["numcodecs.quantize"], "f", is_native),
    "astype": Chain(["numcodecs.astype"], "f", is_native),
    "scale_offset": Chain([codec("scale_offset", offset=0, scale=1)], "i f", zarr=False),
    "cast_value": Chain([codec("cast_value", data_type="float64")], "i f", zarr=False),
    "scale_offset, cast_value": Chain([codec("scale_offset", scale=2), codec("cast_value", data_type="int16")], "f",
         zarr=False),
    "vlen, zstd": Chain("vlen", "text bytes"),
}  # fmt: skip
if find_spec("pcodec"):
    CHAINS["pcodec"] = Chain(
        [codec("numcodecs.pcodec", level=4)], "i f", lambda dtype: dtype.isnative and dtype.itemsize > 1
    )
if find_spec("zfpy"):
    CHAINS["zfpy"] = Chain([codec("numcodecs.zfpy", mode=4, tolerance=0.25)], "f", wide, moved=0.25)
    CHAINS["zfp, reversible"] = Chain(
        [codec("zfp", mode="reversible")], "i f", lambda dtype: dtype.itemsize >= 4, zarr=False
    )


def chain_v3(name: str, chain: Chain, dtype: np.dtype[Any], kind: str) -> Any:
    """The codecs of a v3 array; the filters of numcodecs name their dtypes."""
    text = dtype.str
    named = {
        "delta": {"dtype": text},
        "fixedscaleoffset": {"offset": 0, "scale": 2, "dtype": text, "astype": "<i2"},
        "quantize": {"digits": 1, "dtype": text},
        "astype": {"encode_dtype": "<f4", "decode_dtype": text},
    }
    if name in named:
        return [codec(f"numcodecs.{name}", **named[name])]
    if name == "vlen, zstd":
        return [codec("vlen-utf8" if kind == "text" else "vlen-bytes"), codec("zstd", level=1, checksum=False)]
    return chain.codecs


V2_CHAINS: dict[str, Chain] = {
    "auto": Chain("auto", FIXED + " text bytes"),
    "raw": Chain({}, FIXED),
    "F": Chain({"order": "F", "compressor": old("zlib", level=1)}, FIXED),
    **{
        f"blosc {cname}": Chain({"compressor": old("blosc", cname=cname, clevel=5, shuffle=1, blocksize=0)}, FIXED)
        for cname in ("lz4", "lz4hc", "blosclz", "zstd", "zlib")
    },
    **{
        name: Chain({"compressor": old(name)}, FIXED)
        for name in ("zstd", "gzip", "zlib", "bz2", "lzma", "lz4", "base64")
    },
    **{name: Chain({"filters": [old(name)]}, FIXED) for name in CHECKSUMS},
    "shuffle": Chain({"filters": [old("shuffle", elementsize=1)], "compressor": old("zlib", level=1)}, FIXED),
    "delta": Chain("delta", "i f"),
    "fixedscaleoffset": Chain("fixedscaleoffset", "f"),
    "quantize": Chain("quantize", "f"),
    "astype": Chain("astype", "f"),
    "bitround": Chain({"filters": [old("bitround", keepbits=5)]}, "f"),
    "packbits": Chain({"filters": [old("packbits")]}, "b"),
    "vlen": Chain("vlen", "text bytes"),
    "vlen, zlib": Chain("vlen, zlib", "text bytes"),
    "json2": Chain({"filters": [old("json2")]}, "text", zarr=False),
    "msgpack2": Chain({"filters": [old("msgpack2")]}, "text", zarr=False),
}


def chain_v2(name: str, chain: Chain, dtype: np.dtype[Any], kind: str) -> Any:
    text = dtype.str
    named = {
        "delta": old("delta", dtype=text),
        "fixedscaleoffset": old("fixedscaleoffset", offset=0, scale=2, dtype=text, astype="<i2"),
        "quantize": old("quantize", digits=1, dtype=text),
        "astype": old("astype", encode_dtype="<f4", decode_dtype=text),
    }
    if name in named:
        return {"filters": [named[name]]}
    if name.startswith("vlen"):
        filters = {"filters": [old("vlen-utf8" if kind == "text" else "vlen-bytes")]}
        return filters | ({"compressor": old("zlib", level=1)} if "zlib" in name else {})
    return chain.codecs


def forms(zarr_format: int) -> Iterator[dict[str, Any]]:
    yield {"chunks": (3, 2)}
    if zarr_format == 3:
        yield {"chunks": (2, 2), "shards": (4, 4)}


def bits(values: Any) -> Any:
    values = np.asarray(values)
    if values.dtype.hasobject:
        return values.shape, values.tolist()
    native = values.dtype if values.dtype.names else values.dtype.newbyteorder("=")
    return values.shape, native, np.ascontiguousarray(values.astype(native)).tobytes()


def check(array: dzarr.Array, kind: Type, expected: Values, chain: Chain) -> None:
    assert array.shape == SHAPE
    assert array.attrs == ATTRIBUTES
    if array.zarr_format == 3:
        assert array.dimension_names == NAMES
    found = array.read()
    if chain.moved:
        assert found.dtype == expected.dtype
        assert np.abs(found.astype("f8") - expected.astype("f8")).max() <= chain.moved
    else:
        assert bits(found) == bits(expected)
    like = np.asarray(kind.fill, array.dtype)
    assert bits(np.asarray(array.fill_value, array.dtype)) == bits(like)


def strict(text: bytes) -> Any:
    def refuse(token: str) -> Any:
        raise AssertionError(f"{token} is no JSON")

    return json.loads(text, parse_constant=refuse)


def round_trip(kind: Type, chain: Chain, codecs: Any, zarr_format: int, form: dict[str, Any]) -> MemoryStore:
    """Write, read in another handle, rewrite the document, read again; returns the store."""
    store = MemoryStore()
    names = NAMES if zarr_format == 3 else None
    made = dzarr.create(
        store, shape=SHAPE, dtype=kind.asked, fill_value=kind.fill, codecs=codecs, attributes=ATTRIBUTES,
        dimension_names=names, zarr_format=zarr_format, **form,
    )  # fmt: skip
    expected = np.full(SHAPE, np.asarray(kind.fill, made.dtype), made.dtype)
    part = np.s_[1:, :3]  # the edges of chunks are merged, and some chunks stay missing in the last columns
    expected[part] = kind.values[part]
    made[part] = kind.values[part]
    check(dzarr.open_array(store), kind, expected, chain)
    document = store.get("zarr.json" if zarr_format == 3 else ".zarray")
    assert document is not None
    if zarr_format == 3:
        strict(document[0])
    made.attrs.update({"changed": 1})
    del made.attrs["changed"]
    again = dzarr.open_array(store)
    check(again, kind, expected, chain)
    assert again.metadata == made.metadata or bits(again.fill_value) == bits(made.fill_value)
    return store


def zarr_reads(store: MemoryStore, chain: Chain) -> None:
    import zarr
    from zarr.core.buffer import default_buffer_prototype

    buffer = default_buffer_prototype().buffer
    found = {key: store.get(key) for key in store.list("")}
    peer = zarr.open_array(
        zarr.storage.MemoryStore({key: buffer.from_bytes(got[0]) for key, got in found.items() if got}), mode="r"
    )
    values, ours = np.asarray(peer[...]), dzarr.open_array(store)
    assert dict(peer.attrs) == ATTRIBUTES
    if ours.dtype.hasobject:
        assert values.tolist() == ours.read().tolist()
    else:
        assert bits(values) == bits(ours.read())


CASES = [(name, zarr_format) for name, kind in TYPES.items() for zarr_format in kind.formats]
PEER = find_spec("zarr") is not None


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning", "ignore:Numcodecs codecs are not in the Zarr")
@pytest.mark.filterwarnings("ignore:.*does not have a Zarr V3 specification")
@pytest.mark.parametrize(("name", "zarr_format"), CASES, ids=str)
def test_round_trip(name: str, zarr_format: int) -> None:
    kind = TYPES[name]
    chains, spell = (CHAINS, chain_v3) if zarr_format == 3 else (V2_CHAINS, chain_v2)
    dtype = kind.values.dtype if kind.kind in ("text", "bytes") or 3 not in kind.zarr else np.dtype(kind.asked)
    tried = 0
    for called, chain in chains.items():
        if kind.kind not in chain.kinds.split() or not chain.only(dtype):
            continue
        codecs = spell(called, chain, dtype, kind.kind)
        for form in forms(zarr_format):
            try:
                store = round_trip(kind, chain, codecs, zarr_format, form)
                if PEER and zarr_format in kind.zarr and chain.zarr:
                    zarr_reads(store, chain)
            except Exception as error:
                error.add_note(f"{name} through {called}, v{zarr_format}, {form}")
                raise
            tried += 1
    assert tried >= (3 if zarr_format == 2 and kind.kind in ("text", "bytes") else 10)
