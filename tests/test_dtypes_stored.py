"""Every data type of fixed size, stored and read again: in both versions, plain and in shards, by dzarr and by peers.

What comes back has the same bits, the same dtype and the same fill value; a chunk that was never written is that fill
value. zarr-python and TensorStore read what dzarr wrote, and dzarr what they wrote, where they know the type.
"""

from __future__ import annotations

import base64
import json
import zlib
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dzarr
from dzarr.format.small import SMALL

pytest.importorskip("ml_dtypes")
pytestmark = [
    pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning"),
    pytest.mark.filterwarnings("ignore:Combining a `sharding_indexed` codec"),
]

NUMPY = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
TIMES = [f"{kind}8[{unit}]" for kind in "mM" for unit in "Y M W D h m s ms us ns ps fs as 10us".split()] + ["M8", "m8"]
BYTES = ["S1", "S5", "U1", "U3", "V1", "V7", "r24"]
COMPLEX = ["complex_float16", *(f"complex_{row.name}" for row in SMALL.values() if row.kind == "f")]
PARTS: Any = [("a", "u1"), ("b", "<M8[ns]"), ("c", "<c8")]
STRUCTURES: dict[str, Any] = {
    "flat": np.dtype([("x", "<f4"), ("y", "<i2")]),
    "nested": np.dtype([("s", "S3"), ("p", PARTS), ("u", "<U2")]),
    "small": np.dtype([("x", SMALL["bfloat16"].dtype), ("n", SMALL["int4"].dtype), ("y", "<f8")]),
}
TYPES: dict[str, Any] = {name: name for name in [*NUMPY, *TIMES, *BYTES, *SMALL, *COMPLEX]} | STRUCTURES

FORMS: dict[str, dict[str, Any]] = {
    "v2": {"zarr_format": 2, "chunks": (4, 3)},
    "v3": {"chunks": (4, 3)},
    "sharded": {"chunks": (2, 3), "shards": (4, 6)},
    "big": {
        "chunks": (4, 3),
        "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}},
                   {"name": "bytes", "configuration": {"endian": "big"}}, "crc32c"],
    },
}  # fmt: skip
SHAPE = (9, 6)
fresh = count()


def patterns(dtype: np.dtype[Any], seed: int = 0) -> Any:
    """Return an array of SHAPE with any bits that are legal: every NaN, every code point below 0x300."""
    rng = np.random.default_rng(seed)
    if dtype.names is not None:
        array = np.zeros(SHAPE, dtype)
        for k, name in enumerate(dtype.names):
            array[name] = patterns(dtype[name], seed + k + 1)
        return array
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return rng.integers(0, 256, (*SHAPE, *shape, base.itemsize), dtype=np.uint8).view(base)[..., 0]
    raw = rng.integers(0, 256, (*SHAPE, dtype.itemsize), dtype=np.uint8)
    if dtype.kind == "b":
        raw &= 1
    if dtype.kind == "U":
        return rng.integers(0, 0x300, (*SHAPE, dtype.itemsize // 4), dtype=np.uint32).view(dtype.newbyteorder("="))[
            ..., 0
        ]
    small = SMALL.get(dtype.name)
    if small is not None and small.bits < 8:
        raw &= (1 << small.bits) - 1
    return raw.view(dtype.newbyteorder("="))[..., 0]


def created(dtype: Any, url: Any = None, **create: Any) -> dzarr.Array:
    return dzarr.create(url or f"memory://dtypes-stored-{next(fresh)}", shape=SHAPE, dtype=dtype, **create)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TYPES)
def test_what_is_written_is_read(name: str, form: str) -> None:
    array = created(TYPES[name], **FORMS[form])
    values = patterns(array.dtype)
    fill = values[1, 2]
    array = created(TYPES[name], fill_value=fill, **FORMS[form])
    array[:4] = values[:4]
    array[8:, :5] = values[8:, :5]
    expected = np.empty(SHAPE, array.dtype)
    expected[...] = np.asarray(fill)
    expected[:4], expected[8:, :5] = values[:4], values[8:, :5]
    again = dzarr.open(array.url)
    assert isinstance(again, dzarr.Array)
    assert again.dtype == array.dtype == values.dtype
    assert np.asarray(again.fill_value).tobytes() == np.asarray(fill).tobytes()
    assert again.read().tobytes() == expected.tobytes()
    assert again[1:8:3, ::2].read().tobytes() == expected[1:8:3, ::2].tobytes()
    assert again.read((slice(3, 4), slice(2, 3))).tobytes() == expected[3:4, 2:3].tobytes()
    assert again.to_dask().compute(scheduler="sync").tobytes() == expected.tobytes()


@pytest.mark.parametrize("form", ["v2", "v3"])
@pytest.mark.parametrize("name", ["bool", "f2", "M8[ns]", "S3", "U2", "V3", "bfloat16", "int4", "flat"])
@pytest.mark.parametrize("shape", [(), (0,), (3, 0)], ids=str)
def test_scalars_and_arrays_of_nothing(name: str, form: str, shape: Any) -> None:
    url = f"memory://dtypes-stored-{next(fresh)}"
    array = dzarr.create(url, shape=shape, dtype=TYPES.get(name, name), zarr_format=int(form[1]))
    values = patterns(array.dtype)[0, 0] if shape == () else np.empty(shape, array.dtype)
    array.write(..., values)
    found = dzarr.open_array(url).read()
    assert (found.shape, found.dtype, found.tobytes()) == (shape, array.dtype, np.asarray(values).tobytes())


PAYLOADS = {
    "float16": ("f2", 0x7D01), "float32": ("f4", 0x7FA00001), "float64": ("f8", 0xFFF4000000000001),
    "complex64": ("f4", 0x7FA00001), "complex_float16": ("f2", 0xFE01), "bfloat16": ("bfloat16", 0x7F81),
    "float8_e5m2": ("float8_e5m2", 0x7D), "float8_e4m3": ("float8_e4m3", 0xFF),
    "complex_bfloat16": ("bfloat16", 0xFFFF),
}  # fmt: skip


@pytest.mark.parametrize("name", PAYLOADS)
def test_payloads_of_nan_survive_in_v3(name: str, tmp_path: Path) -> None:
    kind, bits = PAYLOADS[name]
    part = SMALL[kind].dtype if kind in SMALL else np.dtype(kind)
    pair = name.startswith("complex")
    raw = bits.to_bytes(part.itemsize, "little") * (1 + pair)
    array = created(name, tmp_path, fill_value=np.frombuffer(raw, created(name).dtype)[0])
    spelled = f"0x{bits:0{2 * part.itemsize}x}"
    assert json.loads((tmp_path / "zarr.json").read_text())["fill_value"] == ([spelled] * 2 if pair else spelled)
    assert dzarr.open_array(tmp_path).read()[0, 0].tobytes() == raw == array[1, 1].read().tobytes()


# ------------------------------------------------------------------------------------------------- peers


def zarr_opened(folder: Path, version: int) -> Any:
    zarr = pytest.importorskip("zarr")
    return zarr.open_array(folder, mode="r+", zarr_format=version)


ZARR_TYPES = [*NUMPY, *TIMES, "S1", "S5", "U1", "U3", "V1", "V7"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ZARR_TYPES)
def test_zarr_python_both_ways(name: str, form: str, tmp_path: Path) -> None:
    if name[0] == "V" and form == "sharded":
        pytest.skip("zarr-python 3.1 hashes fill values to find shards, and raw bytes have no hash")
    if name in ("M8", "m8") and form == "big":
        pytest.skip("numpy swaps no times without a unit, and zarr-python leaves it to numpy")
    create = FORMS[form]
    version = create.get("zarr_format", 3)
    dtype: Any = name
    if name[0] == "V" and version == 3:
        # zarr-python knows raw bytes by this name alone.
        dtype = {"name": "raw_bytes", "configuration": {"length_bytes": int(name[1:])}}
    array = created(dtype, tmp_path, **create)
    values = patterns(np.dtype(name))
    array[:4] = values[:4]
    peer = zarr_opened(tmp_path, version)
    assert peer[:4].tobytes() == values[:4].tobytes()
    assert peer[4:].tobytes() == array[4:].read().tobytes()
    peer[4:] = values[4:]
    assert dzarr.open_array(tmp_path).read().tobytes() == values.tobytes()


@pytest.mark.parametrize(
    "dtype",
    [STRUCTURES["flat"], np.dtype([("s", "S3"), ("p", [("a", "u1"), ("c", "<c8")]), ("u", "<U2")])],
    ids=["flat", "nested"],
)
def test_structures_of_zarr_python(dtype: Any, tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")  # 3.1 writes none with times in them
    values = patterns(dtype)
    fill = values[8, 5]
    for version in (2, 3):
        folder = tmp_path / str(version)
        peer = zarr.create_array(folder, shape=SHAPE, chunks=(4, 3), dtype=dtype, zarr_format=version, fill_value=fill)
        peer[:4] = values[:4]
        array = dzarr.open_array(folder, mode="r+")
        assert array.dtype == dtype
        assert array[:4].read().tobytes() == values[:4].tobytes()
        assert array[4, 0].read().tobytes() == fill.tobytes()
        array[4:] = values[4:]
        assert peer[...].tobytes() == values.tobytes()  # opened again, zarr-python can't read nested ones of v2


# TensorStore 0.1.8x has no unsigned ones, no 6 bits, no float8_e4m3 and no small complex numbers.
TENSORSTORE = [name for name in SMALL if name[0] != "u" and "float6" not in name and name != "float8_e4m3"]


def tensorstore_opened(folder: Path, version: int, **more: Any) -> Any:
    tensorstore = pytest.importorskip("tensorstore")
    driver = "zarr3" if version == 3 else "zarr"
    spec = {"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/"}}
    return tensorstore.open(spec, **(more or {"open": True})).result()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", TENSORSTORE)
def test_tensorstore_reads_small_numbers(name: str, form: str, tmp_path: Path) -> None:
    array = created(name, tmp_path, **FORMS[form])
    values = patterns(array.dtype)
    array[...] = values
    peer = tensorstore_opened(tmp_path, FORMS[form].get("zarr_format", 3))
    found = np.asarray(peer.read().result())
    assert found.dtype == values.dtype
    assert found.tobytes() == values.tobytes()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", TENSORSTORE)
def test_tensorstore_writes_small_numbers(name: str, version: int, tmp_path: Path) -> None:
    tensorstore = pytest.importorskip("tensorstore")
    dtype = SMALL[name].dtype
    peer = tensorstore_opened(tmp_path, version, create=True, dtype=tensorstore.dtype(name), shape=list(SHAPE))
    values = patterns(dtype)
    peer[:4].write(values[:4]).result()
    array = dzarr.open_array(tmp_path, mode="r+")
    assert array.dtype == dtype
    assert array[:4].read().tobytes() == values[:4].tobytes()
    array[4:] = values[4:]
    assert np.asarray(tensorstore_opened(tmp_path, version).read().result()).tobytes() == values.tobytes()


@pytest.mark.parametrize("name", [row.name for row in SMALL.values() if row.bits < 8])
@pytest.mark.parametrize("chain", [["bytes"], ["bytes", {"name": "gzip", "configuration": {"level": 1}}]], ids=len)
def test_the_upper_bits_of_a_byte_mean_nothing(name: str, chain: Any, tmp_path: Path) -> None:
    bits = SMALL[name].bits
    clean = np.arange(1 << bits, dtype=np.uint8)
    dirty = (clean | (0xFF << bits & 0xFF)).tobytes()
    array = dzarr.create(tmp_path, shape=clean.shape, dtype=name, chunks=clean.shape, codecs=chain)
    raw = dirty
    if len(chain) > 1:
        packed = zlib.compressobj(1, wbits=31)
        raw = packed.compress(dirty) + packed.flush()
    (tmp_path / "c").mkdir(exist_ok=True)
    (tmp_path / "c" / "0").write_bytes(raw)
    assert array.read().tobytes() == clean.tobytes()
    assert array[1:3].read().tobytes() == clean[1:3].tobytes()
    array[...] = np.frombuffer(dirty, SMALL[name].dtype)
    assert array.read().tobytes() == clean.tobytes()
    if len(chain) == 1:
        assert (tmp_path / "c" / "0").read_bytes() == clean.tobytes()


# ------------------------------------------------------------------------------------------ old documents


def v2_array(folder: Path, raw: bytes | None = None, **members: Any) -> Any:
    document = {"zarr_format": 2, "shape": [4], "chunks": [2], "compressor": None, "filters": None, "order": "C"}
    (folder / ".zarray").write_text(json.dumps(document | members))
    if raw is not None:
        (folder / "0").write_bytes(raw)
    return dzarr.open_array(folder).read()


STRUCT = [["x", "<f4"], ["y", ">i2", [2]]]
OLD: list[tuple[dict[str, Any], Any, Any]] = [
    ({"dtype": "|S1", "fill_value": 0}, "S1", b""), ({"dtype": "<U4", "fill_value": 0}, "U4", ""),
    ({"dtype": ">S1", "fill_value": "\0"}, "S1", b""),
    ({"dtype": ">U4", "fill_value": 0}, "U4", ""), ({"dtype": "|S3", "fill_value": "YWI="}, "S3", b"ab"),
    ({"dtype": "<U2", "fill_value": "é"}, "U2", "é"), ({"dtype": "|S3", "fill_value": None}, "S3", b""),
    ({"dtype": "<f8", "fill_value": None}, "f8", 0.0), ({"dtype": "<f8"}, "f8", 0.0), ({"dtype": "|b1"}, "?", False),
    ({"dtype": "<f4", "fill_value": float("nan")}, "f4", np.float32("nan")),
    ({"dtype": ">f4", "fill_value": float("-inf")}, "f4", -np.inf),
    ({"dtype": "<f4", "fill_value": "NaN"}, "f4", np.nan),
    ({"dtype": "<i4", "fill_value": -9999.0}, "i4", -9999), ({"dtype": "|b1", "fill_value": 1}, "?", True),
    ({"dtype": "<M8", "fill_value": 0}, "M8", np.array(0).view("M8")[()]),
    ({"dtype": ">M8[D]", "fill_value": "NaT"}, "M8[D]", np.datetime64("NaT")),
    ({"dtype": "<m8[ns]", "fill_value": -(2**63)}, "m8[ns]", np.timedelta64("NaT")),
    ({"dtype": "<c8", "fill_value": ["NaN", -0.0]}, "c8", np.array([np.nan, -0.0], "f4").view("c8")[0]),
    ({"dtype": STRUCT, "fill_value": None}, [("x", "<f4"), ("y", ">i2", (2,))], (0, (0, 0))),
    ({"dtype": STRUCT, "fill_value": "AADAPwACAAM="}, [("x", "<f4"), ("y", ">i2", (2,))], (1.5, (2, 3))),
    ({"dtype": [[["title", "x"], "<f4"]], "fill_value": "AADAPw=="}, [(("title", "x"), "<f4")], (1.5,)),
]  # fmt: skip


@pytest.mark.parametrize(("members", "dtype", "fill"), OLD, ids=lambda x: repr(x)[:60] if isinstance(x, dict) else "")
def test_fills_of_old_documents(members: dict[str, Any], dtype: Any, fill: Any, tmp_path: Path) -> None:
    wanted = np.array([fill] * 4, dtype)
    values = patterns(np.dtype(members["dtype"]) if isinstance(members["dtype"], str) else wanted.dtype)[0, :2]
    wanted[:2] = values
    stored = np.dtype(members["dtype"]) if isinstance(members["dtype"], str) else wanted.dtype
    found = v2_array(tmp_path, values.astype(stored).tobytes(), **members)
    assert found.dtype == wanted.dtype
    assert found.tobytes() == wanted.tobytes()


def test_the_legacy_structure_of_v3(tmp_path: Path) -> None:
    dtype = np.dtype([("x", "<f4"), ("y", "<i2")])
    fill = np.array((1.5, -2), dtype)
    for codec, stored in (({"name": "bytes"}, "<"), ({"name": "bytes", "configuration": {"endian": "big"}}, ">")):
        document = {
            "zarr_format": 3, "node_type": "array", "shape": [4], "chunk_key_encoding": {"name": "default"},
            "data_type": {"name": "structured", "configuration": {"fields": [["x", "float32"], ["y", "int16"]]}},
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}}, "codecs": [codec],
            "fill_value": base64.b64encode(fill.astype(dtype.newbyteorder(stored)).tobytes()).decode(),  # type: ignore[arg-type]
        }  # fmt: skip
        (tmp_path / "zarr.json").write_text(json.dumps(document))
        (tmp_path / "c").mkdir(exist_ok=True)
        values = np.array([(1, 2), (3, 4)], dtype)
        (tmp_path / "c" / "0").write_bytes(values.astype(dtype.newbyteorder(stored)).tobytes())  # type: ignore[arg-type]
        found = dzarr.open_array(tmp_path).read()
        assert found.dtype == dtype.newbyteorder(stored)  # type: ignore[arg-type]
        assert found.astype(dtype).tobytes() == values.tobytes() + fill.tobytes() * 2


def test_a_time_without_a_unit_is_shown_as_its_count() -> None:
    array = created("M8", fill_value=np.array(77777).view("M8")[()])
    assert "77777" in array._repr_html_()
    assert array.read().view("i8").tolist() == [[77777] * SHAPE[1]] * SHAPE[0]
